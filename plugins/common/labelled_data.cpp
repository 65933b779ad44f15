#include "common/labelled_data.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>

#include "common/csv_reader.hpp"
#include "common/file_input.hpp"
#include "common/json_reader.hpp"
#include "common/label_spellings.hpp"
#include "synth/text.hpp"

namespace synth::plugins {
namespace {

constexpr std::size_t kMostRespelled = 100;
constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);

constexpr std::array<std::string_view, 3> kLinks = {"link", "url", "id"};
constexpr std::array<std::string_view, 1> kTitles = {"title"};
constexpr std::array<std::string_view, 2> kTexts = {"full_text", "text"};

std::string in_quotes(std::string_view text) { return "'" + std::string(text.substr(0, 80)) + "'"; }

std::string with_thousands(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
    return digits;
}

/// A list in brackets, as JSON or as Python prints it: strings in single or double quotes, with backslashes. Nothing
/// when it is no such list.
std::optional<std::vector<std::string>> parse_list(std::string_view text) {
    std::vector<std::string> items;
    text.remove_prefix(1);
    for (;;) {
        text = trim(text);
        if (text.starts_with(']')) return trim(text.substr(1)).empty() ? std::optional(items) : std::nullopt;
        if (!items.empty()) {
            if (!text.starts_with(',')) return std::nullopt;
            text = trim(text.substr(1));
        }
        if (text.empty() || (text[0] != '"' && text[0] != '\'')) return std::nullopt;
        const char quote = text[0];
        std::string item;
        std::size_t at = 1;
        for (; at < text.size() && text[at] != quote; ++at) {
            if (text[at] == '\\' && ++at == text.size()) return std::nullopt;
            item += text[at];
        }
        if (at == text.size()) return std::nullopt;
        items.push_back(std::move(item));
        text.remove_prefix(at + 1);
    }
}

/// What a cell of a column named by a label says; nothing when that is neither yes nor no.
std::optional<bool> yes_or_no(std::string_view cell) {
    std::string word(trim(cell));
    std::ranges::transform(word, word.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    for (const char* yes : {"1", "1.0", "true", "yes"})
        if (word == yes) return true;
    for (const char* no : {"0", "0.0", "false", "no", ""})
        if (word == no) return false;
    return std::nullopt;
}

}  // namespace

std::string ReadingNotes::summary(std::string_view path) const {
    std::string line = std::string(path) + ": " + with_thousands(documents) + " documents";
    if (unknown_labels > 0)
        line += ", " + with_thousands(unknown_labels) + " unknown labels left out (first " + first_unknown + ")";
    if (skipped_documents > 0) line += ", " + with_thousands(skipped_documents) + " documents without labels left out";
    for (std::size_t i = 0; i < respelled.size(); ++i) line += (i == 0 ? ", read " : ", ") + respelled[i];
    return line;
}

class LabelledData::Impl {
public:
    Impl(FileInput input, const Taxonomy& taxonomy, LabelledDataOptions options)
        : input_(std::move(input)),
          taxonomy_(taxonomy),
          spellings_(taxonomy),
          options_(std::move(options)),
          csv_(input_) {}

    Status begin() {
        for (;;) {
            const auto rest = input_.peek();
            if (!rest) return rest.error();
            if (rest->empty()) return malformed(input_.path() + " is empty: a JSON array, JSON Lines or CSV is needed");
            const auto text = std::ranges::find_if_not(*rest, is_space);
            const bool found = text != rest->end();
            input_.consume(static_cast<std::size_t>(text - rest->begin()));
            if (!found) continue;
            if (*text == '[') {
                format_ = Format::array;
                input_.consume(1);
                return {};
            }
            if (*text != '{') return begin_csv();
            format_ = Format::lines;
            return {};
        }
    }

    Result<bool> next(LabelledDocument& out) {
        for (;;) {
            out.labels.clear();
            out.unknown.clear();
            out.link = out.title = out.text = {};
            in_file_ = 0;
            const auto read = format_ == Format::csv     ? next_record(out)
                              : format_ == Format::lines ? next_line(out)
                                                         : next_element(out);
            if (!read) return read.error();
            if (!*read) return false;
            const auto kept = check(out);
            if (!kept) return kept.error();
            if (!*kept) continue;
            out.row = row_;
            ++notes_.documents;
            return true;
        }
    }

    [[nodiscard]] const ReadingNotes& notes() const noexcept { return notes_; }

    [[nodiscard]] std::string place() const {
        if (format_ == Format::array) return input_.path() + ", document " + std::to_string(row_);
        return input_.path() + ":" + std::to_string(line_);
    }

private:
    enum class Format : std::uint8_t { csv, lines, array };

