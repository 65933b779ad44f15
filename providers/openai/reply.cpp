#include "reply.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/plain_text.hpp"
#include "common/reply_json.hpp"
#include "rate_limits.hpp"
#include "synth/provider.hpp"
#include "synth/text.hpp"

namespace synth::openai {

namespace {

/// An error as a server describes it, dialects evened out.
struct ServerError {
    std::string code, type, parameter;  ///< lower case; empty: not given
    std::string message;                ///< one line
    int status = 0;                     ///< of the reply, or the numeric code in its body
    [[nodiscard]] std::string_view word() const noexcept { return code.empty() ? type : code; }
};

/// `error` may be an object, a string, sit at top level, be `detail`, or all of it be in an array.
ServerError read_error(const Json& body_root, const HttpResponse& response) {
    const Json root = body_root.is_array() ? body_root.first() : body_root;
    Json source = root.member("error");
    if (!source) source = root.member("detail");
    if (source.is_array()) source = source.first();
    const bool plain = source.is_text();

    ServerError error;
    error.status = response.status;
    std::string_view message = plain ? source.text() : std::string_view();
    if (plain || !source) source = root;
    for (const std::string_view name : {"message", "msg"})
        if (message.empty()) message = source.member(name).text();
    error.message = !message.empty() ? one_line(message) : root ? std::string() : readable(response.body);
    error.type = lower(source.member("type").text());
    error.parameter = source.member("param").text();

    const Json code = source.member("code");
    std::int64_t number = code.integer().value_or(0);
    if (code && !code.integer()) {
        const std::string_view text = code.text();
        const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (bad != std::errc() || end != text.data() + text.size()) {
            number = 0;
            error.code = lower(text);
        }
    }
    if (number >= 400 && number < 600) error.status = static_cast<int>(number);
    return error;
}

struct Word {
    std::string_view word;
    Meaning meaning;
};

constexpr std::array<Word, 29> kWords{{
    {"unsupported_parameter", Meaning::parameter},
    {"unsupported_value", Meaning::parameter},
    {"context_length_exceeded", Meaning::bad_request},
    {"string_above_max_length", Meaning::bad_request},
    {"content_policy_violation", Meaning::declined},
    {"content_filter", Meaning::declined},
    {"invalid_prompt", Meaning::declined},
    {"model_not_found", Meaning::no_model},
    {"invalid_api_key", Meaning::no_access},
    {"authentication_error", Meaning::no_access},
    {"permission_error", Meaning::no_access},
    {"account_deactivated", Meaning::no_access},
    {"insufficient_quota", Meaning::no_credit},
    {"credit_balance_exhausted", Meaning::no_credit},
    {"organization_spend_limit_exceeded", Meaning::no_credit},
    {"project_spend_limit_exceeded", Meaning::no_credit},
    {"organization_usage_limit_exceeded", Meaning::no_credit},
    {"billing_not_active", Meaning::no_credit},
    {"billing_hard_limit_reached", Meaning::no_credit},
    {"rate_limit_exceeded", Meaning::wait},
    {"rate_limit_error", Meaning::wait},
    {"too_many_requests", Meaning::wait},
    {"slow_down", Meaning::wait},
    {"server_is_overloaded", Meaning::trouble},
    {"overloaded", Meaning::trouble},
    {"overloaded_error", Meaning::trouble},
    {"engine_overloaded", Meaning::trouble},
    {"unavailable_error", Meaning::trouble},
    {"server_error", Meaning::trouble},
}};

Meaning meaning_of_word(std::string_view word) noexcept {
    const auto found = std::ranges::find(kWords, word, &Word::word);
    return found == kWords.end() ? Meaning::undecided : found->meaning;
}

/// The number after a word in a message, such as 30000 in "Limit 30000, Requested 45,000".
std::optional<std::int64_t> number_after(std::string_view message, std::string_view word) noexcept {
    const std::size_t found = message.find(word);
    if (found == std::string_view::npos) return std::nullopt;
    std::size_t at = found + word.size();
    while (at < message.size() && (message[at] == ' ' || message[at] == ':')) ++at;
    std::int64_t value = 0;
    int digits = 0;
    for (; at < message.size() && digits < 16; ++at) {
        if (message[at] == ',' && digits > 0) continue;
        if (message[at] < '0' || message[at] > '9') break;
        value = value * 10 + (message[at] - '0');
        ++digits;
    }
    return digits > 0 ? std::optional(value) : std::nullopt;
}

/// What would make the same request acceptable: the other name of the output limit, or one parameter less. Nothing when
/// that has been tried or is not ours to leave out (a service tier decides the price).
std::optional<Remedy> remedy_for(const Asked& asked, const ServerError& error) {
    constexpr std::string_view kOld = "max_tokens", kNew = "max_completion_tokens";
    std::string parameter = error.parameter;
    if (parameter.empty()) {  // "Unsupported parameter: 'max_tokens' is not supported with this model. Use …"
        const std::size_t begin = error.message.find('\'');
        const std::size_t end = error.message.find('\'', begin + 1);
        if (begin != std::string::npos && end != std::string::npos)
            parameter = error.message.substr(begin + 1, end - begin - 1);
    }
    if (parameter == "reasoning.effort") parameter = "reasoning_effort";
    const bool tried = std::ranges::any_of(asked.remedies, [&](const Remedy& remedy) {
        return remedy.parameter == parameter || remedy.replacement == parameter;
    });
    if (tried) return std::nullopt;
    if (parameter == asked.limit_parameter && error.word() == "unsupported_parameter")
        return Remedy{Remedy::Kind::rename_parameter, parameter, std::string(parameter == kOld ? kNew : kOld)};
    if (std::ranges::find(asked.may_omit, parameter) != asked.may_omit.end())
        return Remedy{Remedy::Kind::omit_parameter, parameter, ""};
    return std::nullopt;
}

/// A word that can be counted: the server's, when it looks like one, else the status.
std::string reason_of(const ServerError& error) {
    const std::string& code = error.code;
    const bool countable = !code.empty() && code.size() <= 48 && std::ranges::all_of(code, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (countable) return code;
    if (meaning_of_word(error.type) != Meaning::undecided) return error.type;
    return "http_" + std::to_string(error.status);
}

void read_failure(const Asked& asked, const HttpResponse& response, const Json& root, Reply& reply) {
    const ServerError error = read_error(root, response);
    Meaning meaning = meaning_of_word(error.code);
    if (meaning == Meaning::undecided) meaning = meaning_of_word(error.type);
    const bool by_status = meaning == Meaning::undecided;
    if (by_status) meaning = meaning_of_status(error.status);

    heed_should_retry(response, by_status, meaning, reply);

    std::string said = "server answered " + std::to_string(response.status);
    if (!error.word().empty()) said += " (" + one_line(error.word()) + ")";
    if (!error.message.empty()) said += ": " + error.message;
    if (meaning == Meaning::parameter) reply.remedy = remedy_for(asked, error);
    if (meaning == Meaning::wait) {
        const auto limit = number_after(error.message, "Limit"), requested = number_after(error.message, "Requested");
        if (limit && requested && *requested > *limit)
            return explain_failure(Meaning::bad_request, asked.service,
                                   "request is larger than the rate limit itself; " + said, "request_above_limit",
                                   reply);
    }
    explain_failure(meaning, asked.service, said, reason_of(error), reply);
    if (meaning == Meaning::trouble && error.status == 503 &&
        lower(error.message).find("loading model") != std::string::npos)
        reply.error->reason = kLoading;
}

/// Nothing when a server does not say both what went in and what came out.
std::optional<Usage> read_usage(const Json& root) {
    const Json usage = root.member("usage");
    const auto input = count_of(usage.member("prompt_tokens"));
    const auto output = count_of(usage.member("completion_tokens"));
    if (!input || !output) return std::nullopt;
    const Json in_detail = usage.member("prompt_tokens_details"),
               out_detail = usage.member("completion_tokens_details");
    Usage read;
    read.input = *input;
    read.output = *output;
    read.cached_input = std::min(count_of(in_detail.member("cached_tokens")).value_or(Tokens()), read.input);
    read.cache_write =
        std::min(count_of(in_detail.member("cache_write_tokens")).value_or(Tokens()), read.input - read.cached_input);
    read.reasoning = std::min(count_of(out_detail.member("reasoning_tokens")).value_or(Tokens()), read.output);
    return read;
}

FinishReason finish_of(std::string_view name) noexcept {
    if (name.empty()) return FinishReason::unknown;
    if (name == "stop" || name == "eos" || name == "end_turn") return FinishReason::stop;
    if (name == "length" || name == "model_length" || name == "max_tokens") return FinishReason::length;
    if (name == "content_filter") return FinishReason::content_filter;
    return FinishReason::other;
}

void read_answer(const Asked& asked, const HttpResponse& response, const Json& root, Reply& reply) {
    const auto malformed = [&](std::string message, std::string reason) {
        reply.error = Error{ErrorCode::malformed, std::move(message), std::move(reason)};
    };
    if (!root) return malformed("server answered 200 without JSON: " + readable(response.body), "not_json");

    const Json choice = root.member("choices").first();
    const std::string_view finish = choice.member("finish_reason").text();
    const Json message = choice.member("message");
    const Json content = message.member("content");
    std::string refusal(message.member("refusal").text());
    if (refusal.empty()) refusal = join_parts(content, "refusal");
    if (message) reply.completion = Completion{std::string(content.text()), finish_of(finish)};
    if (content.is_array()) reply.completion->text = join_parts(content, "text");

    if (root.member("error") || finish == "error") {
        const ServerError error = read_error(root, response);
        return malformed("server answered 200 with an error" + (error.message.empty() ? "" : ": " + error.message),
                         "error_in_body");
    }
    if (!message) return malformed("server answered 200 without a choice that has a message", "no_choices");
    if (!refusal.empty()) {
        reply.error = Error{ErrorCode::refused, "model declined: " + one_line(refusal), "refusal"};
    } else if (reply.completion->finish == FinishReason::content_filter) {
        reply.error = Error{ErrorCode::refused, "a content filter stopped the answer", "content_filter"};
    } else if (trim(reply.completion->text).empty()) {
        if (reply.completion->finish != FinishReason::length)
            return malformed("server answered 200 with an empty text", "empty");
        const bool reasoned =
            (reply.usage && reply.usage->reasoning.count > 0) || !message.member("reasoning_content").text().empty() ||
            !message.member("reasoning").text().empty() || (asked.service.known && asked.service.known->reasons);
        reply.error = cut_before_text(reasoned, asked.limit);
    }
}

}  // namespace

Reply read_reply(const Asked& asked, const HttpResponse& response) {
    Reply reply;
    reply.limits = read_rate_limits(response);
    reply.request_id = one_line(response.header("x-request-id").value_or(""));

    const Json root = parse_body(response.body);
    reply.usage = read_usage(root);
    reply.model = one_line(root.member("model").text());
    reply.tier = one_line(root.member("service_tier").text());
    if (response.status >= 200 && response.status < 300)
        read_answer(asked, response, root, reply);
    else
        read_failure(asked, response, root, reply);
    return reply;
}

}  // namespace synth::openai
