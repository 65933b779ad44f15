// Which label a spelling means, in and across the project's own label sets.

#include "common/label_spellings.hpp"

#include <gtest/gtest.h>

#include "support/plugin_loading.hpp"

namespace {

using synth::Label;
using synth::Taxonomy;
using synth::plugins::LabelSpellings;

TEST(LabelSpellings, KnowsEveryNameOfEveryBuiltInLabelSetInEachOther) {
    for (const char* ours : {"tdamm40", "tdamm36", "cosmos"}) {
        const Taxonomy& taxonomy = synth::test::taxonomy(ours);
        const LabelSpellings spellings(taxonomy);
        for (const char* theirs : {"tdamm40", "tdamm36", "cosmos"})
            for (const Label& label : synth::test::taxonomy(theirs).labels) {
                const auto expected = taxonomy.find(label.code);
                EXPECT_EQ(spellings.find(label.code), expected) << ours << ", " << label.code;
                EXPECT_EQ(spellings.find(label.name), expected) << ours << ", " << label.name;
            }
    }
}

TEST(LabelSpellings, DoesNotMindCaseHyphensAndSpace) {
    const LabelSpellings spellings(synth::test::taxonomy());
    const auto bursts = synth::test::taxonomy().find("Gamma-ray Bursts");
    for (const char* spelling :
         {"gamma-ray bursts", "GAMMA RAY BURSTS", "gamma_ray  bursts", " Gamma-Ray Bursts ", "GRB"})
        EXPECT_EQ(spellings.find(spelling), bursts) << spelling;
    EXPECT_EQ(spellings.find("gammaraybursts"), std::nullopt);
    EXPECT_EQ(spellings.find(""), std::nullopt);
}

TEST(LabelSpellings, LeavesOpenWhatTwoLabelsCouldBeMeantBy) {
    Taxonomy taxonomy;
    taxonomy.labels = {{.code = "a", .name = "one/x", .aliases = {"both", "x"}},
                       {.code = "b", .name = "two/x", .aliases = {"both", "only"}},
                       {.code = "c", .name = "Only"}};
    const LabelSpellings spellings(taxonomy);
    EXPECT_EQ(spellings.find("both"), std::nullopt);
    EXPECT_EQ(spellings.find("x"), std::nullopt);
    EXPECT_EQ(spellings.find("two/x"), 1);
    EXPECT_EQ(spellings.find("only"), 2);  // a name before an alias
}

TEST(LabelSpellings, SuggestsTheNearestLabel) {
    const LabelSpellings spellings(synth::test::taxonomy());
    EXPECT_EQ(spellings.nearest("Kilonovas"), "Kilonovae");
    EXPECT_EQ(spellings.nearest("Objects/Magnetar stars"), "Magnetars");
    EXPECT_EQ(spellings.nearest("qqqqqqqqqqqqqqqqqqqq"), "");
}

}  // namespace
