// A run in parts: shards as processes of their own, killed, started twice, refused, and merged. The measure is always
// what one run makes of the same plan.

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "integration/program.hpp"

namespace synth::test {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
namespace fs = std::filesystem;

class ShardsTest : public ProgramTest {
protected:
    static std::vector<std::string> of(const std::string& shard, std::vector<std::string> more) {
        more.insert(more.end(), {"--shard", shard});
        return more;
    }
    [[nodiscard]] std::string shard_ledger(int number, int count = 4) const {
        return output("shard-" + std::to_string(number) + "-of-" + std::to_string(count) + ".ledger.sqlite").string();
    }
    [[nodiscard]] Finished merge(std::vector<std::string> more = {}, int count = 4) const {
        std::vector<std::string> arguments = {"merge"};
        for (int i = count; i >= 1; --i) arguments.push_back(shard_ledger(i, count));  // in any order
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_program(arguments);
    }
    /// Runs the shards one after the other; all are to succeed.
    void make_shards(const std::vector<std::string>& settings, int count = 4) const {
        for (int i = 1; i <= count; ++i) {
            const auto made = generate(of(std::to_string(i) + "/" + std::to_string(count), settings));
            ASSERT_EQ(made.exit_code, 0) << made.err;
        }
    }
    /// The line of standard error that follows the first one with `text`.
    static std::string line_after(const std::string& err, const std::string& text) {
        const auto lines = lines_of(err);
        for (std::size_t i = 0; i + 1 < lines.size(); ++i)
            if (lines[i].find(text) != std::string::npos) return lines[i + 1];
        return {};
    }
    [[nodiscard]] Finished run_line(const std::string& line) const {
        Command shell = command({});
        shell.arguments = {"/bin/sh", "-c", line};
        return run(shell);
    }
};

TEST_F(ShardsTest, MergedTheyAreOneRun) {
    // Trouble that depends on the text alone, so that shards meet what one run does.
    const std::string trouble = R"("rules": [{"fault": "server_error", "probability": 0.05, "sticky": true, "first": 1},
                                             {"fault": "length", "share": 0.3, "probability": 0.2, "sticky": true, "first": 1}])";
    serve(trouble);
    const std::vector<std::string> settings = {"--num-samples", "90",   "--budget", "1",
                                               "--sink",        "json", "--sink",   "jsonl"};
    const auto whole = generate([&] {
        auto all = settings;
        all.insert(all.end(), {"--output-dir", "whole"});
        return all;
    }());
    ASSERT_EQ(whole.exit_code, 0) << whole.err;
    serve(trouble);
    ASSERT_NO_FATAL_FAILURE(make_shards(settings));
    EXPECT_FALSE(fs::exists(output("shard-2-of-4.json"))) << "outputs are the merge's to make";
    const auto merged = merge({"--json"});
    ASSERT_EQ(merged.exit_code, 0) << merged.err;
    for (const char* file : {"run.json", "run.jsonl"})
        EXPECT_TRUE(read_file(dir_ / ("out/" + std::string(file))) == read_file(dir_ / ("whole/" + std::string(file))))
            << file;
    const auto ours = read_file(output("report.json")), theirs = read_file(dir_ / "whole/run.report.json");
    EXPECT_EQ(merged.out, ours);
    for (const char* number : {"/samples/asked", "/samples/accepted", "/samples/attempts", "/words/mean",
                               "/words/median", "/labels/spread", "/labels/distinct_sets", "/cost/spent_usd",
                               "/cost/input_tokens", "/cost/output_tokens", "/time/requests", "/run/seed"})
        EXPECT_EQ(number_at(ours, number), number_at(theirs, number)) << number;
    EXPECT_GT(*number_at(ours, "/samples/attempts"), 90);
    EXPECT_EQ(number_at(ours, "/time/sessions"), number_at(ours, "/run/sessions"));

    // It is a run like any other: more can be added to it, and that comes out as it would have.
    serve("");
    const std::vector<std::string> more = {"--num-samples", "100", "--budget", "2"};
    std::vector<std::string> first = {"resume", ledger()}, second = {"resume", dir_ / "whole/run.ledger.sqlite"};
    first.insert(first.end(), more.begin(), more.end());
    second.insert(second.end(), more.begin(), more.end());
    ASSERT_EQ(run_program(first).exit_code, 0);
    ASSERT_EQ(run_program(second).exit_code, 0);
    EXPECT_THAT(records(), SizeIs(100));
    EXPECT_TRUE(read_file(output("json")) == read_file(dir_ / "whole/run.json"));

    // What it has now is not in the shards, so a second merge does not take its place.
    const auto again = merge();
    EXPECT_EQ(again.exit_code, 6);
    EXPECT_THAT(again.err, HasSubstr("is of another run"));
    EXPECT_THAT(records(), SizeIs(100));
}

