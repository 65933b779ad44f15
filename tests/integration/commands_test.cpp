// The commands around a run: plan, export, report, status, plugins; the run file, the offline provider, other people's
// plugins.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "integration/program.hpp"
#include "support/plugin_loading.hpp"

namespace synth::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

using CommandsTest = ProgramTest;

TEST_F(CommandsTest, PlanSendsNothingAndNeedsNoKey) {
    Command command = generating({"--num-samples", "100", "--model", "gpt-4o-mini"});
    command.arguments[1] = "plan";
    command.environment["OPENAI_API_KEY"] = std::nullopt;
    const auto finished = run(command);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(finished.out, AllOf(HasSubstr("100"), HasSubstr("$")));
    command.arguments.emplace_back("--json");
    EXPECT_EQ(sum_at(run(command).out, "/labels/counts") > 100, true);
    EXPECT_THAT(server_.requests(), SizeIs(0));
    EXPECT_FALSE(std::filesystem::exists(output("ledger.sqlite")));
}

TEST_F(CommandsTest, PlanSimulatesTheRun) {
    Command command = generating({"--num-samples",
                                  "1000",
                                  "--model",
                                  "gpt-4o-mini",
                                  "--seed",
                                  "5",
                                  "--simulate",
                                  "--latency",
                                  "2s",
                                  "--latency-spread",
                                  "0",
                                  "--failure-rate",
                                  "0",
                                  "--rejection-rate",
                                  "0",
                                  "--turnaround",
                                  "90m",
                                  "--batch-lines",
                                  "600",
                                  "--json"});
    command.arguments[1] = "plan";
    const auto plan = run(command);
    ASSERT_EQ(plan.exit_code, 0) << plan.err;
    EXPECT_EQ(number_at(plan.out, "/simulation/direct/seconds"), 100);  // 50 rounds of 20
    EXPECT_EQ(number_at(plan.out, "/simulation/direct/requests"), 1000);
    const double about = number_at(plan.out, "/cost_usd/about").value_or(0);
    EXPECT_GT(about, 1);
    EXPECT_NEAR(number_at(plan.out, "/simulation/direct/cost_usd").value_or(0), about, 1e-9);
    EXPECT_NEAR(number_at(plan.out, "/simulation/batch/cost_usd").value_or(0), about / 2, 1e-6);
    EXPECT_EQ(number_at(plan.out, "/simulation/batch/batches"), 2);
    EXPECT_GE(number_at(plan.out, "/simulation/batch/seconds"), 5400);

    command.arguments.pop_back();
    command.arguments.insert(command.arguments.end(), {"--rejection-rate", "0.2", "--rpm", "200", "--shards", "2"});
    const auto text = run(command);
    EXPECT_THAT(text.out, AllOf(HasSubstr("waits for"), HasSubstr("requests a minute"), HasSubstr("memory of a shard"),
                                HasSubstr("20 % are rejected")));
    EXPECT_EQ(run(command).out, text.out);
    EXPECT_THAT(server_.requests(), SizeIs(0));

    for (const auto& [option, value] : {std::pair("--latency", "8 parsecs"), std::pair("--latency", "0"),
                                        std::pair("--turnaround", "40d"), std::pair("--failure-rate", "1"),
                                        std::pair("--rejection-rate", "-0.1"), std::pair("--latency-spread", "wide")}) {
        const auto wrong = run_program({"plan", "--simulate", option, value});
        EXPECT_EQ(wrong.exit_code, 2) << option;
        EXPECT_THAT(wrong.err, AllOf(HasSubstr(option), HasSubstr(value)));
        EXPECT_THAT(lines_of(wrong.err), SizeIs(1));
    }
    EXPECT_EQ(run_program({"plan", "--latency", "8s"}).exit_code, 2);
    const auto offline = run_program({"plan", "--simulate", "--provider", "offline"});
    EXPECT_EQ(offline.exit_code, 2);
    EXPECT_THAT(offline.err, HasSubstr("offline"));
}

