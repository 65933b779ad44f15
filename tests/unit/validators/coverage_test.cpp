#include <string>
#include <string_view>
#include <utility>

#include "common/findings.hpp"
#include "support/small_taxonomy.hpp"
#include "unit/validators/review.hpp"

namespace synth {
namespace {

using test::codes;
using test::LoadedValidator;
using testing::HasSubstr;

/// So many sentences of ten words each.
std::string sentences(std::string_view about, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += "In this sentence of ten words stands " + std::string(about) + " and more. ";
    return out;
}

constexpr const char* kFiller = "Nothing of interest stands in this sentence of ten words.\n\n";

std::string filler(int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += kFiller;
    return out;
}

TEST(CoverageValidator, FindsWhatTheOptionsSay) {
    const struct {
        const char* options;
        std::string text;
        std::initializer_list<const char*> labels;
        const char* found;
    } cases[] = {
        {"{}", sentences("kilonovae", 10), {"Kilonovae"}, ""},
        {"{}", sentences("kilonovae", 3) + "\n\n" + filler(7), {"Kilonovae"}, ""},
        {"{}", sentences("kilonovae", 2) + "\n\n" + filler(8), {"Kilonovae"}, "uncovered_label:MMA_S_K"},
        {R"({"min_share": 0.2})", sentences("kilonovae", 2) + "\n\n" + filler(8), {"Kilonovae"}, ""},
        {R"({"uncovered_label": "reject"})", filler(9), {"Kilonovae"}, "!uncovered_label:MMA_S_K"},
        {R"({"uncovered_label": "off"})", filler(9), {"Kilonovae"}, ""},
        // An even share of four labels.
        {"{}",
         sentences("kilonovae", 5) + sentences("neutrinos", 5) + sentences("exoplanets", 5) + sentences("pulsars", 5),
         {"Kilonovae", "Neutrinos", "Exoplanets", "Pulsars"},
         ""},
        {R"({"foreign_topic": "off", "confused_label": "off"})",
         sentences("kilonovae", 6) + sentences("neutrinos", 5) + sentences("exoplanets", 5) + sentences("pulsars", 4),
         {"Kilonovae", "Neutrinos", "Exoplanets", "Pulsars"},
         "uncovered_label:MMA_O_N_P"},
        // Entailed ones are served.
        {"{}", sentences("magnetars", 10), {"Magnetars", "Neutron Stars"}, ""},
        // Foreign: above a quarter.
        {"{}", sentences("kilonovae", 15) + sentences("exoplanets", 5), {"Kilonovae"}, ""},
        {"{}", sentences("kilonovae", 14) + sentences("exoplanets", 6), {"Kilonovae"}, "foreign_topic:MMA_O_E"},
        {R"({"max_foreign": 0.5})", sentences("kilonovae", 14) + sentences("exoplanets", 6), {"Kilonovae"}, ""},
        {R"({"foreign_topic": "reject"})", sentences("exoplanets", 6), {"Non-TDAMM"}, "!foreign_topic:MMA_O_E"},
        {"{}", filler(6), {"Non-TDAMM"}, ""},
        // Several other things, none of them by itself above the limit, in sentences about nothing of its own.
        {"{}",
         sentences("kilonovae", 12) + sentences("exoplanets", 4) + sentences("neutrinos", 3) + sentences("pulsars", 1),
         {"Kilonovae"},
         "foreign_topic:MMA_O_E"},
        {"{}",
         sentences("kilonovae", 12) + sentences("kilonovae near exoplanets", 4) +
             sentences("neutrinos or kilonovae", 4),
         {"Kilonovae"},
         ""},
        // One term alone may mean something else.
        {"{}", sentences("kilonovae", 10) + sentences("habitable zone", 10), {"Kilonovae"}, ""},
        {"{}",
         sentences("kilonovae", 10) + sentences("habitable zone", 5) + sentences("hot Jupiter", 5),
         {"Kilonovae"},
         "foreign_topic:MMA_O_E"},
        // What its labels share is not foreign, nor what stands inside of a longer fact.
        {"{}", sentences("supernova remnants", 10), {"Supernova Remnants"}, ""},
        {"{}", sentences("pulsars", 10), {"Pulsar Wind Nebula"}, "uncovered_label:MMA_O_N_PWN"},
        // Magnetars are taken for pulsars.
        {"{}", sentences("magnetars", 6) + sentences("pulsars", 4), {"Pulsars"}, "confused_label:MMA_O_N_P"},
        {"{}", sentences("magnetars", 2) + sentences("pulsars", 8), {"Pulsars"}, ""},
    };
    for (const auto& one : cases) {
        LoadedValidator coverage("coverage", one.options);
        EXPECT_EQ(codes(coverage.check(one.text, one.labels)), one.found)
            << one.options << ' ' << one.text.substr(0, 90);
    }
}

TEST(CoverageValidator, TellsTheModelWhatToDo) {
    LoadedValidator coverage("coverage", R"({"first_words": 50})");
    const auto uncovered = coverage.check(filler(9) + "A kilonova.", {"Kilonovae"});
    ASSERT_EQ(codes(uncovered), "uncovered_label:MMA_S_K late_label:MMA_S_K");
    EXPECT_EQ(uncovered.findings[0].message,
              "2 % of the text speaks of Kilonovae, at least 30 % has to: say more about it, such as r-process "
              "nucleosynthesis, lanthanide opacity, red component");
    EXPECT_NEAR(uncovered.findings[0].value.value(), 2.0 / 92, 1e-9);
    EXPECT_EQ(uncovered.findings[0].limit, 0.3);
    EXPECT_EQ(uncovered.findings[1].message,
              "Kilonovae shows from word 92 on only: bring it in within the first 50 words");
    EXPECT_EQ(uncovered.findings[1].value, 92);
    const auto foreign = coverage.check(sentences("SN 2014J", 10) + sentences("core collapse", 9), {"Non-TDAMM"});
    ASSERT_EQ(codes(foreign), "foreign_topic:MMA_S_SU");
    EXPECT_EQ(
        foreign.findings[0].message,
        "100 % of the text speaks of SuperNovae (\"SN 2014J\", \"core collapse\"), which is none of its topics, at "
        "most 25 % may: leave that out");
}

TEST(CoverageValidator, SaysAShareSoThatItDiffersFromTheLimit) {
    LoadedValidator coverage("coverage", "{}");
    const auto foreign = coverage.check(sentences("kilonovae", 59) + sentences("exoplanets", 20), {"Kilonovae"});
    ASSERT_EQ(codes(foreign), "foreign_topic:MMA_O_E");
    EXPECT_THAT(foreign.findings[0].message, HasSubstr("25.3 % of the text"));
    EXPECT_THAT(foreign.findings[0].message, HasSubstr("at most 25.0 % may"));
    const std::pair<std::string, std::string> near("14.1 %", "14.3 %"), nearer("7.04 %", "7.00 %"), far("9 %", "7 %");
    EXPECT_EQ(validators::percents(0.1412, 1.0 / 7), near);
    EXPECT_EQ(validators::percents(0.0704, 0.07), nearer);
    EXPECT_EQ(validators::percents(0.09, 0.07), far);
}

TEST(CoverageValidator, KnowsWhichLabelsAreTakenForEachOther) {
    LoadedValidator coverage("coverage", R"({"uncovered_label": "off"})");
    const auto confused = coverage.check(sentences("kilonovae", 7) + sentences("novae", 3), {"Novae"});
    ASSERT_EQ(codes(confused), "confused_label:MMA_S_N");
    EXPECT_THAT(confused.findings[0].message, HasSubstr("keep to Novae"));
    EXPECT_EQ(codes(coverage.check(sentences("kilonovae", 2) + sentences("novae", 8), {"Novae"})), "");
}

TEST(CoverageValidator, ReadsAnyTaxonomyAndAnyText) {
    static const Taxonomy small = test::small_taxonomy();
    LoadedValidator coverage("coverage", "{}", small);
    EXPECT_EQ(codes(coverage.check("The NOVÆ are here.", {"N"})), "");
    EXPECT_EQ(codes(coverage.check("", {"N"})), "");
    EXPECT_EQ(codes(coverage.check("\xFF\xFE", {"N"})), "uncovered_label:N");
}

}  // namespace
}  // namespace synth
