#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "common/topic_matcher.hpp"
#include "support/plugin_loading.hpp"
#include "support/small_taxonomy.hpp"

namespace synth::plugins {
namespace {

LabelId label(std::string_view code) { return *test::taxonomy().find(code); }

class TopicMatcherTest : public testing::Test {
protected:
    /// "NAME as it stands in the text", one a place and label; '~' before what is weak, '(' before what is nested.
    std::set<std::string> spans(std::string_view text) const {
        std::set<std::string> found;
        const auto reading = matcher_.read(text);
        for (const auto& span : reading.spans()) {
            std::string one = (span.nested ? "(" : "") + std::string(span.strong ? "" : "~");
            one += matcher_.taxonomy()[span.label].code + " " +
                   std::string(text.substr(span.begin, span.end - span.begin));
            found.insert(one);
        }
        return found;
    }

    TopicMatcher matcher_{test::taxonomy()};
};

TEST_F(TopicMatcherTest, FindsFactsAsTheyAreWritten) {
    const struct {
        const char *text, *found;
    } cases[] = {
        {"The KILONOVAE faded", "MMA_S_K KILONOVAE"},
        {"a tidal\ndisruption event", "MMA_O_BH_SUM tidal\ndisruption event"},
        {"the H.E.S.S. array", "~MMA_M_EM_G H.E.S.S"},
        {"HESS saw it", "~MMA_M_EM_G HESS"},
        {"MIRI spectra", "~MMA_M_EM_I MIRI"},
        {"images of the NUV", "MMA_M_EM_U NUV"},
        {"the 𝛾-ray sky", "MMA_M_EM_G 𝛾-ray"},
        {"SN1987A", "MMA_S_SU SN1987A"},
        {"AT 2018cow", "MMA_S_FBOT AT 2018cow"},
        {"Sgr A*", "MMA_O_BH_SUM Sgr A"},
        {"Tycho’s supernova remnant", "MMA_O_S Tycho’s supernova remnant"},
        {"several GRBs", "MMA_S_G GRBs"},
        {"black hole\u2013neutron star", "MMA_O_BI_N black hole\u2013neutron star"},
        {"a merger", "~MMA_M_G_CBI merger"},
    };
    for (const auto& one : cases) EXPECT_THAT(spans(one.text), testing::Contains(one.found)) << one.text;
}

TEST_F(TopicMatcherTest, FindsWholeWordsOnlyAndNoEnglishWordsForAcronyms) {
    for (const char* text :
         {"a fast act of magic in winter, a prime class of soap", "supernovalike", "the swift response", "a roman road",
          "gamma. Ray Smith", "gamma (ray)", "gamma\n\nray", "tidal disruption, event", "Non-TDAMM", ""})
        EXPECT_THAT(spans(text), testing::IsEmpty()) << text;
    EXPECT_FALSE(spans("the FAST telescope").empty());
    EXPECT_FALSE(spans("Swift saw it").empty());
}

TEST_F(TopicMatcherTest, SaysWhatIsInsideOfALongerFact) {
    const auto found = spans("a supernova remnant");
    EXPECT_TRUE(found.contains("MMA_O_S supernova remnant"));
    EXPECT_TRUE(found.contains("(MMA_S_SU supernova"));
    EXPECT_TRUE(spans("a supernova").contains("MMA_S_SU supernova"));
}

TEST_F(TopicMatcherTest, CountsTheWordsOfSentencesThatServeALabel) {
    // 4 + 6 + 10 words.
    const auto reading = matcher_.read(
        "The kilonova faded fast. It was blue for a day. Nothing more.\n\n"
        "Nobody knows anything else about all of this now, then.");
    EXPECT_EQ(reading.words(), 22U);
    ASSERT_EQ(reading.segments().size(), 4U);
    EXPECT_TRUE(reading.segments()[3].new_paragraph);
    EXPECT_EQ(reading.service(0, label("MMA_S_K")), Service::direct);
    EXPECT_EQ(reading.service(1, label("MMA_S_K")), Service::continued);
    EXPECT_EQ(reading.service(2, label("MMA_S_K")), Service::continued);
    EXPECT_EQ(reading.service(3, label("MMA_S_K")), Service::none);
    EXPECT_DOUBLE_EQ(reading.share(label("MMA_S_K")), 12.0 / 22);
    EXPECT_EQ(reading.first_word(label("MMA_S_K")), 1U);
    EXPECT_EQ(reading.share(label("MMA_S_N")), 0);
    EXPECT_EQ(reading.first_word(label("MMA_S_N")), std::nullopt);
}

TEST_F(TopicMatcherTest, ContinuesForTwoSentencesAtMost) {
    const auto reading = matcher_.read("A kilonova. One more. Two more. Three more. Four more.");
    ASSERT_EQ(reading.segments().size(), 5U);
    EXPECT_EQ(reading.service(2, label("MMA_S_K")), Service::continued);
    EXPECT_EQ(reading.service(3, label("MMA_S_K")), Service::none);
}

TEST_F(TopicMatcherTest, LetsALabelServeWhatItEntails) {
    const auto reading = matcher_.read("A binary black hole merger was seen.");
    EXPECT_EQ(reading.service(0, label("MMA_O_BI_BBH")), Service::direct);
    EXPECT_GE(reading.service(0, label("MMA_O_BH")), Service::entailed);
    EXPECT_EQ(reading.share(label("MMA_O_BH")), 1);
    // An instrument that searches for them is no black hole.
    EXPECT_EQ(matcher_.read("KAGRA was switched on.").share(label("MMA_O_BH")), 0);
}

TEST_F(TopicMatcherTest, TakesAShortNameOnlyBesideItsParent) {
    EXPECT_EQ(matcher_.read("A burst of laughter.").share(label("MMA_M_G_B")), 0);
    EXPECT_EQ(matcher_.read("A burst of gravitational waves.").share(label("MMA_M_G_B")), 1);
}

TEST_F(TopicMatcherTest, KnowsWhoseQuantitiesAFactNames) {
    const auto owners = [&](std::string_view text) {
        const auto reading = matcher_.read(text);
        const auto ids = matcher_.owners(reading.spans()[0].fact);
        return std::set<LabelId>(ids.begin(), ids.end());
    };
    EXPECT_TRUE(owners("spin period").contains(label("MMA_O_N_M")));
    EXPECT_TRUE(owners("flux density").contains(label("MMA_M_EM_M")));
    EXPECT_TRUE(owners("mJy").contains(label("MMA_M_EM_M")));
    EXPECT_EQ(owners("kilonova"), std::set<LabelId>{label("MMA_S_K")});
    EXPECT_FALSE(spans("spin period").contains("MMA_O_N_M spin period")) << "it does not speak for them";
}

TEST_F(TopicMatcherTest, CutsWhatHasNoSentences) {
    std::string text = "kilonova";
    for (int i = 0; i < 100; ++i) text += " word";
    const auto reading = matcher_.read(text);
    ASSERT_EQ(reading.segments().size(), 3U);
    EXPECT_EQ(reading.segments()[0].words, 40U);
    EXPECT_EQ(reading.segments()[2].words, 21U);
    EXPECT_EQ(reading.segments()[2].end, text.size());
}

TEST_F(TopicMatcherTest, SaysTheSameWhateverWasReadBefore) {
    TopicReading reading;
    matcher_.read("A kilonova and SN 1987A. More of it.", reading);
    matcher_.read("Nothing.", reading);
    EXPECT_TRUE(reading.spans().empty());
    EXPECT_EQ(reading.segments().size(), 1U);
    EXPECT_EQ(reading.share(label("MMA_S_K")), 0);
    EXPECT_EQ(reading.first_word(label("MMA_S_K")), std::nullopt);
}

TEST(TopicMatcher, ReadsAnyTaxonomy) {
    const Taxonomy small = test::small_taxonomy();
    const TopicMatcher matcher(small);
    const auto reading = matcher.read("NOVÆ and binary black holes");
    EXPECT_EQ(reading.share(test::kNovae), 1);
    EXPECT_EQ(reading.share(test::kBlackHoles), 1);
    EXPECT_EQ(reading.share(test::kXRays), 0);
    const Taxonomy empty;  // outlives its matcher, which borrows it
    const TopicMatcher nothing(empty);
    EXPECT_TRUE(nothing.read("NOVÆ").spans().empty());
}

}  // namespace
}  // namespace synth::plugins
