// Reads a model's answer: takes off what is not the document, finds the title, and says why an answer is no document.
// Linear in the size of the answer, whatever it holds.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth::prompts {

/// How models begin and end their answers, in lower case with straight apostrophes (answers.json).
struct AnswerPhrases {
    std::vector<std::string> affirmations;   ///< "certainly"
    std::vector<std::string> announcements;  ///< "here is"
    std::vector<std::string> requests;       ///< "you asked": in the first line, with an announcement
    std::vector<std::string> closings;       ///< "let me know if": the last line starts with it
    std::vector<std::string> refusals;       ///< "i'm sorry, but": a short answer starts with it
    /// Marks of chat templates, as they are written: they belong to the server, and are text where its template does
    /// not fit the model.
    std::vector<std::string> turn_ends;    ///< "<|im_end|>"
    std::vector<std::string> turn_begins;  ///< "<|im_start|>"
};

/// How an answer holds title and text.
struct AnswerFormat {
    enum class Kind : std::uint8_t {
        plain,  ///< the title in the first line; a JSON object with the usual fields is understood as well
        tags,   ///< <title>…</title> <text>…</text>
        json,   ///< an object with the fields `title` and `text`
    } kind = Kind::plain;
    std::string title = "title", text = "text";  ///< names of the tags or fields
};

/// The document in an answer. Its text starts with the title, as plain line, where the answer has one. Errors:
/// refused (content_filter, refusal), truncated (cut), malformed (invalid_utf8, empty, template, format).
Result<Draft> read_answer(const Completion& completion, const AnswerPhrases& phrases, const AnswerFormat& format = {});

/// What an answer is counted as that loops (Passages::repeat), or copies its prompt (Passages::echo).
inline constexpr std::string_view kRepetition = "repetition", kEcho = "echo";
[[nodiscard]] Error repetition_error();
[[nodiscard]] Error echo_error();

/// What an answer of `target_words` may take, twice as much once one was cut; a loop or a copy that ran into the limit
/// gets no more room.
[[nodiscard]] Tokens output_limit(std::uint32_t target_words, std::span<const Attempt> earlier);

[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;

/// The document in a JSON object with these fields; nothing when `text` is not an object or its document is empty.
std::optional<Draft> draft_from_json(std::string_view text, const std::string& title_field,
                                     std::span<const std::string> text_fields);

}  // namespace synth::prompts
