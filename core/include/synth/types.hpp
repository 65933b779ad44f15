// The values that flow through a run, in order: SampleSpec → Prompt → Request → HttpRequest → HttpResponse → Reply →
// Draft → Finding → Record. All are plain data; who owns what is said where one is borrowed.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "synth/result.hpp"
#include "synth/taxonomy.hpp"
#include "synth/units.hpp"

namespace synth {

/// Wall-clock time, for the record; never for measuring.
using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;

/// What one sample is to be: planned and saved before anything is spent.
struct SampleSpec {
    std::uint64_t index = 0;  ///< place in the plan, from 0; set by the core
    std::uint64_t seed = 0;   ///< of everything that is drawn for this sample; set by the core from run seed and index
    LabelSet labels;          ///< what the document carries: `drawn` plus parents, if those were asked for
    LabelSet drawn;           ///< what the sampler balanced
    LabelId primary = 0;      ///< one of `drawn`: the label this sample was made for
    std::uint32_t variant = 0;  ///< what the prompt strategy chose for it with the whole plan in view; 0: nothing
    bool operator==(const SampleSpec&) const = default;
};

enum class Role : std::uint8_t { system, user, assistant };

struct Message {
    Role role = Role::user;
    std::string text;  ///< UTF-8
};

/// Something that was drawn for a sample beside its labels: "form" = "GCN circular".
struct Attribute {
    std::string name, value;
    bool operator==(const Attribute&) const = default;
};

struct Prompt {
    std::vector<Message> messages;
    Tokens output_limit;                  ///< what the answer may take, reasoning not counted
    std::uint32_t target_words = 0;       ///< length that was asked for; 0: none
    std::vector<Attribute> attributes{};  ///< recorded with the call, so that reports can say how they spread
};

enum class FinishReason : std::uint8_t { unknown, stop, length, content_filter, other };

[[nodiscard]] constexpr std::string_view name_of(FinishReason reason) noexcept {
    switch (reason) {
        case FinishReason::stop: return "stop";
        case FinishReason::length: return "length";
        case FinishReason::content_filter: return "content_filter";
        case FinishReason::other: return "other";
        case FinishReason::unknown: break;
    }
    return "unknown";
}

struct Completion {
    std::string text;
    FinishReason finish = FinishReason::unknown;
};

/// What the server says that it counted. Cached and cache-write tokens are part of `input`, reasoning of `output`.
struct Usage {
    Tokens input, cached_input, cache_write, output, reasoning;
    bool operator==(const Usage&) const = default;
};

/// What decides the price of a usage.
struct Billing {
    std::string model;  ///< as the reply names it, else as it was asked for
    std::string tier;   ///< service tier as the reply names it; empty: standard
    enum class Mode : std::uint8_t { direct, batch } mode = Mode::direct;
};

/// Something that the provider learned from a refusal and that the core applies to every later request to the same
/// endpoint and model, and keeps in the ledger. The resend is not an attempt.
struct Remedy {
    enum class Kind : std::uint8_t {
        omit_parameter,    ///< do not send `parameter`
        rename_parameter,  ///< send `parameter` as `replacement`
    } kind = Kind::omit_parameter;
    std::string parameter, replacement;
    bool operator==(const Remedy&) const = default;
};

/// One call to a provider. All pointers are borrowed for the duration of the call.
struct Request {
    const SampleSpec* spec = nullptr;
    const Prompt* prompt = nullptr;
    std::string_view role = "write";                ///< what the answer is for; the judge of a validator has its own
    std::uint32_t attempt = 1;                      ///< from 1
    const std::vector<Remedy>* remedies = nullptr;  ///< learned for this endpoint and model; null: none
};

/// A secret that the core fills in at the socket: `header: prefix + value of secret`.
struct HttpAuth {
    std::string secret;  ///< name, such as "OPENAI_API_KEY"
    std::string header = "Authorization";
    std::string prefix = "Bearer ";
};

struct HttpRequest {
    std::string method = "POST";
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::optional<HttpAuth> auth;  ///< left out at the socket when the secret is not set
};

struct HttpResponse {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::string body;

    /// The first header of that lower-case name, or nothing.
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept {
        for (const auto& [key, value] : headers)
            if (key == name) return value;
        return std::nullopt;
    }
};

/// Limits as a reply states them. Absent: not stated (values ≤ 0 included).
struct RateLimits {
    std::optional<std::int64_t> limit_requests, remaining_requests;         ///< per minute
    std::optional<std::int64_t> limit_tokens, remaining_tokens;             ///< per minute
    std::optional<std::chrono::milliseconds> reset_requests, reset_tokens;  ///< until full again
    std::optional<std::chrono::milliseconds> retry_after;                   ///< nothing may be sent before
};

/// What a response means. Completion and error may both be there: a refused, filtered or cut answer is paid for and may
/// be needed for its repair.
struct Reply {
    std::optional<Completion> completion;
    std::optional<Error> error;
    std::optional<Usage> usage;  ///< absent: unknown, never zero
    std::string model, tier;     ///< as the server names them; empty: not named
    std::string request_id;      ///< the server's, for its support
    RateLimits limits;
    std::optional<Remedy> remedy;  ///< send the same again with this applied
    bool retry_may_help = true;    ///< false: this payload will never succeed as it is
};

/// What the prompt strategy made of a completion.
struct Draft {
    std::string title;  ///< may be empty
    std::string text;   ///< the document, UTF-8
};

enum class Severity : std::uint8_t { warning, rejection };

struct Finding {
    Severity severity = Severity::warning;
    std::string code;     ///< stable snake_case word: "too_short"
    std::string message;  ///< for people and, after a rejection, for the model that writes again
    std::string label{};  ///< code of the label that it is about; empty: the whole text
    std::optional<double> value{},
        limit{};              ///< what was measured, and where it starts to be found; in the unit of `code`
    std::string validator{};  ///< id of the plugin that found it; set by the core
    bool operator==(const Finding&) const = default;
};

/// An earlier attempt at the same sample, oldest first, as the ledger has it.
struct Attempt {
    std::uint32_t number = 1;
    std::optional<ErrorCode> error;  ///< of the call or of `extract`; none: a draft was made and rejected by `findings`
    std::string reason;              ///< Error::reason
    std::vector<Finding> findings;
    std::string text;  ///< of the completion; empty: none
    FinishReason finish = FinishReason::unknown;
    Tokens output_limit;  ///< that the attempt had
};

/// A finished sample on its way to the sinks.
struct Record {
    std::uint64_t index = 0;
    std::string link;   ///< "https://synthetic-data-gen.example.com/sample_1": index + 1
    std::string title;  ///< may be empty
    std::string text;
    LabelSet labels;
    std::uint64_t seed = 0;
    std::uint32_t attempt = 1;
    std::string provider, model;  ///< plugin id; model as the server named it
    std::string prompt_hash;      ///< 16 hexadecimal digits, over the messages
    FinishReason finish = FinishReason::unknown;
    std::optional<Usage> usage;
    std::optional<PicoUsd> cost;  ///< of this answer; absent: unknown
    std::uint64_t words = 0;
    std::vector<Finding> findings;      ///< warnings that it was accepted with
    std::vector<Attribute> attributes;  ///< Prompt::attributes
    TimePoint sent{}, received{};
};

}  // namespace synth
