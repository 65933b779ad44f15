// The client opens connections in turn, and what stands in line can be taken back.

#include "net/http_client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace synth::core {
namespace {

/// Takes connections and, unless it is told to, says nothing: a handshake with it does not end.
class Mute {
public:
    explicit Mute(EventLoop& loop)
        : loop_(loop), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* any = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_.get(), any, size) != 0 || ::listen(listener_.get(), 1024) != 0 ||
            ::getsockname(listener_.get(), any, &size) != 0)
            std::abort();
        port = ntohs(address.sin_port);
        loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) {
            for (int fd = -1; (fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;
                 ++taken)
                open_.emplace_back(fd);
            most = std::max(most, open_.size());
        });
    }
    ~Mute() { loop_.unwatch(listener_.get()); }
    Mute(const Mute&) = delete;
    Mute& operator=(const Mute&) = delete;

    void hang_up() { open_.clear(); }
    /// Answers what came in on its only connection, once its end is there.
    void answer(const std::string& text, const std::string& status = "200 OK", const std::string& end = "") {
        std::string piece(65536, '\0');
        received.clear();
        while (received.empty() || !received.ends_with(end)) {
            const auto got = ::recv(open_.back().get(), piece.data(), piece.size(), 0);
            if (got > 0)
                received.append(piece, 0, static_cast<std::size_t>(got));
            else
                loop_.turn(false);
        }
        const std::string reply =
            "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
        ASSERT_EQ(::send(open_.back().get(), reply.data(), reply.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(reply.size()));
    }

    int port = 0;
    std::size_t taken = 0, most = 0;
    std::string received;

private:
    EventLoop& loop_;
    FileDescriptor listener_;
    std::vector<FileDescriptor> open_;
};

class HttpClientTest : public testing::Test {
protected:
    void make(std::size_t window) {
        HttpOptions options;
        options.window = window;
        auto made = HttpClient::make(loop_, options);
        ASSERT_TRUE(made) << made.error().message;
        client_ = std::move(*made);
    }
    void send(const std::string& scheme, HttpRequest request = {}, std::size_t max_body = 1000, HttpFiles files = {}) {
        request.url = scheme + "://127.0.0.1:" + std::to_string(server_.port) + "/";
        const auto done = [this](HttpResult&& result) {
            if (const auto* error = std::get_if<TransportError>(&result.outcome)) {
                reasons_.push_back(error->sent ? "sent" : error->reason);
                messages_.push_back(error->reason + ": " + error->message);
            } else {
                answers_.push_back(std::get<HttpResponse>(std::move(result.outcome)));
            }
        };
        client_->send(std::move(request), "Authorization: Bearer key", max_body, done, std::move(files));
    }
    void turn_until(const std::function<bool()>& done) {
        while (!done()) loop_.turn();
    }
    [[nodiscard]] auto count(const std::string& reason) const { return std::ranges::count(reasons_, reason); }

    EventLoop loop_ = *EventLoop::make();
    Mute server_{loop_};
    std::unique_ptr<HttpClient> client_;
    std::vector<std::string> reasons_, messages_;
    std::vector<HttpResponse> answers_;
};

TEST_F(HttpClientTest, ConnectionsAreOpenedInTurnAndTheRestIsTakenBack) {
    make(1000);
    for (int i = 0; i < 350; ++i) send("https");
    EXPECT_EQ(client_->in_flight(), 350U);
    turn_until([&] { return server_.taken == 1; });  // alone, but not for long
    turn_until([&] { return server_.taken == 100; });
    server_.hang_up();
    turn_until([&] { return server_.taken >= 200 && reasons_.size() >= 100; });
    EXPECT_LE(server_.most, 100U);
    client_->withdraw();
    EXPECT_GE(count("withdrawn"), 50);
    EXPECT_EQ(count("sent"), 0);
    EXPECT_EQ(client_->in_flight() + reasons_.size(), 350U);
    client_->abandon();
    EXPECT_EQ(client_->in_flight(), 0U);
}

TEST_F(HttpClientTest, ATransferThatIsUsedAgainKeepsNothingOfTheOneBefore) {
    make(1);
    const auto exchange = [&](HttpRequest request, const std::string& answer, std::size_t max_body) {
        const auto before = answers_.size() + reasons_.size();
        send("http", std::move(request), max_body);
        turn_until([&] { return client_->in_flight() == 1 && server_.taken > 0; });
        server_.answer(answer);
        turn_until([&] { return answers_.size() + reasons_.size() > before; });
    };
    exchange({.method = "PUT", .url = {}, .headers = {{"One", "1"}}, .body = "first", .auth = {}},
             "longer than the next", 1000);
    EXPECT_TRUE(server_.received.starts_with("PUT / HTTP/1.1\r\n")) << server_.received;
    EXPECT_NE(server_.received.find("\r\nOne: 1\r\n"), std::string::npos);
    EXPECT_TRUE(server_.received.ends_with("\r\n\r\nfirst"));
    exchange({.method = "GET", .url = {}, .headers = {{"Two", "2"}}, .body = {}, .auth = {}}, "short", 1000);
    EXPECT_TRUE(server_.received.starts_with("GET / HTTP/1.1\r\n")) << server_.received;
    EXPECT_EQ(server_.received.find("One"), std::string::npos);
    EXPECT_TRUE(server_.received.ends_with("\r\nTwo: 2\r\nAuthorization: Bearer key\r\n\r\n"));
    exchange({.method = "POST", .url = {}, .headers = {}, .body = "again", .auth = {}}, "short", 1000);
    EXPECT_TRUE(server_.received.starts_with("POST / HTTP/1.1\r\n")) << server_.received;
    EXPECT_TRUE(server_.received.ends_with("\r\n\r\nagain"));
    ASSERT_EQ(answers_.size(), 3U);
    EXPECT_EQ(answers_[0].body, "longer than the next");
    EXPECT_EQ(answers_[2].body, "short");
    EXPECT_EQ(server_.taken, 1U);  // one connection for all
    exchange({}, "too long now", 5);
    EXPECT_EQ(answers_.size(), 3U);
    ASSERT_EQ(reasons_.size(), 1U);
}

