// What replies say about limits and waiting. Input: header lines.

#include <chrono>
#include <optional>

#include "../../providers/openai/rate_limits.hpp"
#include "http_text.hpp"

namespace {

using synth::fuzz::require;

void check(const std::optional<std::chrono::milliseconds>& duration) {
    require(!duration || (duration->count() > 0 && *duration <= std::chrono::days(31)), "a duration is absent or sane");
}
void check(const std::optional<std::int64_t>& count) { require(!count || *count > 0, "a count is absent or positive"); }

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = synth::fuzz::as_text(data, size);
    synth::HttpResponse response;
    while (!text.empty()) synth::fuzz::take_headers(text, response);

    const synth::RateLimits limits = synth::openai::read_rate_limits(response);
    check(limits.limit_requests);
    check(limits.limit_tokens);
    check(limits.remaining_requests);
    check(limits.remaining_tokens);
    check(limits.reset_requests);
    check(limits.reset_tokens);
    check(limits.retry_after);

    for (const auto& [name, value] : response.headers) {
        check(synth::openai::parse_duration(value));
        const auto date = synth::openai::parse_http_date(value);
        require(!date || (*date >= std::chrono::sys_days(std::chrono::year(0) / 1 / 1) &&
                          *date <= std::chrono::sys_days(std::chrono::year(10'000) / 1 / 1)),
                "a date has a year of four digits", value);
        // A plain number of seconds and the same with its unit are one duration.
        const auto digits = value.find_first_not_of("0123456789.");
        if (digits == std::string::npos)
            require(synth::openai::parse_duration(value) == synth::openai::parse_duration(value + "s"),
                    "seconds are the default", value);
    }
    return 0;
}
