#include "failure.hpp"

#include <algorithm>
#include <utility>

namespace synth::providers {

Meaning meaning_of_status(int status) noexcept {
    switch (status) {
        case 401:
        case 403: return Meaning::no_access;
        case 402: return Meaning::no_credit;
        case 404:
        case 405:
        case 410: return Meaning::no_endpoint;
        case 408:
        case 409:
        case 425: return Meaning::trouble;
        case 429: return Meaning::wait;
        default: break;
    }
    if (status >= 500) return Meaning::trouble;
    if (status >= 400) return Meaning::bad_request;
    if (status >= 300) return Meaning::no_endpoint;
    return Meaning::nonsense;
}

void heed_should_retry(const HttpResponse& response, bool by_status, Meaning& meaning, Reply& reply) noexcept {
    const auto should_retry = response.header("x-should-retry");
    const bool refused_for_good = meaning == Meaning::bad_request || meaning == Meaning::no_access ||
                                  meaning == Meaning::no_endpoint || meaning == Meaning::nonsense;
    if (by_status && should_retry == "true" && refused_for_good) meaning = Meaning::trouble;
    if (should_retry == "false") reply.retry_may_help = false;
}

namespace {

std::string describe_shutdown(const Service& service) {
    if (!service.known || service.known->shutdown.empty()) return {};
    std::string text = "; " + std::string(service.vendor) + "'s shutdown date for it is " + service.known->shutdown;
    if (!service.known->replacement.empty()) text += ", its replacement " + service.known->replacement;
    return text;
}

}  // namespace

void explain_failure(Meaning meaning, const Service& service, const std::string& said, std::string reason,
                     Reply& reply) {
    const std::string endpoint(service.endpoint);
    const auto fail = [&](ErrorCode code, std::string message) {
        reply.error = Error{code, std::move(message), std::move(reason)};
    };
    const auto fail_for_good = [&](ErrorCode code, std::string message) {
        fail(code, std::move(message));
        reply.retry_may_help = false;
    };

    switch (meaning) {
        case Meaning::parameter:
            reply.retry_may_help = reply.remedy.has_value();
            return fail(ErrorCode::invalid_argument, said);
        case Meaning::undecided:
        case Meaning::bad_request: return fail_for_good(ErrorCode::invalid_argument, said);
        case Meaning::declined: return fail_for_good(ErrorCode::refused, said);
        case Meaning::no_model:
        case Meaning::no_endpoint:
            return fail_for_good(ErrorCode::unauthorized, "no model '" + std::string(service.model) + "' at " +
                                                              endpoint + describe_shutdown(service) +
                                                              ": check provider.model and provider.base_url; " + said);
        case Meaning::no_access:
            return fail_for_good(ErrorCode::unauthorized, endpoint + " refuses the key or its permissions: check " +
                                                              std::string(service.secret) + "; " + said);
        case Meaning::no_credit:
            return fail_for_good(ErrorCode::exhausted,
                                 "no credit left or spend limit reached at " + endpoint + "; " + said);
        case Meaning::wait: return fail(ErrorCode::rate_limited, said);
        case Meaning::trouble: return fail(ErrorCode::unavailable, said);
        case Meaning::nonsense: return fail(ErrorCode::malformed, said);
    }
}

Error cut_before_text(bool reasoned, Tokens limit) {
    const std::string said = "the limit of " + std::to_string(limit.count) + " tokens";
    return reasoned ? Error{ErrorCode::truncated, "reasoning used up " + said + ", no text came", "reasoning_used_up"}
                    : Error{ErrorCode::truncated, "answer was cut at " + said + " before any text came", "cut"};
}

const Remedy* remedy_of(const Request& request, std::string_view parameter) noexcept {
    if (!request.remedies) return nullptr;
    const auto found = std::ranges::find(*request.remedies, parameter, &Remedy::parameter);
    return found == request.remedies->end() ? nullptr : &*found;
}

}  // namespace synth::providers