std::string content_of(const FileDescriptor& file) {
    std::string text(1'000'000, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::pread(file.get(), text.data(), text.size(), 0))));
    return text;
}

class HttpFilesTest : public HttpClientTest {
protected:
    void exchange(HttpRequest request, HttpFiles files, const std::string& answer, const std::string& status,
                  const std::string& end, std::size_t max_body = 1000) {
        const auto before = answers_.size() + reasons_.size();
        send("http", std::move(request), max_body, std::move(files));
        turn_until([&] { return server_.taken > 0; });
        server_.answer(answer, status, end);
        turn_until([&] { return answers_.size() + reasons_.size() > before; });
    }
    [[nodiscard]] static FileDescriptor file_with(const std::string& text) {
        auto file = *nameless_file(std::filesystem::temp_directory_path());
        EXPECT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
        return file;
    }
};

TEST_F(HttpFilesTest, ABodyIsSentFromAFileBetweenHeadAndTail) {
    make(1);
    std::string lines;
    for (int i = 0; i < 50'000; ++i) lines += "line " + std::to_string(i) + "\n";
    const auto file = file_with(lines);
    for (int times = 0; times < 2; ++times) {  // the same file again: from its beginning
        exchange({.method = "POST", .url = {}, .headers = {}, .body = "head:", .auth = {}}, {file.get(), ":tail", -1},
                 "good", "200 OK", ":tail");
        const auto body = server_.received.substr(server_.received.find("\r\n\r\n") + 4);
        EXPECT_TRUE(body == "head:" + lines + ":tail") << body.size();
        const auto length = "Content-Length: " + std::to_string(lines.size() + 10) + "\r\n";
        EXPECT_NE(server_.received.find(length), std::string::npos);
    }
    EXPECT_EQ(answers_.size(), 2U);
    exchange({.method = "POST", .url = {}, .headers = {}, .body = "after", .auth = {}}, {}, "good", "200 OK", "after");
    EXPECT_TRUE(server_.received.ends_with("\r\n\r\nafter"));
    EXPECT_EQ(server_.taken, 1U);
}

TEST_F(HttpFilesTest, AnAnswerGoesIntoAFileWhenItIsASuccess) {
    make(1);
    const HttpRequest get{.method = "GET", .url = {}, .headers = {}, .body = {}, .auth = {}};
    const auto file = file_with("");
    exchange(get, {-1, {}, file.get()}, "no such file", "404 Not Found", "\r\n\r\n");
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_EQ(answers_[0].body, "no such file");
    EXPECT_EQ(content_of(file), "");
    exchange(get, {-1, {}, file.get()}, std::string(5000, 'x'), "200 OK", "\r\n\r\n", 5000);
    ASSERT_EQ(answers_.size(), 2U);
    EXPECT_EQ(answers_[1].body, "");
    EXPECT_EQ(content_of(file), std::string(5000, 'x'));
    exchange(get, {-1, {}, file.get()}, "shorter", "200 OK", "\r\n\r\n", 5000);
    EXPECT_EQ(content_of(file), "shorter");
    exchange(get, {-1, {}, file.get()}, std::string(5001, 'x'), "200 OK", "\r\n\r\n", 5000);
    ASSERT_EQ(messages_.size(), 1U);
    EXPECT_TRUE(messages_[0].starts_with("too_large: ")) << messages_[0];
}

TEST_F(HttpFilesTest, AFileThatCannotBeReadOrWrittenIsToldApart) {
    make(1);
    const FileDescriptor full(::open("/dev/full", O_RDWR | O_CLOEXEC));
    exchange({.method = "GET", .url = {}, .headers = {}, .body = {}, .auth = {}}, {-1, {}, full.get()}, "text",
             "200 OK", "\r\n\r\n");
    ASSERT_EQ(messages_.size(), 1U);
    EXPECT_TRUE(messages_[0].starts_with("file: ")) << messages_[0];
    EXPECT_NE(messages_[0].find("No space left"), std::string::npos) << messages_[0];

    auto shrinking = file_with(std::string(3'000'000, 'x'));
    send("http", {.method = "POST", .url = {}, .headers = {}, .body = {}, .auth = {}}, 1000, {shrinking.get(), {}, -1});
    ASSERT_EQ(::ftruncate(shrinking.get(), 1000), 0);
    turn_until([&] { return messages_.size() == 2; });
    EXPECT_TRUE(messages_[1].starts_with("file: ")) << messages_[1];
}

}  // namespace
}  // namespace synth::core
