#include "facts.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "grammar.hpp"
#include "synth/text.hpp"

namespace offline {

using synth::Label;
using synth::LabelId;
using synth::NegativeCategory;
using synth::Quantity;
using synth::Result;
using synth::Status;
using synth::Taxonomy;

namespace {

using Wording = std::map<std::string, std::string, std::less<>>;

/// Marks in the taxonomy of instruments that do not observe yet.
constexpr std::array<std::string_view, 3> kNotYet{"(planned", "(construction", "(concept"};

Result<Wording> read_wording(const std::filesystem::path& file) {
    Wording wording;
    Status read = read_lines(file, [&](std::string_view line, const std::string& place) -> Status {
        const std::size_t sign = line.find('=');
        if (sign == std::string_view::npos) return data_error(place, "a line is FACT = WORDING");
        if (!wording.emplace(synth::trim(line.substr(0, sign)), synth::trim(line.substr(sign + 1))).second)
            return data_error(place, "this fact is there twice");
        return {};
    });
    if (!read) return std::move(read).error();
    return wording;
}

/// "LIGO Hanford (H1)" is spoken of as "LIGO Hanford".
std::string without_parentheses(std::string_view text) {
    std::string plain;
    while (!text.empty()) {
        const std::size_t open = text.find('(');
        plain += text.substr(0, open);
        if (open == std::string_view::npos) break;
        const std::size_t close = text.find(')', open);
        text = close == std::string_view::npos ? std::string_view{} : text.substr(close + 1);
        while (!plain.empty() && plain.back() == ' ') plain.pop_back();
    }
    return std::string(synth::trim(plain));
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
    std::vector<std::string> parts;
    while (true) {
        const std::size_t at = text.find(separator);
        parts.emplace_back(synth::trim(text.substr(0, at)));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + separator.size());
    }
}

constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

/// A word without its plural s: as written, and in lower case.
struct Word {
    std::string written, folded;
};

std::vector<Word> words_of(std::string_view text) {
    std::vector<Word> words;
    std::string word;
    const auto finish = [&] {
        if (word.size() > 2 && word.back() == 's') word.pop_back();
        if (word.empty()) return;
        std::string folded = word;
        for (char& c : folded)
            if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
        words.push_back({std::exchange(word, {}), std::move(folded)});
    };
    for (const char c : text) {
        const bool part = is_upper(c) || is_lower(c) || (c >= '0' && c <= '9') || static_cast<signed char>(c) < 0;
        if (part)
            word += c;
        else
            finish();
    }
    finish();
    return words;
}

/// Finds names and aliases of classes in texts: whole words, hyphens and plurals do not matter, and abbreviations only
/// in capitals. Of two that begin at the same word the longer one counts: fast radio bursts are not about radio.
class NameFinder {
public:
    explicit NameFinder(const Taxonomy& taxonomy) {
        for (std::size_t id = 0; id < taxonomy.labels.size(); ++id) {
            const Label& label = taxonomy.labels[id];
            add(label.name, static_cast<LabelId>(id));
            for (const auto& alias : label.aliases) add(alias, static_cast<LabelId>(id));
        }
    }

    [[nodiscard]] std::vector<LabelId> find(std::string_view text) const {
        std::vector<LabelId> found;
        const std::vector<Word> words = words_of(text);
        for (std::size_t at = 0; at < words.size();) {
            std::size_t longest = 0;
            std::vector<LabelId> here;
            for (const auto& name : names_) {
                if (name.words.size() < std::max<std::size_t>(longest, 1) || !matches(name, words, at)) continue;
                if (name.words.size() > longest) here.clear();
                longest = name.words.size();
                here.push_back(name.label);
            }
            found.insert(found.end(), here.begin(), here.end());
            at += std::max<std::size_t>(longest, 1);
        }
        std::ranges::sort(found);
        found.erase(std::ranges::unique(found).begin(), found.end());
        return found;
    }

private:
    struct Name {
        std::vector<Word> words;
        LabelId label;
    };

