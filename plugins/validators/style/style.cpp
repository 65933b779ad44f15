// Finds what a document does not have and an answer of a chat model does: markdown, phrases to the reader,
// placeholders, an ending in mid-sentence, sentences said twice, another language.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/findings.hpp"
#include "common/folded_words.hpp"
#include "common/options.hpp"
#include "common/phrases.hpp"
#include "synth/plugin.hpp"
#include "synth/text.hpp"

namespace {

using synth::Result;
using synth::Review;
using synth::Verdict;
using synth::plugins::FoldedText;
using synth::plugins::FoldedWord;
using synth::validators::Action;
using synth::validators::counted;
using synth::validators::Findings;
using synth::validators::in_quotes;
using synth::validators::percent;
using synth::validators::Phrases;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    )" SYNTH_ACTION_OPTION("markdown", "reject", "what becomes of a text with markdown in it") R"(,
    )" SYNTH_ACTION_OPTION("chat_phrase", "reject",
                           "what becomes of a text that speaks to the one who asked for it") R"(,
    )" SYNTH_ACTION_OPTION("placeholder", "reject",
                           "what becomes of a text with blanks to fill in, such as [Name]") R"(,
    )" SYNTH_ACTION_OPTION("broken_ending", "warn", "what becomes of a text that stops in mid-sentence") R"(,
    )" SYNTH_ACTION_OPTION("repetition", "warn", "what becomes of a text that says the same sentence again") R"(,
    )" SYNTH_ACTION_OPTION("wrong_language", "reject", "what becomes of a text in another language") R"(,
    "language": {
      "type": "string", "enum": ["en", "de", "fr", "es", "it", "pt"], "default": "en",
      "description": "that the texts are written in"
    },
    "max_repeated": {
      "type": "number", "default": 0.05, "minimum": 0, "maximum": 1,
      "description": "share of the text that may be sentences that stood before, of 8 words and more"
    }
  }
})";

constexpr std::size_t kMostExamples = 3;     ///< of what a message names
constexpr std::size_t kFewestListItems = 3;  ///< lines with "- " that are a list
constexpr std::uint32_t kLongSentence = 8;   ///< words of one that is not said twice by chance
constexpr std::uint32_t kFewestWords = 30;   ///< of a text whose language can be told

struct Options {
    Action markdown, chat_phrase, placeholder, broken_ending, repetition, wrong_language;
    std::string language;
    double max_repeated;
};

/// Places of a text that are told of: how many, and the first of them.
struct Places {
    std::size_t count = 0;
    std::vector<std::string> examples;

    void add(std::string_view place) {
        ++count;
        if (examples.size() < kMostExamples) examples.push_back(in_quotes(place, 60));
    }
    [[nodiscard]] std::string told() const {
        std::string out;
        for (const auto& example : examples) out += (out.empty() ? "" : ", ") + example;
        return out;
    }
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A line of a table's second row: "|---|:--|".
bool is_table_rule(std::string_view line) {
    return line.starts_with('|') && line.find("--") != std::string_view::npos &&
           line.find_first_not_of("|-: \t") == std::string_view::npos;
}

/// "1. ", "12) "
bool is_numbered(std::string_view line) {
    std::size_t digits = 0;
    while (digits < line.size() && is_digit(line[digits])) ++digits;
    return digits > 0 && digits < 3 && line.size() > digits + 2 && line[digits] == '.' && line[digits + 1] == ' ' &&
           line.substr(digits + 2).starts_with("**");
}

/// Headings, rules, fences, lists of "- ", tables, bold, links.
Places markdown_of(std::string_view text) {
    Places found, items;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = synth::trim(text.substr(at, end - at));
        at = end + 1;
        const std::size_t hashes = std::min(line.find_first_not_of('#'), line.size());
        if ((hashes >= 1 && hashes <= 6 && hashes < line.size() && line[hashes] == ' ') || line.starts_with("```") ||
            is_table_rule(line) || is_numbered(line) || line == "---" || line == "***")
            found.add(line);
        else if (line.starts_with("- ") || line.starts_with("* "))
            items.add(line);
    }
    if (items.count >= kFewestListItems) {
        found.count += items.count;
        for (auto& example : items.examples)
            if (found.examples.size() < kMostExamples) found.examples.push_back(std::move(example));
    }
    // **bold** within a line; [text](http…).
    for (std::size_t at = text.find("**"); at != std::string_view::npos; at = text.find("**", at)) {
        const std::size_t close = text.find("**", at + 2);
        if (close == std::string_view::npos) break;
        const std::string_view inner = text.substr(at + 2, close - at - 2);
        if (!inner.empty() && inner.size() < 200 && inner.find('\n') == std::string_view::npos &&
            !synth::is_space(inner.front()) && !synth::is_space(inner.back()) && inner.front() != '*' &&
            (at == 0 || !is_word(text[at - 1])) && (close + 2 == text.size() || !is_word(text[close + 2]))) {
            found.add(text.substr(at, close + 2 - at));
            at = close + 2;
        } else {
            at += 2;
        }
    }
    for (std::size_t at = text.find("](http"); at != std::string_view::npos; at = text.find("](http", at + 1)) {
        const std::size_t open = text.rfind('[', at);
        if (open != std::string_view::npos && at - open < 200) found.add(text.substr(open, at + 6 - open));
    }
    return found;
}

