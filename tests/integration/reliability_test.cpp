// What a service, a disk or a terminal may do to a run: it ends with what was asked for, or stops with everything kept
// and the way on named.

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "integration/program.hpp"
#include "support/sanitized.hpp"

namespace synth::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::Not;
using testing::SizeIs;

/// Of what the server answered.
std::size_t answered_with(const FaultServer& server, int status) {
    const auto requests = server.requests();
    return static_cast<std::size_t>(std::ranges::count(requests, status, &LoggedRequest::status));
}

class FaultsTest : public ProgramTest {};

TEST_F(FaultsTest, FourteenKindsOfTroubleAndStillEverySample) {
    std::string cycle;
    const std::vector<std::string> faults = {R"({"fault": "rate_limited", "retry_after_ms": "50"})",
                                             R"("server_error")",
                                             R"("bad_gateway")",
                                             R"("overloaded")",
                                             R"("html")",
                                             R"("cut_body")",
                                             R"("empty")",
                                             R"("content_filter")",
                                             R"("no_choices")",
                                             R"("error_member")",
                                             R"("close")",
                                             R"("reset")",
                                             R"("refusal")",
                                             R"("request_timeout")"};
    for (std::size_t i = 0; i < 46; ++i)
        cycle +=
            (i == 0 ? "" : ", ") + (i % 3 == 1 && i / 3 < faults.size() ? faults[i / 3] : std::string(R"("none")"));
    serve(R"("latency": {"ms": 10}, "cycle": [)" + cycle + "]");
    const auto finished =
        run(generating({"--num-samples", "300", "--max-attempts", "10", "--max-concurrent", "40"}), 120s);
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(records(), SizeIs(300));
    EXPECT_EQ(number_at(report(), "/samples/missing"), 0);
}

TEST_F(FaultsTest, AnEmptyAccountKeepsWhatWasPaidAndResumePaysForTheRest) {
    serve(R"("credit": 40, "latency": {"ms": 15})");
    const auto stopped = generate({"--num-samples", "200", "--max-concurrent", "10"});
    EXPECT_EQ(stopped.exit_code, 5) << stopped.err;
    EXPECT_THAT(records(), SizeIs(40));
    EXPECT_LE(server_.requests().size(), 50U);
    const auto before = server_.requests().size();
    serve("");
    const auto resumed = run_resume_command(stopped);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(records(), SizeIs(200));
    EXPECT_EQ(server_.requests().size() - before, 160U);
}

