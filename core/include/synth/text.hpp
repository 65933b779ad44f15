// Counting words the way the whole project does: a word is a run of non-whitespace (ASCII space, tab, line ends), as
// the 1,178 words of the default target were counted.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace synth {

[[nodiscard]] constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

namespace detail {

using Sixteen [[gnu::vector_size(16)]] = std::uint8_t;  // letters, of which the compiler looks at all at once

/// All bits of every letter that is a space.
[[nodiscard]] inline Sixteen spaces_of(const char* at) noexcept {
    Sixteen letters;
    std::memcpy(&letters, at, sizeof letters);
    return reinterpret_cast<Sixteen>((letters == std::uint8_t{' '}) | (letters - std::uint8_t{'\t'} < std::uint8_t{5}));
}

}  // namespace detail

[[nodiscard]] constexpr std::size_t count_words(std::string_view text) noexcept {
    std::size_t words = !text.empty() && !is_space(text.front()) ? 1 : 0, at = 1;
    // A word begins where something else follows a space.
    if (!std::is_constant_evaluated() && !text.empty()) {
        for (std::size_t steps; (steps = std::min<std::size_t>((text.size() - at) / 16, 255)) > 0;) {
            detail::Sixteen starts{};
            for (const std::size_t end = at + 16 * steps; at != end; at += 16)
                starts -= detail::spaces_of(text.data() + at - 1) & ~detail::spaces_of(text.data() + at);
            for (std::size_t i = 0; i < 16; ++i) words += starts[i];
        }
    }
    for (; at < text.size(); ++at) words += is_space(text[at - 1]) && !is_space(text[at]) ? 1U : 0U;
    return words;
}

[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

}  // namespace synth