TEST_F(ShardsTest, MoneyAndRatesAreSplitAndAddUp) {
    ASSERT_NO_FATAL_FAILURE(
        make_shards({"--num-samples", "9", "--budget", "0.10", "--rpm", "1003", "--tpm", "1000001"}, 3));
    double budget = 0;
    for (int i = 1; i <= 3; ++i) {
        const auto status = run_program({"status", shard_ledger(i, 3), "--json"});
        ASSERT_EQ(status.exit_code, 0) << status.err;
        budget += *number_at(status.out, "/cost/budget_usd");
        EXPECT_EQ(number_at(status.out, "/samples/asked"), 3);
        EXPECT_NEAR(*number_at(status.out, "/cost/budget_usd"), 0.10 / 3, 1e-9);
    }
    EXPECT_NEAR(budget, 0.10, 1e-12);
    ASSERT_EQ(merge({}, 3).exit_code, 0);
    EXPECT_EQ(number_at(run_program({"status", ledger(), "--json"}).out, "/cost/budget_usd"), 0.10);
}

TEST_F(ShardsTest, OneThatIsKilledGoesOnWhereItWas) {
    const std::vector<std::string> settings = {"--num-samples", "80", "--max-concurrent", "4"};
    serve(R"("latency": {"ms": 5})");
    for (int i = 1; i <= 4; ++i) {
        const auto shard = of(std::to_string(i) + "/4", settings);
        for (int kills = 0; kills < 3; ++kills) {
            const auto before = server_.requests().size();
            Process process(generating(shard));
            ASSERT_TRUE(server_.wait_for_requests(before + 3, seconds(20)));
            process.send(SIGKILL);
            process.wait();
        }
        const auto made = generate(shard);
        ASSERT_EQ(made.exit_code, 0) << made.err;
    }
    const auto merged = merge();
    ASSERT_EQ(merged.exit_code, 0) << merged.err;
    EXPECT_TRUE(read_file(output("json")) == unbroken(settings));
    EXPECT_THAT(number_at(report(), "/run/sessions"), testing::Optional(testing::Ge(12)));
}

TEST_F(ShardsTest, ACompleteOneEndsAtOnceAndNeedsNoKey) {
    const auto shard = of("2/2", {"--num-samples", "6"});
    ASSERT_EQ(generate(shard).exit_code, 0);
    const auto requests = server_.requests().size();
    auto again = generating(shard);
    again.environment["OPENAI_API_KEY"] = std::nullopt;
    const auto finished = run(again);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("complete"));
    EXPECT_THAT(server_.requests(), SizeIs(requests));
}

TEST_F(ShardsTest, TwoProcessesDoNotMakeOneShard) {
    serve(R"("latency": {"ms": 60000})");
    const auto shard = of("1/2", {"--num-samples", "6", "--drain-timeout", "0"});
    Process first(generating(shard));
    ASSERT_TRUE(server_.wait_for_requests(1, seconds(20)));
    const auto second = generate(shard);
    EXPECT_EQ(second.exit_code, 6);
    EXPECT_THAT(second.err, HasSubstr("another process is making run.shard-1-of-2"));
    const auto merged = merge({}, 2);
    EXPECT_EQ(merged.exit_code, 6);
    EXPECT_THAT(merged.err, HasSubstr("is being made just now"));
    first.send(SIGTERM);
    EXPECT_EQ(first.wait().exit_code, 143);
}

