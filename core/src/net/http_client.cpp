#include "net/http_client.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/format.hpp"
#include "synth/text.hpp"

namespace synth::core {

namespace {

// libcurl walks all connections of a multi handle at each event, so its cost a request grows with their number
// (docs/performance.md); several handles keep it flat. Each reads the CA certificates for itself: fewer do for TLS.
constexpr std::size_t kWindowPerMulti = 100, kTlsWindowPerMulti = 500;
// Above this window an answer is read in small pieces: libcurl holds a buffer for each request that waits for one.
constexpr std::size_t kSmallBuffersFrom = 2'000;
constexpr long kSmallBuffer = 4096;
// Requests without a connection yet: more handshakes at a time end none of them earlier, and TLS sessions can only be
// resumed once there are some. The first goes alone, so that one name is looked up, not a hundred times the same.
constexpr std::size_t kConnecting = 100;
constexpr std::chrono::milliseconds kAlone{250};  // at most
constexpr std::size_t kTogether = 64;  // requests that begin in one turn of the loop, at most: so that none takes long
constexpr std::size_t kMaxHeaderBytes = 256 * 1024;
constexpr std::size_t kOtherFiles = 64;          // ledger, outputs, name lookups
constexpr std::size_t kMaxReserved = 1U << 20U;  // bytes of an answer, on the server's word
constexpr std::size_t kSpare = 64;               // bytes behind an answer, of which readers of JSON need some
constexpr long kStalledSeconds = 60;             // without a byte, once the answer has begun to come in
constexpr int kMaxRedirects = 3;
// Over HTTP/2: requests on one connection, which is also what most servers allow. Without a limit to connections
// libcurl opens a new one for nearly every request of a burst, whatever the ones it has could take.
constexpr std::size_t kStreams = 100;

struct GlobalCurl {
    GlobalCurl() { curl_global_init(CURL_GLOBAL_DEFAULT); }
    ~GlobalCurl() { curl_global_cleanup(); }
};

struct FreeSlist {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using Slist = std::unique_ptr<curl_slist, FreeSlist>;

struct FreeEasy {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;

void append(Slist& list, const std::string& line) {
    if (curl_slist* longer = curl_slist_append(list.get(), line.c_str()); longer != nullptr) {
        static_cast<void>(list.release());
        list.reset(longer);
    }
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

/// The system's CA bundle: explicit, so that libcurl caches it. Debian's built-in CA folder costs 16 ms a connection.
std::string system_ca_file() {
    if (const char* set = std::getenv("SSL_CERT_FILE"); set != nullptr && *set != '\0') return set;
    if (const char* set = std::getenv("CURL_CA_BUNDLE"); set != nullptr && *set != '\0') return set;
    const auto* info = curl_version_info(CURLVERSION_NOW);
    return info->cainfo != nullptr ? info->cainfo : "/etc/ssl/certs/ca-certificates.crt";
}

/// One file with the certificates of both, in memory: libcurl takes, and caches, files only.
Result<FileDescriptor> joined_ca_file(const std::string& system, const std::string& more) {
    auto text = read_file(more);
    if (!text) return Error{ErrorCode::invalid_argument, text.error().message, "ca_file"};
    std::string all = *text + "\n";
    if (auto known = read_file(system)) all += *known;
    FileDescriptor file(::memfd_create("ca-certificates", MFD_CLOEXEC));
    if (!file) return io_error("cannot make", "a file in memory");
    if (::write(file.get(), all.data(), all.size()) != static_cast<ssize_t>(all.size()))
        return io_error("cannot write", "a file in memory");
    return file;
}

std::size_t multis_for(std::size_t window, std::size_t window_per_multi) noexcept {
    return std::max<std::size_t>(1, (window + window_per_multi - 1) / window_per_multi);
}

/// Whether there is neither a name to look up nor a TLS session to resume: nothing that one request could do for
/// others.
bool without_first_steps(std::string_view url) {
    constexpr std::string_view kPlain = "http://";
    return url.starts_with(kPlain) && url.substr(kPlain.size()).find_first_of("0123456789[") == 0;
}

struct FreeUrl {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

std::string part(const Url& url, CURLUPart which) {
    char* text = nullptr;
    std::string out;
    if (curl_url_get(url.get(), which, &text, CURLU_DEFAULT_PORT) == CURLUE_OK && text != nullptr) out = text;
    curl_free(text);
    return out;
}

/// Where a redirect from `from` to `location` leads: the whole URL, and whether it is the same server.
std::pair<std::string, bool> redirected(const std::string& from, const std::string& location) {
    const Url before(curl_url()), after(curl_url());
    if (curl_url_set(before.get(), CURLUPART_URL, from.c_str(), 0) != CURLUE_OK ||
        curl_url_set(after.get(), CURLUPART_URL, from.c_str(), 0) != CURLUE_OK ||
        curl_url_set(after.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK)
        return {location, false};
    bool same = true;
    for (const auto which : {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT})
        same = same && lower(part(before, which)) == lower(part(after, which));
    return {part(after, CURLUPART_URL), same};
}

}  // namespace

class HttpClient::Impl {
public:
    struct Multi;

    /// Header lines of a request; the same for most.
    struct Headers {
        std::vector<std::pair<std::string, std::string>> given;
        std::string authorization;
        Slist list;
    };

    /// How far the files of a request have come.
    struct Streams {
        HttpFiles files;
        std::uint64_t file_bytes = 0;  // of the upload
        std::uint64_t sent = 0;        // of head, file and tail together
        std::uint64_t written = 0;     // to the download
        int error = 0;                 // errno of what could not be read or written
    };

    /// One request in flight; its easy handle is used again for later ones.
    struct Transfer {
        Impl* client = nullptr;
        Multi* multi = nullptr;
        Easy easy;
        std::shared_ptr<const Headers> headers;  // shared with others in flight: the list is borrowed by libcurl
        HttpResponse response;
        std::string body;                  // of the request
        std::unique_ptr<Streams> streams;  // of a request with files
        std::string method, url;           // that `easy` is set to
        std::size_t max_body = 0, header_bytes = 0;
        std::size_t place = 0;  // in `active_`
        int redirects = 0;
        EventLoop::TimerId first_byte_timer = 0;
        const char* refused = nullptr;  // why the answer is not taken: a TransportError::reason
        bool connecting = false;        // counts as one
        bool sent = false;              // has begun to be sent
        bool flowing = false;           // has begun to be answered
        TimePoint began{};
        Done done;
        std::array<char, CURL_ERROR_SIZE> error{};
    };

    struct Multi {
        Impl* client = nullptr;
        CURLM* handle = nullptr;
        EventLoop::TimerId timer = 0;
        EventLoop::Clock::time_point fires{}, due{};  // of `timer`, and when libcurl wants to be called: not before
        std::size_t in_flight = 0;
        bool starts = false;  // what was added has yet to begin
    };

    Impl(EventLoop& loop, HttpOptions options) : loop_(loop), options_(std::move(options)) {
        share_ = curl_share_init();
        curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
        curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
        for (std::size_t i = 0; i < multis_for(options_.window, kWindowPerMulti); ++i) {
            auto multi = std::make_unique<Multi>();
            multi->client = this;
            multi->handle = curl_multi_init();
            curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
            curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi.get());
            curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
            curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi.get());
            const auto window = std::min(options_.window, kTlsWindowPerMulti);
            curl_multi_setopt(multi->handle, CURLMOPT_PIPELINING,
                              options_.http2 ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING);
            if (options_.http2) {
                curl_multi_setopt(multi->handle, CURLMOPT_MAX_CONCURRENT_STREAMS, static_cast<long>(kStreams));
                limit_connections(*multi, (window + kStreams - 1) / kStreams);
            }
            curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, static_cast<long>(window + 8));
            multis_.push_back(std::move(multi));
        }
        loop_.before_wait(this, [this] { return start_next(); });
    }

