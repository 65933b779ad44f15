// HTTP over libcurl: many requests in flight on the event loop, connections kept and shared. The only libcurl code.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "net/event_loop.hpp"
#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth::core {

/// No response came, or none that can be used.
struct TransportError {
    std::string reason;   ///< stable word: "connect", "timeout", "stalled", "cut", "too_large", "tls", "transport"
    std::string message;  ///< for people, with host and port
    bool sent = false;    ///< part of the request may have reached the server, so it may have been billed
};

struct HttpResult {
    std::variant<HttpResponse, TransportError> outcome;
    TimePoint began{}, ended{};
};

struct HttpOptions {
    std::chrono::milliseconds timeout{600'000};         ///< of a whole request
    std::chrono::milliseconds connect_timeout{10'000};
    std::size_t window = 20;   ///< requests in flight that are to be expected: decides the number of multi handles
    std::string ca_file;       ///< instead of the system's certificates; empty: the system's
    std::string user_agent;
};

class HttpClient {
public:
    using Done = std::function<void(HttpResult&&)>;

    /// invalid_argument when there is no CA file. The loop outlives the client.
    static Result<std::unique_ptr<HttpClient>> make(EventLoop& loop, HttpOptions options);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// Sends `request`; `authorization` is a whole header line ("Authorization: Bearer …") or empty. A body of more
    /// than `max_body` bytes is refused while it streams. `done` is called from the loop, never from within `send`.
    void send(const HttpRequest& request, const std::string& authorization, std::size_t max_body, Done done);

    /// Ends every request without calling back.
    void abandon();

    [[nodiscard]] std::size_t in_flight() const noexcept;

private:
    class Impl;
    explicit HttpClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace synth::core