    static Error malformed(std::string message) { return {ErrorCode::malformed, std::move(message), {}}; }
    [[nodiscard]] Error malformed_here(const std::string& what) const { return malformed(place() + ": " + what); }
    [[nodiscard]] Error wrong_here(const std::string& what) const {
        return {ErrorCode::invalid_argument, place() + ": " + what, {}};
    }

    // Labels, whatever the format.

    /// `code`: what the metadata of the program's own files say of the same label; empty: nothing.
    Status add_label(std::string_view spelling, LabelledDocument& out, std::string_view code = {}) {
        spelling = trim(spelling);
        if (spelling.empty()) return {};
        ++in_file_;
        auto id = spellings_.find(spelling);
        if (!id && !code.empty()) id = taxonomy_.find(code);
        if (!id) return unknown(spelling, out);
        const Label& label = taxonomy_[*id];
        if (spelling != label.name && spelling != label.code && notes_.respelled.size() < kMostRespelled &&
            respelled_.emplace(spelling).second)
            notes_.respelled.push_back(in_quotes(spelling) + " as " + in_quotes(label.name));
        add_label(*id, out);
        return {};
    }

    void add_label(LabelId id, LabelledDocument& out) const {
        if (std::ranges::find(out.labels, id) == out.labels.end()) out.labels.push_back(id);
    }

    Status unknown(std::string_view spelling, LabelledDocument& out) {
        if (options_.as_it_is) {
            out.unknown.emplace_back(spelling);
            return {};
        }
        if (options_.unknown == LabelledDataOptions::Unknown::skip) {
            if (notes_.unknown_labels++ == 0) notes_.first_unknown = place() + ": " + in_quotes(spelling);
            return {};
        }
        const std::string_view nearest = spellings_.nearest(spelling);
        return wrong_here("taxonomy '" + taxonomy_.name + "' has no label " + in_quotes(spelling) +
                          (nearest.empty() ? "" : ", the nearest is " + in_quotes(nearest)) +
                          ": correct it, or leave unknown labels out (unknown=skip)");
    }

    /// One label, several with ';' or '|' between them, or a list in brackets.
    Status add_text(std::string_view text, LabelledDocument& out) {
        text = trim(text);
        if (text.starts_with('[')) {
            const auto items = parse_list(text);
            if (!items) return malformed_here("labels are no list of quoted names: " + in_quotes(text));
            for (const std::string& item : *items)
                if (Status added = add_label(item, out); !added) return added;
            return {};
        }
        if (text.find_first_of(";|") == std::string_view::npos || spellings_.is_exact(text))
            return add_label(text, out);
        while (!text.empty()) {
            const std::size_t end = text.find_first_of(";|");
            if (Status added = add_label(text.substr(0, end), out); !added) return added;
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        }
        return {};
    }

    /// False when the document is to be left out.
    Result<bool> check(LabelledDocument& out) {
        if (!options_.labels || options_.as_it_is) return true;
        if (out.labels.empty()) {
            if (in_file_ == 0 && options_.unlabelled == LabelledDataOptions::Unlabelled::error)
                return wrong_here(
                    "a document without labels: give it some, leave such documents out (unlabelled=skip) or take them "
                    "for the negative class (unlabelled=negative)");
            if (in_file_ > 0 || options_.unlabelled == LabelledDataOptions::Unlabelled::skip) {
                ++notes_.skipped_documents;
                return false;
            }
            if (!taxonomy_.negative)
                return wrong_here("a document without labels, and taxonomy '" + taxonomy_.name +
                                  "' has no negative class that it could be of");
            out.labels.push_back(*taxonomy_.negative);
        }
        if (out.labels.size() > LabelSet::kCapacity)
            return wrong_here(std::to_string(out.labels.size()) + " labels, a document has at most " +
                              std::to_string(LabelSet::kCapacity));
        if (taxonomy_.negative && out.labels.size() > 1 &&
            std::ranges::find(out.labels, *taxonomy_.negative) != out.labels.end())
            return wrong_here(in_quotes(taxonomy_[*taxonomy_.negative].name) +
                              " stands beside other labels; it is always alone");
        return true;
    }

    // CSV

