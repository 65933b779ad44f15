// What the headers of a reply say about limits and waiting.

#pragma once

#include "common/waiting.hpp"
#include "synth/types.hpp"

namespace synth::openai {

using namespace providers;

/// Values that are not positive, not plausible or not readable are absent.
RateLimits read_rate_limits(const HttpResponse& response);

}  // namespace synth::openai
