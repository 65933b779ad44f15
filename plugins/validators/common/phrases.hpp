// Phrases that give a text away, looked for as words (folded_words.hpp), each where it means something: anywhere, at
// the beginning of a sentence, or at one end of the text.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/folded_words.hpp"
#include "synth/result.hpp"

namespace synth::validators {

enum class Place : std::uint8_t {
    anywhere,
    sentence,  ///< at the beginning of one
    opening,   ///< at the beginning of one of the first sentences
    ending,    ///< within the last words
};

using TextLists = std::map<std::string, std::vector<std::string>>;

/// A JSON file that belongs to the plugin: an object of lists of texts. io or malformed, naming it.
Result<TextLists> read_text_lists(const std::string& path);

class Phrases {
public:
    struct Found {
        std::size_t begin = 0, end = 0;  ///< bytes of the text
    };

    void add(std::string_view phrase, Place place);

    /// By place. invalid_argument for a place that there is not.
    Status add(const TextLists& places);

    /// All of them in a text, by begin, at most `most`.
    [[nodiscard]] std::vector<Found> find(const plugins::FoldedText& text, std::size_t most) const;

private:
    struct Phrase {
        std::vector<std::string> words;
        Place place;
    };
    std::unordered_map<std::string, std::vector<Phrase>> by_first_word_;
};

}  // namespace synth::validators
