// latency-server: the model at the other end of a measurement. It answers every POST with a good chat completion after
// a latency that is a function of seed and arrival number only, so that the best possible wall time of a run, the
// greedy makespan, comes from the same latencies. One thread, plain epoll: a few microseconds a request, so that the
// client is what is measured.
//
//     latency-server [--port N] [--latency zero | fixed:MS | lognormal:MEDIAN_MS:SIGMA] [--seed N] [--window N]
//                    [--text-bytes N] [--tls CA_FILE] [--goaway N]
//
// The first line on standard output is {"url", "ca_file"}; with --tls a self-signed certificate is made and written to
// CA_FILE, for the client's --ca-file, and a client that offers it is spoken to in HTTP/2, a hundred requests on a
// connection at a time; --goaway takes N requests on each, refuses further ones and ends it when those are answered.
// GET /stats answers with the statistics, SIGTERM and SIGINT print them and end: requests, most in flight, first
// request in and last answer out on the monotonic clock, and the greedy makespan of
// --window requests in flight (list scheduling in order of arrival).

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <numbers>
#include <queue>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "synth/random.hpp"

namespace {

using synth::derive_seed;
using synth::Random;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

int checked(int result, const char* what) {
    if (result < 0) fail(what);
    return result;
}

std::int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

template <class Number>
Number number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        throw std::runtime_error("not a number: '" + std::string(text) + "'");
    return value;
}

/// The latency of request `n`, in nanoseconds.
class Latencies {
public:
    Latencies(std::string_view law, std::uint64_t seed) : seed_(derive_seed(seed, "latency")) {
        const std::size_t first = law.find(':');
        const std::string_view name = law.substr(0, first);
        const std::string_view rest = first == law.npos ? std::string_view() : law.substr(first + 1);
        if (name == "zero" && rest.empty()) return;
        const std::size_t second = rest.find(':');
        scale_ns_ = number<double>(rest.substr(0, second)) * 1e6;
        if (name == "lognormal" && second != rest.npos)
            sigma_ = number<double>(rest.substr(second + 1));
        else if (name != "fixed" || second != rest.npos)
            throw std::runtime_error("unknown latency '" + std::string(law) + "'");
    }

    [[nodiscard]] std::int64_t operator()(std::uint64_t n) const {
        if (sigma_ == 0) return std::llround(scale_ns_);
        Random random(derive_seed(seed_, n));
        const auto uniform = [&] { return (static_cast<double>(random.next() >> 11U) + 0.5) * 0x1p-53; };
        const double radius = std::sqrt(-2 * std::log(uniform()));  // Box and Muller
        return std::llround(scale_ns_ * std::exp(sigma_ * radius * std::cos(2 * std::numbers::pi * uniform())));
    }

    /// What a window that is never left open takes for the first `count` requests: each begins when a slot is free.
    [[nodiscard]] std::int64_t makespan(std::uint64_t count, std::size_t window) const {
        std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> ends;
        std::int64_t last = 0;
        for (std::uint64_t n = 0; n < count; ++n) {
            std::int64_t begin = 0;
            if (ends.size() >= window) {
                begin = ends.top();
                ends.pop();
            }
            const std::int64_t end = begin + (*this)(n);
            last = std::max(last, end);
            ends.push(end);
        }
        return last;
    }

private:
    std::uint64_t seed_;
    double scale_ns_ = 0, sigma_ = 0;
};

/// Different documents, put together from sentences that are made once.
class Answers {
public:
    Answers(std::uint64_t seed, std::size_t bytes) : seed_(derive_seed(seed, "text")), bytes_(bytes) {
        constexpr std::array kWords = {
            "the",     "of",        "source", "a",       "and",       "burst",    "in",        "flux",  "from",
            "spectra", "was",       "with",   "decay",   "over",      "days",     "observed",  "host",  "galaxy",
            "merger",  "emission",  "at",     "high",    "energies",  "its",      "rise",      "radio", "afterglow",
            "X-ray",   "light",     "curve",  "shows",   "a",         "break",    "before",    "after", "photon",
            "index",   "which",     "is",     "close",   "to",        "earlier",  "estimates", "for",   "this",
            "class",   "compact",   "object", "neutron", "star",      "model",    "fits",      "data",  "within",
            "errors",  "candidate", "signal", "time",    "follow-up", "campaign", "field",     "north", "variability"};
        Random random(derive_seed(seed, "sentences"));
        for (std::string& sentence : sentences_) {
            for (std::int64_t words = random.between(12, 28); words > 0; --words) {
                sentence += kWords[random.below(kWords.size())];
                sentence += words == 1 ? ". " : " ";
            }
        }
    }

