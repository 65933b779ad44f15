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
    /// Stable word: "connect", "timeout", "first_byte_timeout", "stalled", "cut", "too_large", "buffers_full", "tls",
    /// "certificate", "redirect" (to another server: not followed), "withdrawn", "file" (one of HttpFiles cannot be
    /// read or written), "transport".
    std::string reason;
    std::string message;  ///< for people, with host and port
    bool sent = false;    ///< part of the request may have reached the server, so it may have been billed
    bool fatal = false;   ///< every other request would meet the same: it is the address or the certificates
};

struct HttpResult {
    std::variant<HttpResponse, TransportError> outcome;
    TimePoint began{}, ended{};
};

struct HttpOptions {
    std::chrono::milliseconds timeout{600'000};  ///< of a whole request
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds first_byte_timeout{0};  ///< until an answer begins to come in; 0: only `timeout` counts
    std::size_t window = 20;  ///< requests in flight that are to be expected: decides the number of multi handles
    std::size_t buffers = std::size_t{512} << 20U;  ///< bytes of unfinished answers in all
    /// Asked for over TLS; a server that does not offer it is spoken to in HTTP/1.1. A hundred requests share a
    /// connection.
    bool http2 = false;
    std::string ca_file;  ///< certificates to trust besides the system's; empty: none
    std::string user_agent;
};

/// Bodies that are too large for memory, in files. The descriptors are borrowed until the request has ended.
struct HttpFiles {
    int upload = -1;  ///< its whole content is sent between HttpRequest::body and `tail`; -1: none
    std::string tail;
    int download = -1;  ///< emptied, then written with the body of a 2xx answer, which is then in no HttpResponse
};

class HttpClient {
public:
    using Done = std::function<void(HttpResult&&)>;

    /// invalid_argument when the CA file cannot be read. The loop outlives the client.
    static Result<std::unique_ptr<HttpClient>> make(EventLoop& loop, HttpOptions options);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// Raises the limit of open files as far as the system allows; how many connections that leaves room for.
    static std::size_t most_connections();

    /// Sends `request`; `authorization` is a whole header line ("Authorization: Bearer …") or empty. A body of more
    /// than `max_body` bytes is refused while it streams. Redirects are followed to the same scheme, host and port
    /// only. It leaves before the loop waits next, together with what else was given until then. `done` is called from
    /// the loop, never from within `send`.
    ///
    /// Connections are not opened all at once: while many requests wait for one, the others stand in line, first come,
    /// first served. No timeout counts before a request's turn.
    ///
    /// Of a request with `files` the timeout counts anew with every byte: how long it may take depends on their size.
    void send(HttpRequest request, const std::string& authorization, std::size_t max_body, Done done,
              HttpFiles files = {});

    /// Ends every request that still stands in line, with the reason "withdrawn".
    void withdraw();

    /// Ends every request without calling back.
    void abandon();

    [[nodiscard]] std::size_t in_flight() const noexcept;  ///< those in line included

private:
    class Impl;
    explicit HttpClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace synth::core
