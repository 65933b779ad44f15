// The scripted server keeps its promises: what other tests conclude from it rests on this.

#include "support/fault_server.hpp"

#include <curl/curl.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace synth::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr auto kBody =
    R"({"model":"gpt-4o-mini","messages":[{"role":"system","content":"You write."},)"
    R"({"role":"user","content":"Write about 1,200 words; each part 400 words."}],"temperature":0.8})";

struct Received {
    CURLcode code = CURLE_OK;
    long status = 0;
    std::string headers, body;
};

/// One transfer, kept alive while it is used.
class Transfer {
public:
    explicit Transfer(const std::string& url, const std::string& body = kBody, long timeout_ms = 20'000)
        : handle_(curl_easy_init()), body_(body) {
        headers_ = curl_slist_append(headers_, "Authorization: Bearer sk-test-0123456789");
        headers_ = curl_slist_append(headers_, "Content-Type: application/json");
        headers_ = curl_slist_append(headers_, "Expect:");
        curl_easy_setopt(handle_, CURLOPT_URL, url.c_str());
        curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers_);
        if (!body_.empty()) curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, body_.c_str());
        curl_easy_setopt(handle_, CURLOPT_TIMEOUT_MS, timeout_ms);
        curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, &append);
        curl_easy_setopt(handle_, CURLOPT_WRITEDATA, &received.body);
        curl_easy_setopt(handle_, CURLOPT_HEADERFUNCTION, &append);
        curl_easy_setopt(handle_, CURLOPT_HEADERDATA, &received.headers);
    }
    ~Transfer() {
        curl_easy_cleanup(handle_);
        curl_slist_free_all(headers_);
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    CURL* handle() { return handle_; }
    Received& perform() { return take(curl_easy_perform(handle_)); }
    Received& take(CURLcode code) {
        received.code = code;
        curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &received.status);
        return received;
    }

    Received received;

private:
    static size_t append(char* data, size_t size, size_t count, void* to) {
        static_cast<std::string*>(to)->append(data, size * count);
        return size * count;
    }

    CURL* handle_;
    curl_slist* headers_ = nullptr;
    std::string body_;
};

Received chat(const FaultServer& server, const std::string& body = kBody, long timeout_ms = 20'000) {
    return Transfer(server.base_url() + "/chat/completions", body, timeout_ms).perform();
}

std::string body_number(int n) {
    return R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"40 words, number )" + std::to_string(n) +
           R"("}]})";
}

std::size_t count_of(std::string_view text, std::string_view what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++count;
    return count;
}

TEST(FaultServer, AnswersAreAFunctionOfTheBody) {
    FaultServer first(R"({"model_suffix": "-2024-07-18", "cached_tokens": 7})"), second(R"({"cached_tokens": 7})");
    const auto answer = chat(first);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, chat(first).body);
    EXPECT_NE(answer.body, chat(first, body_number(1)).body);
    EXPECT_THAT(answer.body, HasSubstr(R"("model":"gpt-4o-mini-2024-07-18")"));
    EXPECT_THAT(answer.body, HasSubstr(R"("content":"TITLE: )"));
    EXPECT_THAT(answer.body, HasSubstr(R"("finish_reason":"stop")"));
    EXPECT_THAT(answer.body, HasSubstr(R"("cached_tokens":7)"));

    // 1,200 words were asked for: the largest number in the prompt, not the last. 1,200 × 1.35 tokens.
    EXPECT_THAT(answer.body, HasSubstr(R"("completion_tokens":1620)"));
    EXPECT_THAT(chat(second).body, HasSubstr(R"("model":"gpt-4o-mini",)"));
    const auto logged = first.requests();
    ASSERT_EQ(logged.size(), 3U);
    EXPECT_EQ(logged[0].call, 1U);
    EXPECT_EQ(logged[0].body, kBody);
    EXPECT_EQ(logged[0].body_hash, logged[1].body_hash);
    EXPECT_EQ(logged[0].header("authorization"), "Bearer sk-test-0123456789");
    EXPECT_EQ(logged[0].completion_tokens, 1620);
    EXPECT_EQ(logged[0].cached_tokens, 7);
}

