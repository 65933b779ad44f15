#include "reply.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "common/plain_text.hpp"
#include "common/reply_json.hpp"
#include "common/waiting.hpp"
#include "synth/text.hpp"

namespace synth::gemini {

using namespace providers;

namespace {

struct Word {
    std::string_view word;
    Meaning meaning;
};

/// google.rpc.Code, as `error.status` names it.
constexpr std::array<Word, 14> kCodes{{
    {"INVALID_ARGUMENT", Meaning::bad_request},
    {"OUT_OF_RANGE", Meaning::bad_request},
    {"UNIMPLEMENTED", Meaning::bad_request},
    {"FAILED_PRECONDITION", Meaning::no_access},  // of the account: no billing, a country that is not served
    {"UNAUTHENTICATED", Meaning::no_access},
    {"PERMISSION_DENIED", Meaning::no_access},
    {"NOT_FOUND", Meaning::no_model},
    {"RESOURCE_EXHAUSTED", Meaning::wait},
    {"UNAVAILABLE", Meaning::trouble},
    {"INTERNAL", Meaning::trouble},
    {"UNKNOWN", Meaning::trouble},
    {"ABORTED", Meaning::trouble},
    {"CANCELLED", Meaning::trouble},
    {"DEADLINE_EXCEEDED", Meaning::trouble},
}};

/// What `error.details` say.
struct Details {
    std::string reason;                              ///< of ErrorInfo: "API_KEY_INVALID"
    std::optional<std::chrono::milliseconds> retry;  ///< of RetryInfo
    std::string lasting_quota;  ///< a quota that no waiting of minutes ends: of the day, or of nothing at all
};

Details read_details(const Json& error) {
    Details details;
    for (const Json each : error.member("details").elements()) {
        const std::string_view type = each.member("@type").text();
        if (type.ends_with("ErrorInfo")) details.reason = each.member("reason").text();
        if (type.ends_with("RetryInfo")) details.retry = parse_duration(each.member("retryDelay").text());
        if (!type.ends_with("QuotaFailure")) continue;
        for (const Json violation : each.member("violations").elements()) {
            const std::string_view quota = violation.member("quotaId").text();
            const bool lasting =
                quota.find("PerDay") != std::string_view::npos || violation.member("quotaValue").text() == "0";
            if (lasting) details.lasting_quota = one_line(quota);
        }
    }
    return details;
}

/// The parameter that the model does not take, by the words of the refusal: the API has no member that names it.
std::string_view refused_parameter(const Asked& asked, const std::string& words) noexcept {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kNames{{
        {"thinking", kThinking},
        {"budget", kThinking},
        {"temperature", kTemperature},
        {"topp", kTopP},
        {"top_p", kTopP},
    }};
    for (const auto& [name, parameter] : kNames)
        if (words.find(name) != std::string::npos &&
            std::ranges::find(asked.may_omit, parameter) != asked.may_omit.end())
            return parameter;
    return {};
}

void read_failure(const Asked& asked, const HttpResponse& response, const Json& body_root, Reply& reply) {
    const Json root = body_root.is_array() ? body_root.first() : body_root;
    const Json error = root.member("error");
    const std::string_view status = error.member("status").text();
    std::string message = one_line((error.is_text() ? error : error.member("message")).text());
    if (message.empty()) message = one_line(root.member("message").text());
    if (message.empty() && !root) message = readable(response.body);
    const Details details = read_details(error);
    if (!reply.limits.retry_after) reply.limits.retry_after = details.retry;

    const auto known = std::ranges::find(kCodes, status, &Word::word);
    const bool by_status = known == kCodes.end();
    Meaning meaning = by_status ? meaning_of_status(response.status) : known->meaning;
    std::string reason = by_status ? "http_" + std::to_string(response.status) : lower(status);
    const std::string words = lower(message);
    const auto says = [&](std::string_view phrase) { return words.find(phrase) != std::string::npos; };

    if (details.reason.starts_with("API_KEY_") || (meaning == Meaning::bad_request && says("api key not valid"))) {
        meaning = Meaning::no_access;
        reason = details.reason.empty() ? "api_key_invalid" : lower(one_line(details.reason));
    } else if (meaning == Meaning::wait && !details.lasting_quota.empty()) {
        meaning = Meaning::no_credit;
        reason = "daily_quota";
        message = "quota " + details.lasting_quota + "; " + message;
    } else if (meaning == Meaning::wait && (says("credits are depleted") || says("spending cap"))) {
        meaning = Meaning::no_credit;
        reason = "credit_exhausted";
    } else if (meaning == Meaning::bad_request) {
        if (says("exceeds the maximum number of tokens")) {
            reason = "context_length_exceeded";
        } else if (const std::string_view parameter = refused_parameter(asked, words); !parameter.empty()) {
            meaning = Meaning::parameter;
            reason = "unsupported_parameter";
            reply.remedy = Remedy{Remedy::Kind::omit_parameter, std::string(parameter), ""};
        }
    }

    std::string said = "server answered " + std::to_string(response.status);
    if (!status.empty()) said += " (" + one_line(status) + ")";
    if (!message.empty()) said += ": " + message;
    explain_failure(meaning, asked.service, said, std::move(reason), reply);
}

/// Nothing when a server does not say both what went in and what came out. Thoughts are counted beside the candidates
/// and billed like them; either is left out when there was none.
std::optional<Usage> read_usage(const Json& usage) {
    const auto prompt = count_of(usage.member("promptTokenCount"));
    const auto text = count_of(usage.member("candidatesTokenCount")),
               thoughts = count_of(usage.member("thoughtsTokenCount"));
    const bool says_output = text || thoughts || count_of(usage.member("totalTokenCount"));
    if (!prompt || !says_output) return std::nullopt;
    Usage read;
    read.input = *prompt + count_of(usage.member("toolUsePromptTokenCount")).value_or(Tokens());
    read.cached_input = std::min(count_of(usage.member("cachedContentTokenCount")).value_or(Tokens()), read.input);
    read.reasoning = thoughts.value_or(Tokens());
    read.output = text.value_or(Tokens()) + read.reasoning;
    return read;
}

struct Finish {
    std::string_view name;
    FinishReason reason;
};
/// All others: something that is neither an end nor a filter.
constexpr std::array<Finish, 11> kFinishes{{
    {"", FinishReason::unknown},
    {"FINISH_REASON_UNSPECIFIED", FinishReason::unknown},
    {"STOP", FinishReason::stop},
    {"MAX_TOKENS", FinishReason::length},
    {"SAFETY", FinishReason::content_filter},
    {"RECITATION", FinishReason::content_filter},
    {"BLOCKLIST", FinishReason::content_filter},
    {"PROHIBITED_CONTENT", FinishReason::content_filter},
    {"SPII", FinishReason::content_filter},
    {"IMAGE_SAFETY", FinishReason::content_filter},
    {"MODEL_ARMOR", FinishReason::content_filter},
}};

FinishReason finish_of(std::string_view name) noexcept {
    const auto found = std::ranges::find(kFinishes, name, &Finish::name);
    return found == kFinishes.end() ? FinishReason::other : found->reason;
}

/// Of the parts that are no thoughts.
std::string read_text(const Json& content, bool& thought) {
    std::string text;
    for (const Json part : content.member("parts").elements()) {
        if (part.member("thought").truth() == true)
            thought = true;
        else
            text += part.member("text").text();
    }
    return text;
}

void read_answer(const Asked& asked, const HttpResponse& response, const Json& root, Reply& reply) {
    const auto malformed = [&](std::string message, std::string reason) {
        reply.error = Error{ErrorCode::malformed, std::move(message), std::move(reason)};
    };
    if (!root) return malformed("server answered 200 without JSON: " + readable(response.body), "not_json");
    if (const Json error = root.member("error")) {
        const std::string message = one_line((error.is_text() ? error : error.member("message")).text());
        return malformed("server answered 200 with an error" + (message.empty() ? "" : ": " + message),
                         "error_in_body");
    }
    const Json candidate = root.member("candidates").first();
    const std::string block = one_line(root.member("promptFeedback").member("blockReason").text());
    if (!candidate && !block.empty()) {
        reply.error = Error{ErrorCode::refused, "the prompt was blocked: " + block, "prompt_blocked"};
        return;
    }
    if (!candidate.is_object()) return malformed("server answered 200 without a candidate", "no_candidates");

    const std::string_view finish = candidate.member("finishReason").text();
    bool thought = false;
    Completion& completion = reply.completion.emplace();
    completion.text = read_text(candidate.member("content"), thought);
    completion.finish = finish_of(finish);
    if (completion.finish == FinishReason::content_filter) {
        const std::string why = one_line(candidate.member("finishMessage").text());
        reply.error =
            Error{ErrorCode::refused,
                  "a content filter stopped the answer: " + std::string(finish) + (why.empty() ? "" : ", " + why),
                  lower(finish)};
    } else if (trim(completion.text).empty()) {
        if (completion.finish != FinishReason::length)
            return malformed(
                "server answered 200 with an empty text" + (finish.empty() ? "" : " (" + one_line(finish) + ")"),
                "empty");
        const bool reasoned = thought || asked.thinks || (reply.usage && reply.usage->reasoning.count > 0);
        reply.error = cut_before_text(reasoned, asked.limit);
    }
}

}  // namespace

Reply read_reply(const Asked& asked, const HttpResponse& response) {
    Reply reply;
    reply.limits.retry_after = retry_after(response);  // the service states no other limits
    const Json root = parse_body(response.body);
    reply.request_id = one_line(root.member("responseId").text());
    const Json usage = root.member("usageMetadata");
    reply.usage = read_usage(usage);
    reply.tier = lower(one_line(response.header("x-gemini-service-tier").value_or(usage.member("serviceTier").text())));
    reply.model = one_line(root.member("modelVersion").text());
    constexpr std::string_view kModels = "models/";
    if (reply.model.starts_with(kModels)) reply.model.erase(0, kModels.size());
    if (response.status >= 200 && response.status < 300)
        read_answer(asked, response, root, reply);
    else
        read_failure(asked, response, root, reply);
    return reply;
}

}  // namespace synth::gemini
