#include "reply.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <simdjson.h>

#include "json_text.hpp"
#include "rate_limits.hpp"
#include "synth/text.hpp"

namespace synth::openai {

namespace {

namespace dom = simdjson::dom;
using Json = std::optional<dom::element>;  ///< nothing: missing, or null

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

Json member(const Json& object, std::string_view name) {
    dom::element value;
    if (!object || !object->is_object() || (*object)[name].get(value) != simdjson::SUCCESS || value.is_null())
        return std::nullopt;
    return value;
}

std::string_view text_of(const Json& value) {
    std::string_view text;
    return value && value->get(text) == simdjson::SUCCESS ? text : std::string_view();
}

/// The first element of an array.
Json first_of(const Json& value) {
    dom::array array;
    if (!value || value->get(array) != simdjson::SUCCESS || array.begin() == array.end()) return std::nullopt;
    return *array.begin();
}

/// A count of tokens, which some servers write as 12.0; nothing when it is none.
std::optional<Tokens> count_of(const Json& value) {
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    std::int64_t count = 0;
    double number = 0;
    if (!value) return std::nullopt;
    if (value->get(count) != simdjson::SUCCESS) {
        if (value->get(number) != simdjson::SUCCESS || !(number >= 0 && number <= double(kMost))) return std::nullopt;
        count = static_cast<std::int64_t>(number);
    }
    if (count < 0 || count > kMost) return std::nullopt;
    return Tokens{count};
}

/// A body that is almost JSON, as servers write it that cut a text inside a character: a byte order mark, bytes that
/// are not UTF-8 and lone surrogates are taken out. The answer is paid for.
std::string repaired(std::string_view body) {
    constexpr std::string_view kMark = "\xef\xbb\xbf";
    if (body.starts_with(kMark)) body.remove_prefix(kMark.size());
    const auto surrogate = [&](std::size_t at, std::string_view third) {  // "\uD8" to "\uDB", or "\uDC" to "\uDF"
        return at + 6 <= body.size() && body[at] == '\\' && body[at + 1] == 'u' && (body[at + 2] | 0x20) == 'd' &&
               third.find(static_cast<char>(std::tolower(static_cast<unsigned char>(body[at + 3])))) !=
                   std::string_view::npos;
    };
    std::string out;
    out.reserve(body.size() + 16);
    for (std::size_t at = 0; at < body.size();) {
        std::size_t length = utf8_length(body.substr(at));
        if (body[at] == '\\') {
            const bool high = surrogate(at, "89ab");
            if (high && surrogate(at + 6, "cdef")) {
                length = 12;
            } else if (high || surrogate(at, "cdef")) {
                out += kReplacement;
                at += 6;
                continue;
            } else {
                length = std::min<std::size_t>(2, body.size() - at);
                if (length == 2 && static_cast<unsigned char>(body[at + 1]) >= 0x80) length = 1;
            }
        }
        if (length == 0) {
            out += kReplacement;
            ++at;
        } else {
            out += body.substr(at, length);
            at += length;
        }
    }
    return out;
}

/// One line of at most 300 bytes for a person, without control characters, whatever a server sent.
std::string one_line(std::string_view text) {
    constexpr std::size_t kMost = 300;
    constexpr std::string_view kMore = "…";
    std::string line;
    for (text = trim(text); !text.empty();) {
        const std::size_t length = utf8_length(text);
        const auto lead = static_cast<unsigned char>(text[0]);
        const bool c1_control = lead == 0xc2 && length == 2 && static_cast<unsigned char>(text[1]) < 0xa0;
        std::string_view next = length == 0 ? kReplacement : text.substr(0, length);
        if (lead <= ' ' || lead == 0x7f || c1_control) next = line.empty() || line.back() == ' ' ? "" : " ";
        if (line.size() + next.size() + kMore.size() > kMost) return line += kMore;
        line += next;
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

std::string lower(std::string_view text) {
    std::string copy(text);
    std::ranges::transform(copy, copy.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return copy;
}

/// What a person can read of a body that is not JSON: of an HTML page its title.
std::string readable(std::string_view body) {
    body = trim(body);
    if (!body.starts_with('<')) return one_line(body);
    const std::string small = lower(body.substr(0, 4096));
    const std::size_t begin = small.find("<title>"), end = small.find("</title>");
    if (begin == std::string::npos || end == std::string::npos || end < begin) return "an HTML page";
    return "an HTML page, '" + one_line(body.substr(begin + 7, end - begin - 7)) + "'";
}

/// An error as a server describes it, dialects evened out.
struct ServerError {
    std::string code, type, parameter;  ///< lower case; empty: not given
    std::string message;                ///< one line
    int status = 0;                     ///< of the reply, or the numeric code in its body
    [[nodiscard]] std::string_view word() const noexcept { return code.empty() ? type : code; }
};

/// `error` may be an object, a string, sit at top level, be `detail`, or all of it be in an array.
ServerError read_error(const Json& body_root, const HttpResponse& response) {
    const Json root = body_root && body_root->is_array() ? first_of(body_root) : body_root;
    Json source = member(root, "error");
    if (!source) source = member(root, "detail");
    if (source && source->is_array()) source = first_of(source);
    const bool plain = source && source->is_string();

    ServerError error;
    error.status = response.status;
    std::string_view message = plain ? text_of(source) : std::string_view();
    if (plain || !source) source = root;
    for (const std::string_view name : {"message", "msg"})
        if (message.empty()) message = text_of(member(source, name));
    error.message = !message.empty() ? one_line(message) : root ? std::string() : readable(response.body);
    error.type = lower(text_of(member(source, "type")));
    error.parameter = text_of(member(source, "param"));

    const Json code = member(source, "code");
    std::int64_t number = 0;
    if (code && code->get(number) != simdjson::SUCCESS) {
        const std::string_view text = text_of(code);
        const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (bad != std::errc() || end != text.data() + text.size()) {
            number = 0;
            error.code = lower(text);
        }
    }
    if (number >= 400 && number < 600) error.status = static_cast<int>(number);
    return error;
}

enum class Meaning : std::uint8_t {
    undecided,
    parameter,    ///< one that this model does not take
    bad_request,  ///< never to be sent again as it is
    declined,     ///< by a content policy
    no_model,
    no_endpoint,
    no_access,
    no_credit,
    wait,
    trouble,  ///< on their side
    nonsense,
};

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

std::string describe_shutdown(const Model* model) {
    if (!model || model->shutdown.empty()) return {};
    std::string text = "; OpenAI's shutdown date for it is " + model->shutdown;
    if (!model->replacement.empty()) text += ", its replacement " + model->replacement;
    return text;
}

void read_failure(const Asked& asked, const HttpResponse& response, const Json& root, Reply& reply) {
    const ServerError error = read_error(root, response);
    Meaning meaning = meaning_of_word(error.code);
    if (meaning == Meaning::undecided) meaning = meaning_of_word(error.type);
    const bool by_status = meaning == Meaning::undecided;
    if (by_status) meaning = meaning_of_status(error.status);

    const auto should_retry = response.header("x-should-retry");
    const bool refused_for_good = meaning == Meaning::bad_request || meaning == Meaning::no_access ||
                                  meaning == Meaning::no_endpoint || meaning == Meaning::nonsense;
    if (by_status && should_retry == "true" && refused_for_good) meaning = Meaning::trouble;
    if (should_retry == "false") reply.retry_may_help = false;

    std::string said = "server answered " + std::to_string(response.status);
    if (!error.word().empty()) said += " (" + one_line(error.word()) + ")";
    if (!error.message.empty()) said += ": " + error.message;
    const auto fail = [&](ErrorCode code, std::string message) {
        reply.error = Error{code, std::move(message), reason_of(error)};
    };
    const auto fail_for_good = [&](ErrorCode code, std::string message) {
        fail(code, std::move(message));
        reply.retry_may_help = false;
    };

    switch (meaning) {
        case Meaning::parameter:
            reply.remedy = remedy_for(asked, error);
            reply.retry_may_help = reply.remedy.has_value();
            return fail(ErrorCode::invalid_argument, said);
        case Meaning::undecided:
        case Meaning::bad_request: return fail_for_good(ErrorCode::invalid_argument, said);
        case Meaning::declined: return fail_for_good(ErrorCode::refused, said);
        case Meaning::no_model:
        case Meaning::no_endpoint:
            return fail_for_good(ErrorCode::unauthorized, "no model '" + std::string(asked.model) + "' at " +
                                                              std::string(asked.endpoint) +
                                                              describe_shutdown(asked.known) +
                                                              ": check provider.model and provider.base_url; " + said);
        case Meaning::no_access:
            return fail_for_good(ErrorCode::unauthorized, std::string(asked.endpoint) +
                                                              " refuses the key or its permissions: check "
                                                              "OPENAI_API_KEY; " +
                                                              said);
        case Meaning::no_credit:
            return fail_for_good(ErrorCode::exhausted, "no credit left or spend limit reached at " +
                                                           std::string(asked.endpoint) + "; " + said);
        case Meaning::wait: {
            const auto limit = number_after(error.message, "Limit"),
                       requested = number_after(error.message, "Requested");
            if (limit && requested && *requested > *limit) {
                fail_for_good(ErrorCode::invalid_argument, "request is larger than the rate limit itself; " + said);
                reply.error->reason = "request_above_limit";
                return;
            }
            return fail(ErrorCode::rate_limited, said);
        }
        case Meaning::trouble:
            fail(ErrorCode::unavailable, said);
            if (error.status == 503 && lower(error.message).find("loading model") != std::string::npos)
                reply.error->reason = "loading";
            return;
        case Meaning::nonsense: return fail(ErrorCode::malformed, said);
    }
}

/// Nothing when a server does not say both what went in and what came out.
std::optional<Usage> read_usage(const Json& root) {
    const Json usage = member(root, "usage");
    const auto input = count_of(member(usage, "prompt_tokens"));
    const auto output = count_of(member(usage, "completion_tokens"));
    if (!input || !output) return std::nullopt;
    const Json in_detail = member(usage, "prompt_tokens_details"),
               out_detail = member(usage, "completion_tokens_details");
    Usage read;
    read.input = *input;
    read.output = *output;
    read.cached_input = std::min(count_of(member(in_detail, "cached_tokens")).value_or(Tokens()), read.input);
    read.cache_write =
        std::min(count_of(member(in_detail, "cache_write_tokens")).value_or(Tokens()), read.input - read.cached_input);
    read.reasoning = std::min(count_of(member(out_detail, "reasoning_tokens")).value_or(Tokens()), read.output);
    return read;
}

/// Of the parts of a content that is an array: {"type": "text", "text": …}.
std::string join_parts(const Json& content, std::string_view member_name) {
    std::string text;
    dom::array parts;
    if (content && content->get(parts) == simdjson::SUCCESS)
        for (const dom::element part : parts) text += text_of(member(part, member_name));
    return text;
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

    const Json choice = first_of(member(root, "choices"));
    const std::string_view finish = text_of(member(choice, "finish_reason"));
    const Json message = member(choice, "message");
    const Json content = member(message, "content");
    std::string refusal(text_of(member(message, "refusal")));
    if (refusal.empty()) refusal = join_parts(content, "refusal");
    if (message) reply.completion = Completion{std::string(text_of(content)), finish_of(finish)};
    if (content && content->is_array()) reply.completion->text = join_parts(content, "text");

    if (member(root, "error") || finish == "error") {
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
        const bool reasoned = (reply.usage && reply.usage->reasoning.count > 0) ||
                              !text_of(member(message, "reasoning_content")).empty() ||
                              !text_of(member(message, "reasoning")).empty() || (asked.known && asked.known->reasons);
        const std::string limit = "the limit of " + std::to_string(asked.limit.count) + " tokens";
        reply.error =
            reasoned ? Error{ErrorCode::truncated, "reasoning used up " + limit + ", no text came", "reasoning_used_up"}
                     : Error{ErrorCode::truncated, "answer was cut at " + limit + " before any text came", "cut"};
    }
}

}  // namespace

Reply read_reply(const Asked& asked, const HttpResponse& response) {
    thread_local dom::parser parser;  // its buffers are the cost of a parse; a thread has one reply in hand at a time
    Reply reply;
    reply.limits = read_rate_limits(response);
    reply.request_id = one_line(response.header("x-request-id").value_or(""));

    Json root;
    dom::element parsed;
    auto failed = parser.parse(response.body).get(parsed);
    if (failed == simdjson::UTF8_ERROR || failed == simdjson::STRING_ERROR || response.body.starts_with("\xef\xbb\xbf"))
        failed = parser.parse(repaired(response.body)).get(parsed);
    if (failed == simdjson::SUCCESS && (parsed.is_object() || parsed.is_array())) root = parsed;

    reply.usage = read_usage(root);
    reply.model = one_line(text_of(member(root, "model")));
    reply.tier = one_line(text_of(member(root, "service_tier")));
    if (response.status >= 200 && response.status < 300)
        read_answer(asked, response, root, reply);
    else
        read_failure(asked, response, root, reply);
    return reply;
}

}  // namespace synth::openai
