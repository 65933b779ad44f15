#include "token_bound.hpp"

#include <algorithm>
#include <bit>
#include <fstream>
#include <utility>

namespace synth::openai {

namespace {

constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }

/// What may not follow a word that is to be a piece of its own: letters and digits of any script, and an apostrophe,
/// which o200k_base takes into the word.
constexpr bool goes_on(char c) noexcept {
    return is_lower(c) || is_upper(c) || (c >= '0' && c <= '9') || c == '\'' || static_cast<unsigned char>(c) >= 0x80;
}

std::size_t hash_of(std::string_view word) noexcept {
    std::size_t hash = 0xcbf29ce484222325ULL;
    for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return hash ^ hash >> 29U;
}

}  // namespace

Result<TokenBound> TokenBound::load(const std::string& file) {
    std::ifstream in(file);
    if (!in) return Error{ErrorCode::io, "cannot read " + file};
    std::vector<std::string> words;
    for (std::string line; std::getline(in, line);)
        if (!line.empty() && line.front() != '#') words.push_back(std::move(line));
    TokenBound bound;
    bound.slots_.resize(std::bit_ceil(2 * words.size() + 2));
    for (auto& word : words) {
        auto at = hash_of(word) & (bound.slots_.size() - 1);
        while (!bound.slots_[at].empty()) at = (at + 1) & (bound.slots_.size() - 1);
        bound.slots_[at] = std::move(word);
    }
    return bound;
}

bool TokenBound::knows(std::string_view word) const noexcept {
    if (slots_.empty()) return false;
    for (auto at = hash_of(word) & (slots_.size() - 1); !slots_[at].empty(); at = (at + 1) & (slots_.size() - 1))
        if (slots_[at] == word) return true;
    return false;
}

std::int64_t TokenBound::operator()(std::string_view text) const noexcept {
    std::int64_t tokens = bytes(text);
    for (auto space = text.find(' ', 1); space != std::string_view::npos; space = text.find(' ', space + 1)) {
        // After white space the space belongs to another piece.
        if (static_cast<unsigned char>(text[space - 1]) <= ' ') continue;
        auto end = space + 1;
        if (end < text.size() && is_upper(text[end])) ++end;
        while (end < text.size() && is_lower(text[end])) ++end;
        const auto word = text.substr(space + 1, end - space - 1);
        if (word.empty() || (end < text.size() && goes_on(text[end])) || !knows(word)) continue;
        tokens -= static_cast<std::int64_t>(word.size());  // the word with its space is one token
        space = end - 1;
    }
    return tokens;
}

}  // namespace synth::openai
