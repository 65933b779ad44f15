#include "common/answer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "common/utf8.hpp"
#include "synth/text.hpp"

namespace synth::prompts {
namespace {

constexpr std::size_t kLongestLeadIn = 600;     // bytes of a line before the document
constexpr std::size_t kLongestClosing = 600;    // bytes of a line after the document
constexpr std::size_t kLongestTitle = 300;      // bytes
constexpr std::size_t kLongestRefusal = 1500;   // bytes; a longer answer is judged by its content
constexpr std::size_t kLongestJson = 1U << 20;  // bytes; a longer answer is not taken for JSON
constexpr int kMostLayers = 8;                  // lead-ins, fences and closings around a document

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr bool is_word(char c) noexcept {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }
std::string_view after_first_line(std::string_view text) {
    const std::size_t end = text.find('\n');
    return end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
}
std::string_view last_line(std::string_view text) {
    if (text.empty()) return text;
    const auto* end = static_cast<const char*>(::memrchr(text.data(), '\n', text.size()));
    return end == nullptr ? text : text.substr(static_cast<std::size_t>(end - text.data()) + 1);
}

/// The beginning of a line for comparison: marks in front taken off, lower case, straight apostrophes.
std::string folded(std::string_view line, std::size_t limit) {
    line = trim(line);
    line.remove_prefix(std::min(line.find_first_not_of("*_#>([{-~\"' \t"), line.size()));
    constexpr std::string_view kCurly = "\xE2\x80\x99";
    std::string out(line.substr(0, kCurly.size() * limit));
    for (char& c : out) c = lower(c);
    for (std::size_t at = 0; (at = out.find(kCurly, at)) != std::string::npos;) out.replace(at, kCurly.size(), "'");
    out.resize(std::min(out.size(), limit));
    return out;
}

/// The size of the phrase that `line` starts with, as whole words; 0 when it starts with none. The longest wins.
std::size_t starts_with_any(std::string_view line, const std::vector<std::string>& phrases) {
    std::size_t longest = 0;
    for (const std::string& phrase : phrases)
        if (phrase.size() > longest && line.starts_with(phrase) &&
            (line.size() == phrase.size() || !is_word(line[phrase.size()]) || !is_word(phrase.back())))
            longest = phrase.size();
    return longest;
}

bool contains_any(std::string_view line, const std::vector<std::string>& phrases) {
    return std::ranges::any_of(phrases, [&](const std::string& phrase) { return line.find(phrase) != line.npos; });
}

bool starts_with_folded(std::string_view text, std::string_view lower_case) {
    return text.size() >= lower_case.size() &&
           std::ranges::equal(text.substr(0, lower_case.size()), lower_case, {}, lower);
}

/// "TITLE:" as models write it, with marks before or around the word.
bool has_title_label(std::string_view line) {
    const std::string start = folded(line, 16);
    if (!start.starts_with("title")) return false;
    const std::size_t sign = start.find_first_not_of("*_ ", 5);
    return sign != std::string::npos && start[sign] == ':';
}

/// Takes off the blocks in which reasoning models think aloud. One that is never closed leaves nothing.
std::string_view without_reasoning(std::string_view text) {
    struct Block {
        std::string_view open, close;
    };
    constexpr std::array<Block, 4> kBlocks = {{{"<think>", "</think>"},
                                               {"<thinking>", "</thinking>"},
                                               {"<reasoning>", "</reasoning>"},
                                               {"<thought>", "</thought>"}}};
    for (bool found = true; found;) {
        found = false;
        for (const auto& [open, close] : kBlocks) {
            if (!starts_with_folded(text, open)) continue;
            const auto end = std::search(text.begin(), text.end(), close.begin(), close.end(),
                                         [](char a, char b) { return lower(a) == b; });
            if (end == text.end()) return {};
            text = trim(text.substr(static_cast<std::size_t>(end - text.begin()) + close.size()));
            found = true;
        }
    }
    // Some chat templates open the block themselves, so that only its end is part of the answer.
    if (const std::size_t end = text.find("</think>"); end != std::string_view::npos) text = trim(text.substr(end + 8));
    return text;
}

/// The size of the mark that `text` starts with; 0 when it starts with none.
std::size_t starts_with_mark(std::string_view text, const AnswerPhrases& phrases) {
    for (const auto* marks : {&phrases.turn_ends, &phrases.turn_begins})
        for (const std::string& mark : *marks)
            if (text.starts_with(mark)) return mark.size();
    return 0;
}

/// The place of the first of `marks`, or the end of the text. Few texts hold even the first byte of one.
std::size_t find_mark(std::string_view text, const std::vector<std::string>& marks) {
    std::string firsts;
    for (const std::string& mark : marks) {
        if (firsts.find(mark.front()) != std::string::npos) continue;
        firsts += mark.front();
        for (std::size_t at = 0; (at = text.find(mark.front(), at)) != std::string_view::npos; ++at)
            if (std::ranges::any_of(marks, [&](const auto& m) { return text.substr(at).starts_with(m); }))
                text = text.substr(0, at);
    }
    return text.size();
}

/// The model's own turn: the header that a chat template puts before it is taken off, and what follows its end mark is
/// somebody else's. Nothing when the marks say that the text is not one turn of the model.
std::optional<std::string_view> own_turn(std::string_view text, const AnswerPhrases& phrases) {
    std::size_t mark = starts_with_mark(text, phrases);
    while (mark != 0) {
        text = trim(text.substr(mark));
        for (const std::string_view role : {"assistant", "model", "user", "system"}) {
            if (!text.starts_with(role)) continue;
            const std::string_view rest = text.substr(role.size());
            if (!rest.empty() && rest.front() != '\n' && rest.front() != '\r' && starts_with_mark(rest, phrases) == 0)
                continue;
            if (role == "user" || role == "system") return std::nullopt;
            text = trim(rest);
        }
        mark = starts_with_mark(text, phrases);
    }
    text = text.substr(0, find_mark(text, phrases.turn_ends));
    if (find_mark(text, phrases.turn_begins) != text.size()) return std::nullopt;
    return trim(text);
}

bool is_fence(std::string_view line) { return trim(line).starts_with("```"); }

/// Takes off a fence around the whole text. Fences inside a document, and code that it starts with, stay.
std::string_view without_fence(std::string_view text) {
    if (!is_fence(first_line(text))) return text;
    const std::string language = folded(trim(first_line(text)).substr(3), 16);
    constexpr std::array<std::string_view, 7> kWrappers = {"", "markdown", "md", "text", "txt", "plaintext", "json"};
    if (std::ranges::find(kWrappers, language) == kWrappers.end()) return text;
    std::string_view inner = after_first_line(text);
    if (trim(last_line(inner)) == "```") inner.remove_suffix(last_line(inner).size());
    return trim(inner);
}

/// Takes off a first line that talks about the document instead of being its beginning.
std::string_view without_lead_in(std::string_view text, const AnswerPhrases& phrases) {
    const std::string_view line = trim(first_line(text));
    const std::string_view rest = trim(after_first_line(text));
    if (line.size() > kLongestLeadIn || rest.empty()) return text;
    const std::string start = folded(line, kLongestLeadIn);
    std::string_view said = start;
    const std::size_t affirmation = starts_with_any(said, phrases.affirmations);
    said.remove_prefix(affirmation);
    said.remove_prefix(std::min(said.find_first_not_of(" ,.!:-*"), said.size()));
    const bool announced = starts_with_any(said, phrases.announcements) > 0;
    if (affirmation == 0 && !announced) return text;
    const bool document_follows = has_title_label(first_line(rest));
    const bool ends_in_colon =
        start.find_last_not_of("*_ ") != std::string::npos && start[start.find_last_not_of("*_ ")] == ':';
    const bool is_talk = (affirmation > 0 && (said.empty() || announced)) ||
                         (announced && (ends_in_colon || contains_any(said, phrases.requests)));
    return document_follows || is_talk ? rest : text;
}

/// Takes off a last line that is a separator, a word count or a remark to the reader of the answer.
std::string_view without_closing(std::string_view text, const AnswerPhrases& phrases) {
    const std::string_view line = trim(last_line(text));
    const std::string_view before = trim(text.substr(0, text.size() - last_line(text).size()));
    if (before.empty() || line.size() > kLongestClosing) return text;
    if (line.size() >= 3 && line.find_first_not_of("-*_=") == std::string_view::npos) return before;
    const std::string start = folded(line, kLongestClosing);
    if (starts_with_any(start, phrases.closings) > 0) return before;
    const bool in_brackets = (line.front() == '(' && line.back() == ')') || (line.front() == '[' && line.back() == ']');
    if (in_brackets && line.size() < 60 && start.find("words") != std::string::npos &&
        start.find_first_of("0123456789") != std::string::npos)
        return before;
    return text;
}

/// What stands behind "TITLE:", without the marks that belong to the label: those between word and colon, and the other
/// half of those before the word, which stands behind the colon or at the end of the line. A mark of the title stays,
/// such as the star of M87*.
std::string_view after_title_label(std::string_view line) {
    const std::size_t colon = line.find(':');
    const std::string_view label = line.substr(0, colon);
    line.remove_prefix(colon + 1);

    const std::size_t word = label.find_first_of("Tt");
    const std::size_t before = label.substr(0, word).find_last_not_of("*_\"");
    std::string mark(label.substr(before == std::string_view::npos ? 0 : before + 1, word - before - 1));
    std::ranges::reverse(mark);
    if (label.find_first_of("*_", word) != std::string_view::npos) mark.clear();  // "**TITLE**:"
    if (!mark.empty() && line.starts_with(mark)) {                                // "**TITLE:**"
        line.remove_prefix(mark.size());
        mark.clear();
    }
    line = trim(line);
    if (!mark.empty() && line.ends_with(mark)) line.remove_suffix(mark.size());  // "**TITLE: ...**"
    return trim(line);
}

/// A title line without markdown, quotation marks and the word "title".
std::string_view plain_title(std::string_view line) {
    line = trim(line);
    if (line.starts_with('#')) line.remove_prefix(std::min(line.find_first_not_of("# \t"), line.size()));
    if (has_title_label(line)) line = after_title_label(line);
    for (const std::string_view wrap : {"**", "__", "*", "\""})
        if (line.size() > 2 * wrap.size() && line.starts_with(wrap) && line.ends_with(wrap) &&
            line.substr(wrap.size(), line.size() - 2 * wrap.size()).find(wrap) == std::string_view::npos)
            line = trim(line.substr(wrap.size(), line.size() - 2 * wrap.size()));
    return line;
}

/// A first line that is marked as title in any of the ways models do.
bool is_marked_title(std::string_view line) {
    if (has_title_label(line)) return true;
    const std::size_t marks = line.find_first_not_of('#');
    if (marks != 0 && marks != std::string_view::npos && marks <= 6 && line[marks] == ' ') return true;
    return line.starts_with("**") && plain_title(line).size() + 4 == line.size();
}

Draft split(std::string_view text) {
    const std::string_view line = trim(first_line(text));
    const std::string_view rest = after_first_line(text);
    if (!is_marked_title(line)) {
        // A line of its own before a blank one is a title when it does not end like a sentence; it stays in its place.
        const bool alone = !rest.empty() && trim(first_line(rest)).empty() && line.size() <= kLongestTitle &&
                           std::string_view(".,;:").find(line.back()) == std::string_view::npos;
        return {alone ? std::string(line) : std::string(), std::string(text)};
    }
    std::string_view title = plain_title(line);
    std::string_view body = trim(rest);
    if (title.empty()) {  // "TITLE:" on a line of its own
        title = plain_title(first_line(body));
        body = trim(after_first_line(body));
    }
    if (title.size() > kLongestTitle)
        return {{}, std::string(title) + (body.empty() ? "" : "\n\n") + std::string(body)};
    if (plain_title(first_line(body)) == title) body = trim(after_first_line(body));  // said twice
    if (body.empty()) return {std::string(title), {}};
    return {std::string(title), std::string(title) + "\n\n" + std::string(body)};
}

}  // namespace

bool valid_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        // Most of a text is ASCII.
        if (std::array<std::uint64_t, 4> block; text.size() >= sizeof block) {
            std::memcpy(block.data(), text.data(), sizeof block);
            if (((block[0] | block[1] | block[2] | block[3]) & 0x8080808080808080ULL) == 0) {
                text.remove_prefix(sizeof block);
                continue;
            }
        }
        const std::size_t length = plugins::utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

namespace {

/// What the model wrote for its reader: without the marks, thoughts, remarks and fences around it. May be empty.
Result<std::string_view> bare_answer(const Completion& completion, const AnswerPhrases& phrases) {
    if (completion.finish == FinishReason::content_filter)
        return Error{ErrorCode::refused, "a content filter stopped the answer", "content_filter"};
    if (completion.finish == FinishReason::length)
        return Error{ErrorCode::truncated, "the answer was cut off by the output limit", "cut"};
    if (!valid_utf8(completion.text))
        return Error{ErrorCode::malformed, "the answer is not valid UTF-8", "invalid_utf8"};

    std::string_view text = completion.text;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    const auto turn = own_turn(trim(text), phrases);
    if (!turn) return Error{ErrorCode::malformed, "the answer holds marks of a chat template", "template"};
    text = without_reasoning(*turn);
    for (int layer = 0; layer < kMostLayers && !text.empty(); ++layer) {
        const std::size_t before = text.size();
        text = without_closing(without_lead_in(without_fence(text), phrases), phrases);
        if (text.size() == before) break;
    }
    return text;
}

bool is_refusal(std::string_view text, const AnswerPhrases& phrases) {
    return text.size() <= kLongestRefusal && starts_with_any(folded(text, 80), phrases.refusals) > 0;
}
Error refusal() { return {ErrorCode::refused, "the model declined to write the document", "refusal"}; }

/// A document whose title and text were given apart.
Draft joined(const Draft& parts) {
    Draft draft = split(trim(parts.text));
    const std::string_view title = plain_title(first_line(trim(parts.title)));
    if (title.empty() || draft.text.empty()) return draft;
    if (draft.title != title) {
        draft.text.insert(0, std::string(title) + "\n\n");
        draft.title = title;
    }
    return draft;
}

/// What stands between <name> and </name>.
std::optional<std::string_view> tagged(std::string_view text, const std::string& name) {
    const std::string open = "<" + name + ">";
    const std::string close = "</" + name + ">";
    const std::size_t begin = text.find(open);
    // A document may speak of a tag: its own ends last.
    const std::size_t end = text.rfind(close);
    if (begin == text.npos || end == text.npos || end < begin + open.size()) return std::nullopt;
    return trim(text.substr(begin + open.size(), end - begin - open.size()));
}

std::optional<Draft> draft_from_tags(std::string_view text, const AnswerFormat& format) {
    const auto document = tagged(text, format.text);
    if (!document) return std::nullopt;
    const auto title = tagged(text.substr(0, text.find("<" + format.text + ">")), format.title);
    return Draft{std::string(title.value_or("")), std::string(*document)};
}

/// From the first brace to the last: models talk around an object as well.
std::optional<Draft> draft_from_object(std::string_view text, const AnswerFormat& format) {
    const std::size_t begin = text.find('{');
    const std::size_t end = text.rfind('}');
    if (begin == text.npos || end == text.npos || end < begin || text.size() > kLongestJson) return std::nullopt;
    return draft_from_json(text.substr(begin, end - begin + 1), format.title, {&format.text, 1});
}

Result<Draft> read_plain(std::string_view text, const AnswerPhrases& phrases) {
    static const std::array<std::string, 5> kFields = {"text", "full_text", "document", "content", "body"};
    if (text.front() == '{' && text.back() == '}' && text.size() <= kLongestJson)
        if (const auto wrapped = draft_from_json(text, "title", kFields)) {
            Draft draft = split(trim(wrapped->text));
            return draft.title.empty() ? joined(*wrapped) : draft;
        }
    if (is_refusal(text, phrases)) return refusal();
    return split(text);
}

Result<Draft> read_parts(std::string_view text, const AnswerPhrases& phrases, const AnswerFormat& format) {
    const bool tags = format.kind == AnswerFormat::Kind::tags;
    if (const auto parts = tags ? draft_from_tags(text, format) : draft_from_object(text, format))
        return joined(*parts);
    if (is_refusal(text, phrases)) return refusal();
    return Error{ErrorCode::malformed,
                 tags ? "the answer has no <" + format.text + "> … </" + format.text + ">"
                      : "the answer is no JSON object with a text in '" + format.text + "'",
                 "format"};
}

}  // namespace

Result<Draft> read_answer(const Completion& completion, const AnswerPhrases& phrases, const AnswerFormat& format) {
    const auto text = bare_answer(completion, phrases);
    if (!text) return text.error();
    const Error empty{ErrorCode::malformed, "the answer contains no document", "empty"};
    if (text->empty()) return empty;
    Result<Draft> draft =
        format.kind == AnswerFormat::Kind::plain ? read_plain(*text, phrases) : read_parts(*text, phrases, format);
    if (!draft) return draft;
    if (draft->text.empty()) return empty;
    return draft;
}

Error repetition_error() { return {ErrorCode::malformed, "the answer repeats itself", std::string(kRepetition)}; }
Error echo_error() { return {ErrorCode::malformed, "the answer copies the prompt", std::string(kEcho)}; }

Tokens output_limit(std::uint32_t target_words, std::span<const Attempt> earlier) {
    // Twice what English prose takes, 1.36 tokens a word; more room would only keep more of a budget reserved.
    constexpr std::int64_t kOfFourWords = 11;
    constexpr std::int64_t kToSpare = 100;  // a title, and texts of few words
    const bool was_cut = std::ranges::any_of(earlier, [](const Attempt& attempt) {
        return attempt.error == ErrorCode::truncated ||
               (attempt.finish == FinishReason::length && attempt.reason != kRepetition && attempt.reason != kEcho);
    });
    return {(kOfFourWords * std::int64_t{target_words} / 4 + kToSpare) * (was_cut ? 2 : 1)};
}

}  // namespace synth::prompts
