// Texts that are held: by validators that look at the whole set, and by those that ask a model. Answers come in in any
// order, sessions are killed, and what is left is the same.

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "integration/program.hpp"

namespace synth::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

class HeldTest : public ProgramTest {
protected:
    void SetUp() override {
        fs::create_directory(dir_ / "plugins");
        for (const char* validator : {"SYNTH_TEST_IN_TURN", "SYNTH_TEST_ASKING"}) {
            const fs::path file = std::getenv(validator);
            fs::copy_file(file, dir_ / "plugins" / file.filename());
        }
    }

    [[nodiscard]] std::vector<std::string> with(const std::vector<std::string>& validators, int samples,
                                                int window) const {
        std::vector<std::string> arguments = {
            "--plugin-dir",     (dir_ / "plugins").string(), "--num-samples",  std::to_string(samples),
            "--max-concurrent", std::to_string(window),      "--max-attempts", "50"};
        for (const auto& id : validators) arguments.insert(arguments.end(), {"--validator", id});
        return arguments;
    }
    [[nodiscard]] std::size_t questions() const {
        const auto log = server_.requests();
        return static_cast<std::size_t>(std::ranges::count_if(
            log, [](const auto& request) { return request.body.find("Judge this") != std::string::npos; }));
    }

    /// The output of that run with one request at a time.
    [[nodiscard]] std::string one_by_one(const std::vector<std::string>& validators, int samples) {
        const auto finished = generate(with(validators, samples, 1));
        EXPECT_EQ(finished.exit_code, 0) << finished.err;
        auto text = read_file(output("json"));
        fs::remove_all(dir_ / "out");
        return text;
    }
};

TEST_F(HeldTest, TheSetIsLookedAtInPlanOrderWhateverComesFirst) {
    serve(R"("latency": {"median_ms": 5, "sigma": 1.0})");
    const auto expected = one_by_one({"in_turn"}, 120);
    const auto finished = generate(with({"in_turn"}, 120, 40));
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(records(), SizeIs(120));
    EXPECT_EQ(read_file(output("json")), expected);
    EXPECT_GT(number_at(report(), "/samples/failures/too_alike").value_or(0), 20);
}

TEST_F(HeldTest, AKilledRunEndsLikeOneThatWasNot) {
    serve(R"("latency": {"median_ms": 5, "sigma": 1.0})");
    const auto expected = one_by_one({"in_turn", "asking"}, 60);
    for (std::size_t kill = 0; kill < 12; ++kill) {
        const auto before = server_.requests().size();
        const bool first = !fs::exists(ledger());
        Process program(first ? generating(with({"in_turn", "asking"}, 60, 20))
                              : command({"resume", ledger(), "--plugin-dir", (dir_ / "plugins").string()}));
        static_cast<void>(server_.wait_for_requests(before + 9, std::chrono::seconds(10)));
        program.send(SIGKILL);
        static_cast<void>(program.wait());
    }
    const auto finished = run_program({"resume", ledger(), "--plugin-dir", (dir_ / "plugins").string()});
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(read_file(output("json")), expected);
}

TEST_F(HeldTest, AnswersOfTheJudgeArePaidForAndCountedApart) {
    const auto finished = generate(with({"asking"}, 40, 10));
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(records(), SizeIs(40));
    const auto rejected = number_at(report(), "/samples/failures/judged_bad").value_or(0);
    EXPECT_GT(rejected, 2);
    EXPECT_EQ(static_cast<double>(questions()), 40 + rejected) << "every text is asked about once";
    EXPECT_EQ(number_at(report(), "/samples/attempts"), 40 + rejected) << "a question is no attempt";
    const auto asks = number_at(report(), "/cost/asks_usd").value_or(0);
    EXPECT_GT(asks, 0);
    EXPECT_GT(number_at(report(), "/cost/spent_usd").value_or(0), asks);
    EXPECT_EQ(number_at(report(), "/time/requests"), static_cast<double>(server_.requests().size()));
}

TEST_F(HeldTest, AJudgeThatCannotBeReachedLeavesItToTheValidator) {
    serve(R"("rules": [{"fault": "server_error", "match": "Judge this"}])");
    auto arguments = with({"asking"}, 5, 5);
    arguments.insert(arguments.end(), {"--max-attempts", "2"});
    const auto finished = generate(arguments);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(records(), SizeIs(5));
    EXPECT_EQ(questions(), 10U);
    EXPECT_THAT(finished.err, HasSubstr("nobody judged it"));
}

TEST_F(HeldTest, AJudgeKeepsToItsPartOfTheBudget) {
    auto arguments = with({"asking"}, 30, 5);
    arguments.insert(arguments.end(), {"--budget", "0.05", "-o", "validator.asking.small_share=true"});
    const auto finished = generate(arguments);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_LE(number_at(report(), "/cost/asks_usd").value_or(1), 0.0005);
    EXPECT_GT(questions(), 0U);
    EXPECT_LT(questions(), 30U);
    EXPECT_THAT(records(), SizeIs(30));
}

TEST_F(HeldTest, WhenTheBudgetEndsWhatIsHeldIsDecided) {
    serve(R"("latency": {"median_ms": 5, "sigma": 1.0})");
    auto arguments = with({"in_turn"}, 100, 20);
    arguments.insert(arguments.end(), {"--budget", "0.008"});
    const auto finished = generate(arguments);
    EXPECT_EQ(finished.exit_code, 4) << finished.err;
    const auto made = records().size();
    EXPECT_GT(made, 5U);
    const auto resumed =
        run_program({"resume", ledger(), "--budget", "1", "--plugin-dir", (dir_ / "plugins").string()});
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(records(), SizeIs(100));
}

TEST_F(HeldTest, ShardsAreLookedAtAsOneSetWhenTheyAreMerged) {
    std::vector<std::string> merge = {"merge", "--plugin-dir", (dir_ / "plugins").string()};
    for (const char* shard : {"1/6", "2/6", "3/6", "4/6", "5/6", "6/6"}) {
        auto arguments = with({"in_turn"}, 60, 10);
        arguments.insert(arguments.end(), {"--shard", shard});
        const auto finished = generate(arguments);
        ASSERT_EQ(finished.exit_code, 0) << finished.err;
        merge.push_back((dir_ / "out" / ("run.shard-" + std::string(1, shard[0]) + "-of-6.ledger.sqlite")).string());
    }
    const auto merged = run_program(merge);
    // The first of a shard did not know the last of the one before.
    EXPECT_EQ(merged.exit_code, 3) << merged.err;
    EXPECT_THAT(merged.err, HasSubstr("rejected beside those of other shards"));
    const auto made = records().size();
    EXPECT_GT(made, 40U);
    EXPECT_LT(made, 60U);
    EXPECT_EQ(number_at(report(), "/samples/missing"), static_cast<double>(60 - made));
    const auto resumed = run_program({"resume", ledger(), "--plugin-dir", (dir_ / "plugins").string()});
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(records(), SizeIs(60));
}

}  // namespace
}  // namespace synth::test
