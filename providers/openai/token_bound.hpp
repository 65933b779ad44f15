// How many tokens a text is at most, without its tokenizer.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"

namespace synth::openai {

/// Every token of a byte-level BPE stands for at least one byte, so a text has no more tokens than bytes. The encodings
/// cl100k_base and o200k_base cut a text before they look at it: a word with the space before it is a piece of its own
/// (the patterns in tiktoken's openai_public.py), and of many words it is known that this piece is one token.
class TokenBound {
public:
    /// `file`: words, one a line, that are one token in both encodings with a space before them; '#' begins a comment.
    static Result<TokenBound> load(const std::string& file);

    TokenBound() = default;  ///< knows no words

    [[nodiscard]] std::int64_t operator()(std::string_view text) const noexcept;
    /// For a tokenizer that is not known.
    [[nodiscard]] static std::int64_t bytes(std::string_view text) noexcept {
        return static_cast<std::int64_t>(text.size());
    }

private:
    [[nodiscard]] bool knows(std::string_view word) const noexcept;

    std::vector<std::string> slots_;  ///< open addressing; empty: free
};

}  // namespace synth::openai
