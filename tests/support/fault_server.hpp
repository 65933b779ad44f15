// A server on 127.0.0.1 that speaks as OpenAI does (also as Anthropic and Gemini, see below) and whose every answer,
// and every failure, is scripted. Tests hold one in process; the program `fault-server` is the same thing on its own.
// One epoll thread with timers, good for thousands of open requests. Answers are a pure function of the request's body,
// so that a resumed run meets what an unbroken one does.
//
// The script is a JSON object; everything is optional, an unknown key is an error:
//
//   "seed": 1                   of all draws
//   "words": 1178               of the document; default: the largest number N of an "N words" in the prompt, else 300
//   "respect_limit": true       an answer longer than max_completion_tokens is cut, finish_reason "length"
//   "model_suffix": ""          put behind the model's name in replies, such as "-2024-07-18"
//   "service_tier": "default"   named in replies; "" leaves it out
//   "usage": "full"             "plain": without the details; "none": no usage at all
//   "cached_tokens": 0          of the prompt, at most all of it
//   "reasoning_tokens": 0       added to the completion's
//   "models": ["gpt-4o-mini"]   for GET /v1/models; given, any other model is answered 404 model_not_found
//   "key": ""                   given, any other key is answered 401
//   "credit": 100               answers before insufficient_quota
//   "latency": {"ms": 20} or {"median_ms": 20, "sigma": 0.5}      before anything is sent; the second is log-normal
//   "limits": {"requests": 60, "tokens": 10000, "window_ms": 60000, "dialect": "openai", "retry": "seconds",
//              "failures_count": false}
//                               token buckets that refill over the window; dialect openai (reset as "1m12s"), seconds
//                               (reset as "72"), azure (limits as -1) or none (no headers); retry, what a 429 says:
//                               seconds, ms, date or none. A request's tokens are its prompt's and its output limit
//   "keep_bodies": true         in the log
//   "cycle": ["none", "server_error", {…}]    call n of chat completions meets entry (n - 1) mod length
//   "rules": [{"fault": "rate_limited", …}]   first one that applies; before "cycle"
//
// A rule applies when all that it names holds: "calls": [1, 5] (numbers of chat completions, from 1, since the script
// was set), "from", "to", "every": n (calls n, 2n, …), "probability": p (drawn from seed, body and how often that body
// came; with "sticky": true from seed and body alone), "first": n (the first n times that this body comes), "match":
// "text in the body", "times": n (applies n times at most). Any rule may have its own "latency" and "headers": {name:
// value}.
//
// POST /v1/messages is answered as Anthropic does, POST /v1beta/models/MODEL:generateContent as Gemini does, by the
// same script: faults come as those services write them, whole answers and limits too ("param" is matched at the top
// level).
//
// Faults:
//   none                                    a good answer
//   rate_limited                            429; "retry_after": "2", "retry_after_ms": "1500", "retry_date": s from
//   now,
//                                           "reset": "6m0s" are sent as headers; "requested_tokens"/"limit_tokens": too
//                                           large
//   insufficient_quota 429, unauthorized 401, forbidden 403, model_not_found 404, context_length_exceeded 400,
//   request_timeout 408, conflict 409, server_error 500, overloaded 503, overloaded_529
//   bad_gateway                             502 with HTML
//   unsupported_parameter, unsupported_value    400 for "param"; applies only to requests that carry it; "instead": its
//   new name status                                  "status": 418 with "body" and "content_type", as given html,
//   error_member, no_choices, empty, refusal, content_filter, length ("share": 0.5 of the text), invalid_utf8: 200 huge
//   200, "bytes" (default 256 MiB) of text cut_body                                Content-Length of the whole, half of
//   it sent, closed close, reset, reset_after_headers       closed in silence, connection reset without a byte, reset
//   within the body hang                                    never answered drip                                    a
//   good answer, "bytes" (64) every "pause_ms" (10) endless_headers, chunked, wrong_content_type ("content_type")
//   redirect                                307 to "location": "same" (default), "other" (the name localhost) or a URL
//   key_echo                                "status" (401) with the received key in message and headers

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synth::test {

struct LoggedRequest {
    std::uint64_t call = 0;  ///< number of the chat completion, from 1, since the script was set; 0: another path
    std::string method, target;
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::string body;                                          ///< empty when bodies are not kept
    std::uint64_t body_hash = 0;
    std::string model;                                      ///< that was asked for
    std::string fault;                                      ///< as in the script; "none": a good answer
    int status = 0;                                         ///< answered; 0: none
    bool sent = false;                                      ///< the whole answer left
    bool abandoned = false;                                 ///< the client hung up before it had
    std::chrono::steady_clock::time_point received, ended;  ///< `ended`: sent or abandoned
    std::int64_t prompt_tokens = 0, cached_tokens = 0,
                 completion_tokens = 0;  ///< in the answer's usage; zero when without
    std::int64_t counted_tokens = 0;     ///< against the limit: the prompt's and those that the answer might have

    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

/// All calls are safe from any thread.
class FaultServer {
public:
    /// Listens before it returns. Raises the soft limit of open files to the hard one. Throws std::runtime_error for a
    /// script that is wrong and a port that is taken; port 0 takes a free one.
    explicit FaultServer(std::string_view script_json = "{}", std::uint16_t port = 0);
    ~FaultServer();

    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::string base_url() const;  ///< "http://127.0.0.1:PORT/v1"

    /// Another script for all requests to come: counters and buckets start afresh, the log stays.
    void set_script(std::string_view script_json);

    [[nodiscard]] std::vector<LoggedRequest> requests() const;  ///< everything received, in order
    [[nodiscard]] std::string log_json() const;                 ///< the same, as GET /log answers it; without bodies
    [[nodiscard]] std::size_t most_in_flight() const;           ///< chat completions open at once, at most

    /// Wait for `count` chat completions received, or good answers sent, since the start. False: not within `patience`.
    [[nodiscard]] bool wait_for_requests(std::size_t count, std::chrono::milliseconds patience) const;
    [[nodiscard]] bool wait_for_answers(std::size_t count, std::chrono::milliseconds patience) const;

    /// Closes every connection. The log stays readable.
    void stop();

private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

/// FNV-1a, 64 bits: LoggedRequest::body_hash.
[[nodiscard]] std::uint64_t hash_of(std::string_view bytes);

}  // namespace synth::test