    /// The whole HTTP/1.1 response to request `n`, valid until the next call.
    std::string_view response(std::uint64_t n, std::size_t request_bytes) {
        return finish(body(n, request_bytes), "200 OK", "x-request-id: bench-" + std::to_string(n) + "\r\n");
    }

    /// Its body alone.
    std::string_view body(std::uint64_t n, std::size_t request_bytes) {
        Random random(derive_seed(seed_, n));
        body_.assign(R"({"id":"chatcmpl-)").append(std::to_string(n));
        body_ += R"(","object":"chat.completion","created":1790000000,"model":"bench-model",)"
                 R"("choices":[{"index":0,"message":{"role":"assistant","content":"TITLE: Follow-up of source )";
        body_.append(std::to_string(n)).append("\\n\\n");
        const std::size_t begin = body_.size();
        for (int sentences = 1; body_.size() - begin < bytes_; ++sentences) {
            body_ += sentences_[random.below(sentences_.size())];
            if (sentences % 6 == 0) body_ += "\\n\\n";
        }
        const std::size_t text = body_.size() - begin;
        body_ += R"(","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":)";
        body_.append(std::to_string(request_bytes / 4)).append(R"(,"completion_tokens":)");
        body_.append(std::to_string(text / 6)).append(R"(,"total_tokens":)");
        body_.append(std::to_string(request_bytes / 4 + text / 6)).append(R"(},"service_tier":"default"})");
        return body_;
    }

    std::string_view finish(std::string_view body, std::string_view status, const std::string& headers) {
        whole_.assign("HTTP/1.1 ").append(status).append("\r\ncontent-type: application/json\r\n").append(headers);
        whole_.append("content-length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
        return whole_;
    }

private:
    std::uint64_t seed_;
    std::size_t bytes_;
    std::array<std::string, 1024> sentences_;
    std::string body_, whole_;
};

struct FreeSsl {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
    void operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }
    void operator()(nghttp2_session_callbacks* callbacks) const noexcept { nghttp2_session_callbacks_del(callbacks); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeSsl>;

/// HTTP/2 where the client offers it.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
    constexpr std::string_view kOurs("\x02h2\x08http/1.1", 12);
    unsigned char* out = nullptr;
    const int what = SSL_select_next_proto(&out, size, reinterpret_cast<const unsigned char*>(kOurs.data()),
                                           kOurs.size(), offered, offered_size);
    *chosen = out;
    return what == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/// A context with a new certificate for 127.0.0.1 and localhost, which is written to `ca_file`.
Owned<SSL_CTX> make_tls(const std::string& ca_file) {
    const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
    const Owned<X509> certificate(X509_new());
    X509* x = certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(x), now_ns());
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 7 * 24 * 3600);
    X509_set_pubkey(x, key.get());
    X509_NAME* name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("latency-server"), -1,
                               -1, 0);
    X509_set_issuer_name(x, name);
    for (const auto& [what, value] : {std::pair(NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost"),
                                      std::pair(NID_basic_constraints, "critical,CA:TRUE")}) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value);
        X509_add_ext(x, extension, -1);
        X509_EXTENSION_free(extension);
    }
    if (X509_sign(x, key.get(), EVP_sha256()) == 0) throw std::runtime_error("cannot sign a certificate");
    std::FILE* file = std::fopen(ca_file.c_str(), "w");
    if (file == nullptr) fail("cannot write " + ca_file);
    const bool written = PEM_write_X509(file, x) == 1;
    if (std::fclose(file) != 0 || !written) fail("cannot write " + ca_file);

    Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate(context.get(), x) != 1 || SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1)
        throw std::runtime_error("cannot use the certificate");
    SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
    return context;
}

struct Options {
    std::uint16_t port = 0;
    std::string latency = "zero", ca_file;
    std::uint64_t seed = 1;
    std::size_t window = 1, text_bytes = 10'000;
    std::uint32_t goaway = 0;  ///< requests on a connection of HTTP/2; 0: any number
};

