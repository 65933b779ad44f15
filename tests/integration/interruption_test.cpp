// A run that is interrupted, kindly or not, goes on where it was and ends like one that never stopped.

#include <signal.h>

#include <string>

#include "integration/program.hpp"

namespace synth::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Lt;
using testing::SizeIs;

const std::vector<std::string> kSixty = {"--num-samples", "60", "--max-concurrent", "4"};
constexpr const char* kSlow = R"("latency": {"median_ms": 15, "sigma": 0.3})";

class InterruptionTest : public ProgramTest, public testing::WithParamInterface<int> {};

TEST_P(InterruptionTest, TheFirstSignalKeepsAllAndTellsHowToGoOn) {
    serve(kSlow);
    Process process(generating(kSixty));
    ASSERT_TRUE(server_.wait_for_answers(10, 30s)) << process.err();
    process.send(GetParam());
    const auto interrupted = process.wait();
    EXPECT_EQ(interrupted.exit_code, 128 + GetParam()) << interrupted.err;
    const auto answered = server_.requests().size();
    EXPECT_THAT(records(), SizeIs(AllOf(Ge(10U), Lt(60U))));
    EXPECT_THAT(records(), SizeIs(answered)) << "what was in flight was taken in";
    EXPECT_EQ(number_at(report(), "/samples/accepted"), static_cast<double>(answered));
    EXPECT_EQ(number_at(report(), "/run/exit_code"), 128 + GetParam());

    const auto resumed = run_resume_command(interrupted);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(server_.requests().size(), 60U) << "nothing was paid for twice";
    EXPECT_EQ(read_file(output("json")), unbroken(kSixty));
}

INSTANTIATE_TEST_SUITE_P(Signals, InterruptionTest, testing::Values(SIGINT, SIGTERM));

using CrashTest = ProgramTest;

TEST_F(CrashTest, ASecondSignalStopsAtOnce) {
    serve(R"("cycle": ["hang"])");
    Process process(generating({"--num-samples", "20", "--drain-timeout", "3000"}));
    ASSERT_TRUE(server_.wait_for_requests(1, 30s)) << process.err();
    process.send(SIGINT);
    process.send(SIGTERM);
    const auto& finished = process.wait(30s);
    EXPECT_FALSE(finished.timed_out);
    EXPECT_THAT(finished.exit_code, testing::AnyOf(130, 143));
    EXPECT_THAT(lines_of(finished.err).back(), HasSubstr("tdamm-synth resume"));
}

TEST_F(CrashTest, KilledAndResumedEndsByteForByteTheSame) {
    serve(kSlow);
    for (const std::size_t answers : {10U, 35U}) {
        Process process(answers == 10 ? generating(kSixty) : command({"resume", ledger()}));
        ASSERT_TRUE(server_.wait_for_answers(answers, 30s)) << process.err();
        process.send(SIGKILL);
        EXPECT_EQ(process.wait().signal, SIGKILL);
    }
    const auto status = run_program({"status", ledger(), "--json"});
    EXPECT_EQ(status.exit_code, 0) << status.err;
    const auto resumed = run_program({"resume", ledger()});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(read_file(output("json")), unbroken(kSixty));
    // What was in flight or not yet durable may be asked for again; the window and one group commit bound it.
    EXPECT_LE(server_.requests().size(), 60U + 2 * (4U + 64U));
}

TEST_F(CrashTest, AFinishedRunIsResumedWithoutARequest) {
    ASSERT_EQ(generate({"--num-samples", "8", "--sampler", "uniform"}).exit_code, 0);
    const auto before = read_file(output("json"));
    const auto again = run_program({"resume", ledger()});
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(read_file(output("json")), before);
    EXPECT_THAT(server_.requests(), SizeIs(8));

    const auto more = run_program({"resume", ledger(), "--num-samples", "12"});
    EXPECT_EQ(more.exit_code, 0) << more.err;
    EXPECT_THAT(records(), SizeIs(12));
    EXPECT_THAT(server_.requests(), SizeIs(12));
    EXPECT_EQ(read_file(output("json")), unbroken({"--num-samples", "12", "--sampler", "uniform"}))
        << "as one longer run asks";
}

TEST_F(CrashTest, ARunThatNeededFewerSamplesThanAskedForIsResumed) {
    write_file(dir_ / "have.csv", "labels\nX-rays\nX-rays\nX-rays\n");
    const auto first =
        generate({"--sampler", "complete", "-o", "sampler.data=have.csv", "--num-samples", "500", "--max-labels", "7"});
    ASSERT_EQ(first.exit_code, 0) << first.err;
    auto counts = label_counts(records());
    counts[1] += 3;  // X-rays
    EXPECT_THAT(counts, testing::Each(3U));
    const auto requests = server_.requests().size();
    EXPECT_LT(requests, 120U);

    const auto again = run_program({"resume", ledger()});
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_THAT(server_.requests(), SizeIs(requests));
    const auto more = run_program({"resume", ledger(), "--num-samples", "400"});
    EXPECT_EQ(more.exit_code, 2);
    EXPECT_THAT(more.err, HasSubstr("lacks nothing of the goal"));
    EXPECT_THAT(run_program({"resume", ledger(), "--num-samples", "5"}).err,
                HasSubstr("the run has " + std::to_string(requests) + " samples planned"));
}

TEST_F(CrashTest, TwoProcessesDoNotShareALedger) {
    serve(R"("cycle": ["hang"])");
    Process first(generating({"--num-samples", "5", "--max-concurrent", "5"}));
    ASSERT_TRUE(server_.wait_for_requests(5, 30s)) << first.err();
    const auto second = run_program({"resume", ledger()});
    EXPECT_THAT(second.exit_code, testing::AnyOf(2, 6));
    EXPECT_THAT(lines_of(second.err), SizeIs(1)) << second.err;
    EXPECT_THAT(server_.requests(), SizeIs(5));
    EXPECT_EQ(run_program({"status", ledger()}).exit_code, 0) << "reading is always possible";
}

}  // namespace
}  // namespace synth::test
