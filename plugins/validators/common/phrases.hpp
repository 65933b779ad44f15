// Phrases that give a text away, looked for as words (folded_words.hpp), each where it means something: anywhere, at
// the beginning of a sentence, or at one end of the text.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/folded_words.hpp"
#include "synth/result.hpp"

namespace synth::validators {

enum class Place : std::uint8_t {
    anywhere,
    sentence,  ///< at the beginning of one
    opening,   ///< at the beginning of one of the first sentences
    ending,    ///< within the last words
};

class Phrases {
public:
    struct Found {
        std::size_t begin = 0, end = 0;  ///< bytes of the text
    };

    void add(std::string_view phrase, Place place);

    /// An object of a data file: place → list of phrases. invalid_argument for anything else.
    Status add(const nlohmann::json& places);

    /// All of them in a text, by begin, at most `most`.
    [[nodiscard]] std::vector<Found> find(const plugins::FoldedText& text, std::size_t most) const;

private:
    struct Phrase {
        std::vector<std::string> words;
        Place place;
    };
    std::unordered_map<std::string, std::vector<Phrase>> by_first_word_;
};

/// A JSON file that belongs to the plugin. io or malformed, naming it.
Result<nlohmann::json> read_data_file(const std::string& path);

}  // namespace synth::validators