TEST_F(FaultsTest, EveryTenthCallHangsAndIsAskedAgain) {
    serve(R"("rules": [{"fault": "hang", "every": 10}])");
    const auto finished = generate({"--num-samples", "60", "--timeout", "1", "--max-attempts", "5"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(records(), SizeIs(60));
    EXPECT_GE(number_at(report(), "/samples/failures/timeout").value_or(0), 6);
}

TEST_F(FaultsTest, AnAnswerThatDoesNotBeginIsNoticedBeforeTheTimeout) {
    serve(R"("rules": [{"fault": "hang", "calls": [1]}])");
    const auto finished = generate({"--num-samples", "3", "--first-byte-timeout", "1"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(number_at(report(), "/samples/failures/first_byte_timeout"), 1);
}

TEST_F(FaultsTest, AnEndlessAnswerIsRefusedWhileItComesIn) {
    serve(R"("rules": [{"fault": "huge", "calls": [2]}])");
    const auto finished = generate({"--num-samples", "5", "--max-concurrent", "1"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(number_at(report(), "/samples/failures/too_large"), 1);
    rusage children{};
    ASSERT_EQ(getrusage(RUSAGE_CHILDREN, &children), 0);
    constexpr long kMost =
        (test::kSanitized ? 800 : 100) * 1024;  // what a sanitizer keeps for itself is not the program's
    EXPECT_LT(children.ru_maxrss, kMost) << "KB, the largest program of these tests so far";
}

TEST_F(FaultsTest, AServiceThatIsDownCostsNoAttemptsAndIsWaitedFor) {
    serve(R"("rules": [{"fault": "overloaded", "to": 33}])");
    const auto finished = generate({"--num-samples", "30", "--max-attempts", "2"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(records(), SizeIs(30));
    EXPECT_THAT(finished.err, AllOf(HasSubstr("the service does not answer"), HasSubstr("the service answers again")));
}

TEST_F(FaultsTest, AServiceThatStaysDownIsGivenUp) {
    for (const char* fault : {"server_error", "hang", "rate_limited"}) {
        const auto before = server_.requests().size();
        serve(R"("cycle": [")" + std::string(fault) + R"("])");
        const auto finished = generate({"--num-samples", "100", "--max-attempts", "1000", "--max-concurrent", "10",
                                        "--timeout", "1", "--give-up-after", "3", "--run-name", fault});
        EXPECT_EQ(finished.exit_code, 5) << finished.err;
        EXPECT_THAT(finished.err, HasSubstr("no request succeeded for 3.0 s"));
        EXPECT_THAT(lines_of(finished.err).back(), HasSubstr(" resume "));
        EXPECT_LE(server_.requests().size() - before, 40U) << fault;
        EXPECT_EQ(number_at(read_file(dir_ / ("out/" + std::string(fault) + ".report.json")), "/samples/accepted"), 0);
    }
}

TEST_F(FaultsTest, APayloadThatFailsTheSameWayIsSetAside) {
    serve(R"("rules": [{"fault": "server_error", "probability": 0.2, "sticky": true}])");
    const auto finished =
        run(generating({"--num-samples", "12", "--max-attempts", "1000", "--max-concurrent", "12"}), 120s);
    EXPECT_EQ(finished.exit_code, 3) << finished.err;
    const auto missing = number_at(report(), "/samples/missing").value();
    EXPECT_THAT(missing, AllOf(Ge(1), Le(11)));
    EXPECT_EQ(server_.requests().size(), 12U + 4U * static_cast<std::size_t>(missing));
}

TEST_F(FaultsTest, RedirectsWithinAServerAreFollowedAndNoOthers) {
    serve(R"("rules": [{"fault": "redirect", "times": 3}])");
    EXPECT_EQ(generate({"--num-samples", "5"}).exit_code, 0);
    EXPECT_EQ(number_at(report(), "/samples/attempts"), 5);

    serve(R"("cycle": [{"fault": "redirect", "location": "other"}])");
    const auto refused = generate({"--num-samples", "50", "--max-concurrent", "5", "--run-name", "other"});
    EXPECT_EQ(refused.exit_code, 5) << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("is not followed"));
    for (const auto& request : server_.requests())
        EXPECT_THAT(request.header("host").value_or(""), HasSubstr("127.0.0.1"));
}

class LimitsTest : public ProgramTest {};

TEST_F(LimitsTest, StatedLimitsAreKeptWithHardlyA429) {
    serve(R"("limits": {"requests": 900}, "latency": {"ms": 20})");
    const auto finished = run(generating({"--num-samples", "980", "--max-concurrent", "50"}), 120s);
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_LE(answered_with(server_, 429), 9U);
    EXPECT_EQ(number_at(report(), "/samples/attempts"), 980);
}

TEST_F(LimitsTest, TokensThatAreCountedAtMostAreFoundOutOnce) {
    for (const std::string dialect : {"none", "openai"}) {
        serve(R"("limits": {"tokens": 2000000, "dialect": ")" + dialect + R"("}, "latency": {"ms": 20})");
        const auto before = answered_with(server_, 429);
        const auto finished = run(generating({"--num-samples", "430", "--max-concurrent", "30", "--tpm", "2000000",
                                              "--output-dir", (dir_ / dialect).string()}),
                                  120s);
        ASSERT_EQ(finished.exit_code, 0) << finished.err;
        EXPECT_LE(answered_with(server_, 429) - before, 30U) << dialect << ": those in flight";
    }
}

TEST_F(LimitsTest, UnstatedLimitsAreFound) {
    serve(
        R"("limits": {"requests": 50, "window_ms": 1000, "dialect": "none", "retry": "none"}, "latency": {"ms": 20})");
    const auto finished = run(generating({"--num-samples", "450", "--max-concurrent", "20"}), 120s);
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_LE(10 * answered_with(server_, 429), server_.requests().size()) << "one in ten";
    EXPECT_GE(number_at(report(), "/time/window_changes").value(), 1);
}

TEST_F(LimitsTest, AnAutomaticWindowGrows) {
    serve(R"("latency": {"ms": 400})");
    const auto finished = generate({"--num-samples", "200", "--batch-size", "5", "--max-concurrent", "auto"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_GE(server_.most_in_flight(), 30U);
    EXPECT_GE(number_at(report(), "/time/window_changes").value(), 25);
}

TEST_F(LimitsTest, TheBudgetIsUsedButNotPassed) {
    serve(R"("words": 1178, "latency": {"ms": 5})");
    const auto finished = generate({"--num-samples", "200", "--budget", "0.05", "--model", "gpt-4o-mini"});
    EXPECT_EQ(finished.exit_code, 4) << finished.err;
    const auto spent = number_at(report(), "/cost/spent_usd").value();
    EXPECT_LE(spent, 0.05);
    EXPECT_GE(spent, 0.0475) << "what is left is less than one request may cost";
    EXPECT_EQ(records().size(), server_.requests().size()) << "every paid answer is kept";
}

TEST_F(LimitsTest, WhatRetriesAndRefusalsCostCounts) {
    serve(
        R"("words": 600, "rules": [{"fault": "hang", "calls": [4]}, {"fault": "content_filter", "probability": 0.3}])");
    const auto finished = generate({"--num-samples", "300", "--budget", "0.06", "--model", "gpt-4o-mini", "--timeout",
                                    "1", "--max-attempts", "8", "-o", "prompt.target_words=600"});
    EXPECT_EQ(finished.exit_code, 4) << finished.err;
    double billed = 0;
    for (const auto& request : server_.requests())
        billed +=
            (0.15 * static_cast<double>(request.prompt_tokens) + 0.6 * static_cast<double>(request.completion_tokens)) /
            1e6;
    EXPECT_NEAR(number_at(report(), "/cost/spent_usd").value(), billed, 1e-9);
    EXPECT_GT(number_at(report(), "/cost/reserved_usd").value(), 0) << "no answer came, it may have been billed";
    EXPECT_LE(number_at(report(), "/cost/spent_usd").value() + number_at(report(), "/cost/reserved_usd").value(), 0.06);
}

class TerminalTest : public ProgramTest {};

TEST_F(TerminalTest, ATerminalThatGoesAwayEndsTheRunKindly) {
    serve(R"("latency": {"ms": 20})");
    Process process(generating({"--num-samples", "200", "--max-concurrent", "20"}));
    ASSERT_TRUE(server_.wait_for_answers(30, 30s)) << process.err();
    process.send(SIGHUP);
    const auto interrupted = process.wait();
    EXPECT_EQ(interrupted.exit_code, 128 + SIGHUP) << interrupted.err;
    EXPECT_EQ(records().size(), server_.requests().size()) << "what was in flight was taken in";
    EXPECT_EQ(run_resume_command(interrupted).exit_code, 0);
    EXPECT_THAT(server_.requests(), SizeIs(200));
}

TEST_F(TerminalTest, ClosedStreamsLoseNothing) {
    Command shell = generating({"--num-samples", "10"});
    std::string line = "exec";
    for (const auto& word : shell.arguments) line += " '" + word + "'";
    for (const char* closed : {" >&- 2>&-", " </dev/null | true"}) {
        shell.arguments = {"/bin/sh", "-c", line + closed};
        std::filesystem::remove_all(dir_ / "out");
        static_cast<void>(run(shell));
        EXPECT_THAT(records(), SizeIs(10)) << closed;
        EXPECT_EQ(run_program({"status", ledger()}).exit_code, 0);
    }
}

class DiskTest : public ProgramTest {
protected:
    /// A shell script in `dir_`/disk, a file system of its own of that size. Skips where that is not allowed.
    [[nodiscard]] Finished on_small_disk(const std::string& size, const std::string& script) const {
        std::filesystem::create_directories(dir_ / "disk");
        Command shell = command({});
        shell.arguments = {"/usr/bin/unshare", "-rm", "/bin/sh", "-c",
                           "mount -t tmpfs -o size=" + size + " none disk || exit 99\n" + script};
        return run(shell, 120s);
    }
    [[nodiscard]] std::string words(const Command& command) const {
        std::string line;
        for (const auto& word : command.arguments) line += " '" + word + "'";
        return line;
    }
};

TEST_F(DiskTest, AFullDiskStopsTheRunWithOneLineAndResumeGoesOn) {
    serve(R"("words": 120, "latency": {"ms": 5})");
    const std::vector<std::string> more = {"--num-samples", "900", "--output-dir", "disk", "--drain-timeout", "1"};
    const std::string resume = "'" + command({}).arguments[0] + "' resume disk/run.ledger.sqlite";
    // The disk is full from the start but for some megabytes: less than a request may take, enough for some answers,
    // and enough for the ledger but not for the outputs.
    for (const char* left : {"6000", "7500"}) {
        const auto before = server_.requests().size();
        const auto finished = on_small_disk(
            "40m", "dd if=/dev/zero of=disk/filler bs=1k count=$((40960 - " + std::string(left) + ")) 2>/dev/null\n" +
                       words(generating(more)) + " 2>first.err; echo first $?\nrm disk/filler\n" + resume +
                       " 2>second.err; echo second $?\ncp disk/run.json run.json\nls -a disk");
        if (finished.exit_code == 1 || finished.exit_code == 99)
            GTEST_SKIP() << "no file system can be mounted here: " << finished.err;
        EXPECT_THAT(finished.out, AllOf(HasSubstr("first 6"), HasSubstr("second 0")))
            << finished.out << finished.err << read_file(dir_ / "first.err") << read_file(dir_ / "second.err");
        EXPECT_THAT(read_file(dir_ / "first.err"), HasSubstr("is full"));
        EXPECT_THAT(read_file(dir_ / "first.err"), HasSubstr("of disk")) << "said beforehand";
        EXPECT_THAT(read_records(dir_ / "run.json"), SizeIs(900));
        EXPECT_LE(server_.requests().size() - before, 900U) << "nothing that was in the ledger was asked for again";
    }
}

TEST_F(DiskTest, AnswersThatCannotBeStoredAreKeptUntilTheyCan) {
    // Writes beyond a size fail like those on a full disk, while the file system says that there is room.
    serve(R"("words": 120, "latency": {"ms": 5})");
    const std::string line = words(generating({"--num-samples", "150", "--drain-timeout", "1"}));
    Command shell = command({});
    shell.arguments = {"/bin/bash", "-c", "ulimit -f 600; exec" + line};
    const auto stopped = run(shell);
    EXPECT_EQ(stopped.exit_code, 6) << stopped.err;
    EXPECT_THAT(stopped.err, HasSubstr("what has come in is kept in memory"));
    const auto resumed = run_program({"resume", ledger()});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(records(), SizeIs(150));
    EXPECT_LE(server_.requests().size(), 150U + 20U + 64U) << "again only what was in flight or not yet stored";
}

TEST_F(DiskTest, OpenFilesAreAllowedAsFarAsTheSystemDoesAndTheWindowKeepsToThem) {
    serve(R"("words": 120, "latency": {"ms": 50})");
    const std::string line = words(generating({"--num-samples", "300", "--max-concurrent", "250"}));
    Command shell = command({});
    for (const char* limits : {"ulimit -Sn 100", "ulimit -n 200"}) {  // which can be raised, and which cannot
        shell.arguments = {"/bin/bash", "-c", std::string(limits) + "; exec" + line};
        const auto finished = run(shell);
        EXPECT_EQ(finished.exit_code, 0) << finished.err;
        const bool narrowed = finished.err.find("136 are in flight at most") != std::string::npos;
        EXPECT_EQ(narrowed, std::string(limits) == "ulimit -n 200") << finished.err;
    }
}

TEST_F(DiskTest, WhatADamagedLedgerStillHoldsIsExported) {
    ASSERT_EQ(generate({"--num-samples", "200"}).exit_code, 0);
    const auto whole = records();
    const auto size = std::filesystem::file_size(ledger());
    {
        std::fstream file(ledger(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(size * 3 / 4 / 4096 * 4096));
        file << std::string(4096, '\x5a');
    }
    const auto exported = run_program({"export", ledger(), "--sink", "jsonl", "--output-dir", "saved"});
    EXPECT_EQ(exported.exit_code, 6) << exported.err;
    EXPECT_THAT(lines_of(exported.err), SizeIs(1));
    EXPECT_THAT(exported.err, HasSubstr("is damaged"));
    const auto saved = read_records(dir_ / "saved/run.jsonl");
    EXPECT_THAT(saved, SizeIs(AllOf(Ge(150U), Le(199U))));
    for (const auto& record : saved) EXPECT_THAT(whole, testing::Contains(record));
    EXPECT_EQ(run_program({"status", ledger()}).exit_code, 0);
}

}  // namespace
}  // namespace synth::test
