#include "reply.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <utility>

#include "common/plain_text.hpp"
#include "common/reply_json.hpp"
#include "common/waiting.hpp"
#include "synth/text.hpp"

namespace synth::anthropic {

using namespace providers;

namespace {

struct Word {
    std::string_view word;
    Meaning meaning;
};

constexpr std::array<Word, 10> kTypes{{
    {"invalid_request_error", Meaning::bad_request},
    {"request_too_large", Meaning::bad_request},
    {"authentication_error", Meaning::no_access},
    {"permission_error", Meaning::no_access},
    {"not_found_error", Meaning::no_model},
    {"billing_error", Meaning::no_credit},
    {"rate_limit_error", Meaning::wait},
    {"api_error", Meaning::trouble},
    {"overloaded_error", Meaning::trouble},
    {"timeout_error", Meaning::trouble},
}};

/// What is only told apart by its words: `invalid_request_error` stands for all of these too.
struct Phrase {
    std::string_view phrase;  ///< lower case
    Meaning meaning;
    std::string_view reason;
};
constexpr std::array<Phrase, 5> kPhrases{{
    {"credit balance is too low", Meaning::no_credit, "credit_balance_too_low"},
    {"api usage limits", Meaning::no_credit, "usage_limit_reached"},
    {"content filtering policy", Meaning::declined, "content_filter"},
    {"prompt is too long", Meaning::bad_request, "context_length_exceeded"},
    {"exceed context limit", Meaning::bad_request, "context_length_exceeded"},
}};

/// Whether a text names something: `top_p`, "thinking.type.disabled"; not as a part of another name.
bool names(std::string_view text, std::string_view name) noexcept {
    const auto in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
    for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
        const std::size_t end = at + name.size();
        if ((at == 0 || !in_name(text[at - 1])) && (end == text.size() || !in_name(text[end]))) return true;
    }
    return false;
}

/// The parameter that the model does not take, by the words of the refusal: the API has no member that names it.
std::string_view refused_parameter(const Asked& asked, std::string_view message) noexcept {
    for (const std::string_view parameter : asked.may_omit)
        if (names(message, parameter) || (parameter == kEffort && names(message, "effort"))) return parameter;
    return {};
}

void read_failure(const Asked& asked, const HttpResponse& response, const Json& root, Reply& reply) {
    const Json error = root.member("error");
    const std::string type = lower(error.member("type").text());
    const std::string code = lower(error.member("details").member("error_code").text());
    std::string message = one_line((error.is_text() ? error : error.member("message")).text());
    if (message.empty()) message = one_line(root.member("message").text());
    if (message.empty() && !root) message = readable(response.body);

    const auto known = std::ranges::find(kTypes, type, &Word::word);
    const bool by_status = known == kTypes.end();
    Meaning meaning = by_status ? meaning_of_status(response.status) : known->meaning;
    std::string reason = by_status ? "http_" + std::to_string(response.status) : type;

    // A spend limit comes as a rate limit that no waiting of ours ends.
    if (code == "enforced_spend_limit_reached") {
        meaning = Meaning::no_credit;
        reason = code;
    }
    if (meaning == Meaning::bad_request) {
        const std::string words = lower(message);
        const auto phrase = std::ranges::find_if(
            kPhrases, [&](const Phrase& each) { return words.find(each.phrase) != std::string::npos; });
        if (phrase != kPhrases.end()) {
            meaning = phrase->meaning;
            reason = phrase->reason;
        } else if (const std::string_view parameter = refused_parameter(asked, message); !parameter.empty()) {
            meaning = Meaning::parameter;
            reason = "unsupported_parameter";
            reply.remedy = Remedy{Remedy::Kind::omit_parameter, std::string(parameter), ""};
        }
    }
    heed_should_retry(response, by_status, meaning, reply);

    std::string said = "server answered " + std::to_string(response.status);
    if (!type.empty()) said += " (" + one_line(type) + ")";
    if (!message.empty()) said += ": " + message;
    explain_failure(meaning, asked.service, said, std::move(reason), reply);
}

/// Nothing when a server does not say both what went in and what came out. What came from the cache and went into it is
/// counted beside `input_tokens`.
std::optional<Usage> read_usage(const Json& usage) {
    const auto fresh = count_of(usage.member("input_tokens")), output = count_of(usage.member("output_tokens"));
    if (!fresh || !output) return std::nullopt;
    Usage read;
    read.cached_input = count_of(usage.member("cache_read_input_tokens")).value_or(Tokens());
    read.cache_write = count_of(usage.member("cache_creation_input_tokens")).value_or(Tokens());
    read.input = *fresh + read.cached_input + read.cache_write;
    read.output = *output;
    const Json detail = usage.member("output_tokens_details");
    read.reasoning = std::min(count_of(detail.member("thinking_tokens")).value_or(Tokens()), read.output);
    return read;
}

/// Answers that are made in one region only cost more, which the prices do not say: such a tier has none.
std::string read_tier(const Json& usage) {
    std::string tier = one_line(usage.member("service_tier").text());
    const std::string_view place = usage.member("inference_geo").text();
    if (!place.empty() && place != "global" && place != "not_available") tier += "/" + one_line(place);
    return tier;
}

RateLimits read_rate_limits(const HttpResponse& response) {
    const auto header = [](std::string_view what, std::string_view value) {
        return "anthropic-ratelimit-" + std::string(what) + "-" + std::string(value);
    };
    const auto count = [&](std::string_view what, std::string_view value) {
        return count_in(response, header(what, value));
    };
    RateLimits limits;
    limits.limit_requests = count("requests", "limit");
    limits.remaining_requests = count("requests", "remaining");
    limits.reset_requests = time_in(response, header("requests", "reset"));
    limits.limit_tokens = count("tokens", "limit");
    limits.remaining_tokens = count("tokens", "remaining");
    limits.reset_tokens = time_in(response, header("tokens", "reset"));
    const auto both = [&](std::string_view value) -> std::optional<std::int64_t> {
        const auto in = count("input-tokens", value), out = count("output-tokens", value);
        return in && out ? std::optional(*in + *out) : std::nullopt;
    };
    if (!limits.limit_tokens) {
        limits.limit_tokens = both("limit");
        limits.remaining_tokens = both("remaining");
        limits.reset_tokens = std::max(time_in(response, header("input-tokens", "reset")),
                                       time_in(response, header("output-tokens", "reset")));
    }
    limits.retry_after = retry_after(response);
    return limits;
}

FinishReason finish_of(std::string_view name) noexcept {
    if (name.empty()) return FinishReason::unknown;
    if (name == "end_turn" || name == "stop_sequence") return FinishReason::stop;
    if (name == "max_tokens" || name == "model_context_window_exceeded") return FinishReason::length;
    if (name == "refusal") return FinishReason::content_filter;
    return FinishReason::other;
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
    const Json content = root.member("content");
    if (!content.is_array() && !content.is_text())
        return malformed("server answered 200 without a content", "no_content");

    Completion& completion = reply.completion.emplace();
    completion.text = content.is_text() ? std::string(content.text()) : join_parts(content, "text");
    completion.finish = finish_of(root.member("stop_reason").text());
    if (completion.finish == FinishReason::content_filter) {
        const Json details = root.member("stop_details");
        std::string why = one_line(details.member("explanation").text());
        if (why.empty()) why = one_line(details.member("category").text());
        reply.error = Error{ErrorCode::refused, "model declined" + (why.empty() ? "" : ": " + why), "refusal"};
    } else if (trim(completion.text).empty()) {
        if (completion.finish != FinishReason::length)
            return malformed("server answered 200 with an empty text", "empty");
        const bool reasoned = asked.thinks || (reply.usage && reply.usage->reasoning.count > 0) ||
                              content.first().member("type").text() == "thinking";
        reply.error = cut_before_text(reasoned, asked.limit);
    }
}

}  // namespace

Reply read_reply(const Asked& asked, const HttpResponse& response) {
    Reply reply;
    reply.limits = read_rate_limits(response);
    const Json root = parse_body(response.body);
    reply.request_id = one_line(response.header("request-id").value_or(root.member("request_id").text()));
    const Json usage = root.member("usage");
    reply.usage = read_usage(usage);
    reply.tier = read_tier(usage);
    reply.model = one_line(root.member("model").text());
    if (response.status >= 200 && response.status < 300)
        read_answer(asked, response, root, reply);
    else
        read_failure(asked, response, root, reply);
    return reply;
}

}  // namespace synth::anthropic