class StyleValidator final : public synth::Validator {
public:
    explicit StyleValidator(Options options) : options_(std::move(options)) {}

    static Result<std::unique_ptr<synth::Validator>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        auto made = std::make_unique<StyleValidator>(
            Options{.markdown = synth::validators::action_of(given, "markdown"),
                    .chat_phrase = synth::validators::action_of(given, "chat_phrase"),
                    .placeholder = synth::validators::action_of(given, "placeholder"),
                    .broken_ending = synth::validators::action_of(given, "broken_ending"),
                    .repetition = synth::validators::action_of(given, "repetition"),
                    .wrong_language = synth::validators::action_of(given, "wrong_language"),
                    .language = given.text("language"),
                    .max_repeated = given.number("max_repeated")});
        const auto phrases = synth::validators::read_text_lists(host.data_dir() + "/phrases.json");
        if (!phrases) return phrases.error();
        if (synth::Status added = made->phrases_.add(*phrases); !added) return added.error();
        const auto placeholders = synth::validators::read_text_lists(host.data_dir() + "/placeholders.json");
        if (!placeholders) return placeholders.error();
        for (const auto& word : placeholders->at("asking")) made->asking_.insert(folded(word));
        for (const auto& word : placeholders->at("blanks")) made->blanks_.insert(folded(word));
        const auto stop_words = synth::validators::read_text_lists(host.data_dir() + "/stop_words.json");
        if (!stop_words) return stop_words.error();
        for (const auto& [language, words] : *stop_words) {
            made->languages_.push_back(language);
            for (const auto& word : words)
                made->stop_words_[folded(word)] |= static_cast<std::uint16_t>(1U << (made->languages_.size() - 1));
        }
        return std::unique_ptr<synth::Validator>(std::move(made));
    }

    Result<Verdict> check(const Review& review) const override {
        const std::string_view text = review.draft->text;
        Findings findings;
        synth::plugins::fold_words(text, text_);
        if (text_.words.empty()) return std::move(findings).verdict();

        if (const Places marks = markdown_of(text); marks.count > 0)
            findings.add(options_.markdown, "markdown",
                         "the text has markdown in it (" + marks.told() + "): write plain paragraphs without marks",
                         static_cast<double>(marks.count), 0);
        Places phrases;
        for (const auto& phrase : phrases_.find(text_, 100))
            phrases.add(text.substr(phrase.begin, phrase.end - phrase.begin));
        if (phrases.count > 0)
            findings.add(options_.chat_phrase, "chat_phrase",
                         "the text has phrases of a conversation in it (" + phrases.told() +
                             "): write the document alone, and do not use them",
                         static_cast<double>(phrases.count), 0);
        if (const Places blanks = placeholders_of(text); blanks.count > 0)
            findings.add(options_.placeholder, "placeholder",
                         "the text has blanks to fill in (" + blanks.told() + "): make up what stands there",
                         static_cast<double>(blanks.count), 0);
        if (const auto end = broken_ending(text))
            findings.add(options_.broken_ending, "broken_ending",
                         "the text stops in mid-sentence (" + *end + "): bring it to a proper last sentence");
        find_repetition(text, findings);
        find_language(findings);
        return std::move(findings).verdict();
    }

