// Counting words the way the whole project does: a word is a run of non-whitespace (ASCII space, tab, line ends), as
// the 1,178 words of the default target were counted.

#pragma once

#include <cstddef>
#include <string_view>

namespace synth {

[[nodiscard]] constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

[[nodiscard]] constexpr std::size_t count_words(std::string_view text) noexcept {
    std::size_t words = 0;
    bool inside = false;
    for (const char c : text) {
        const bool space = is_space(c);
        words += static_cast<std::size_t>(inside && space);
        inside = !space;
    }
    return words + static_cast<std::size_t>(inside);
}

[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

}  // namespace synth
