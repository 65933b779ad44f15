// The client opens connections in turn, and what stands in line can be taken back.

#include "net/http_client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
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
    explicit Mute(EventLoop& loop) : loop_(loop), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
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
            for (int fd = -1; (fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0; ++taken)
                open_.emplace_back(fd);
            most = std::max(most, open_.size());
        });
    }
    ~Mute() { loop_.unwatch(listener_.get()); }
    Mute(const Mute&) = delete;
    Mute& operator=(const Mute&) = delete;

    void hang_up() { open_.clear(); }
    /// Answers what came in on its only connection.
    void answer(const std::string& text) {
        std::string request(65536, '\0');
        ssize_t got = 0;
        while ((got = ::recv(open_.back().get(), request.data(), request.size(), 0)) <= 0) loop_.turn(false);
        received.assign(request, 0, static_cast<std::size_t>(got));
        const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
        ASSERT_EQ(::send(open_.back().get(), reply.data(), reply.size(), MSG_NOSIGNAL), static_cast<ssize_t>(reply.size()));
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
    void send(const std::string& scheme, HttpRequest request = {}, std::size_t max_body = 1000) {
        request.url = scheme + "://127.0.0.1:" + std::to_string(server_.port) + "/";
        client_->send(std::move(request), "Authorization: Bearer key", max_body, [this](HttpResult&& result) {
            if (const auto* error = std::get_if<TransportError>(&result.outcome))
                reasons_.push_back(error->sent ? "sent" : error->reason);
            else
                answers_.push_back(std::get<HttpResponse>(std::move(result.outcome)));
        });
    }
    void turn_until(const std::function<bool()>& done) {
        while (!done()) loop_.turn();
    }
    [[nodiscard]] auto count(const std::string& reason) const { return std::ranges::count(reasons_, reason); }

    EventLoop loop_ = *EventLoop::make();
    Mute server_{loop_};
    std::unique_ptr<HttpClient> client_;
    std::vector<std::string> reasons_;
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
    exchange({.method = "PUT", .url = {}, .headers = {{"One", "1"}}, .body = "first", .auth = {}}, "longer than the next", 1000);
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

}  // namespace
}  // namespace synth::core
