#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "common/folded_words.hpp"
#include "synth/text.hpp"

namespace synth::plugins {
namespace {

/// The words as they are compared, '|' between them, with what stands before each: ',' hard, '.' sentence, '#'
/// paragraph.
std::string folded(std::string_view text) {
    FoldedText read;
    fold_words(text, read);
    std::string out;
    for (const auto& word : read.words) {
        if (!out.empty()) out += '|';
        if ((word.gap & kGapParagraph) != 0)
            out += '#';
        else if ((word.gap & kGapSentence) != 0)
            out += '.';
        else if ((word.gap & kGapHard) != 0)
            out += ',';
        out += read.fold(word);
    }
    return out;
}

TEST(FoldedWords, AreComparedWithoutCaseAccentsHyphensAndPlurals) {
    const struct {
        const char *text, *words;
    } cases[] = {
        {"", ""},
        {" \n ", ""},
        {"Gamma-ray BURSTS", "gamma|ray|burst"},
        {"gamma\u2011ray, gamma\u2013ray", "gamma|ray|,gamma|ray"},
        {"gravi\u00ADtational", "gravitational"},                   // soft hyphen
        {"S\u00E9bastien Se\u0301bastien", "sebastien|sebastien"},  // one code point, and two
        {"ΓΡΒ γρβ", "γρβ|γρβ"},
        {"Nov\u00E6 \uFB01eld \U0001D6FE-ray", "novæ|field|γ|ray"},
        {"STRASSE straße", "strasse|strasse"},
        {"galaxies novae nuclei masses mass glitches gas", "galaxy|nova|nucleu|mass|mass|glitch|gas"},
        {"GRBs ATLAS AGNs GWs", "grb|atla|agn|gw"},
        {"magnetar's magnetar\u2019s", "magnetar|s|magnetar|s"},
        {"10\u2075\u00B9 erg", "1051|erg"},
        {"a \xFF\xFE b", "a|,b"},  // not UTF-8
        {"RX J1713.7-3946, at 1,000 pc", "rx|j1713|7|3946|,at|1|000|pc"},
        {"a (b) c: d", "a|,b|,c|,d"},
        {"It rose. It fell.", "it|rose|.it|fell"},
        {"H.E.S.S. telescopes", "h|e|s|s|,telescope"},
        {"Liu et al. Found it, cf. Smith.", "liu|et|al|,found|it|,cf|,smith"},
        {"Really?) \"Yes.\" No", "really|.yes|.no"},
        {"one\ntwo\n\nthree\n \t\nfour", "one|two|#three|#four"},
    };
    for (const auto& one : cases) EXPECT_EQ(folded(one.text), one.words) << one.text;
}

TEST(FoldedWords, KnowWhereTheyStand) {
    const std::string_view text = "The  \u201CX-rays\u201D of GRBs";
    FoldedText read;
    fold_words(text, read);
    ASSERT_EQ(read.words.size(), 5U);
    EXPECT_EQ(text.substr(read.words[1].begin, read.words[1].end - read.words[1].begin), "X");
    EXPECT_EQ(text.substr(read.words[2].begin, read.words[2].end - read.words[2].begin), "rays");
    EXPECT_EQ(read.words[1].word, 1U);
    EXPECT_EQ(read.words[2].word, 1U);
    EXPECT_EQ(read.words[4].word, 3U);
    EXPECT_EQ(read.counted_words, count_words(text));
    EXPECT_TRUE(read.words[0].capital);
    EXPECT_FALSE(read.words[0].acronym);
    EXPECT_TRUE(read.words[4].acronym);
}

TEST(FoldedWords, CountAsLengthsAreCounted) {
    for (const std::string_view text : {"", " ", "- a -\n* b", "\u00A0x y", "...", "a\vb\fc"}) {
        FoldedText read;
        fold_words(text, read);
        EXPECT_EQ(read.counted_words, count_words(text)) << text;
    }
}

}  // namespace
}  // namespace synth::plugins