class Server {
public:
    explicit Server(const Options& options)
        : options_(options), latencies_(options.latency, options.seed), answers_(options.seed, options.text_bytes) {
        if (!options.ca_file.empty()) tls_ = make_tls(options.ca_file);
        nghttp2_session_callbacks* callbacks = nullptr;
        if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
        http2_callbacks_.reset(callbacks);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, &Server::on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Server::on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Server::on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Server::on_stream_close);
        epoll_ = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        listener_ = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
        const int on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(options.port);
        socklen_t size = sizeof address;
        checked(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), "bind");
        checked(listen(listener_, 16'384), "listen");
        checked(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
        port_ = ntohs(address.sin_port);
        timer_ = checked(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create");
        sigset_t stop;
        sigemptyset(&stop);
        sigaddset(&stop, SIGINT);
        sigaddset(&stop, SIGTERM);
        sigprocmask(SIG_BLOCK, &stop, nullptr);
        signals_ = checked(signalfd(-1, &stop, SFD_CLOEXEC), "signalfd");
        for (const int fd : {listener_, timer_, signals_}) watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }

    [[nodiscard]] std::string url() const {
        return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_);
    }

    void run() {
        std::array<epoll_event, 512> ready{};
        for (;;) {
            const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
            for (int i = 0; i < count; ++i) {
                const int fd = ready[static_cast<std::size_t>(i)].data.fd;
                if (fd == signals_) return;
                if (fd == listener_)
                    accept_all();
                else if (fd == timer_)
                    answer_due();
                else if (connections_[static_cast<std::size_t>(fd)])
                    serve(*connections_[static_cast<std::size_t>(fd)]);
            }
            set_timer();
        }
    }

    [[nodiscard]] std::string stats() const {
        rusage used{};
        getrusage(RUSAGE_SELF, &used);
        const auto seconds = [](const timeval& t) {
            return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
        };
        std::array<char, 640> text{};
        const auto s = [](std::int64_t ns) { return static_cast<double>(ns) * 1e-9; };
        std::snprintf(text.data(), text.size(),
                      R"({"requests": %llu, "answers": %llu, "connections": %llu, "most_in_flight": %zu, )"
                      R"("first_request": %.6f, "last_answer": %.6f, "wall": %.6f, "window": %zu, "makespan": %.6f, )"
                      R"("cpu": %.6f, "http2": %llu, "goaways": %llu})",
                      static_cast<unsigned long long>(requests_), static_cast<unsigned long long>(sent_),
                      static_cast<unsigned long long>(accepted_), most_in_flight_, s(first_request_), s(last_answer_),
                      s(last_answer_ - first_request_), options_.window,
                      s(latencies_.makespan(requests_, options_.window)),
                      seconds(used.ru_utime) + seconds(used.ru_stime), static_cast<unsigned long long>(http2_requests_),
                      static_cast<unsigned long long>(goaways_));
        return text.data();
    }

private:
    struct Connection {
        int fd = -1;
        std::uint64_t id = 0;  // never used again, as descriptors are
        Owned<SSL> ssl;
        bool shaken = false;  // hands: it is known which HTTP is spoken
        bool busy = false;    // a request waits for its answer
        bool wants_out = false;
        std::string in;  // of a request that is not complete
        std::string out;

        // Of HTTP/2:
        struct Stream {
            bool is_post = false, is_stats = false, waits = false;
            std::size_t request_bytes = 0, sent = 0;
            std::string body;
        };
        Server* server = nullptr;
        Owned<nghttp2_session> http2;
        std::map<std::int32_t, Stream> streams;
        std::uint32_t taken = 0;  // requests
    };
    struct Due {
        std::int64_t at;
        std::uint64_t number, connection;
        std::size_t request_bytes;
        int fd;
        std::int32_t stream;  // 0: HTTP/1.1
        bool operator>(const Due& other) const { return at > other.at; }
    };

    void watch(int fd, std::uint32_t events, int how) const {
        epoll_event event{};
        event.events = events;
        event.data.fd = fd;
        checked(epoll_ctl(epoll_, how, fd, &event), "epoll_ctl");
    }

    void accept_all() {
        for (;;) {
            const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) {
                if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
                fail("accept");
            }
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (connections_.size() <= static_cast<std::size_t>(fd))
                connections_.resize(2 * static_cast<std::size_t>(fd) + 16);
            auto connection = std::make_unique<Connection>();
            connection->fd = fd;
            connection->id = ++accepted_;
            connection->server = this;
            if (tls_) {
                connection->ssl.reset(SSL_new(tls_.get()));
                SSL_set_fd(connection->ssl.get(), fd);
                SSL_set_accept_state(connection->ssl.get());
            }
            connections_[static_cast<std::size_t>(fd)] = std::move(connection);
            watch(fd, EPOLLIN, EPOLL_CTL_ADD);
        }
    }

    void close_now(Connection& connection) {
        const int fd = connection.fd;
        if (connection.busy) --in_flight_;
        for (const auto& [id, stream] : connection.streams) in_flight_ -= stream.waits ? 1 : 0;
        connections_[static_cast<std::size_t>(fd)].reset();
        close(fd);
    }

    /// As read and write; -1 with EAGAIN when it has to wait.
    static ssize_t receive(Connection& connection, char* data, std::size_t size) {
        if (!connection.ssl) return read(connection.fd, data, size);
        ERR_clear_error();
        std::size_t done = 0;
        if (SSL_read_ex(connection.ssl.get(), data, size, &done) == 1) return static_cast<ssize_t>(done);
        return waits(connection);
    }
    static ssize_t send(Connection& connection, const char* data, std::size_t size) {
        if (!connection.ssl) return ::send(connection.fd, data, size, MSG_NOSIGNAL);
        ERR_clear_error();
        std::size_t done = 0;
        if (SSL_write_ex(connection.ssl.get(), data, size, &done) == 1) return static_cast<ssize_t>(done);
        return waits(connection);
    }
    static ssize_t waits(Connection& connection) {
        const int why = SSL_get_error(connection.ssl.get(), 0);
        errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
        return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
    }

    void serve(Connection& connection) {
        if (!connection.out.empty()) {
            std::string out = std::move(connection.out);
            connection.out.clear();
            if (!write_out(connection, out)) return;
            if (connection.http2 && !send_frames(connection)) return;
        }
        for (;;) {
            const ssize_t got = receive(connection, scratch_.data(), scratch_.size());
            if (got < 0 && errno == EAGAIN) return;
            if (got <= 0) return close_now(connection);
            std::string_view text(scratch_.data(), static_cast<std::size_t>(got));
            if (speaks_http2(connection)) {
                if (nghttp2_session_mem_recv(connection.http2.get(), reinterpret_cast<const std::uint8_t*>(text.data()),
                                             text.size()) < 0)
                    return close_now(connection);
                if (!send_frames(connection)) return;
                continue;
            }
            if (!connection.in.empty() || connection.busy) {
                connection.in.append(text);
                if (connection.busy) continue;
                std::string held = std::move(connection.in);
                connection.in.clear();
                if (!take_requests(connection, held)) return;
            } else if (!take_requests(connection, text)) {
                return;
            }
            if (!connection.ssl && static_cast<std::size_t>(got) < scratch_.size()) return;
        }
    }

    /// False when the connection is gone.
    bool take_requests(Connection& connection, std::string_view text) {
        while (!text.empty() && !connection.busy) {
            const std::size_t size = request_size(text);
            if (size == 0 || size > text.size()) break;
            const std::string_view request = text.substr(0, size);
            text.remove_prefix(size);
            if (request.starts_with("POST ")) {
                if (!begin(connection, size)) return false;
            } else if (request.starts_with("GET /stats ")) {
                if (!write_out(connection, answers_.finish(stats(), "200 OK", {}))) return false;
            } else if (!write_out(connection, answers_.finish("{}", "404 Not Found", {}))) {
                return false;
            }
        }
        connection.in.append(text);
        return true;
    }

    /// Head and body; 0 when the head is not complete.
    static std::size_t request_size(std::string_view text) {
        const std::size_t head = text.find("\r\n\r\n");
        if (head == text.npos) return 0;
        constexpr std::string_view kName = "\ncontent-length:";
        const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
        std::size_t body = 0;
        for (std::size_t at = text.find('\n'); at < head; at = text.find('\n', at + 1)) {
            if (!std::ranges::equal(text.substr(at, kName.size()), kName, {}, lower)) continue;
            const std::size_t digits = text.find_first_not_of(' ', at + kName.size());
            std::from_chars(text.data() + digits, text.data() + head, body);
        }
        return head + 4 + body;
    }

    bool begin(Connection& connection, std::size_t request_bytes) {
        const std::int64_t now = now_ns();
        if (requests_ == 0) first_request_ = now;
        const std::uint64_t n = requests_++;
        most_in_flight_ = std::max(most_in_flight_, ++in_flight_);
        connection.busy = true;
        const std::int64_t latency = latencies_(n);
        if (latency == 0) return answer(connection, n, request_bytes);
        due_.push({now + latency, n, connection.id, request_bytes, connection.fd, 0});
        return true;
    }

    bool answer(Connection& connection, std::uint64_t n, std::size_t request_bytes) {
        connection.busy = false;
        --in_flight_;
        ++sent_;
        const bool open = write_out(connection, answers_.response(n, request_bytes));
        last_answer_ = now_ns();
        return open;
    }

    void answer_due() {
        std::uint64_t expirations = 0;
        if (read(timer_, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("read a timer");
        armed_ = 0;
        while (!due_.empty() && due_.top().at <= now_ns()) {
            const Due due = due_.top();
            due_.pop();
            Connection* connection = connections_[static_cast<std::size_t>(due.fd)].get();
            if (connection == nullptr || connection->id != due.connection) continue;  // the client gave up
            if (due.stream != 0) {
                answer_stream(*connection, due.stream, due.number);
                send_frames(*connection);
                continue;
            }
            if (!answer(*connection, due.number, due.request_bytes) || connection->in.empty()) continue;
            std::string held = std::move(connection->in);
            connection->in.clear();
            take_requests(*connection, held);
        }
    }

    // HTTP/2, by nghttp2.

    static Connection& connection_of(void* self) { return *static_cast<Connection*>(self); }

    /// Whether that was agreed on; the session begins with the first byte.
    bool speaks_http2(Connection& connection) {
        if (connection.http2) return true;
        if (!connection.ssl || std::exchange(connection.shaken, true)) return false;
        const unsigned char* name = nullptr;
        unsigned int size = 0;
        SSL_get0_alpn_selected(connection.ssl.get(), &name, &size);
        if (size != 2) return false;
        nghttp2_session* session = nullptr;
        if (nghttp2_session_server_new(&session, http2_callbacks_.get(), &connection) != 0) throw std::bad_alloc();
        connection.http2.reset(session);
        const nghttp2_settings_entry streams{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100};
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &streams, 1);
        return true;
    }

    /// Sends what the session has; false when the connection is gone.
    bool send_frames(Connection& connection) {
        auto* session = connection.http2.get();
        while (connection.out.empty()) {
            const std::uint8_t* data = nullptr;
            const auto size = nghttp2_session_mem_send(session, &data);
            if (size < 0) return close_now(connection), false;
            if (size == 0) break;
            if (!write_out(connection, {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)}))
                return false;
        }
        if (connection.out.empty() && nghttp2_session_want_read(session) == 0 &&
            nghttp2_session_want_write(session) == 0)
            return close_now(connection), false;
        return true;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
        auto& stream = connection_of(self).streams[frame->hd.stream_id];
        const std::string_view key(reinterpret_cast<const char*>(name), name_size);
        const std::string_view text(reinterpret_cast<const char*>(value), value_size);
        if (key == ":method") stream.is_post = text == "POST";
        if (key == ":path") stream.is_stats = text == "/stats";
        return 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t*, std::size_t size,
                       void* self) {
        connection_of(self).streams[id].request_bytes += size;
        return 0;
    }

    static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
        if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
            return 0;
        auto& connection = connection_of(self);
        auto& server = *connection.server;
        auto& stream = connection.streams[frame->hd.stream_id];
        if (!stream.is_post) {
            server.submit(connection, frame->hd.stream_id, stream.is_stats ? server.stats() : "{}",
                          stream.is_stats ? "200" : "404", "stats");
            return 0;
        }
        const std::int64_t now = now_ns();
        if (server.requests_ == 0) server.first_request_ = now;
        const std::uint64_t n = server.requests_++;
        ++server.http2_requests_;
        server.most_in_flight_ = std::max(server.most_in_flight_, ++server.in_flight_);
        stream.waits = true;
        if (++connection.taken == server.options_.goaway) {
            ++server.goaways_;
            nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session),
                                  NGHTTP2_NO_ERROR, nullptr, 0);
        }
        const std::int64_t latency = server.latencies_(n);
        if (latency == 0)
            server.answer_stream(connection, frame->hd.stream_id, n);
        else
            server.due_.push(
                {now + latency, n, connection.id, stream.request_bytes, connection.fd, frame->hd.stream_id});
        return 0;
    }

    static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* self) {
        auto& connection = connection_of(self);
        const auto found = connection.streams.find(id);
        if (found == connection.streams.end()) return 0;
        if (found->second.waits) --connection.server->in_flight_;  // the client gave up
        connection.streams.erase(found);
        return 0;
    }

    void answer_stream(Connection& connection, std::int32_t id, std::uint64_t n) {
        const auto found = connection.streams.find(id);
        if (found == connection.streams.end() || !std::exchange(found->second.waits, false)) return;
        --in_flight_;
        ++sent_;
        submit(connection, id, answers_.body(n, found->second.request_bytes), "200", "bench-" + std::to_string(n));
        last_answer_ = now_ns();
    }

    void submit(Connection& connection, std::int32_t id, std::string_view body, const std::string& status,
                const std::string& request_id) {
        auto& stream = connection.streams[id];
        stream.body = body;
        const std::string length = std::to_string(body.size());
        const auto field = [](std::string_view name, std::string_view value) {
            const auto bytes = [](std::string_view text) {  // nghttp2 copies what it is given
                return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
            };
            return nghttp2_nv{bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
        };
        const std::array fields{field(":status", status), field("content-type", "application/json"),
                                field("x-request-id", request_id), field("content-length", length)};
        nghttp2_data_provider provider{};
        provider.source.ptr = &stream;
        provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t room,
                                    std::uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
            auto& from = *static_cast<Connection::Stream*>(source->ptr);
            const std::size_t size = std::min(room, from.body.size() - from.sent);
            std::memcpy(out, from.body.data() + from.sent, size);
            from.sent += size;
            if (from.sent == from.body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
            return static_cast<ssize_t>(size);
        };
        nghttp2_submit_response(connection.http2.get(), id, fields.data(), fields.size(), &provider);
    }

    void set_timer() {
        const std::int64_t next = due_.empty() ? 0 : due_.top().at;
        if (next == armed_) return;
        armed_ = next;
        itimerspec when{};
        when.it_value.tv_sec = next / 1'000'000'000;
        when.it_value.tv_nsec = next % 1'000'000'000;
        checked(timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr), "timerfd_settime");
    }

    /// False when the connection is gone.
    bool write_out(Connection& connection, std::string_view text) {
        while (!text.empty()) {
            const ssize_t put = send(connection, text.data(), text.size());
            if (put < 0 && errno == EAGAIN) break;
            if (put <= 0) return close_now(connection), false;
            text.remove_prefix(static_cast<std::size_t>(put));
        }
        connection.out.assign(text);
        const bool wants_out = !connection.out.empty();
        if (std::exchange(connection.wants_out, wants_out) != wants_out)
            watch(connection.fd, wants_out ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
        return true;
    }

    const Options& options_;
    Latencies latencies_;
    Answers answers_;
    Owned<SSL_CTX> tls_;
    Owned<nghttp2_session_callbacks> http2_callbacks_;
    int epoll_ = -1, listener_ = -1, timer_ = -1, signals_ = -1;
    std::uint16_t port_ = 0;
    std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
    std::int64_t armed_ = 0;
    std::array<char, std::size_t{64} * 1024> scratch_{};
    std::uint64_t requests_ = 0, sent_ = 0, accepted_ = 0;
    std::uint64_t http2_requests_ = 0, goaways_ = 0;
    std::size_t in_flight_ = 0, most_in_flight_ = 0;
    std::int64_t first_request_ = 0, last_answer_ = 0;
};

