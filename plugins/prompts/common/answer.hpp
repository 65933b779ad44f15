// Reads a model's answer: takes off what is not the document, finds the title, and says why an answer is no document.
// Linear in the size of the answer, whatever it holds.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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

/// What an answer is counted as that loops (Runs::repeat), or copies its prompt (Runs::echo).
inline constexpr std::string_view kRepetition = "repetition", kEcho = "echo";
[[nodiscard]] Error repetition_error();
[[nodiscard]] Error echo_error();

/// What an answer of `target_words` may take, twice as much once one was cut; a loop or a copy that ran into the limit
/// gets no more room.
[[nodiscard]] Tokens output_limit(std::uint32_t target_words, std::span<const Attempt> earlier);

[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;

/// Which runs of eight words occur in some texts, as an open-addressing set of their hashes, at most half full.
class RunSet {
public:
    explicit RunSet(std::size_t most = 0) : slots_(2 * std::bit_ceil(most | 1U)) {}
    /// Of texts whose case and marks do not matter.
    explicit RunSet(std::span<const std::string_view> texts);

    /// Whether it was there before.
    bool insert(std::uint64_t run) { return std::exchange(slots_[slot(run)], key(run)) != 0; }
    [[nodiscard]] bool contains(std::uint64_t run) const { return slots_[slot(run)] != 0; }

private:
    static std::uint32_t key(std::uint64_t run) { return static_cast<std::uint32_t>(run >> 32U) | 1U; }
    [[nodiscard]] std::size_t slot(std::uint64_t run) const {
        std::size_t at = run & (slots_.size() - 1);
        while (slots_[at] != 0 && slots_[at] != key(run)) at = (at + 1) & (slots_.size() - 1);
        return at;
    }

    std::vector<std::uint32_t> slots_;
};

/// The runs of eight words of an answer, whose case and marks do not matter: what it says twice or copies.
class Runs {
public:
    explicit Runs(std::string_view text);

    /// Whether most of the text says again what it said before, as small models do when they loop.
    [[nodiscard]] bool repeat() const;

    /// Whether ten words in a row of the text come from the texts of `set`; fewer may do.
    [[nodiscard]] bool share_a_passage(const RunSet& set) const;

    /// Whether the text copies its prompt instead of following it: more than a tenth of its runs are in `fixed`, the
    /// messages that are the same for many samples, or in `own`, the sample's.
    [[nodiscard]] bool echo(const RunSet& fixed, std::string_view own) const;

private:
    [[nodiscard]] const std::vector<std::uint64_t>& first() const { return same_ ? last_ : first_; }

    std::vector<std::uint64_t> last_;   ///< what is only marks counts as a word, since loops consist of them, too
    std::vector<std::uint64_t> first_;  ///< without what is only marks
    bool same_ = false;                 ///< as last_: nothing is only marks
};

/// The document in a JSON object with these fields; nothing when `text` is not an object or its document is empty.
std::optional<Draft> draft_from_json(std::string_view text, const std::string& title_field,
                                     std::span<const std::string> text_fields);

}  // namespace synth::prompts
