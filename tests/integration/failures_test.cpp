// The service fails in its many ways; the run goes on, stops for good with everything kept, or names what is missing.
// The key is seen by the service alone.

#include <algorithm>
#include <filesystem>
#include <string>

#include "integration/program.hpp"

namespace synth::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class FailuresTest : public ProgramTest {
protected:
    void expect_no_key(const Finished& finished) const {
        EXPECT_THAT(finished.out, Not(HasSubstr(kKey)));
        EXPECT_THAT(finished.err, Not(HasSubstr(kKey)));
        for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path())) {
            if (entry.is_regular_file() && entry.path().filename() != ".env") {
                EXPECT_THAT(read_file(entry.path()), Not(HasSubstr(kKey))) << entry.path();
            }
        }
    }
};

TEST_F(FailuresTest, WhatMayBeRetriedIs) {
    serve(R"("rules": [{"fault": "rate_limited", "retry_after_ms": "20", "calls": [2, 9]},
                       {"fault": "rate_limited", "retry_after": "1", "calls": [3]},
                       {"fault": "server_error", "calls": [4]}, {"fault": "bad_gateway", "calls": [5]},
                       {"fault": "overloaded", "calls": [6]}, {"fault": "html", "calls": [7]},
                       {"fault": "cut_body", "calls": [8]}, {"fault": "empty", "calls": [10]},
                       {"fault": "content_filter", "calls": [11]}, {"fault": "overloaded_529", "calls": [12]},
                       {"fault": "chunked", "calls": [13]}, {"fault": "no_choices", "calls": [14]}])");
    const auto finished = generate({"--num-samples", "25", "--max-attempts", "9"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(records(), SizeIs(25));
    EXPECT_EQ(server_.requests().size(), 25U + 9U + 3U);
    EXPECT_EQ(number_at(report(), "/samples/attempts"), 25 + 9) << "waiting for a rate limit is not an attempt";
    EXPECT_GE(sum_at(report(), "/samples/failures"), 9);
}

TEST_F(FailuresTest, ConnectionsThatBreakAreAttemptsAndStayCharged) {
    // One connection, used again and again: libcurl would send again by itself where it was closed without an answer.
    serve(R"("rules": [{"fault": "close", "calls": [3]}, {"fault": "reset", "calls": [6]},
                       {"fault": "reset_after_headers", "calls": [9]}])");
    const auto finished = generate({"--num-samples", "10", "--max-concurrent", "1", "--model", "gpt-4o-mini"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(records(), SizeIs(10));
    EXPECT_THAT(server_.requests(), SizeIs(13));
    EXPECT_EQ(number_at(report(), "/samples/attempts"), 13);
    EXPECT_EQ(number_at(report(), "/time/requests"), 13);
    EXPECT_EQ(number_at(report(), "/cost/unanswered_requests"), 3) << "they may have been billed";
    EXPECT_GT(number_at(report(), "/cost/reserved_usd").value(), 0);
}

TEST_F(FailuresTest, ParametersThatAModelDoesNotTakeAreLearnedOnce) {
    serve(R"("rules": [{"fault": "unsupported_parameter", "param": "max_tokens", "instead": "max_completion_tokens"},
                       {"fault": "unsupported_value", "param": "temperature"}])");
    const auto finished = generate({"--num-samples", "12", "--max-concurrent", "1", "--model", "our-own-7b"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(server_.requests().size(), 14U);
    EXPECT_EQ(number_at(report(), "/samples/attempts"), 12) << "a remedied resend is not an attempt";
}

TEST_F(FailuresTest, WhatIsMissingIsNamedAndLeavesAGap) {
    serve(R"("rules": [{"fault": "context_length_exceeded", "calls": [3]}])");
    const auto finished = generate({"--num-samples", "10", "--max-concurrent", "1"});
    EXPECT_EQ(finished.exit_code, 3) << finished.err;
    const auto made = records();
    ASSERT_THAT(made, SizeIs(9));
    EXPECT_TRUE(made[1].link.ends_with("sample_2"));
    EXPECT_TRUE(made[2].link.ends_with("sample_4"));
    EXPECT_EQ(number_at(report(), "/samples/missing"), 1);
    EXPECT_EQ(number_at(report(), "/run/exit_code"), 3);
    EXPECT_EQ(server_.requests().size(), 10U) << "the same payload is not sent again";
    EXPECT_THAT(lines_of(finished.err).back(), HasSubstr("tdamm-synth resume"));
}

TEST_F(FailuresTest, NoCreditStopsAndKeepsWhatIsThere) {
    serve(R"("credit": 15)");
    const auto finished = generate({"--num-samples", "40", "--max-concurrent", "4"});
    EXPECT_EQ(finished.exit_code, 5) << finished.err;
    EXPECT_THAT(records(), SizeIs(15));
    EXPECT_EQ(number_at(report(), "/samples/accepted"), 15);
    EXPECT_LE(server_.requests().size(), 15U + 4U);

    serve("");
    const auto resumed = run_resume_command(finished);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(read_file(output("json")), unbroken({"--num-samples", "40"}));
}

TEST_F(FailuresTest, WhatIsRefusedForGoodStopsAtOnce) {
    for (const char* fault : {"unauthorized", "forbidden", "model_not_found"}) {
        const auto before = server_.requests().size();
        serve(R"("cycle": [")" + std::string(fault) + R"("])");
        const auto finished = generate({"--num-samples", "30", "--max-concurrent", "5", "--run-name", fault});
        EXPECT_EQ(finished.exit_code, 5) << finished.err;
        EXPECT_LE(server_.requests().size() - before, 5U) << fault;
    }
}

TEST_F(FailuresTest, TheKeyIsNowhere) {
    // Even when the service prints it: in errors that are retried, and in one that ends the run.
    serve(R"("latency": {"ms": 30}, "rules": [{"fault": "key_echo", "status": 500, "calls": [2, 3]},
              {"fault": "key_echo", "from": 12}])");
    Process process(generating({"--num-samples", "20", "--max-concurrent", "4", "--verbose"}));
    ASSERT_TRUE(server_.wait_for_requests(1, 30s));
    EXPECT_THAT(process.command_line(), Not(HasSubstr(kKey)));
    const auto& finished = process.wait();
    EXPECT_EQ(finished.exit_code, 5) << finished.err;
    EXPECT_THAT(server_.requests(), Not(SizeIs(0)));
    for (const auto& request : server_.requests())
        EXPECT_EQ(request.header("authorization"), "Bearer " + std::string(kKey));
    expect_no_key(finished);
}

TEST_F(FailuresTest, AKeyFromAFileStaysThere) {
    write_file(dir_ / ".env", "# local\nOPENAI_API_KEY=\"" + std::string(kKey) + "\"\n");
    serve(R"("latency": {"ms": 30})");
    Command command = generating({"--num-samples", "4"});
    command.environment["OPENAI_API_KEY"] = std::nullopt;
    Process process(command);
    ASSERT_TRUE(server_.wait_for_requests(1, 30s));
    EXPECT_THAT(process.command_line(), Not(HasSubstr(kKey)));
    EXPECT_THAT(process.environment(), Not(HasSubstr(kKey)));
    const auto& finished = process.wait();
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(server_.requests()[0].header("authorization"), "Bearer " + std::string(kKey));
    expect_no_key(finished);
}

TEST_F(FailuresTest, RedirectsToAnotherHostDoNotGetTheKey) {
    serve(R"("rules": [{"fault": "redirect", "location": "other", "calls": [1]}])");
    static_cast<void>(generate({"--num-samples", "1", "--max-attempts", "1"}));
    for (const auto& request : server_.requests())
        if (request.header("host").value_or("").starts_with("localhost")) {
            EXPECT_FALSE(request.header("authorization"));
        }
}

}  // namespace
}  // namespace synth::test