Options parse(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string_view name = arguments[i];
        if (i + 1 == count) throw std::runtime_error("no value for '" + std::string(name) + "'");
        const std::string_view value = arguments[++i];
        if (name == "--port")
            options.port = number<std::uint16_t>(value);
        else if (name == "--latency")
            options.latency = value;
        else if (name == "--seed")
            options.seed = number<std::uint64_t>(value);
        else if (name == "--window")
            options.window = std::max<std::size_t>(1, number<std::size_t>(value));
        else if (name == "--text-bytes")
            options.text_bytes = number<std::size_t>(value);
        else if (name == "--goaway")
            options.goaway = number<std::uint32_t>(value);
        else if (name == "--tls")
            options.ca_file = value;
        else
            throw std::runtime_error("unknown option '" + std::string(name) + "'");
    }
    return options;
}

}  // namespace

int main(int count, char** arguments) try {
    const Options options = parse(count, arguments);
    std::signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1UL);  // ns: answers leave when they are due
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    Server server(options);
    std::printf("{\"url\": \"%s\", \"ca_file\": \"%s\"}\n", server.url().c_str(), options.ca_file.c_str());
    std::fflush(stdout);
    server.run();
    std::printf("%s\n", server.stats().c_str());
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "latency-server: %s\n", error.what());
    return 2;
}
