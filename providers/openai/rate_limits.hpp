// What the headers of a reply say about limits and waiting.

#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "synth/types.hpp"

namespace synth::openai {

/// Values that are not positive, not plausible or not readable are absent.
RateLimits read_rate_limits(const HttpResponse& response);

/// "12ms", "1s", "1m12s", "6m0s", "1h0m0s", "7.66s", or plain seconds. Nothing when it is none, is not positive, or is
/// longer than a month (a point in time that was taken for a duration). Rounded up to whole milliseconds.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

/// An HTTP date, "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) noexcept;

}  // namespace synth::openai
