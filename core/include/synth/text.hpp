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

/// The highest bit of every byte of `eight` that is a space.
[[nodiscard]] constexpr std::uint64_t spaces_of(std::uint64_t eight) noexcept {
    constexpr std::uint64_t kEach = 0x0101010101010101U, kHighest = kEach * 0x80U;
    const std::uint64_t low = eight & ~kHighest;
    const auto at_least = [&](unsigned char c) { return low + kEach * (0x80U - c); };  // no byte carries into the next
    const std::uint64_t line = at_least('\t') & ~at_least('\r' + 1), blank = at_least(' ') & ~at_least(' ' + 1);
    return (line | blank) & ~eight & kHighest;
}

}  // namespace detail

[[nodiscard]] constexpr std::size_t count_words(std::string_view text) noexcept {
    std::size_t words = !text.empty() && !is_space(text.front()) ? 1 : 0, at = 1;
    // A word begins where something else follows a space: eight places at a time, each as a bit in its byte.
    if (!std::is_constant_evaluated() && !text.empty()) {
        for (std::size_t steps; (steps = std::min<std::size_t>((text.size() - at) / 8, 255)) > 0;) {
            std::uint64_t starts = 0;
            for (const std::size_t end = at + 8 * steps; at != end; at += 8) {
                std::uint64_t before = 0, here = 0;
                std::memcpy(&before, text.data() + at - 1, sizeof before);
                std::memcpy(&here, text.data() + at, sizeof here);
                starts += (detail::spaces_of(before) & ~detail::spaces_of(here)) >> 7U;
            }
            for (; starts != 0; starts >>= 8U) words += starts & 0xFFU;
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
