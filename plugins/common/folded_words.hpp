// A text as the words that it is compared by: without regard to case, accents, hyphens and plurals, in any script that
// Unicode has. What is a word here is a run of letters and digits, so "gamma-ray" is two; lengths are counted otherwise
// (synth/text.hpp), and each word knows which of those it stands in.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synth::plugins {

/// What stands between a word and the one before it.
enum GapFlags : std::uint8_t {
    kGapSpace = 1,     ///< white space
    kGapHard = 2,      ///< punctuation that a phrase does not run across: not a hyphen, slash, apostrophe, or inner dot
    kGapSentence = 4,  ///< a sentence ends
    kGapParagraph = 8,  ///< an empty line
};

struct FoldedWord {
    std::uint32_t begin = 0, end = 0;  ///< bytes of the text
    std::uint32_t fold_begin = 0;      ///< in FoldedText::folded
    std::uint16_t fold_size = 0;
    std::uint8_t gap = 0;    ///< GapFlags, before the word
    bool capital = false;    ///< begins with an upper-case letter
    bool acronym = false;    ///< two upper-case letters and more, no lower-case one but the s of a plural
    std::uint32_t word = 0;  ///< from 0: of the words as lengths are counted, the one that it begins in
};

/// Reuse one for many texts: it keeps its allocations.
struct FoldedText {
    std::string folded;  ///< all words, one after the other
    std::vector<FoldedWord> words;
    std::uint32_t counted_words = 0;  ///< as synth::count_words

    [[nodiscard]] std::string_view fold(const FoldedWord& word) const {
        return std::string_view(folded).substr(word.fold_begin, word.fold_size);
    }
};

/// Reads `text` (UTF-8; what is not separates words) into `out`. Texts of 4 GB and more are read up to there.
void fold_words(std::string_view text, FoldedText& out);

}  // namespace synth::plugins
