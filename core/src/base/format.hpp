// How numbers, money and times are shown to people, and times in files.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "synth/types.hpp"

namespace synth::core {

/// "12,345".
std::string with_thousands(std::uint64_t number);

/// "$0.0123": two digits from a dollar on, else enough to show three significant ones.
std::string dollars(PicoUsd money);

/// Exact decimal number of dollars, no trailing zeros: "0.000123".
std::string exact_usd(PicoUsd money);

/// Nothing when it is not a decimal number of dollars with at most 12 decimals, or out of range.
std::optional<PicoUsd> parse_usd(std::string_view text);

/// "1.5 MB", "320 MB", "4.2 GB": powers of ten.
std::string megabytes(std::uint64_t bytes);

/// "3.2 s", "4 min 10 s", "2 h 5 min".
std::string duration_text(double seconds);

/// "2026-11-23T08:45:12.345Z".
std::string iso_time(TimePoint time);

/// 'text'.
std::string in_quotes(std::string_view text);

/// 16 hexadecimal digits.
std::string hex64(std::uint64_t value);

[[nodiscard]] TimePoint now();

}  // namespace synth::core
