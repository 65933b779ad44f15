#include <string>
#include <string_view>

#include "unit/validators/review.hpp"

namespace synth {
namespace {

using test::codes;
using test::LoadedValidator;
using testing::HasSubstr;

constexpr const char* kClean =
    "We report observations of the afterglow with the array, and the light curve is shown in the figure. The spectrum "
    "between 0.3 and 10 keV is fitted by a power law, which was absorbed by the gas of the host. No source is in the "
    "field.";

const std::string kParagraphs =
    "The first of the two epochs has no source at all in its field, and the limits are deep.\n\n"
    "The second epoch, a week later, has one that was not in any of the older catalogues.\n\n";

TEST(StyleValidator, FindsWhatADocumentDoesNotHave) {
    const std::string clean = kClean;
    const struct {
        std::string text;
        const char* found;
    } cases[] = {
        {clean, ""},
        {"", ""},
        {"# Results\n\n" + clean, "!markdown"},
        {"#4 in the list\n" + clean, ""},
        {clean + " It is **very** bright.", "!markdown"},
        {clean + " It is 3**2 and 2**3.", ""},
        {"```\n" + clean + "\n```", "!markdown"},
        {"- one\n- two\n\n" + clean, ""},
        {"- one\n- two\n- three\n\n" + clean, "!markdown"},
        {"| a | b |\n|---|---|\n| 1 | 2 |\n" + clean, "!markdown"},
        {clean + " See [the page](https://example.org).", "!markdown"},
        {"Certainly! " + clean, "!chat_phrase"},
        {"Sure, here it is.\n\n" + clean, "!chat_phrase"},
        {"The source is certainly bright. " + clean, ""},
        {"Here's the document you asked for:\n\n" + clean, "!chat_phrase"},
        {clean + " In conclusion, it is bright.", "!chat_phrase"},
        {clean + " They came in conclusion of it.", ""},
        {clean + " I hope this helps!", "!chat_phrase"},
        {"As an AI language model, I see no light. " + clean, "!chat_phrase"},
        {"I\u2019m sorry, but I can\u2019t help with that.", "!chat_phrase"},
        {clean + " Reported by [Name] at [Your Institution].", "!placeholder"},
        {clean + " On <insert date> it rose.", "!placeholder"},
        {clean + " It was {{source}}.", "!placeholder"},
        {clean + " See [Insert what was seen there] and [Name of the Observatory].", "!placeholder"},
        {clean + " Write to [email protected] or [ view email ], or [of the].", ""},
        {clean + " Lines of [O III] and [Fe/H] and [3] and [see below].", ""},
        {clean + " Its redshift is XXX.", "!placeholder"},
        {clean + " Lorem ipsum dolor.", "!placeholder"},
        {clean + " The source is one of the", "broken_ending"},
        {clean + " The source, which", "broken_ending"},
        {clean + " The source,", "broken_ending"},
        // Others end their paragraphs.
        {kParagraphs + "Now it is over. The source was seen by three more telescopes", "broken_ending"},
        {kParagraphs + "The source was seen by three more telescopes", ""},
        {"Now it is over. The source was seen by three more telescopes, as was its neighbour in the same field of view",
         ""},
        {clean + " Seen by the VLA", ""},
        {clean + " Hepatitis A", ""},
        {clean + "\n\n" + clean, "repetition"},
        {clean + " Light curve. Light curve. Light curve.", ""},
        {"Wir berichten über die Beobachtung der Quelle mit dem Teleskop, und die Lichtkurve ist in der Abbildung "
         "gezeigt. "
         "Das Spektrum wird durch ein Potenzgesetz beschrieben, das von dem Gas der Galaxie absorbiert wird.",
         "!wrong_language"},
        {"Nous présentons les observations de la source avec le télescope et la courbe de lumière est montrée dans la "
         "figure. Le spectre est décrit par une loi de puissance qui est absorbée par le gaz de la galaxie hôte.",
         "!wrong_language"},
        {"一 二 三 四 五 六 七 八 九 十 一 二 三 四 五 六 七 八 九 十 一 二 三 四 五 六 七 八 九 十 一 二",
         "!wrong_language"},
        {"N_H 3 10 keV VLA 5 mJy MeerKAT 7 T90 8 s E_peak 9 keV z 3 N_H 3 10 keV VLA 5 mJy MeerKAT 7 T90 8 s E_peak 9",
         ""},
    };
    LoadedValidator style("style");
    for (const auto& one : cases) EXPECT_EQ(codes(style.check(one.text)), one.found) << one.text;
}

TEST(StyleValidator, DoesWhatTheOptionsSay) {
    LoadedValidator off("style", R"({"markdown": "off", "chat_phrase": "warn", "max_repeated": 0.6})");
    EXPECT_EQ(codes(off.check(std::string("# A\n\nSure! ") + kClean + "\n\n" + kClean)), "chat_phrase");
    LoadedValidator german("style", R"({"language": "de"})");
    EXPECT_EQ(codes(german.check(kClean)), "!wrong_language");
}

TEST(StyleValidator, TellsTheModelWhatItWas) {
    LoadedValidator style("style");
    const auto verdict = style.check(std::string("Certainly! ") + kClean + "\n# One\n**two** [Name]");
    ASSERT_EQ(codes(verdict), "!markdown !chat_phrase !placeholder");
    EXPECT_EQ(verdict.findings[0].message,
              "the text has markdown in it (\"# One\", \"**two**\"): write plain paragraphs without marks");
    EXPECT_EQ(verdict.findings[0].value, 2);
    EXPECT_THAT(verdict.findings[1].message, HasSubstr("(\"Certainly\")"));
    EXPECT_THAT(verdict.findings[2].message, HasSubstr("(\"[Name]\")"));
}

}  // namespace
}  // namespace synth
