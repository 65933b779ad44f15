#include "common/phrases.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "common/json_value.hpp"

namespace synth::validators {
namespace {

constexpr std::uint32_t kOpeningWords = 40, kEndingWords = 60;

constexpr std::array<std::pair<std::string_view, Place>, 4> kPlaces = {{{"anywhere", Place::anywhere},
                                                                        {"sentence", Place::sentence},
                                                                        {"opening", Place::opening},
                                                                        {"ending", Place::ending}}};

}  // namespace

void Phrases::add(std::string_view phrase, Place place) {
    plugins::FoldedText folded;
    plugins::fold_words(phrase, folded);
    if (folded.words.empty()) return;
    Phrase made{.place = place};
    for (const auto& word : folded.words) made.words.emplace_back(folded.fold(word));
    by_first_word_[made.words.front()].push_back(std::move(made));
}

Status Phrases::add(const TextLists& places) {
    for (const auto& [name, phrases] : places) {
        const auto place = std::ranges::find(kPlaces, name, &std::pair<std::string_view, Place>::first);
        if (place == kPlaces.end())
            return Error{ErrorCode::invalid_argument,
                         "phrases are an object of lists: anywhere, sentence, opening, ending"};
        for (const auto& phrase : phrases) add(phrase, place->second);
    }
    return {};
}

std::vector<Phrases::Found> Phrases::find(const plugins::FoldedText& text, std::size_t most) const {
    std::vector<Found> found;
    std::string first;
    for (std::size_t at = 0; at < text.words.size() && found.size() < most; ++at) {
        const auto& word = text.words[at];
        first = text.fold(word);
        const auto candidates = by_first_word_.find(first);
        if (candidates == by_first_word_.end()) continue;
        const bool begins = at == 0 || (word.gap & (plugins::kGapSentence | plugins::kGapParagraph)) != 0;
        for (const Phrase& phrase : candidates->second) {
            if (text.words.size() - at < phrase.words.size()) continue;
            if (phrase.place == Place::sentence && !begins) continue;
            if (phrase.place == Place::opening && (!begins || word.word >= kOpeningWords)) continue;
            if (phrase.place == Place::ending && word.word + kEndingWords < text.counted_words) continue;
            bool same = true;
            for (std::size_t i = 1; i < phrase.words.size() && same; ++i)
                same = (text.words[at + i].gap & plugins::kGapSentence) == 0 &&
                       text.fold(text.words[at + i]) == phrase.words[i];
            if (!same) continue;
            found.push_back({word.begin, text.words[at + phrase.words.size() - 1].end});
            break;
        }
    }
    return found;
}

Result<TextLists> read_text_lists(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return Error{ErrorCode::io, "cannot read " + path + ": the plugin's data belong beside it"};
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto json = plugins::JsonValue::parse(text);
    if (!json) return Error{ErrorCode::malformed, path + " is not JSON"};
    const Error unfit{ErrorCode::malformed, path + " is not an object of lists of texts"};
    if (!json.is_object()) return unfit;
    TextLists lists;
    for (const auto& [name, list] : json.members()) {
        if (!list.is_array()) return unfit;
        auto& texts = lists[std::string(name)];
        for (const auto& each : list.elements()) {
            if (!each.is_text()) return unfit;
            texts.emplace_back(each.text());
        }
    }
    return lists;
}

}  // namespace synth::validators
