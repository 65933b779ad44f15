#include "common/label_profile.hpp"

#include <string>

#include <gmock/gmock.h>

#include "support/plugin_loading.hpp"
#include "support/small_taxonomy.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::sinks {
namespace {

using testing::HasSubstr;

LabelProfile profile(std::string_view name, const Taxonomy& taxonomy) {
    auto made = LabelProfile::make(name, taxonomy);
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
}

TEST(LabelProfile, ThereIsOneForEachBuiltInTaxonomyAndItSpellsTheSame) {
    const auto names = core::builtin_taxonomies(test::installation().core_data);
    ASSERT_GE(names.size(), 3U);
    for (const std::string& name : names) {
        ASSERT_FALSE(builtin_profile(name).empty()) << name << " is no profile of the sinks";
        EXPECT_THAT(SYNTH_SINK_PROFILE_OPTION, HasSubstr('"' + name + '"'));
        const Taxonomy& taxonomy = test::taxonomy(name);
        LabelProfile made = profile(name, taxonomy);
        EXPECT_EQ(made.name(), name);
        EXPECT_EQ(made.negative(), taxonomy.negative);
        ASSERT_EQ(made.labels().size(), taxonomy.labels.size());
        for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) {
            EXPECT_EQ(made.labels()[i].code, taxonomy.labels[i].code);
            EXPECT_EQ(made.labels()[i].name, taxonomy.labels[i].name);
            EXPECT_EQ(made.map(test::labels({static_cast<LabelId>(i)})), test::labels({static_cast<LabelId>(i)}));
        }
        EXPECT_EQ(made.account(), "");
    }
}

TEST(LabelProfile, OfTheOtherSpellingsEveryLabelArrivesOrIsCounted) {
    for (const char* from : {"tdamm40", "tdamm36", "cosmos"}) {
        for (const char* to : {"own", "tdamm40", "tdamm36", "cosmos"}) {
            const Taxonomy& taxonomy = test::taxonomy(from);
            LabelProfile made = profile(to, taxonomy);
            std::size_t lost = 0;
            for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) {
                const auto mapped = made.map(test::labels({static_cast<LabelId>(i)}));
                if (mapped)
                    EXPECT_EQ(made.labels()[(*mapped)[0]].code, taxonomy.labels[i].code);
                else
                    ++lost;
            }
            EXPECT_EQ(lost, std::string_view(from) != "tdamm36" && std::string_view(to) == "tdamm36" ? 4U : 0U);
        }
    }
}

TEST(LabelProfile, WhatIsDroppedAndLeftOutIsSaid) {
    const Taxonomy& taxonomy = test::taxonomy("tdamm40");
    LabelProfile made = profile("tdamm36", taxonomy);
    const auto id = [&](const char* name) { return taxonomy.find(name).value(); };
    EXPECT_TRUE(made.map(test::labels({id("Microwave"), id("Radio")})));
    EXPECT_FALSE(made.map(test::labels({id("Microwave")})));
    EXPECT_FALSE(made.map(test::labels({id("Black Holes"), id("Microwave")})));
    EXPECT_TRUE(made.map({})) << "had none before";
    EXPECT_EQ(made.account(),
              "tdamm36 lacks 'Microwave' (3 records, dropped), 'Black Holes' (1 record, dropped); left "
              "out, having no other label: 2 records");
    test::TestHost host;
    made.report(host);
    EXPECT_THAT(host.lines, testing::ElementsAre(made.account()));
}

TEST(LabelProfile, ALabelThatIsLackingBecomesItsNearestAncestors) {
    Taxonomy taxonomy = test::small_taxonomy();
    taxonomy.labels[test::kXRays].code = "MMA_M_EM_X";
    taxonomy.labels[test::kBlackHoles].code = "MMA_O_BH";
    taxonomy.labels[test::kNovae].parents = {test::kBlackHoles, test::kBinaries};  // and those have black holes above
    LabelProfile made = profile("cosmos", taxonomy);
    const auto black_holes = made.map(test::labels({test::kBinaries}));
    ASSERT_TRUE(black_holes);
    ASSERT_EQ(black_holes->size(), 1U);
    EXPECT_EQ(made.labels()[(*black_holes)[0]].name, "Objects/Black Holes");
    EXPECT_EQ(made.map(test::labels({test::kBinaries, test::kBlackHoles})), black_holes) << "once";
    EXPECT_EQ(made.map(test::labels({test::kNovae})), black_holes);
    EXPECT_EQ(
        made.account(),
        "cosmos lacks 'Binary Black Holes' (2 records, mapped to 'Objects/Black Holes'), 'Novæ' (1 record, mapped "
        "to 'Objects/Black Holes')");
    taxonomy.labels[test::kBinaries].code = "MMA_O_BI_BBH";
    LabelProfile nearer = profile("cosmos", taxonomy);
    const auto binaries = nearer.map(test::labels({test::kNovae}));
    ASSERT_EQ(binaries->size(), 1U);
    EXPECT_EQ(nearer.labels()[(*binaries)[0]].code, "MMA_O_BI_BBH") << "not what is above it as well";
}

TEST(LabelProfile, ATaxonomyWithoutAnyOfItsCodesIsRefused) {
    const auto made = LabelProfile::make("tdamm36", test::small_taxonomy());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(made.error().message,
              "option 'profile': none of the codes of taxonomy 'small' is in tdamm36; leave the option out to keep the "
              "labels as they are");
}

}  // namespace
}  // namespace synth::sinks