    Status begin_csv() {
        format_ = Format::csv;
        const auto read = csv_.next();
        if (!read) return read.error();
        line_ = csv_.line();
        const auto find = [&](auto&& names) {
            for (const std::string_view name : names)
                for (std::size_t i = 0; i < csv_.size(); ++i)
                    if (trim(csv_[i]) == name) return i;
            return kNoColumn;
        };
        columns_ = csv_.size();
        field_ = find(std::initializer_list<std::string_view>{options_.field});
        link_ = find(kLinks);
        title_ = find(kTitles);
        text_ = find(kTexts);
        for (std::size_t i = 0; i < columns_; ++i) names_.emplace_back(trim(csv_[i]));
        if (field_ != kNoColumn || !options_.labels) return {};
        bool any = false;
        for (std::size_t i = 0; i < columns_; ++i) {
            const bool other = i == link_ || i == title_ || i == text_;
            hot_.push_back(other ? std::nullopt : spellings_.find(names_[i]));
            any = any || hot_.back();
            if (hot_.back() && names_[i] != taxonomy_[*hot_.back()].name && names_[i] != taxonomy_[*hot_.back()].code)
                notes_.respelled.push_back(in_quotes(names_[i]) + " as " + in_quotes(taxonomy_[*hot_.back()].name));
        }
        if (any) return {};
        std::string all;
        for (const std::string& name : names_) all += (all.empty() ? "" : ", ") + in_quotes(name);
        return malformed_here("neither a column " + in_quotes(options_.field) +
                              " nor one that is named by a label of taxonomy '" + taxonomy_.name +
                              "'; the columns are " + all.substr(0, 400));
    }

    Result<bool> next_record(LabelledDocument& out) {
        const auto read = csv_.next();
        if (!read || !*read) return read;
        line_ = csv_.line();
        ++row_;
        if (csv_.size() != columns_)
            return malformed_here(std::to_string(csv_.size()) + " fields, the header has " + std::to_string(columns_));
        if (options_.texts) {
            if (link_ != kNoColumn) out.link = csv_[link_];
            if (title_ != kNoColumn) out.title = csv_[title_];
            if (text_ != kNoColumn) out.text = csv_[text_];
        }
        if (!options_.labels) return true;
        if (field_ != kNoColumn) {
            if (Status added = add_text(csv_[field_], out); !added) return added.error();
            return true;
        }
        if (row_ == 1) find_unknown_columns();
        for (std::size_t i = 0; i < columns_; ++i) {
            if (!hot_[i] && !(i < unknown_columns_.size() && unknown_columns_[i])) continue;
            const auto said = yes_or_no(csv_[i]);
            if (!said)
                return malformed_here("column " + in_quotes(names_[i]) + " is " + in_quotes(csv_[i]) + ", not 1 or 0");
            if (!*said) continue;
            ++in_file_;
            if (hot_[i])
                add_label(*hot_[i], out);
            else if (Status skipped = unknown(names_[i], out); !skipped)
                return skipped.error();
        }
        return true;
    }

    /// A named column that is neither a label nor known otherwise is a label that the taxonomy does not have when the
    /// first record says yes or no in it, and something else when not.
    void find_unknown_columns() {
        for (std::size_t i = 0; i < columns_; ++i) {
            const bool other = hot_[i] || i == link_ || i == title_ || i == text_ || names_[i].empty() ||
                               names_[i] == "index" || trim(csv_[i]).empty();
            unknown_columns_.push_back(!other && yes_or_no(csv_[i]).has_value());
        }
    }

    // JSON

    Result<bool> next_line(LabelledDocument& out) {
        do {
            buffer_.clear();
            line_ = input_.line();
            const auto read = input_.read_line(buffer_);
            if (!read || !*read) return read;
        } while (trim(buffer_).empty());
        ++row_;
        return parse(out);
    }

    Result<bool> next_element(LabelledDocument& out) {
        const auto first = skip_space();
        if (!first) return first.error();
        ++row_;
        if (*first == ']') {
            input_.consume(1);
            const auto after = skip_space();
            if (!after) return after.error();
            if (*after != 0) return malformed(input_.path() + ": text after the end of the JSON array");
            format_ = Format::lines;  // of which there are none
            --row_;
            return false;
        }
        char next = *first;
        if (row_ > 1) {
            if (next != ',') return next == 0 ? cut() : malformed_here("no comma before it in the JSON array");
            input_.consume(1);
            const auto second = skip_space();
            if (!second) return second.error();
            next = *second;
        }
        if (next == 0) return cut();
        if (next != '{') return malformed_here("not a JSON object");
        buffer_.clear();
        if (Status taken = take_object(); !taken) return taken.error();
        return parse(out);
    }

    [[nodiscard]] Error cut() const {
        return malformed(input_.path() + " ends after " + std::to_string(row_ - 1) +
                         " documents, within its JSON array: it was cut");
    }