TEST_F(CommandsTest, ExportWritesTheSameRecordsThroughAnotherSink) {
    ASSERT_EQ(generate({"--num-samples", "15"}).exit_code, 0);
    const auto finished = run_program({"export", ledger(), "--sink", "jsonl", "--output-dir", "exported"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(read_records(dir_ / "exported/run.jsonl"), records());
    EXPECT_THAT(server_.requests(), SizeIs(15));
}

TEST_F(CommandsTest, ReportAndStatusReadTheLedger) {
    ASSERT_EQ(generate({"--num-samples", "15"}).exit_code, 0);
    const auto as_json = run_program({"report", ledger(), "--json"});
    ASSERT_EQ(as_json.exit_code, 0) << as_json.err;
    for (const char* figure : {"/samples/asked", "/samples/accepted", "/labels/spread", "/labels/distinct_sets",
                               "/words/mean", "/words/median", "/words/below_target", "/cost/spent_usd",
                               "/cost/output_tokens", "/time/seconds", "/time/requests", "/run/seed"})
        EXPECT_EQ(number_at(as_json.out, figure), number_at(report(), figure)) << figure;
    EXPECT_EQ(number_at(as_json.out, "/run/seed"), 7);
    EXPECT_THAT(run_program({"report", ledger()}).out, HasSubstr("15"));

    const auto status = run_program({"status", ledger(), "--json"});
    ASSERT_EQ(status.exit_code, 0) << status.err;
    EXPECT_EQ(number_at(status.out, "/samples/accepted"), 15);
    EXPECT_THAT(run_program({"status", ledger()}).out, HasSubstr("15"));
}

TEST_F(CommandsTest, ReportMakesAPageAndReplacesOnlyAPage) {
    ASSERT_EQ(generate({"--num-samples", "5"}).exit_code, 0);
    const auto page = dir_ / "pages/first.html";
    const auto made = run_program({"report", ledger(), "--html", "pages/first.html"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    EXPECT_EQ(lines_of(made.out), std::vector<std::string>{page.string()});
    const auto first = read_file(page);
    EXPECT_THAT(first, AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("<title>run: report</title>")));

    EXPECT_EQ(
        run_program({"report", ledger(), "--html", "pages/first.html", "-o", "reporter.html.max_samples=0"}).exit_code,
        0);
    EXPECT_LT(read_file(page).size(), first.size());

    for (const std::string other : {"out/run.json", "out", "out/run.ledger.sqlite"}) {
        const auto refused = run_program({"report", ledger(), "--html", other});
        EXPECT_EQ(refused.exit_code, 2) << other;
        EXPECT_THAT(refused.err, HasSubstr("is no page of an earlier report")) << other;
    }
    EXPECT_THAT(records(), SizeIs(5));
    EXPECT_EQ(run_program({"report", ledger(), "--html", "a.html", "--json"}).exit_code, 2);
    EXPECT_EQ(run_program({"report", ledger(), "--html", "a.html", "-o", "reporter.html.max_sample=1"}).exit_code, 2);
}

TEST_F(CommandsTest, ReportRunsTheReportersThatAreNamed) {
    ASSERT_EQ(generate({"--num-samples", "5", "--reporter", "cost"}).exit_code, 0);
    const auto own = run_program({"report", ledger(), "--json"});
    const auto named = run_program({"report", ledger(), "--json", "--reporter", "statistics"});
    EXPECT_TRUE(has_value_at(own.out, "/cost/spent_usd"));
    EXPECT_FALSE(has_value_at(own.out, "/samples/accepted"));
    EXPECT_FALSE(has_value_at(named.out, "/cost/spent_usd"));
    EXPECT_EQ(number_at(named.out, "/samples/accepted"), 5);
}

TEST_F(CommandsTest, ARunWithThePageHasItBesideTheReport) {
    ASSERT_EQ(generate({"--num-samples", "5", "--reporter", "html"}).exit_code, 0);
    EXPECT_THAT(read_file(output("report.html")), HasSubstr("content=\"tdamm-synth html report\""));
    EXPECT_EQ(number_at(report(), "/page/samples_shown"), 5);
}

TEST_F(CommandsTest, ARunFileSaysTheSameAndFlagsWin) {
    write_file(dir_ / "run.toml", R"(num-samples = 30
max-labels = 4
seed = 7
run-name = "run"
output-dir = "out"
model = "gpt-4.1-nano"
[option.provider]
base_url = ")" + server_.base_url() + "\"\n");
    const auto finished = run_program({"generate", "--config", "run.toml", "--num-samples", "12"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(records(), SizeIs(12));
    EXPECT_EQ(server_.requests().at(0).model, "gpt-4.1-nano");
    EXPECT_EQ(read_file(output("json")),
              unbroken({"--num-samples", "12", "--max-labels", "4", "--model", "gpt-4.1-nano"}));
}

TEST_F(CommandsTest, TheOfflineProviderFinishesASet) {
    Command command = this->command({"generate", "--provider", "offline", "--output-dir", "out", "--run-name", "run"});
    command.environment["OPENAI_API_KEY"] = std::nullopt;
    const auto finished = run(command);
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    const auto made = records();
    EXPECT_THAT(made, SizeIs(200));
    std::set<std::string> texts;
    for (const auto& record : made) texts.insert(record.text);
    EXPECT_THAT(texts, SizeIs(200)) << "no two alike";
    EXPECT_THAT(finished.err + finished.out, HasSubstr("no language model"));
    EXPECT_THAT(server_.requests(), SizeIs(0));
}

TEST_F(CommandsTest, EveryKindIsSwappedOnTheCommandLineAlone) {
    const std::vector<std::vector<std::string>> swaps = {
        {},
        {"--sampler", "uniform"},
        {"--sampler", "weighted"},
        {"--prompts", "template"},
        {"--provider", "anthropic", "-o", "provider.base_url=" + server_.base_url()},
        {"--provider", "gemini", "-o", "provider.base_url=" + server_.base_url() + "beta"},
        {"--provider", "offline"},
        {"--validator", "style", "--validator", "duplicates"},
        {"--sink", "csv", "--sink", "sqlite", "--sink", "json"},
        {"--reporter", "diversity"},
    };
    for (const auto& swap : swaps) {
        const std::string what = swap.empty() ? "nothing" : swap[0] + " " + swap[1];
        std::vector<std::string> arguments = {"generate",   "--num-samples", "10",           "--seed", "7",
                                              "--run-name", "run",           "--output-dir", "swap"};
        if (what.find("--provider") == std::string::npos)
            arguments.insert(arguments.end(), {"-o", "provider.base_url=" + server_.base_url()});
        arguments.insert(arguments.end(), swap.begin(), swap.end());
        auto swapped = command(arguments);
        swapped.environment["ANTHROPIC_API_KEY"] = std::string(kKey);
        swapped.environment["GEMINI_API_KEY"] = std::string(kKey);
        const auto finished = run(swapped);
        EXPECT_EQ(finished.exit_code, 0) << what << ": " << finished.err;
        EXPECT_THAT(read_records(dir_ / "swap/run.json"), SizeIs(10)) << what;
        const auto used = read_file(dir_ / "swap/run.report.json");
        for (std::size_t word = 1; word < swap.size(); word += 2)
            if (swap[word - 1] != "-o") {
                EXPECT_THAT(used, HasSubstr("\"id\": \"" + swap[word] + "\"")) << what;
            }
        fs::remove_all(dir_ / "swap");
    }
}

TEST_F(CommandsTest, ASamplerInAFolderIsUsedWithoutBuilding) {
    const std::vector<std::string> options = {"--num-samples", "12", "--sampler", "in_order"};
    EXPECT_EQ(generate(options).exit_code, 2) << "not one of ours";

    std::filesystem::create_directory(dir_ / "plugins");
    std::filesystem::copy_file(std::getenv("SYNTH_TEST_SAMPLER"), dir_ / "plugins/synth-sampler-in_order.so");
    auto with_folder = options;
    with_folder.insert(with_folder.end(), {"--plugin-dir", "plugins"});
    const auto finished = generate(with_folder);
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    const auto made = records();
    ASSERT_THAT(made, SizeIs(12));
    for (std::size_t i = 0; i < made.size(); ++i)
        EXPECT_THAT(made[i].labels, testing::ElementsAre(taxonomy().labels[i].name, taxonomy().labels[i + 1].name));

    const auto listed = run_program({"plugins", "--plugin-dir", "plugins"});
    EXPECT_EQ(listed.exit_code, 0) << listed.err;
    EXPECT_THAT(listed.out, AllOf(HasSubstr("in_order"), HasSubstr("balanced"), HasSubstr("openai")));
}

/// A folder with everything that can be wrong with a plugin: the fixtures, no library, and one that others may write.
void collect_broken_plugins(const fs::path& folder) {
    fs::create_directory(folder);
    for (const auto& entry : fs::directory_iterator(std::getenv("SYNTH_FIXTURES")))
        if (entry.path().extension() == ".so") fs::copy_file(entry.path(), folder / entry.path().filename());
    write_file(folder / "synth-sink-text.so", std::string(4096, 'x'));
    fs::copy_file(folder / "synth-sink-good.so", folder / "synth-sink-open.so");
    fs::permissions(folder / "synth-sink-open.so", fs::perms::all);
    fs::create_symlink("nowhere", folder / "synth-sink-dangling.so");
}

TEST_F(CommandsTest, BrokenPluginsAreALineEachAndTheRestWorks) {
    collect_broken_plugins(dir_ / "broken");
    fs::create_directory(dir_ / "again");
    fs::copy_file(dir_ / "broken/synth-sink-good.so", dir_ / "again/synth-sink-good.so");
    const std::vector<std::string> dirs = {"--plugin-dir", "broken", "--plugin-dir", "again"};
    const auto with_dirs = [&](std::vector<std::string> words) {
        words.insert(words.end(), dirs.begin(), dirs.end());
        return words;
    };

    const auto listed = run_program(with_dirs({"plugins"}));
    EXPECT_EQ(listed.exit_code, 0);
    EXPECT_EQ(listed.err, "");
    const auto lines = lines_of(listed.out);
    std::size_t refused = 0;
    for (const auto& line : lines) refused += static_cast<std::size_t>(line.find("  refused: ") != std::string::npos);
    EXPECT_EQ(refused, 18U) << listed.out;
    for (const char* reason :
         {"does not export synth_plugin_v1", "magic number", "'libc++;cxx11=1;debug=0'", "SDK layout 4711",
          "version 99 of the sink interface", "must be named synth-sink-right-name.so", "undefined symbol",
          "invalid ELF header", "may be written by everybody", "options schema", "lacks create or destroy",
          "cannot be found"})
        EXPECT_THAT(lines, testing::Contains(AllOf(HasSubstr("  refused: "), HasSubstr(reason))));
    EXPECT_THAT(listed.out, HasSubstr("shadowed by " + (dir_ / "broken/synth-sink-good.so").string()));

    EXPECT_EQ(generate(with_dirs({"--num-samples", "5"})).exit_code, 0);
    EXPECT_THAT(records(), SizeIs(5));
}

TEST_F(CommandsTest, ABrokenPluginThatTheRunNamesIsOneLine) {
    collect_broken_plugins(dir_ / "broken");
    const auto with = [&](const std::string& sink, const std::vector<std::string>& more = {}) {
        std::vector<std::string> words = {"--num-samples", "3",      "--run-name", sink,
                                          "--plugin-dir",  "broken", "--sink",     sink};
        words.insert(words.end(), more.begin(), more.end());
        return generate(words);
    };
    const auto magic = with("wrong-magic");
    EXPECT_EQ(magic.exit_code, 2);
    EXPECT_THAT(lines_of(magic.err), testing::ElementsAre(HasSubstr("sink 'wrong-magic' cannot be used: ")));
    const auto nothing = with("null-instance");
    EXPECT_EQ(nothing.exit_code, 1);
    EXPECT_THAT(lines_of(nothing.err), testing::ElementsAre(HasSubstr("could not be created and gave no reason")));
    const auto thrown = with("good", {"-o", "sink.create=throw"});
    EXPECT_EQ(thrown.exit_code, 1);
    EXPECT_THAT(lines_of(thrown.err), testing::ElementsAre(HasSubstr("sink good: thrown by create")));
    EXPECT_THAT(server_.requests(), SizeIs(0));

    // A method that throws when everything is paid for: the ledger has it all.
    const auto later = with("good");
    EXPECT_EQ(later.exit_code, 1);
    EXPECT_THAT(later.err, HasSubstr("sink good threw an exception: thrown by write"));
    const auto exported = run_program({"export", (dir_ / "out/good.ledger.sqlite").string(), "--sink", "json"});
    EXPECT_EQ(exported.exit_code, 0) << exported.err;
    EXPECT_THAT(read_records(dir_ / "out/good.json"), SizeIs(3));
}

TEST_F(CommandsTest, ResumeSaysWhichPluginsHaveChanged) {
    fs::create_directory(dir_ / "plugins");
    const fs::path library = dir_ / "plugins/synth-sampler-in_order.so";
    fs::copy_file(std::getenv("SYNTH_TEST_SAMPLER"), library);
    ASSERT_EQ(generate({"--num-samples", "5", "--sampler", "in_order", "--plugin-dir", "plugins"}).exit_code, 0);
    const auto resume = [&] { return run_program({"resume", ledger(), "--plugin-dir", "plugins"}); };
    const auto same = resume();
    EXPECT_EQ(same.exit_code, 0);
    EXPECT_THAT(same.err, testing::Not(HasSubstr("changed since")));

    std::string bytes = read_file(library);
    fs::remove(library);
    write_file(library, bytes + "another build");
    const auto rebuilt = resume();
    EXPECT_EQ(rebuilt.exit_code, 0) << rebuilt.err;
    EXPECT_THAT(rebuilt.err,
                HasSubstr("warning: changed since the run's last session: sampler in_order (another build of 1.0.0);"));

    const auto at = bytes.find(std::string("1.0.0") + '\0');
    ASSERT_NE(at, std::string::npos);
    bytes[at] = '2';
    fs::remove(library);
    write_file(library, bytes);
    const auto newer = resume();
    EXPECT_EQ(newer.exit_code, 0) << newer.err;
    EXPECT_THAT(newer.err, HasSubstr("sampler in_order (1.0.0, now 2.0.0);"));
    EXPECT_THAT(resume().err, testing::Not(HasSubstr("changed since")));
    EXPECT_THAT(records(), SizeIs(5));
}

TEST_F(CommandsTest, ANewPluginIsAProjectInAFolderOfItsOwn) {
    const auto made = run_program({"plugins", "new", "sink", "my-sink"});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    EXPECT_THAT(lines_of(made.out),
                testing::UnorderedElementsAre("my-sink/CMakeLists.txt", "my-sink/README.md", "my-sink/meson.build",
                                              "my-sink/my-sink.cpp", "my-sink/plugin.map", "my-sink/test.sh"));
    for (const auto& file : lines_of(made.out)) {
        const auto text = read_file(dir_ / file);
        for (const char* placeholder : {"@ID@", "@KIND@", "@USE@"})
            EXPECT_THAT(text, testing::Not(HasSubstr(placeholder)));
    }
    EXPECT_EQ(fs::status(dir_ / "my-sink/test.sh").permissions() & fs::perms::owner_exec, fs::perms::owner_exec);
    EXPECT_EQ(run_program({"plugins", "new", "provider", "p", "deep/er/"}).exit_code, 0);
    EXPECT_TRUE(fs::exists(dir_ / "deep/er/p.cpp"));
}

TEST_F(CommandsTest, ANewPluginThatCannotBeIsOneLine) {
    const auto refused = [&](std::vector<std::string> words, int code, const std::string& why) {
        words.insert(words.begin(), {"plugins", "new"});
        const auto finished = run_program(words);
        EXPECT_EQ(finished.exit_code, code) << why;
        EXPECT_EQ(finished.out, "");
        EXPECT_THAT(lines_of(finished.err), testing::ElementsAre(HasSubstr(why)));
    };
    refused({"sinc", "mine"}, 2, "no kind of plugin 'sinc', did you mean 'sink'? (sampler, prompt, ");
    refused({"sink", "Mine"}, 2, "'Mine' cannot be an id: it takes lower case letters, digits, '-' and '_'");
    refused({"sink", "../mine"}, 2, "'../mine' cannot be an id");
    refused({"sink"}, 2, "new takes a kind, an id, and a folder");
    fs::create_directory(dir_ / "mine");
    refused({"sink", "mine"}, 2, "mine is there already: name a folder that is not");
    EXPECT_TRUE(fs::is_empty(dir_ / "mine"));
    write_file(dir_ / "file", "");
    refused({"sink", "mine", "file/mine"}, 6, "cannot make the folder file/mine: Not a directory");
    refused({"sink", "mine", "/proc/mine"}, 6, "cannot make the folder /proc/mine");
}

TEST_F(CommandsTest, ACheckSaysWhatAPluginKeeps) {
    const std::string sink = (fs::path(std::getenv("SYNTH_BREAKING")) / "synth-sink-breaking.so").string();
    const auto good = run_program({"plugins", "--check", sink, "--json"});
    EXPECT_EQ(good.exit_code, 0) << good.err;
    EXPECT_EQ(number_at(good.out, "/checks/9"), std::nullopt);
    EXPECT_THAT(good.out, testing::Not(HasSubstr("\"passed\": false")));
    const auto bad = run_program({"plugins", "--check", sink, "--json", "-o", "sink.break=unstable"});
    EXPECT_EQ(bad.exit_code, 2);
    EXPECT_THAT(bad.out, HasSubstr("\"passed\": false"));
    EXPECT_THAT(run_program({"plugins", "--check", sink, "-o", "sampler.break=x"}).err,
                HasSubstr("-o sampler.break: this is sink breaking"));
    EXPECT_THAT(run_program({"plugins", "--check", sink, "-o", "sink.brake=x"}).err,
                HasSubstr("did you mean 'break'?"));
    EXPECT_EQ(run_program({"plugins", "-o", "sink.break=x"}).exit_code, 2);
}

TEST_F(CommandsTest, CheckFindsTheFaultsOfADataSetThatSomebodyElseMade) {
    const auto document = [](const std::string& labels, const std::string& text) {
        return R"({"link": "x", "full_text": ")" + text + R"(", "labels": [)" + labels + "]}";
    };
    const std::string good =
        "The pulsar was timed for three years with the Parkes telescope. Its spin period of 5.7 ms and its dispersion "
        "measure "
        "are those of an old neutron star. Glitches of the pulsar were not seen, and the period derivative is small.";
    write_file(
        dir_ / "data.json",
        "[" + document(R"("Pulsars")", good) + "," +
            document(R"("Pulsars", "Non-TDAMM")", "Something else about this pulsar was written in these few words.") +
            "," + document(R"("Quasars and such")", "Nobody knows what the label of this one means, and it stays so.") +
            "," + document("", "This one has no label at all and is about nothing in particular.") + "," +
            document(R"("Pulsars")", "Certainly! Here is a document about Time-Domain and Multi-Messenger Astronomy.") +
            "," + document(R"("Pulsars")", good) + "]");
    const auto finished = run_program({"check", "data.json", "--json"});
    EXPECT_EQ(finished.exit_code, 3) << finished.err;
    const auto count = [&](const std::string& code) {
        return number_at(finished.out, "/samples/failures/" + code).value_or(0);
    };
    EXPECT_EQ(number_at(finished.out, "/samples/accepted"), 1);
    EXPECT_EQ(count("label_not_alone"), 1);
    EXPECT_EQ(count("unknown_label"), 1);
    EXPECT_EQ(count("no_labels"), 1);
    EXPECT_EQ(count("chat_phrase"), 1);
    EXPECT_EQ(count("duplicate"), 1);
    EXPECT_FALSE(fs::exists(dir_ / "data.check.ledger.sqlite"));

    const auto kept = run_program({"check", "data.json", "--output-dir", "out", "--validator", "style"});
    EXPECT_EQ(kept.exit_code, 3) << kept.err;
    EXPECT_TRUE(fs::exists(dir_ / "out/data.check.ledger.sqlite"));
    EXPECT_EQ(run_program({"report", "out/data.check.ledger.sqlite"}).exit_code, 0);
    EXPECT_EQ(run_program({"resume", "out/data.check.ledger.sqlite"}).exit_code, 2);
    EXPECT_EQ(run_program({"check", "data.json", "--output-dir", "out"}).exit_code, 6) << "never over what is there";
    EXPECT_EQ(run_program({"check", "nowhere.json"}).exit_code, 6);
    write_file(dir_ / "empty.json", "[]");
    EXPECT_EQ(run_program({"check", "empty.json"}).exit_code, 2);
}

}  // namespace
}  // namespace synth::test
