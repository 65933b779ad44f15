#include "rate_limits.hpp"

namespace synth::openai {

RateLimits read_rate_limits(const HttpResponse& response) {
    RateLimits limits;
    limits.limit_requests = count_in(response, "x-ratelimit-limit-requests");
    limits.limit_tokens = count_in(response, "x-ratelimit-limit-tokens");
    limits.remaining_requests = count_in(response, "x-ratelimit-remaining-requests");
    limits.remaining_tokens = count_in(response, "x-ratelimit-remaining-tokens");
    limits.reset_requests = duration_in(response, "x-ratelimit-reset-requests");
    limits.reset_tokens = duration_in(response, "x-ratelimit-reset-tokens");
    limits.retry_after = retry_after(response);
    return limits;
}

}  // namespace synth::openai