private:
    static std::string folded(std::string_view word) {
        FoldedText text;
        synth::plugins::fold_words(word, text);
        return text.folded;
    }

    /// Nothing but "of the".
    bool is_small(const FoldedText& text) const {
        return std::ranges::all_of(
            text.words, [&](const FoldedWord& word) { return stop_words_.contains(std::string(text.fold(word))); });
    }

    /// "[Your Name]", "<insert date>", "{{title}}", "Lorem ipsum", "XXX"; not "[O III]" or "[Fe/H]".
    Places placeholders_of(std::string_view text) const {
        Places found;
        constexpr std::pair<char, char> kBrackets[] = {{'[', ']'}, {'<', '>'}, {'{', '}'}};
        constexpr std::size_t kLongest = 60;
        FoldedText inner;
        for (const auto& [open, close] : kBrackets) {
            for (std::size_t at = text.find(open); at != std::string_view::npos; at = text.find(open, at + 1)) {
                const std::size_t end = text.find(close, at);
                if (end == std::string_view::npos) break;
                const std::string_view within = text.substr(at + 1, end - at - 1);
                if (within.empty() || within.size() > kLongest || std::ranges::any_of(within, is_digit) ||
                    within.find('/') != std::string_view::npos)
                    continue;
                synth::plugins::fold_words(within, inner);
                if (inner.words.empty() || inner.words.size() > 8 || synth::is_space(within.front())) continue;
                const auto asks = [&](const FoldedWord& word) {
                    return asking_.contains(std::string(inner.fold(word)));
                };
                const auto is_blank = [&](const FoldedWord& word) {
                    return asks(word) || blanks_.contains(std::string(inner.fold(word)));
                };
                // "[Insert what was seen]", "[Name of the institution]"; not "[email protected]".
                if (asks(inner.words.front()) || (std::ranges::all_of(inner.words, is_blank) && !is_small(inner)))
                    found.add(text.substr(at, end + 1 - at));
            }
        }
        for (std::size_t i = 0; i < text_.words.size(); ++i) {
            const std::string_view word = text_.fold(text_.words[i]);
            const bool crosses =
                word.size() >= 3 && text_.words[i].acronym && word.find_first_not_of('x') == std::string_view::npos;
            const bool lorem =
                word == "lorem" && i + 1 < text_.words.size() && text_.fold(text_.words[i + 1]) == "ipsum";
            if (crosses || lorem) found.add(text.substr(text_.words[i].begin, 20));
        }
        return found;
    }

    /// The last words of a text that ends within a sentence: with a comma, or with a word that another has to follow.
    std::optional<std::string> broken_ending(std::string_view text) const {
        static const std::unordered_set<std::string_view> kLeading = {
            "the",   "of",   "and",   "a",       "an",   "to",  "in",   "with", "for",  "by",   "from",    "that",
            "which", "is",   "are",   "was",     "were", "or",  "at",   "on",   "as",   "than", "between", "into",
            "their", "its",  "this",  "these",   "we",   "be",  "been", "has",  "have", "can",  "will",    "whose",
            "where", "when", "while", "because", "if",   "but", "not",  "such", "both"};
        const std::string_view trimmed = synth::trim(text);
        const std::string_view last_words =
            trimmed.substr(text_.words[text_.words.size() - std::min<std::size_t>(5, text_.words.size())].begin -
                           static_cast<std::size_t>(trimmed.data() - text.data()));
        const char last = trimmed.back();
        if (last == ',' || last == ';' || last == '(' || last == '[') return in_quotes(last_words);
        const FoldedWord& word = text_.words.back();
        const std::string_view rest = text.substr(word.end);
        if (!synth::trim(rest).empty() || text_.words.size() < kFewestWords || word.capital) return std::nullopt;
        const std::string_view as_written = text.substr(word.begin, word.end - word.begin);
        if ((options_.language == "en" && kLeading.contains(as_written)) || ends_unlike_others(text))
            return in_quotes(last_words);
        return std::nullopt;
    }

    /// Whether the last paragraph stops within its second sentence or later, where the others, two at least, end
    /// theirs.
    bool ends_unlike_others(std::string_view text) const {
        constexpr std::size_t kLong = 12;  // words of a paragraph that is no heading
        const auto& words = text_.words;
        std::size_t ended = 0, open = 0, begin = 0, sentences = 0;
        for (std::size_t i = 1; i < words.size(); ++i) {
            if ((words[i].gap & synth::plugins::kGapParagraph) == 0) {
                sentences += static_cast<std::size_t>((words[i].gap & synth::plugins::kGapSentence) != 0);
                continue;
            }
            const std::string_view gap = text.substr(words[i - 1].end, words[i].begin - words[i - 1].end);
            if (i - begin >= kLong) ++(gap.find_first_of(".!?:") != std::string_view::npos ? ended : open);
            begin = i;
            sentences = 0;
        }
        return ended >= 2 && open == 0 && sentences > 0;
    }

    /// Sentences and paragraphs that stood before, letter for letter but for case and marks.
    void find_repetition(std::string_view text, Findings& findings) const {
        std::unordered_set<std::string_view> seen;
        std::uint64_t repeated = 0;
        Places places;
        const auto& words = text_.words;
        for (std::size_t from = 0; from < words.size();) {
            std::size_t to = from + 1;
            while (to < words.size() &&
                   (words[to].gap & (synth::plugins::kGapSentence | synth::plugins::kGapParagraph)) == 0)
                ++to;
            if (to - from >= kLongSentence) {
                const FoldedWord& last = words[to - 1];
                const std::string_view sentence =
                    std::string_view(text_.folded)
                        .substr(words[from].fold_begin, last.fold_begin + last.fold_size - words[from].fold_begin);
                if (!seen.insert(sentence).second) {
                    repeated += to - from;
                    places.add(text.substr(words[from].begin, last.end - words[from].begin));
                }
            }
            from = to;
        }
        const double share = static_cast<double>(repeated) / static_cast<double>(words.size());
        if (share > options_.max_repeated)
            findings.add(options_.repetition, "repetition",
                         percent(share) + " of the text are sentences that stood before (" + places.told() +
                             "): say everything once",
                         share, options_.max_repeated);
    }

    /// Another language than that which was asked for has more of its small words in the text.
    void find_language(Findings& findings) const {
        if (text_.counted_words < kFewestWords) return;
        std::array<std::uint64_t, 16> counts{};
        std::uint64_t other_script = 0;
        for (const FoldedWord& word : text_.words) {
            key_ = text_.fold(word);
            other_script +=
                static_cast<std::uint64_t>(static_cast<unsigned char>(key_.front()) >= 0xCE);  // Greek and beyond
            const auto found = stop_words_.find(key_);
            if (found == stop_words_.end()) continue;
            for (std::size_t i = 0; i < languages_.size(); ++i) counts[i] += (found->second >> i) & 1U;
        }
        const auto share = [&](std::uint64_t count) {
            return static_cast<double>(count) / static_cast<double>(text_.words.size());
        };
        constexpr double kOtherScript = 0.3, kFewestStopWords = 0.1;
        const auto own =
            static_cast<std::size_t>(std::ranges::find(languages_, options_.language) - languages_.begin());
        const auto best = static_cast<std::size_t>(std::ranges::max_element(counts) - counts.begin());
        if (share(other_script) > kOtherScript)
            findings.add(options_.wrong_language, "wrong_language",
                         percent(share(other_script)) + " of the words are of another script: write in the language '" +
                             options_.language + "'",
                         share(other_script), kOtherScript);
        else if (best != own && share(counts[best]) > kFewestStopWords && counts[best] > counts[own] * 3 / 2)
            findings.add(
                options_.wrong_language, "wrong_language",
                "the text seems to be in the language '" + languages_[best] + "': write in '" + options_.language + "'",
                share(counts[own]), share(counts[best]));
    }

    Options options_;
    Phrases phrases_;
    std::unordered_set<std::string> asking_, blanks_;  ///< words of a blank to fill in; the first of them say so alone
    std::vector<std::string> languages_;
    std::unordered_map<std::string, std::uint16_t> stop_words_;  ///< which languages they are of, by bit
    mutable FoldedText text_;                                    ///< of the text that is looked at
    mutable std::string key_;
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, StyleValidator, "style", "0.1.0",
             "finds markdown, chat phrases, placeholders, broken endings, repetition, another language", kOptions);