TEST_F(ShardsTest, ATaskFindsItsNumberInItsEnvironment) {
    const std::vector<std::string> settings = {"--num-samples", "8", "--shards", "2"};
    struct Task {
        const char* scheduler;
        const char* variable;
        const char* value;
    };
    for (const auto& task :
         {Task{"slurm", "SLURM_ARRAY_TASK_ID", "1"}, Task{"kubernetes", "JOB_COMPLETION_INDEX", "1"}}) {
        auto shard = generating(of(task.scheduler, settings));
        shard.environment[task.variable] = task.value;
        const auto made = run(shard);
        ASSERT_EQ(made.exit_code, 0) << made.err;
    }
    const auto merged = merge({}, 2);  // task 1 of Slurm is the first, index 1 of Kubernetes the second
    ASSERT_EQ(merged.exit_code, 0) << merged.err;
    EXPECT_TRUE(read_file(output("json")) == unbroken({"--num-samples", "8"}));
}

TEST_F(ShardsTest, WhatIsMissingIsNamedWithTheCommandThatMakesIt) {
    // The third shard is refused for good; the fourth never ran.
    const std::vector<std::string> settings = {"--num-samples", "41", "--sink", "json"};
    ASSERT_EQ(generate(of("1/4", settings)).exit_code, 0);
    ASSERT_EQ(generate(of("2/4", settings)).exit_code, 0);
    serve(R"("credit": 4)");
    ASSERT_EQ(generate(of("3/4", settings)).exit_code, 5);
    const auto refused = merge();
    EXPECT_EQ(refused.exit_code, 3);
    EXPECT_THAT(refused.err, HasSubstr("shard 4 of 4 has no ledger: samples 31 to 41"));
    EXPECT_THAT(refused.err, HasSubstr("shard 3 of 4 lacks 6 of its 10 samples"));
    EXPECT_THAT(refused.err, HasSubstr("17 of 41 samples are missing"));
    EXPECT_FALSE(fs::exists(output("json")));
    EXPECT_FALSE(fs::exists(ledger()));
    const auto partly = merge({"--allow-missing"});
    EXPECT_EQ(partly.exit_code, 3);
    EXPECT_FALSE(fs::exists(ledger())) << "not without a whole shard";

    serve("");
    const auto fourth = line_after(refused.err, "shard 4 of 4 has no ledger");
    ASSERT_THAT(fourth, HasSubstr("--shard 4/4"));
    const auto made = run_line(fourth);
    ASSERT_EQ(made.exit_code, 0) << fourth << "\n" << made.err;
    const auto third = line_after(refused.err, "shard 3 of 4 lacks");
    ASSERT_THAT(third, HasSubstr(" resume "));
    ASSERT_EQ(run_line(third).exit_code, 0) << third;
    const auto merged = merge();
    ASSERT_EQ(merged.exit_code, 0) << merged.err;
    EXPECT_TRUE(read_file(output("json")) == unbroken({"--num-samples", "41"}));
}

TEST_F(ShardsTest, AMergeWithMissingSamplesCanBeResumed) {
    const std::vector<std::string> settings = {"--num-samples", "12", "--max-attempts", "1"};
    serve(R"("cycle": ["none", "none", "empty", "none", "none"])");
    EXPECT_EQ(generate(of("1/2", settings)).exit_code, 3);
    serve("");
    EXPECT_EQ(generate(of("2/2", settings)).exit_code, 0);
    EXPECT_EQ(merge({}, 2).exit_code, 3);
    EXPECT_FALSE(fs::exists(output("json")));
    const auto merged = merge({"--allow-missing"}, 2);
    EXPECT_EQ(merged.exit_code, 3) << merged.err;
    EXPECT_THAT(records(), SizeIs(11));
    // Once more: what an earlier merge of the same shards made is replaced.
    EXPECT_EQ(merge({"--allow-missing"}, 2).exit_code, 3);
    const auto resumed = run_resume_command(merged);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(records(), SizeIs(12));
    const auto again = merge({"--allow-missing"}, 2);
    EXPECT_EQ(again.exit_code, 6);
    EXPECT_THAT(again.err, HasSubstr("was resumed after it was merged"));
    EXPECT_THAT(records(), SizeIs(12));
}

