// JSON that nests without end: nlohmann/json reads it, but copies and writes it recursively, until the stack is used
// up.

#pragma once

#include <cstddef>
#include <string_view>

namespace synth::core {

/// Whether `json` nests deeper than anything of ours does. What is not valid JSON may be either.
[[nodiscard]] constexpr bool nests_too_deep(std::string_view json) noexcept {
    constexpr std::size_t kDeepest = 64;
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (c == '"') in_string = !in_string;
        if (in_string && c == '\\') ++i;
        if (in_string) continue;
        if ((c == '[' || c == '{') && ++depth > kDeepest) return true;
        if ((c == ']' || c == '}') && depth > 0) --depth;
    }
    return false;
}

}  // namespace synth::core
