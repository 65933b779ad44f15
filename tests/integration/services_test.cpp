// Whole runs through the providers of other services, against servers that speak as those do.

#include <algorithm>
#include <cmath>

#include "integration/program.hpp"

namespace synth::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Service {
    const char *provider, *secret, *key_header, *target, *model;
    long long input, cached, output;  // picodollars a token
};

std::ostream& operator<<(std::ostream& out, const Service& service) { return out << service.provider; }

class ServicesTest : public ProgramTest, public testing::WithParamInterface<Service> {
protected:
    [[nodiscard]] Finished write(std::vector<std::string> more) const {
        more.insert(more.begin(), {"--provider", GetParam().provider});
        Command command = generating(more);
        for (const char* name : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"})
            command.environment[name] = std::nullopt;
        command.environment[GetParam().secret] = std::string(kKey);
        return run(command);
    }
};

TEST_P(ServicesTest, MakesExactlyWhatWasAskedForAtThePriceTold) {
    serve(R"("cached_tokens": 133, "reasoning_tokens": 20, "key": ")" + std::string(kKey) + "\"");
    const auto finished = write({"--num-samples", "12"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(records().size(), 12U);

    long long picodollars = 0;
    for (const auto& request : server_.requests()) {
        picodollars += (request.prompt_tokens - request.cached_tokens) * GetParam().input +
                       request.cached_tokens * GetParam().cached + request.completion_tokens * GetParam().output;
        EXPECT_EQ(request.target, GetParam().target);
        EXPECT_EQ(request.model, GetParam().model);
        EXPECT_EQ(request.header(GetParam().key_header), kKey);
        EXPECT_FALSE(request.header("authorization"));
        EXPECT_THAT(request.body, Not(HasSubstr(kKey)));
    }
    EXPECT_EQ(server_.requests().size(), 12U) << "one request a sample";
    EXPECT_EQ(std::llround(number_at(report(), "/cost/spent_usd").value() * 1e12), picodollars);
    EXPECT_THAT(read_file(ledger()), Not(HasSubstr(kKey)));
}

TEST_P(ServicesTest, EndsCompleteThroughPassingTrouble) {
    serve(R"("rules": [{"fault": "rate_limited", "retry_after": "1", "calls": [2]},
                       {"fault": "overloaded", "calls": [3]}, {"fault": "server_error", "calls": [4]},
                       {"fault": "cut_body", "calls": [5]}, {"fault": "length", "calls": [6]},
                       {"fault": "refusal", "calls": [7]}, {"fault": "content_filter", "calls": [8]},
                       {"fault": "empty", "calls": [9]}, {"fault": "no_choices", "calls": [10]},
                       {"fault": "html", "calls": [11]}, {"fault": "bad_gateway", "calls": [12]},
                       {"fault": "error_member", "calls": [13]}, {"fault": "invalid_utf8", "calls": [14]}])");
    const auto finished = write({"--num-samples", "12"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(records().size(), 12U);
    EXPECT_EQ(server_.requests().size(), 24U) << "each trouble is one more request, but for the text that was repaired";
    EXPECT_EQ(number_at(report(), "/samples/attempts"), 23) << "waiting for a limit is no attempt";
}

TEST_P(ServicesTest, StopsWhereNoWaitingHelpsAndKeepsWhatWasPaidFor) {
    for (const std::string fault : {"unauthorized", "forbidden", "model_not_found", "insufficient_quota"}) {
        SCOPED_TRACE(fault);
        serve(R"("rules": [{"fault": ")" + fault + R"(", "from": 4}])");
        const auto finished = write({"--num-samples", "20", "--max-concurrent", "1", "--output-dir", "out-" + fault});
        EXPECT_EQ(finished.exit_code, 5) << finished.err;
        EXPECT_THAT(finished.err, AllOf(HasSubstr("3 of 20 samples made"), HasSubstr(" resume ")));
        if (fault == "unauthorized" || fault == "forbidden") {
            EXPECT_THAT(finished.err, HasSubstr(GetParam().secret));
        }
    }
}

TEST_P(ServicesTest, NeedsItsOwnKeyAtItsOwnServer) {
    Command command = this->command({"generate", "--provider", GetParam().provider, "--num-samples", "2"});
    for (const char* name : {"ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"})
        command.environment[name] = std::nullopt;
    const auto finished = run(command);
    EXPECT_NE(finished.exit_code, 0);
    EXPECT_THAT(finished.err, AllOf(HasSubstr(GetParam().secret), HasSubstr("--provider offline")));
}

INSTANTIATE_TEST_SUITE_P(Providers, ServicesTest,
                         testing::Values(Service{"anthropic", "ANTHROPIC_API_KEY", "x-api-key", "/v1/messages",
                                                 "claude-haiku-5-5", 100'000, 10'000, 500'000},
                                         Service{"gemini", "GEMINI_API_KEY", "x-goog-api-key",
                                                 "/v1/models/gemini-3.5-flash-lite:generateContent",
                                                 "gemini-3.5-flash-lite", 300'000, 30'000, 2'500'000}),
                         [](const auto& test) { return std::string(test.param.provider); });

}  // namespace
}  // namespace synth::test
