#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace synth::core {

/// All of `text` as a decimal number; nothing when it is none, or out of range.
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace synth::core