TEST(FaultServer, AnOutputLimitCutsTheAnswer) {
    FaultServer server(R"({"words": 1000})");
    const auto answer = chat(server, R"({"model":"m","max_tokens":135,"messages":[{"role":"user","content":"go"}]})");
    EXPECT_THAT(answer.body, HasSubstr(R"("finish_reason":"length")"));
    EXPECT_THAT(answer.body, HasSubstr(R"("completion_tokens":135)"));
}

TEST(FaultServer, ListsModelsAndItsLog) {
    FaultServer server(R"({"models": ["gpt-4.1", "o3"]})");
    EXPECT_THAT(Transfer(server.base_url() + "/models", "").perform().body, HasSubstr(R"("id":"o3")"));
    EXPECT_EQ(Transfer(server.base_url() + "/files", "").perform().status, 404);
    EXPECT_EQ(chat(server).status, 404);  // gpt-4o-mini is not one of its models
    const auto log = Transfer("http://127.0.0.1:" + std::to_string(server.port()) + "/log", "").perform().body;
    EXPECT_THAT(log, HasSubstr(R"("fault": "model_not_found")"));
    EXPECT_THAT(log, HasSubstr(R"("target": "/v1/models")"));
}

struct FaultCase {
    const char* rule;
    CURLcode code;
    long status;
    const char* in_headers;  // or ""
    const char* in_body;
};

class Faults : public testing::TestWithParam<FaultCase> {};

TEST_P(Faults, ShowOnTheWire) {
    const auto& expected = GetParam();
    FaultServer server(R"({"words": 200, "rules": [)" + std::string(expected.rule) + "]}");
    const auto received = chat(server, kBody, 1000);
    EXPECT_EQ(received.code, expected.code) << curl_easy_strerror(received.code);
    EXPECT_EQ(received.status, expected.status);
    EXPECT_THAT(received.headers, HasSubstr(expected.in_headers));
    EXPECT_THAT(received.body, HasSubstr(expected.in_body));
    const auto logged = server.requests();
    ASSERT_EQ(logged.size(), 1U);
    EXPECT_EQ(logged[0].status, expected.status);
    EXPECT_NE(logged[0].fault, "none");
}