    void add(std::string_view name, LabelId label) {
        if (auto words = words_of(name); !words.empty()) names_.push_back({std::move(words), label});
    }

    static bool matches(const Name& name, const std::vector<Word>& words, std::size_t at) {
        if (at + name.words.size() > words.size()) return false;
        return std::ranges::equal(
            name.words, std::span(words).subspan(at, name.words.size()), [](const Word& wanted, const Word& word) {
                const bool abbreviation = wanted.written.size() > 1 && std::ranges::none_of(wanted.written, is_lower);
                return abbreviation ? wanted.written == word.written : wanted.folded == word.folded;
            });
    }

    std::vector<Name> names_;
};

class Reader {
public:
    Reader(const Taxonomy& taxonomy, Wording topics, Wording nouns)
        : finder_(taxonomy), topics_(std::move(topics)), nouns_(std::move(nouns)) {}

    /// `Source` is a Label or a NegativeCategory; `key` its place in topics.txt.
    template <class Source>
    Facts read(const Source& source, const std::string& key) const {
        Facts facts;
        const auto topics = topics_.find(key);
        for (const auto& topic : split(topics == topics_.end() ? source.name : topics->second, "|"))
            add(facts.topics, topic, topic);
        for (const auto& term : source.terms) add_noun(facts.terms, term, "the ");
        for (const auto& instrument : source.instruments) {
            const bool later = std::ranges::any_of(
                kNotYet, [&](std::string_view mark) { return instrument.find(mark) != std::string::npos; });
            add_noun(later ? facts.future : facts.instruments, instrument, "");
        }
        for (const auto& quantity : source.quantities) add_quantity(facts.quantities, quantity);
        return facts;
    }

    void add_objects(Facts& facts, const std::vector<std::string>& objects) const {
        for (const auto& names : objects)
            for (const auto& name : split(names, " / ")) add_noun(facts.objects, name, "");
    }

private:
    void add(std::vector<Fact>& facts, const std::string& text, std::string_view unit) const {
        if (text.empty()) return;
        std::string bare = text.starts_with("the ") ? text.substr(4) : text;
        facts.push_back({text, std::move(bare), finder_.find(text + " " + std::string(unit)), {}, {}});
    }

    void add_noun(std::vector<Fact>& facts, std::string_view fact, std::string_view article) const {
        const std::string plain = without_parentheses(fact);
        const auto noun = nouns_.find(plain);
        if (noun != nouns_.end())
            add(facts, noun->second, {});
        else if (!plain.empty())
            add(facts, std::string(article) + plain, {});
    }

    void add_quantity(std::vector<Fact>& facts, const Quantity& quantity) const {
        const std::optional<ValueRange> values = ValueRange::of(quantity);
        const std::size_t before = facts.size();
        if (values) add_noun(facts, quantity.name, "the ");
        if (facts.size() == before) return;
        facts.back().names = finder_.find(facts.back().text + " " + quantity.unit);
        facts.back().unit = quantity.unit;
        facts.back().values = values;
    }

    NameFinder finder_;
    Wording topics_, nouns_;
};

}  // namespace

Result<FactBook> read_facts(const Taxonomy& taxonomy, const std::filesystem::path& folder) {
    Result<Wording> topics = read_wording(folder / "topics.txt");
    if (!topics) return std::move(topics).error();
    Result<Wording> nouns = read_wording(folder / "nouns.txt");
    if (!nouns) return std::move(nouns).error();
    const Reader reader(taxonomy, *std::move(topics), *std::move(nouns));
    FactBook book;
    for (const auto& label : taxonomy.labels) {
        book.labels.push_back(reader.read(label, label.code));
        reader.add_objects(book.labels.back(), label.objects);
    }
    for (const auto& category : taxonomy.negative_categories)
        book.categories.push_back(reader.read(category, category.id));
    return book;
}

}  // namespace offline