TEST_F(ShardsTest, WhatDoesNotFitTogetherIsNotMerged) {
    ASSERT_NO_FATAL_FAILURE(make_shards({"--num-samples", "8"}, 2));
    ASSERT_EQ(generate(of("1/2", {"--num-samples", "8", "--seed", "8", "--run-name", "seed"})).exit_code, 0);
    ASSERT_EQ(generate(of("1/2", {"--num-samples", "8", "--model", "gpt-4o", "--run-name", "model"})).exit_code, 0);
    ASSERT_EQ(generate(of("1/3", {"--num-samples", "8", "--run-name", "three"})).exit_code, 0);
    ASSERT_EQ(generate({"--num-samples", "8", "--run-name", "whole"}).exit_code, 0);
    const auto with = [&](const std::string& first) {
        return run_program({"merge", (dir_ / ("out/" + first + ".ledger.sqlite")).string(), shard_ledger(2, 2)});
    };
    struct Case {
        const char* first;
        const char* says;
    };
    for (const auto& [first, says] :
         {Case{"seed.shard-1-of-2", "seed"}, Case{"model.shard-1-of-2", "options of provider openai"},
          Case{"three.shard-1-of-3", "number of shards"}, Case{"whole", "of a whole run"},
          Case{"run.shard-2-of-2", "a second time"}}) {
        const auto refused = with(first);
        EXPECT_EQ(refused.exit_code, 2) << first;
        EXPECT_THAT(refused.err, HasSubstr(says));
        EXPECT_FALSE(fs::exists(ledger())) << first;
    }
    EXPECT_EQ(with("run.shard-1-of-2").exit_code, 0);
}

TEST_F(ShardsTest, ItsSettingsStay) {
    ASSERT_EQ(generate(of("1/2", {"--num-samples", "8"})).exit_code, 0);
    const auto other = generate(of("1/2", {"--num-samples", "10"}));
    EXPECT_EQ(other.exit_code, 2);
    EXPECT_THAT(other.err, HasSubstr("begun with other settings (number of samples)"));
    const auto more = run_program({"resume", shard_ledger(1, 2), "--num-samples", "20"});
    EXPECT_EQ(more.exit_code, 2);
    EXPECT_THAT(more.err, HasSubstr("merge the shards"));
}

TEST_F(ShardsTest, WhatCannotBeAShardIsRefused) {
    struct Case {
        std::vector<std::string> arguments;
        const char* says;
    };
    for (const auto& [arguments, says] :
         {Case{{"--shard", "5/4"}, "no shard 5 of 4"}, Case{{"--shard", "0/4"}, "count from 1"},
          Case{{"--shard", "2"}, "is no shard"}, Case{{"--shard", "slurm"}, "needs the number of shards"},
          Case{{"--shard", "slurm/4"}, "SLURM_ARRAY_TASK_ID is not set"},
          Case{{"--shard", "1/4", "--shards", "5"}, "another number of shards"}, Case{{"--shards", "4"}, "say which"},
          Case{{"--shard", "1/4", "--num-samples", "3"}, "cannot be split"},
          Case{{"--shard", "1/4", "--rpm", "3"}, "cannot be shared"}}) {
        const auto refused = generate(arguments);
        EXPECT_EQ(refused.exit_code, 2) << says << "\n" << refused.err;
        EXPECT_THAT(refused.err, HasSubstr(says));
    }
    auto unseeded = generating({});
    unseeded.arguments = {unseeded.arguments.front(), "generate", "--provider", "offline", "--shard", "1/4"};
    EXPECT_THAT(run(unseeded).err, HasSubstr("give --seed too"));
    EXPECT_THAT(server_.requests(), SizeIs(0));
}

