// How much the texts of a set repeat themselves and each other. All measures fall or rise with the size of the set, so
// two sets are compared by as many words of each.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synth::diversity {

/// At most `most` texts and `most_bytes` of a stream of unknown length, evenly over it: each time that it is full,
/// every second text goes, and of those to come only every 2nd, 4th, … is taken.
class TextSample {
public:
    TextSample(std::size_t most, std::size_t most_bytes) : most_(most), most_bytes_(most_bytes) {}

    void add(std::string_view text);
    [[nodiscard]] const std::vector<std::string>& texts() const noexcept { return texts_; }
    [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }

private:
    std::size_t most_, most_bytes_, bytes_ = 0;
    std::uint64_t seen_ = 0, every_ = 1;
    std::vector<std::string> texts_;
};

struct Phrase {
    std::string text;
    std::uint64_t texts = 0;  ///< that it stands in
};

struct Measures {
    static constexpr std::size_t kSharedWords = 4, kPhraseWords = 6, kMostPhrases = 5;

    std::uint64_t texts = 0, words = 0;  ///< words: runs of letters and digits, without regard to case
    /// Distinct sequences of 1, 2 and 3 words, of all of them.
    std::array<std::optional<double>, 3> distinct;
    /// Bytes by what zstd makes of all texts in a row, looking back over 8 MB.
    std::optional<double> compression;
    /// Of the distinct sequences of kSharedWords words in a text, those that stand in another text too; mean over the
    /// texts.
    std::optional<double> self_repetition;
    /// Sequences of kPhraseWords words that most texts share, at least three of them; none that overlaps one before it.
    std::vector<Phrase> phrases;
};

/// Memory: about 60 bytes a word.
Measures measure(std::span<const std::string> texts);

/// Evenly chosen texts with about `words` words in all, counted as `Measures::words` is.
std::vector<std::string> part_of(std::span<const std::string> texts, std::uint64_t all_words, std::uint64_t words);

}  // namespace synth::diversity