    /// The next byte that is no space; 0 at the end.
    Result<char> skip_space() {
        for (;;) {
            const auto rest = input_.peek();
            if (!rest) return rest.error();
            if (rest->empty()) return '\0';
            const auto text = std::ranges::find_if_not(*rest, is_space);
            const bool found = text != rest->end();
            const char c = found ? *text : '\0';
            input_.consume(static_cast<std::size_t>(text - rest->begin()));
            if (found) return c;
        }
    }

    /// Moves an object, to its closing brace, into the buffer; what is inside is looked at by the parser.
    Status take_object() {
        std::size_t depth = 0;
        bool in_text = false, escaped = false;
        for (;;) {
            const auto rest = input_.peek();
            if (!rest) return rest.error();
            if (rest->empty()) return cut();
            for (std::size_t at = 0; at < rest->size(); ++at) {
                const char c = (*rest)[at];
                if (in_text) {
                    if (escaped)
                        escaped = false;
                    else if (c == '\\')
                        escaped = true;
                    else if (c == '"')
                        in_text = false;
                } else if (c == '"') {
                    in_text = true;
                } else if (c == '{') {
                    ++depth;
                } else if (c == '}' && --depth == 0) {
                    buffer_.append(rest->substr(0, at + 1));
                    input_.consume(at + 1);
                    return {};
                }
            }
            buffer_.append(*rest);
            input_.consume(rest->size());
        }
    }

    Result<bool> parse(LabelledDocument& out) {
        buffer_.reserve(buffer_.size() + JsonParser::kSpareBytes);
        const auto root = parser_.parse(buffer_, JsonParser::kSpareBytes);
        if (!root) return malformed_here("not JSON: " + root.error().message);
        if (!root->is_object()) return malformed_here("not a JSON object");
        if (options_.texts) {
            out.link = text_of(*root, kLinks);
            out.title = text_of(*root, kTitles);
            out.text = text_of(*root, kTexts);
        }
        if (!options_.labels) return true;
        if (!root->has(options_.field)) return malformed_here("no " + in_quotes(options_.field));
        const JsonView labels = root->member(options_.field);
        if (!labels) return true;
        if (labels.is_text()) {
            if (Status added = add_text(labels.text(), out); !added) return added.error();
            return true;
        }
        if (!labels.is_array()) return malformed_here(in_quotes(options_.field) + " is neither a list nor text");
        const auto names = labels.elements();
        auto codes = root->member("metadata").member("label_codes").elements();
        if (codes.size() != names.size()) codes.assign(names.size(), {});
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!names[i].is_text())
                return malformed_here(in_quotes(options_.field) + " holds something that is not text");
            if (Status added = add_label(names[i].text(), out, codes[i].text()); !added) return added.error();
        }
        return true;
    }

    static std::string_view text_of(JsonView object, std::span<const std::string_view> names) {
        for (const std::string_view name : names)
            if (const JsonView value = object.member(name); value.is_text()) return value.text();
        return {};
    }

    FileInput input_;
    const Taxonomy& taxonomy_;
    LabelSpellings spellings_;
    LabelledDataOptions options_;
    ReadingNotes notes_;
    std::unordered_set<std::string> respelled_;
    Format format_ = Format::csv;
    std::uint64_t row_ = 0, line_ = 0, in_file_ = 0;  // in_file_: labels of the document, unknown ones included

    CsvReader csv_;
    std::size_t columns_ = 0, field_ = kNoColumn, link_ = kNoColumn, title_ = kNoColumn, text_ = kNoColumn;
    std::vector<std::string> names_;
    std::vector<std::optional<LabelId>> hot_;  // of every column
    std::vector<bool> unknown_columns_;

    std::string buffer_;
    JsonParser parser_;
};

LabelledData::LabelledData(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LabelledData::LabelledData(LabelledData&&) noexcept = default;
LabelledData& LabelledData::operator=(LabelledData&&) noexcept = default;
LabelledData::~LabelledData() = default;

Result<LabelledData> LabelledData::open(const std::string& path, const Taxonomy& taxonomy,
                                        LabelledDataOptions options) {
    auto input = FileInput::open(path);
    if (!input) return std::move(input).error();
    auto impl = std::make_unique<Impl>(std::move(*input), taxonomy, std::move(options));
    if (Status begun = impl->begin(); !begun) return std::move(begun).error();
    return LabelledData(std::move(impl));
}

Result<bool> LabelledData::next(LabelledDocument& out) { return impl_->next(out); }
const ReadingNotes& LabelledData::notes() const noexcept { return impl_->notes(); }
std::string LabelledData::place() const { return impl_->place(); }

}  // namespace synth::plugins
