// Reads a model's answer: takes off what is not the document, finds the title, and says why an answer is no document.
// Linear in the size of the answer, whatever it holds.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth::tdamm {

/// How models begin and end their answers, in lower case with straight apostrophes (answers.json).
struct AnswerPhrases {
    std::vector<std::string> affirmations;   ///< "certainly"
    std::vector<std::string> announcements;  ///< "here is"
    std::vector<std::string> requests;       ///< "you asked": in the first line, with an announcement
    std::vector<std::string> closings;       ///< "let me know if": the last line starts with it
    std::vector<std::string> refusals;       ///< "i'm sorry, but": a short answer starts with it
};

/// The document in an answer. Its text starts with the title, as plain line, where the answer has one. Errors:
/// refused (content_filter, refusal), truncated (cut), malformed (invalid_utf8, empty, repetition).
Result<Draft> read_answer(const Completion& completion, const AnswerPhrases& phrases);

[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;

/// Whether most of a text says again what it said before, as small models do when they loop.
[[nodiscard]] bool repeats_itself(std::string_view text);

/// The document in a JSON object such as {"title": …, "text": …}; nothing when `text` is not one.
std::optional<Draft> draft_from_json(std::string_view text);

}  // namespace synth::tdamm