TEST_F(ShardsTest, JobFilesAreWrittenOnce) {
    const std::vector<std::string> plan = {"plan", "--provider", "offline", "--num-samples", "12", "--seed", "3"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), plan.begin(), plan.end());
        return run_program(more);
    };
    struct Case {
        std::vector<std::string> arguments;
        const char* says;
    };
    for (const auto& [arguments, says] :
         {Case{{"--slurm", "jobs"}, "--shards N"}, Case{{"--shards", "3", "--image", "x"}, "--kubernetes DIR"},
          Case{{"--shards", "13", "--slurm", "jobs"}, "cannot be split"},
          Case{{"--shards", "3", "--rpm", "2", "--slurm", "jobs"}, "cannot be shared"}}) {
        const auto refused = with(arguments);
        EXPECT_EQ(refused.exit_code, 2) << says << refused.err;
        EXPECT_THAT(refused.err, HasSubstr(says));
        EXPECT_FALSE(fs::exists(dir_ / "jobs")) << says;
    }
    const auto made = with({"--shards", "3", "--slurm", "jobs", "--kubernetes", "pods"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    EXPECT_EQ(with({"--shards", "3", "--slurm", "jobs"}).exit_code, 2) << "files that are there stay";
    for (const auto& folder : {"jobs", "pods"})
        for (const auto& entry : fs::directory_iterator(dir_ / folder)) {
            const auto text = read_file(entry.path());
            for (const char* left :
                 {"@NAME@", "@JOB@", "@SHARDS@", "@PROGRAM@", "@RUN_FILE@", "@TIME@", "@MEMORY@", "@STEM@", "@IMAGE@"})
                EXPECT_THAT(text, Not(HasSubstr(left))) << entry.path();
            if (entry.path().extension() == ".toml" || entry.path().extension() == ".yaml") continue;
            Command shell = command({});
            shell.arguments = {"/bin/sh", "-n", entry.path()};
            EXPECT_EQ(run(shell).exit_code, 0) << entry.path();
        }
    // The run file alone is enough for a task, from any folder.
    auto task = command({"generate", "--config", (dir_ / "jobs/run.toml").string(), "--shard", "2/3"});
    const auto shard = run(task);
    ASSERT_EQ(shard.exit_code, 0) << shard.err;
    EXPECT_TRUE(fs::exists(dir_ / "data/synthetic_training_data_llm_seed_3.shard-2-of-3.ledger.sqlite"));
}

TEST_F(ShardsTest, TogetherTheyKeepTheLimits) {
    // What one account may send in a minute, shared by four processes: stated by the server, or known to the user
    // alone.
    struct Case {
        const char* limits;
        std::vector<std::string> more;
    };
    for (const auto& [limits, more] : {Case{R"("limits": {"requests": 800})", {}},
                                       Case{R"("limits": {"requests": 800, "dialect": "none"})", {"--rpm", "800"}}}) {
        serve(std::string(limits) + R"(, "latency": {"ms": 20})");
        const auto before = server_.requests().size();
        std::vector<std::string> settings = {
            "--num-samples", "880", "--max-concurrent", "20", "--run-name", "limits" + std::to_string(more.size())};
        settings.insert(settings.end(), more.begin(), more.end());
        std::vector<std::unique_ptr<Process>> shards;
        for (int i = 1; i <= 4; ++i)
            shards.push_back(std::make_unique<Process>(generating(of(std::to_string(i) + "/4", settings))));
        for (auto& shard : shards) {
            const auto& finished = shard->wait();
            EXPECT_EQ(finished.exit_code, 0) << finished.err;
        }
        const auto log = server_.requests();
        EXPECT_LE(std::ranges::count(log, 429, &LoggedRequest::status), 8) << "one in a hundred";
        EXPECT_EQ(std::ranges::count(log, 200, &LoggedRequest::status), static_cast<std::ptrdiff_t>(before) + 880);
    }
}

}  // namespace
}  // namespace synth::test