INSTANTIATE_TEST_SUITE_P(
    All, Faults,
    testing::Values(
        FaultCase{R"({"fault": "rate_limited", "retry_after": "2"})", CURLE_OK, 429, "retry-after: 2\r\n",
                  R"("code": "rate_limit_exceeded")"},
        FaultCase{R"({"fault": "rate_limited", "retry_after_ms": "1500", "reset": "6m0s"})", CURLE_OK, 429,
                  "retry-after-ms: 1500\r\nx-ratelimit-reset-requests: 6m0s\r\n", "Rate limit"},
        FaultCase{R"({"fault": "rate_limited", "retry_date": 5})", CURLE_OK, 429, " GMT\r\n", "Rate limit"},
        FaultCase{R"({"fault": "rate_limited", "requested_tokens": 9000, "limit_tokens": 5000})", CURLE_OK, 429, "",
                  "Limit 5000, Requested 9000"},
        FaultCase{R"("insufficient_quota")", CURLE_OK, 429, "", R"("code": "insufficient_quota")"},
        FaultCase{R"("unauthorized")", CURLE_OK, 401, "", "invalid_api_key"},
        FaultCase{R"("forbidden")", CURLE_OK, 403, "", "not allowed"},
        FaultCase{R"("model_not_found")", CURLE_OK, 404, "", R"("code": "model_not_found")"},
        FaultCase{R"({"fault": "unsupported_value", "param": "temperature"})", CURLE_OK, 400, "",
                  R"("param": "temperature")"},
        FaultCase{R"("context_length_exceeded")", CURLE_OK, 400, "", R"("code": "context_length_exceeded")"},
        FaultCase{R"("request_timeout")", CURLE_OK, 408, "", "timed out"},
        FaultCase{R"("conflict")", CURLE_OK, 409, "", "error"},
        FaultCase{R"("server_error")", CURLE_OK, 500, "", "error"},
        FaultCase{R"("bad_gateway")", CURLE_OK, 502, "text/html", "<html>"},
        FaultCase{R"("overloaded")", CURLE_OK, 503, "", "server_is_overloaded"},
        FaultCase{R"("overloaded_529")", CURLE_OK, 529, "", "Overloaded"},
        FaultCase{R"({"fault": "status", "status": 418, "body": "tea", "headers": {"x-should-retry": "false"}})",
                  CURLE_OK, 418, "x-should-retry: false\r\n", "tea"},
        FaultCase{R"("html")", CURLE_OK, 200, "text/html", "<html>"},
        FaultCase{R"("error_member")", CURLE_OK, 200, "", R"("error": {)"},
        FaultCase{R"("no_choices")", CURLE_OK, 200, "", R"("model":"gpt-4o-mini","usage")"},
        FaultCase{R"("empty")", CURLE_OK, 200, "", R"("content":"","refusal":null)"},
        FaultCase{R"("refusal")", CURLE_OK, 200, "", R"("content":null,"refusal":"I'm sorry)"},
        FaultCase{R"("content_filter")", CURLE_OK, 200, "", R"("finish_reason":"content_filter")"},
        FaultCase{R"({"fault": "length", "share": 0.25})", CURLE_OK, 200, "", R"("completion_tokens":67)"},
        FaultCase{R"("invalid_utf8")", CURLE_OK, 200, "", "\xff\xc3\x28"},
        FaultCase{R"("cut_body")", CURLE_PARTIAL_FILE, 200, "Content-Length", "TITLE"},
        FaultCase{R"("close")", CURLE_GOT_NOTHING, 0, "", ""}, FaultCase{R"("reset")", CURLE_RECV_ERROR, 0, "", ""},
        FaultCase{R"("hang")", CURLE_OPERATION_TIMEDOUT, 0, "", ""},
        FaultCase{R"({"fault": "drip", "bytes": 500, "pause_ms": 1})", CURLE_OK, 200, "", R"("total_tokens")"},
        FaultCase{R"("chunked")", CURLE_OK, 200, "Transfer-Encoding: chunked", R"("total_tokens")"},
        FaultCase{R"("wrong_content_type")", CURLE_OK, 200, "text/plain", "TITLE"},
        FaultCase{R"("redirect")", CURLE_OK, 307, "Location: /v1/chat/completions\r\n", ""},
        FaultCase{R"({"fault": "redirect", "location": "other"})", CURLE_OK, 307, "Location: http://localhost:", ""},
        FaultCase{R"("key_echo")", CURLE_OK, 401, "x-received-key: Bearer sk-test-0123456789",
                  "provided: Bearer sk-test-0123456789"}));

TEST(FaultServer, ResetsWithinTheBody) {
    FaultServer server(R"({"cycle": ["reset_after_headers"]})");
    EXPECT_EQ(chat(server).code, CURLE_RECV_ERROR);
    EXPECT_FALSE(server.requests()[0].sent);
}

TEST(FaultServer, StreamsHugeBodies) {
    FaultServer server(R"({"cycle": [{"fault": "huge", "bytes": 33554432}]})");
    const auto received = chat(server);
    EXPECT_EQ(received.code, CURLE_OK);
    EXPECT_GT(received.body.size(), 33'554'432U);
    EXPECT_THAT(received.body.substr(received.body.size() - 400), HasSubstr(R"("finish_reason":"stop")"));
}

TEST(FaultServer, SendsHeadersWithoutEnd) {
    FaultServer server(R"({"cycle": ["endless_headers"]})");
    Transfer transfer(server.base_url() + "/chat/completions");
    curl_easy_setopt(
        transfer.handle(), CURLOPT_HEADERFUNCTION, +[](char*, size_t size, size_t count, void* sum) -> size_t {
            auto& bytes = *static_cast<std::string*>(sum);
            bytes.append(size * count, '.');
            return bytes.size() > 5'000'000 ? 0 : size * count;
        });
    transfer.perform();
    EXPECT_NE(transfer.received.code, CURLE_OK);  // libcurl or the callback had enough
    EXPECT_GT(transfer.received.headers.size(), 100'000U);
}

TEST(FaultServer, AbandonedRequestsAreMarked) {
    FaultServer server(R"({"cycle": ["hang"]})");
    EXPECT_EQ(chat(server, kBody, 50).code, CURLE_OPERATION_TIMEDOUT);
    server.stop();
    EXPECT_TRUE(server.requests()[0].abandoned);
}

std::vector<long> statuses(const FaultServer& server, const std::vector<int>& bodies) {
    std::vector<long> result;
    for (const int body : bodies) result.push_back(chat(server, body_number(body)).status);
    return result;
}

TEST(FaultServer, RulesPickCalls) {
    const auto with = [](const char* rules, const std::vector<int>& bodies) {
        return statuses(FaultServer(rules), bodies);
    };
    const std::vector<int> five = {1, 2, 3, 4, 5};
    EXPECT_THAT(with(R"({"rules": [{"fault": "server_error", "calls": [2, 5]}]})", five),
                ElementsAre(200, 500, 200, 200, 500));
    EXPECT_THAT(with(R"({"rules": [{"fault": "server_error", "from": 2, "to": 3}]})", five),
                ElementsAre(200, 500, 500, 200, 200));
    EXPECT_THAT(with(R"({"rules": [{"fault": "server_error", "every": 2, "times": 1}]})", five),
                ElementsAre(200, 500, 200, 200, 200));
    EXPECT_THAT(with(R"({"rules": [{"fault": "server_error", "match": "number 4"}]})", five),
                ElementsAre(200, 200, 200, 500, 200));
    EXPECT_THAT(with(R"({"rules": [{"fault": "server_error", "first": 1}]})", {1, 1, 2, 1, 2}),
                ElementsAre(500, 200, 500, 200, 200));
    EXPECT_THAT(with(R"({"cycle": ["none", "overloaded"]})", five), ElementsAre(200, 503, 200, 503, 200));
    EXPECT_THAT(with(R"({"credit": 2})", five), ElementsAre(200, 200, 429, 429, 429));
    EXPECT_THAT(with(R"({"key": "sk-other"})", {1}), ElementsAre(401));
    EXPECT_THAT(with(R"({"rules": [{"fault": "unsupported_parameter", "param": "max_tokens"}]})", {1}),
                ElementsAre(200));
}

TEST(FaultServer, DrawnFaultsDependOnBodyNotOnOrder) {
    constexpr auto kScript = R"({"rules": [{"fault": "server_error", "probability": 0.5, "sticky": true}]})";
    std::vector<int> bodies(40);
    for (int i = 0; i < 40; ++i) bodies[static_cast<std::size_t>(i)] = i;
    const auto forward = statuses(FaultServer(kScript), bodies);
    std::ranges::reverse(bodies);
    auto backward = statuses(FaultServer(kScript), bodies);
    std::ranges::reverse(backward);
    EXPECT_EQ(forward, backward);
    EXPECT_THAT(std::ranges::count(forward, 500), testing::AllOf(testing::Gt(10), testing::Lt(30)));
}

TEST(FaultServer, LimitsRequestsAndTokens) {
    FaultServer requests(R"({"limits": {"requests": 2, "window_ms": 3600000}})");
    const auto good = chat(requests);
    EXPECT_THAT(good.headers, HasSubstr("x-ratelimit-limit-requests: 2\r\nx-ratelimit-remaining-requests: 1\r\n"));
    EXPECT_THAT(good.headers, HasSubstr("x-ratelimit-reset-requests: "));
    EXPECT_EQ(chat(requests).status, 200);
    const auto refused = chat(requests);
    EXPECT_EQ(refused.status, 429);
    EXPECT_THAT(refused.headers, HasSubstr("retry-after: "));

    FaultServer tokens(R"({"limits": {"tokens": 500, "window_ms": 3600000, "dialect": "azure", "retry": "none"}})");
    const auto with_limit = [](int limit) {
        return R"({"model":"m","max_tokens":)" + std::to_string(limit) +
               R"(,"messages":[{"role":"user","content":"10 words"}]})";
    };
    EXPECT_THAT(chat(tokens, with_limit(400)).headers, HasSubstr("x-ratelimit-limit-tokens: -1\r\n"));
    const auto late = chat(tokens, with_limit(400));
    EXPECT_EQ(late.status, 429);
    EXPECT_THAT(late.headers, Not(HasSubstr("retry-after")));
    EXPECT_THAT(chat(tokens, with_limit(4000)).body, HasSubstr("Request too large"));
}

TEST(FaultServer, ANewScriptStartsAfresh) {
    FaultServer server(R"({"credit": 0})");
    EXPECT_EQ(chat(server).status, 429);
    server.set_script(R"({"rules": [{"fault": "conflict", "calls": [1]}]})");
    EXPECT_EQ(chat(server).status, 409);
    EXPECT_EQ(chat(server).status, 200);
    EXPECT_EQ(server.requests().size(), 3U);
}

TEST(FaultServer, RefusesWrongScripts) {
    for (const auto* script : {R"({"wrods": 5})", R"({"rules": ["sever_error"]})", R"({"rules": [{"evry": 2}]})", "{"})
        EXPECT_THROW(FaultServer{script}, std::exception) << script;
}

TEST(FaultServer, HoldsAThousandAtOnce) {
    constexpr std::size_t kMany = 1000;
    FaultServer server(R"({"words": 50, "latency": {"ms": 2000}})");
    std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi(curl_multi_init(), &curl_multi_cleanup);
    std::vector<std::unique_ptr<Transfer>> transfers;
    for (std::size_t i = 0; i < kMany; ++i) {
        transfers.push_back(
            std::make_unique<Transfer>(server.base_url() + "/chat/completions", body_number(static_cast<int>(i))));
        curl_multi_add_handle(multi.get(), transfers.back()->handle());
    }
    int running = 1;
    while (running > 0) {
        ASSERT_EQ(curl_multi_perform(multi.get(), &running), CURLM_OK);
        if (running > 0) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
    }
    std::size_t good = 0;
    for (auto& transfer : transfers) {
        long status = 0;
        curl_easy_getinfo(transfer->handle(), CURLINFO_RESPONSE_CODE, &status);
        good += static_cast<std::size_t>(status == 200);
        curl_multi_remove_handle(multi.get(), transfer->handle());
    }
    EXPECT_EQ(good, kMany);
    EXPECT_TRUE(server.wait_for_answers(kMany, 5s));
    EXPECT_GT(server.most_in_flight(), kMany / 2);
}

TEST(FaultServerProgram, PrintsItsPortFirst) {
    const std::string program = std::string(getenv("TDAMM_SYNTH_BUILD_ROOT")) + "/tests/support/fault-server";
    Process server({.arguments = {program, R"({"words": 20})"}});
    while (server.out().find('\n') == std::string::npos) ASSERT_EQ(kill(server.pid(), 0), 0);
    const auto url = "http://127.0.0.1:" + std::to_string(std::stoi(server.out())) + "/v1/chat/completions";
    EXPECT_EQ(Transfer(url).perform().status, 200);
    server.send(SIGTERM);
    EXPECT_EQ(server.wait(10s).exit_code, 0);

    const auto refused = run({.arguments = {program, R"({"wrods": 1})"}});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_EQ(count_of(refused.err, "\n"), 1U);
}

TEST(Process, ReportsExitSignalDeadlineAndStreams) {
    const auto shell = [](std::string script) { return Command{.arguments = {"/bin/sh", "-c", std::move(script)}}; };
    const auto finished = run(shell("echo result; echo trouble >&2; exit 3"));
    EXPECT_EQ(finished.exit_code, 3);
    EXPECT_EQ(finished.out, "result\n");
    EXPECT_EQ(finished.err, "trouble\n");
    EXPECT_EQ(run(shell("kill -9 $$")).signal, SIGKILL);
    const auto late = run(shell("echo before; sleep 1000 & sleep 1000"), 50ms);
    EXPECT_TRUE(late.timed_out);
    EXPECT_EQ(late.signal, SIGKILL);

    TempDir folder;
    auto command = shell("cat > copy; pwd; echo ${SET-none} ${UNSET-none}");
    command.environment = {{"SET", "value"}, {"PATH", std::string("/usr/bin:/bin")}, {"UNSET", std::nullopt}};
    command.directory = folder.path();
    command.input = "given";
    EXPECT_EQ(run(command).out, folder.path().string() + "\nvalue none\n");
    EXPECT_EQ(read_file(folder / "copy"), "given");
    EXPECT_THROW(run({.arguments = {"/nonexistent/program"}}), std::runtime_error);
}

TEST(Process, ShowsWhatOthersSeeOfIt) {
    Process process({.arguments = {"/bin/sleep", "1000"}, .environment = {{"TOKEN", "visible"}}});
    EXPECT_EQ(process.command_line(), std::string("/bin/sleep\0"
                                                  "1000\0",
                                                  16));
    EXPECT_THAT(process.environment(), HasSubstr("TOKEN=visible"));
}

}  // namespace
}  // namespace synth::test
