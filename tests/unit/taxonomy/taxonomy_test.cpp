#include <gmock/gmock.h>

#include "support/plugin_loading.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth {
namespace {

using core::parse_taxonomy;
using core::to_json;

TEST(BuiltinTaxonomies, AreThree) {
    EXPECT_THAT(core::builtin_taxonomies(test::installation().core_data),
                testing::ElementsAre("cosmos", "tdamm36", "tdamm40"));
}

TEST(BuiltinTaxonomies, SurviveTheRoundTripThroughJsonToTheLetter) {
    for (const char* name : {"tdamm40", "tdamm36", "cosmos"}) {
        const std::string text = to_json(test::taxonomy(name));
        const auto again = parse_taxonomy(text, "again");
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(to_json(*again), text);
    }
}

TEST(BuiltinTaxonomies, HoldTheLabelsOfTheirClassifiers) {
    const auto& default_one = test::taxonomy("tdamm40");
    EXPECT_EQ(default_one.labels.size(), 40u);
    EXPECT_EQ(default_one.labels.back().name, "Non-TDAMM");
    EXPECT_EQ(test::taxonomy("tdamm36").labels.size(), 36u);
    EXPECT_EQ(test::taxonomy("tdamm36").labels.back().name, "non-TDAMM");
    EXPECT_EQ(test::taxonomy("cosmos").labels.size(), 40u);
}

}  // namespace
}  // namespace synth
