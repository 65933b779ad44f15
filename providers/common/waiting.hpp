// What headers say about limits and waiting. Values that are not positive, not plausible or not readable are absent.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "synth/types.hpp"

namespace synth::providers {

/// "12ms", "1s", "1m12s", "6m0s", "1h0m0s", "7.66s", or plain seconds. Nothing when it is none, is not positive, or is
/// longer than a month (a point in time that was taken for a duration). Rounded up to whole milliseconds.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

/// An HTTP date, "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) noexcept;

/// "2026-11-24T10:00:00Z", "2026-11-24T12:00:00.5+02:00"; fractions of a second are rounded up.
std::optional<std::chrono::sys_seconds> parse_rfc3339(std::string_view text) noexcept;

std::optional<std::int64_t> count_in(const HttpResponse& response, std::string_view header) noexcept;
std::optional<std::chrono::milliseconds> duration_in(const HttpResponse& response, std::string_view header) noexcept;
/// Until a point in time (RFC 3339), measured from the reply's own `date`.
std::optional<std::chrono::milliseconds> time_in(const HttpResponse& response, std::string_view header) noexcept;

/// `retry-after-ms`, else `retry-after` in seconds or as a date, which is measured from the reply's own `date`.
std::optional<std::chrono::milliseconds> retry_after(const HttpResponse& response) noexcept;

}  // namespace synth::providers