    ~Impl() {
        loop_.begin_no_more(this);
        abandon();
        idle_.clear();
        for (auto& multi : multis_) {
            loop_.cancel(multi->timer);
            curl_multi_cleanup(multi->handle);
        }
        curl_share_cleanup(share_);
    }

    void send(HttpRequest request, const std::string& authorization, std::size_t max_body, Done done, HttpFiles files) {
        auto transfer = take();
        transfer->done = std::move(done);
        transfer->body = std::move(request.body);
        transfer->headers = headers_of(std::move(request.headers), authorization);

        CURL* easy = transfer->easy.get();
        if (transfer->url != request.url) {
            transfer->url = std::move(request.url);
            curl_easy_setopt(easy, CURLOPT_URL, transfer->url.c_str());
        }
        if (transfer->max_body != max_body) {
            transfer->max_body = max_body;
            curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(max_body));
        }
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers->list.get());
        if (transfer->method != request.method) {
            transfer->method = std::move(request.method);
            const bool usual = transfer->method == "GET" || transfer->method == "POST";
            curl_easy_setopt(easy, transfer->method == "GET" ? CURLOPT_HTTPGET : CURLOPT_POST, 1L);
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, usual ? nullptr : transfer->method.c_str());
        }
        if (files.upload >= 0 || files.download >= 0) stream(*transfer, std::move(files));
        if (transfer->method != "GET") {
            const bool from_file = transfer->streams && transfer->streams->files.upload >= 0;
            const auto size = transfer->body.size() +
                              (from_file ? transfer->streams->file_bytes + transfer->streams->files.tail.size() : 0);
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(size));
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS, from_file ? nullptr : transfer->body.data());
        }
        in_line_.push_back(std::move(transfer));
    }

    void withdraw() {
        for (auto& transfer : std::exchange(in_line_, {})) {
            Done done = std::move(transfer->done);
            HttpResult result;
            result.began = result.ended = now();
            result.outcome = TransportError{"withdrawn", transfer->url + ": not sent", false, false};
            put_back(std::move(transfer));
            done(std::move(result));
        }
    }

    void abandon() {
        in_line_.clear();
        for (Transfer* transfer : std::exchange(active_, {})) {
            curl_multi_remove_handle(transfer->multi->handle, transfer->easy.get());
            --transfer->multi->in_flight;
            loop_.cancel(transfer->first_byte_timer);
            const std::unique_ptr<Transfer> end(transfer);
        }
        connecting_ = 0;
        buffered_ = 0;
        loop_.cancel(std::exchange(alone_timer_, 0));
    }

    [[nodiscard]] std::size_t in_flight() const noexcept { return active_.size() + in_line_.size(); }

    std::string ca_file;
    FileDescriptor ca_memory;  // holds `ca_file` where it is one of our own

