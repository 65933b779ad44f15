// The commands around a run: plan, export, report, status, plugins; the run file, the offline provider, other people's
// plugins.

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "integration/program.hpp"
#include "support/plugin_loading.hpp"

namespace synth::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

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

}  // namespace
}  // namespace synth::test