private:
    std::unique_ptr<Transfer> take() {
        if (!idle_.empty()) {
            auto transfer = std::move(idle_.back());
            idle_.pop_back();
            return transfer;
        }
        auto transfer = std::make_unique<Transfer>();
        transfer->client = this;
        transfer->easy.reset(curl_easy_init());
        CURL* easy = transfer->easy.get();
        curl_easy_setopt(easy, CURLOPT_SHARE, share_);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                         static_cast<long>(options_.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
        if (options_.http2) curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);  // for a connection that could be shared
        // Over HTTP/2 libcurl 7.88 hangs with small buffers.
        if (!options_.http2 && options_.window >= kSmallBuffersFrom)
            curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kSmallBuffer);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
        curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &Impl::on_close);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Impl::on_body);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Impl::on_header);
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &Impl::on_request);
        for (const auto option : {CURLOPT_PRIVATE, CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_PREREQDATA})
            curl_easy_setopt(easy, option, transfer.get());
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error.data());
        return transfer;
    }

    void stream(Transfer& transfer, HttpFiles files) {
        CURL* easy = transfer.easy.get();
        auto& streams = *(transfer.streams = std::make_unique<Streams>());
        streams.files = std::move(files);
        struct stat info{};
        if (streams.files.upload >= 0 && ::fstat(streams.files.upload, &info) == 0)
            streams.file_bytes = static_cast<std::uint64_t>(info.st_size);
        // Nothing of an earlier answer stays behind a shorter one; what is no plain file has no length.
        if (streams.files.download >= 0) [[maybe_unused]]
            const int emptied = ::ftruncate(streams.files.download, 0);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, &Impl::on_upload);
        curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, longest_silence());
    }

    /// Seconds, for requests with files.
    [[nodiscard]] long longest_silence() const {
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(options_.timeout).count();
        return static_cast<long>(std::max<std::int64_t>(1, seconds));
    }

    /// Makes a transfer as `take` gives it: what was set for one request only is gone, and so is its memory.
    void put_back(std::unique_ptr<Transfer> transfer) {
        transfer->headers.reset();
        transfer->response = {};
        transfer->body = {};
        transfer->header_bytes = 0;
        transfer->redirects = 0;
        transfer->refused = nullptr;
        transfer->sent = false;
        transfer->error[0] = '\0';
        const bool streamed = std::exchange(transfer->streams, nullptr) != nullptr;
        if (streamed)
            curl_easy_setopt(transfer->easy.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
        if (std::exchange(transfer->flowing, false) || streamed)
            curl_easy_setopt(transfer->easy.get(), CURLOPT_LOW_SPEED_TIME, 0L);
        idle_.push_back(std::move(transfer));
    }

    std::shared_ptr<const Headers> headers_of(std::vector<std::pair<std::string, std::string>> given,
                                              const std::string& authorization) {
        if (last_headers_ && last_headers_->given == given && last_headers_->authorization == authorization)
            return last_headers_;
        auto headers = std::make_shared<Headers>();
        append(headers->list, "Expect:");
        for (const auto& [name, value] : given) append(headers->list, name + ": " + value);
        if (!authorization.empty()) append(headers->list, authorization);
        headers->given = std::move(given);
        headers->authorization = authorization;
        last_headers_ = std::move(headers);
        return last_headers_;
    }

    /// Starts what stands in line, as far as not too many are connecting. Answers make room one by one, but what they
    /// made room for leaves together: that costs less than to wake the other side, and our own side of the network, for
    /// each. True when something ended, or there is more to start.
    bool start_next() {
        std::size_t active = active_.size();
        for (std::size_t i = 0; i < kTogether && may_start(); ++i, ++active) {
            auto transfer = std::move(in_line_.front());
            in_line_.pop_front();
            start(transfer.release());
        }
        for (const auto& multi : multis_)
            if (std::exchange(multi->starts, false)) act(*multi, CURL_SOCKET_TIMEOUT, 0);
        return active_.size() != active || may_start();
    }
    [[nodiscard]] bool may_start() const { return !in_line_.empty() && connecting_ < (alone_ ? 1 : kConnecting); }

    void start(Transfer* raw) {
        const bool plain = raw->url.starts_with("http://");
        const auto usable = plain ? multis_.size() : multis_for(options_.window, kTlsWindowPerMulti);
        auto& multi = **std::ranges::min_element(std::span(multis_).first(usable), {},
                                                 [](const auto& m) { return m->in_flight; });
        raw->multi = &multi;
        raw->began = now();
        raw->connecting = true;
        ++connecting_;
        raw->place = active_.size();
        active_.push_back(raw);
        ++multi.in_flight;
        if (options_.first_byte_timeout.count() > 0)
            raw->first_byte_timer = loop_.at(EventLoop::Clock::now() + options_.first_byte_timeout, [this, raw] {
                raw->first_byte_timer = 0;
                raw->refused = "first_byte_timeout";
                finish(*raw->multi, raw->easy.get(), CURLE_OPERATION_TIMEDOUT);
            });
        if (alone_ && without_first_steps(raw->url)) alone_ = false;
        if (alone_ && alone_timer_ == 0)
            alone_timer_ = loop_.at(EventLoop::Clock::now() + kAlone, [this] {
                alone_timer_ = 0;
                alone_ = false;
            });
        curl_multi_add_handle(multi.handle, raw->easy.get());  // only sets a timer
        multi.starts = true;
    }

    /// It has a connection, or will never have one.
    void connected(Transfer& transfer) {
        if (!std::exchange(transfer.connecting, false)) return;
        --connecting_;
        alone_ = false;
        loop_.cancel(std::exchange(alone_timer_, 0));
    }

    /// libcurl sends again by itself, up to five times, when a connection that it reused ends without a byte of answer.
    /// Each of these may be billed, so the second one is not sent: whether to ask again is for the core to decide.
    static int on_request(void* self, char*, char*, int, int) {
        auto& transfer = *static_cast<Transfer*>(self);
        transfer.client->connected(transfer);
        return std::exchange(transfer.sent, true) ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
    }

    /// The next bytes of head, file and tail.
    static std::size_t on_upload(char* into, std::size_t size, std::size_t count, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        auto& streams = *transfer.streams;
        const auto room = size * count;
        auto at = streams.sent;
        if (at < transfer.body.size() || at - transfer.body.size() >= streams.file_bytes) {
            const bool head = at < transfer.body.size();
            const std::string& text = head ? transfer.body : streams.files.tail;
            const auto from = static_cast<std::size_t>(head ? at : at - transfer.body.size() - streams.file_bytes);
            const auto bytes = text.copy(into, room, from);
            streams.sent += bytes;
            return bytes;
        }
        at -= transfer.body.size();
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, streams.file_bytes - at));
        const auto got = ::pread(streams.files.upload, into, wanted, static_cast<off_t>(at));
        if (got <= 0) {  // an error, or it has become shorter
            transfer.refused = "file";
            streams.error = got < 0 ? errno : EIO;
            return CURL_READFUNC_ABORT;
        }
        streams.sent += static_cast<std::uint64_t>(got);
        return static_cast<std::size_t>(got);
    }

    /// False: it cannot be taken.
    static bool store(Transfer& transfer, const char* data, std::size_t bytes) {
        auto& streams = *transfer.streams;
        if (streams.written + bytes > transfer.max_body) {
            transfer.refused = "too_large";
            return false;
        }
        for (std::size_t done = 0; done < bytes;) {
            const auto put =
                ::pwrite(streams.files.download, data + done, bytes - done, static_cast<off_t>(streams.written));
            if (put <= 0) {
                transfer.refused = "file";
                streams.error = errno;
                return false;
            }
            done += static_cast<std::size_t>(put);
            streams.written += static_cast<std::uint64_t>(put);
        }
        return true;
    }

    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        auto& client = *transfer.client;
        const auto bytes = size * count;
        if (transfer.streams && transfer.streams->files.download >= 0) {
            long status = 0;
            curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
            if (status >= 200 && status < 300) return store(transfer, data, bytes) ? bytes : 0;
        }
        if (transfer.response.body.size() + bytes > transfer.max_body) {
            transfer.refused = "too_large";
            return 0;
        }
        // When all buffers are full, those go that take more than their share.
        if (client.buffered_ + bytes > client.options_.buffers &&
            transfer.response.body.size() + bytes > client.options_.buffers / client.active_.size()) {
            transfer.refused = "buffers_full";
            return 0;
        }
        client.buffered_ += bytes;
        if (!std::exchange(transfer.flowing, true)) {
            // From the first byte on the answer must flow: a stalled connection does not wait for the whole timeout.
            if (!transfer.streams) curl_easy_setopt(transfer.easy.get(), CURLOPT_LOW_SPEED_TIME, kStalledSeconds);
            curl_off_t length = 0;
            curl_easy_getinfo(transfer.easy.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
            if (length > 0)
                transfer.response.body.reserve(std::min(static_cast<std::size_t>(length), kMaxReserved) + kSpare);
        }
        transfer.response.body.append(data, bytes);
        return bytes;
    }

    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        const std::string_view line(data, size * count);
        transfer.header_bytes += line.size();
        if (transfer.header_bytes > kMaxHeaderBytes) {
            transfer.refused = "too_large";
            return 0;
        }
        if (transfer.first_byte_timer != 0) transfer.client->loop_.cancel(std::exchange(transfer.first_byte_timer, 0));
        if (line.starts_with("HTTP/")) {  // a new block: an interim answer came before
            transfer.response.headers.clear();
            transfer.response.headers.reserve(16);
        } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
            transfer.response.headers.emplace_back(lower(trim(line.substr(0, colon))),
                                                   std::string(trim(line.substr(colon + 1))));
        }
        return size * count;
    }

    static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void* known) {
        auto& multi = *static_cast<Multi*>(self);
        auto& loop = multi.client->loop_;
        if (what == CURL_POLL_REMOVE) {
            loop.rest(fd);  // most connections have their next request in a moment
            return 0;
        }
        std::uint32_t events = 0;
        if ((what & CURL_POLL_IN) != 0) events |= EPOLLIN;
        if ((what & CURL_POLL_OUT) != 0) events |= EPOLLOUT;
        if (known != nullptr) {
            loop.change(fd, events);
            return 0;
        }
        curl_multi_assign(multi.handle, fd, &multi);
        loop.watch(fd, events, [&multi, fd](std::uint32_t ready) {
            int flags = 0;
            if ((ready & EPOLLIN) != 0) flags |= CURL_CSELECT_IN;
            if ((ready & EPOLLOUT) != 0) flags |= CURL_CSELECT_OUT;
            if ((ready & (EPOLLERR | EPOLLHUP)) != 0) flags |= CURL_CSELECT_ERR;
            multi.client->act(multi, fd, flags);
        });
        return 0;
    }

    static int on_close(void* self, curl_socket_t fd) {
        static_cast<Impl*>(self)->loop_.unwatch(fd);
        return ::close(fd);
    }

    /// libcurl moves its timer several times a request, mostly to later: the loop's is left alone then, and set again
    /// when it comes too early.
    static int on_timer(CURLM*, long milliseconds, void* self) {
        auto& multi = *static_cast<Multi*>(self);
        if (milliseconds < 0) {
            if (multi.timer != 0) multi.client->loop_.cancel(std::exchange(multi.timer, 0));
            return 0;
        }
        multi.due = EventLoop::Clock::now() + std::chrono::milliseconds(milliseconds);
        if (multi.timer == 0 || multi.due < multi.fires) set_timer(multi);
        return 0;
    }

    static void set_timer(Multi& multi) {
        auto& loop = multi.client->loop_;
        if (multi.timer != 0) loop.cancel(multi.timer);
        multi.fires = multi.due;
        multi.timer = loop.at(multi.fires, [&multi] {
            multi.timer = 0;
            if (multi.due > EventLoop::Clock::now()) return set_timer(multi);
            multi.client->act(multi, CURL_SOCKET_TIMEOUT, 0);
        });
    }

    void act(Multi& multi, curl_socket_t fd, int flags) {
        int running = 0;
        curl_multi_socket_action(multi.handle, fd, flags, &running);
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi.handle, &left))
            if (message->msg == CURLMSG_DONE) finish(multi, message->easy_handle, message->data.result);
    }

    void finish(Multi& multi, CURL* easy, CURLcode code) {
        char* pointer = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &pointer);
        auto* raw = reinterpret_cast<Transfer*>(pointer);
        long status = 0;
        if (code == CURLE_OK) {
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            if (few_connections_) look_at_version(easy);
        }
        buffered_ -= raw->response.body.size();
        std::string elsewhere;
        // Of the redirects only these two ask for the same request again.
        if ((status == 307 || status == 308) && follow(multi, *raw, elsewhere)) return;

        std::unique_ptr<Transfer> transfer(raw);
        HttpResult result;
        result.began = transfer->began;
        result.ended = now();
        if (!elsewhere.empty()) {
            result.outcome = TransportError{"redirect",
                                            transfer->url + " sends on to " + elsewhere +
                                                ", which is not followed: the key is for this server only",
                                            false, true};
        } else if (code == CURLE_OK) {
            transfer->response.status = static_cast<int>(status);
            result.outcome = std::move(transfer->response);
        } else {
            result.outcome = describe(*transfer, code);
        }
        curl_multi_remove_handle(multi.handle, easy);
        connected(*transfer);
        --multi.in_flight;
        active_[transfer->place] = active_.back();
        active_[transfer->place]->place = transfer->place;
        active_.pop_back();
        if (transfer->first_byte_timer != 0) loop_.cancel(std::exchange(transfer->first_byte_timer, 0));
        Done done = std::move(transfer->done);
        put_back(std::move(transfer));
        done(std::move(result));
    }

    /// A server that speaks HTTP/1.1 after all needs a connection for each request.
    void look_at_version(CURL* easy) {
        long version = 0;
        curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
        if (version >= CURL_HTTP_VERSION_2_0) return;
        few_connections_ = false;
        for (auto& multi : multis_) limit_connections(*multi, 0);
    }

    static void limit_connections(Multi& multi, std::size_t most) {
        curl_multi_setopt(multi.handle, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(most));
    }

    /// Sends on to where the answer says when that is the same server; else fills in `elsewhere`.
    bool follow(Multi& multi, Transfer& transfer, std::string& elsewhere) {
        const auto location = transfer.response.header("location");
        if (!location) return false;
        auto [url, same] = redirected(transfer.url, std::string(*location));
        if (!same || ++transfer.redirects > kMaxRedirects) {
            elsewhere = std::move(url);
            return false;
        }
        CURL* easy = transfer.easy.get();
        curl_multi_remove_handle(multi.handle, easy);
        transfer.url = std::move(url);
        transfer.response = {};
        transfer.header_bytes = 0;
        transfer.sent = false;  // what was redirected was not answered
        if (transfer.streams) transfer.streams->sent = transfer.streams->written = 0;
        curl_easy_setopt(easy, CURLOPT_URL, transfer.url.c_str());
        curl_multi_add_handle(multi.handle, easy);
        return true;
    }

    TransportError describe(const Transfer& transfer, CURLcode code) const {
        long request_bytes = 0;
        curl_easy_getinfo(transfer.easy.get(), CURLINFO_REQUEST_SIZE, &request_bytes);
        TransportError error;
        error.sent = request_bytes > 0;
        const std::string detail = code == CURLE_ABORTED_BY_CALLBACK ? "the connection ended before an answer came"
                                   : transfer.error[0] != '\0'       ? transfer.error.data()
                                                                     : curl_easy_strerror(code);
        error.message = transfer.url + ": " + detail;
        switch (code) {
            case CURLE_COULDNT_RESOLVE_HOST:
            case CURLE_COULDNT_RESOLVE_PROXY:
            case CURLE_COULDNT_CONNECT: error.reason = "connect"; break;
            case CURLE_OPERATION_TIMEDOUT:
                error.reason = transfer.refused != nullptr                    ? transfer.refused
                               : detail.find("too slow") != std::string::npos ? "stalled"
                                                                              : "timeout";
                if (transfer.refused != nullptr) error.message = transfer.url + ": no byte of an answer in time";
                break;
            case CURLE_FILESIZE_EXCEEDED:
            case CURLE_WRITE_ERROR:
                error.reason = transfer.refused != nullptr ? transfer.refused
                               : code == CURLE_WRITE_ERROR ? "transport"
                                                           : "too_large";
                if (error.reason == "too_large")
                    error.message = transfer.url + ": the answer has more than " + with_thousands(transfer.max_body) +
                                    " bytes, refused while it came in";
                if (error.reason == "file")
                    error.message =
                        transfer.url + ": cannot write its answer to a file: " + std::strerror(transfer.streams->error);
                if (error.reason == "buffers_full")
                    error.message = transfer.url + ": unfinished answers take up all of " +
                                    megabytes(options_.buffers) + ", the largest are refused";
                break;
            case CURLE_PEER_FAILED_VERIFICATION:
                error.reason = "certificate";
                error.fatal = true;
                error.message += "; --ca-file adds certificates to trust";
                break;
            case CURLE_SSL_CONNECT_ERROR:
            case CURLE_SSL_CACERT_BADFILE:
            case CURLE_SSL_CERTPROBLEM: error.reason = "tls"; break;
            case CURLE_ABORTED_BY_CALLBACK:
                error.reason = transfer.refused != nullptr ? transfer.refused : "cut";
                if (transfer.refused != nullptr)
                    error.message = transfer.url + ": cannot read the file that is sent to it: " +
                                    std::strerror(transfer.streams->error);
                break;
            case CURLE_HTTP2:
            case CURLE_HTTP2_STREAM:
            case CURLE_PARTIAL_FILE:
            case CURLE_GOT_NOTHING:
            case CURLE_RECV_ERROR:
            case CURLE_SEND_ERROR: error.reason = "cut"; break;
            default: error.reason = "transport"; break;
        }
        return error;
    }

    EventLoop& loop_;
    HttpOptions options_;
    CURLSH* share_ = nullptr;
    std::vector<std::unique_ptr<Multi>> multis_;
    std::vector<Transfer*> active_;  // owned, libcurl has them
    std::vector<std::unique_ptr<Transfer>> idle_;
    std::deque<std::unique_ptr<Transfer>> in_line_;
    std::shared_ptr<const Headers> last_headers_;
    std::size_t connecting_ = 0;
    bool alone_ = true;                      // the first one connects
    bool few_connections_ = options_.http2;  // as many as HTTP/2 needs
    EventLoop::TimerId alone_timer_ = 0;
    std::size_t buffered_ = 0;  // bytes of unfinished answers
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::make(EventLoop& loop, HttpOptions options) {
    static const GlobalCurl global;
    auto ca_file = system_ca_file();
    FileDescriptor ca_memory;
    if (!options.ca_file.empty()) {
        auto joined = joined_ca_file(ca_file, options.ca_file);
        if (!joined) return std::move(joined).error();
        ca_memory = std::move(*joined);
        ca_file = "/proc/self/fd/" + std::to_string(ca_memory.get());
    }
    auto impl = std::make_unique<Impl>(loop, std::move(options));
    impl->ca_file = std::move(ca_file);
    impl->ca_memory = std::move(ca_memory);
    return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

std::size_t HttpClient::most_connections() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return kOtherFiles;
    if (files.rlim_cur < files.rlim_max) {
        const rlimit raised{files.rlim_max, files.rlim_max};
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) files = raised;
    }
    return std::max<std::size_t>(files.rlim_cur, 2 * kOtherFiles) - kOtherFiles;
}

void HttpClient::send(HttpRequest request, const std::string& authorization, std::size_t max_body, Done done,
                      HttpFiles files) {
    impl_->send(std::move(request), authorization, max_body, std::move(done), std::move(files));
}
void HttpClient::withdraw() { impl_->withdraw(); }
void HttpClient::abandon() { impl_->abandon(); }
std::size_t HttpClient::in_flight() const noexcept { return impl_->in_flight(); }

}  // namespace synth::core
