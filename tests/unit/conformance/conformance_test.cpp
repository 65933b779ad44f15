#include "plugins/conformance.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "config/options_schema.hpp"
#include "support/plugin_loading.hpp"
#include "support/process.hpp"

namespace synth {
namespace {

namespace fs = std::filesystem;
using core::ConformanceCheck;
using core::PluginInfo;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::chrono::sys_days kToday = std::chrono::year(2026) / 11 / 24;

std::vector<ConformanceCheck> check(const PluginInfo& plugin, const std::map<std::string, std::string>& options) {
    std::map<std::string, core::GivenOption> given;
    for (const auto& [key, value] : options) given[key] = {value, false};
    const auto completed = core::complete_options(plugin.kind + " " + plugin.id, plugin.options_schema, given);
    if (!completed) throw std::runtime_error(completed.error().message);
    auto checks = core::check_conformance(plugin, *completed, test::taxonomy(), kToday);
    if (!checks) throw std::runtime_error(checks.error().message);
    return std::move(*checks);
}

std::vector<std::string> failures(const std::vector<ConformanceCheck>& checks) {
    std::vector<std::string> lines;
    for (const auto& one : checks)
        if (!one.passed) lines.push_back(one.name + ": " + one.detail);
    return lines;
}

TEST(Conformance, IsThatOfEveryPluginOfTheBuildTree) {
    const test::TempDir dir;
    // Sets that the samplers which follow data can follow.
    std::string data = "[";
    const auto& labels = test::taxonomy().labels;
    for (std::size_t i = 0; i < 300; ++i) {
        const auto& one = labels[i % 30].name;
        const auto& other = labels[(i + 1 + i / 30 % 3) % 30].name;
        data += (i == 0 ? "" : ", ") + std::string(R"({"full_text": "A document of some words.", "labels": [")") + one +
                "\", \"" + other + "\"]}";
    }
    test::write_file(dir / "data.json", data + "]");
    ASSERT_GE(test::registry().plugins().size(), 20U);
    for (const PluginInfo& plugin : test::registry().plugins()) {
        std::map<std::string, std::string> options;
        if (plugin.id == "list" || plugin.id == "proportional" || plugin.id == "complete" || plugin.id == "examples")
            options["data"] = (dir / "data.json").string();
        const auto checks = check(plugin, options);
        EXPECT_GE(checks.size(), 4U) << plugin.path;
        EXPECT_THAT(failures(checks), IsEmpty()) << plugin.path;
    }
}

struct Breach {
    const char *kind, *promise;  ///< value of the option `break`
    const char *check, *detail;  ///< parts of the one line that fails
};
class Breaches : public testing::TestWithParam<Breach> {
protected:
    Breaches() { fs::current_path(folder_.path()); }  // one of them writes where it stands
    ~Breaches() override { fs::current_path(before_); }

private:
    fs::path before_ = fs::current_path();
    test::TempDir folder_;
};

PluginInfo breaking(const std::string& kind) {
    return core::Registry::inspect(fs::path(std::getenv("SYNTH_BREAKING")) / ("synth-" + kind + "-breaking.so"),
                                   test::installation());
}

TEST_P(Breaches, AreALineThatSaysWhich) {
    const auto failed = failures(check(breaking(GetParam().kind), {{"break", GetParam().promise}}));
    EXPECT_THAT(failed, testing::Contains(testing::AllOf(HasSubstr(GetParam().check), HasSubstr(GetParam().detail))));
    for (const auto& line : failed) EXPECT_EQ(line.find('\n'), std::string::npos) << line;
}

constexpr const char *kNumber = "the number of samples", *kLabels = "labels are of the taxonomy",
                     *kSame = "gives the same plan", *kRead = "however it is read", *kOn = "can be gone on from",
                     *kPlanned = "planned, or refused";

INSTANTIATE_TEST_SUITE_P(
    OfEveryKind, Breaches,
    testing::Values(
        Breach{"sampler", "one_short", kNumber, "gave 39, and 38 when 39 are asked for"},
        Breach{"sampler", "one_more", kNumber, "1 samples of 2 to 3 labels: gave more"},
        Breach{"sampler", "no_such_label", kLabels, "carries label 40 of 40"},
        Breach{"sampler", "too_many", kLabels, "labels, 2 to 3 were asked for"},
        Breach{"sampler", "negative_in_company", kLabels, "which is always alone, with others"},
        Breach{"sampler", "stranger", kLabels, "neither drawn nor is a parent"},
        Breach{"sampler", "drawn_not_carried", kLabels, "which was drawn for it"},
        Breach{"sampler", "stale_set", kLabels, "labels, 2 to 3 were asked for"},
        Breach{"sampler", "uneven_classes", "every class as often", "times, not 3"},
        Breach{"sampler", "unstable", kSame, "another plan when asked again"},
        Breach{"sampler", "block_dependent", kRead, "when read by 1"},
        Breach{"sampler", "ignore_prior", kOn, "instead of"},
        Breach{"sampler", "late_prior", kOn, "after plan had returned"},
        Breach{"sampler", "wrong_refusal", kPlanned, "io: no"},
        Breach{"sampler", "refuse_all", kPlanned, "none of 7 was planned"},
        Breach{"sampler", "null_stream", kPlanned, "neither a stream nor an error"},
        Breach{"sampler", "throw", kPlanned, "threw an exception: thrown by next"},
        Breach{"sampler", "crash", kPlanned, "crashed: Aborted"},
        Breach{"sampler", "exit", kPlanned, "ended the process"},
        Breach{"prompt", "no_messages", "has a prompt", "no messages"},
        Breach{"prompt", "empty_message", "has a prompt", "an empty message"},
        Breach{"prompt", "no_limit", "has a prompt", "an output limit of 0 tokens"},
        Breach{"prompt", "give_up", "has a prompt", "invalid_argument: too often"},
        Breach{"prompt", "unstable", "give the same prompt", "when asked again"},
        Breach{"prompt", "unstable_spread", "spread over a plan", "other variants when asked again"},
        Breach{"prompt", "refuse_variant", "spread over a plan", "variant 2: internal: no such variant"},
        Breach{"prompt", "know_variants", "spread over a plan", "variant 4294967295: internal: no such variant"},
        Breach{"prompt", "throw_at_spread", "spread over a plan", "threw an exception: thrown by spread"},
        Breach{"prompt", "accept_nothing", "every answer is", "an empty answer: taken for a document"},
        Breach{"prompt", "wrong_code", "every answer is", "an empty answer: invalid_argument"},
        Breach{"prompt", "draft_without_text", "every answer is", "a document without text"},
        Breach{"prompt", "read_differently", "every answer is", "read differently twice"},
        Breach{"prompt", "throw", "every answer is", "threw an exception: thrown by extract"},
        Breach{"provider", "change_model", "describe", "another instance says something else"},
        Breach{"provider", "no_url", "describe", "'example.com' begins with neither"},
        Breach{"provider", "two_line_notice", "describe", "not one line"},
        Breach{"provider", "bad_url", "encode makes", "the URL 'example.com'"},
        Breach{"provider", "split_header", "encode makes", "a header 'X-Words' that is not one line"},
        Breach{"provider", "unstable", "is encoded the same", "when asked again"},
        Breach{"provider", "unknown_resolved", "resolved options", "colour"},
        Breach{"provider", "other_resolved", "resolved options", "encodes something else"},
        Breach{"provider", "no_input_bound", "bounds", "an input bound of 0"},
        Breach{"provider", "no_output_bound", "bounds", "an output bound of 0"},
        Breach{"provider", "accept_pages", "a success without an answer", "200 with a page is taken for a completion"},
        Breach{"provider", "mute", "a success without an answer", "without one line that says why"},
        Breach{"provider", "ignore_status", "an error status", "500 with plain text is taken for a completion"},
        Breach{"provider", "nothing", "an error status", "404 with an empty body is neither"},
        Breach{"provider", "throw", "an error status", "threw an exception: thrown by decode"},
        Breach{"provider", "hurry", "a status says", "429 with an empty body is unavailable, not rate_limited"},
        Breach{"provider", "earn", "costs", "below zero"},
        Breach{"validator", "write", "stays as it is", "draft 1 was changed"},
        Breach{"validator", "fail", "has a verdict", "internal: cannot say"},
        Breach{"validator", "throw", "has a verdict", "thrown by check"},
        Breach{"validator", "remember", "same verdict", "another verdict"},
        Breach{"validator", "shout", "findings", "'Too Short' is no word"},
        Breach{"validator", "two_lines", "findings", "the message of too_short is not one line"},
        Breach{"sink", "no_file", "records are written", "nothing is in the staging folder"},
        Breach{"sink", "unstable", "the same bytes", "differs"},
        Breach{"sink", "need_records", "without records", "invalid_argument: no records"},
        Breach{"sink", "own_name", "named STEM", "records.txt"},
        Breach{"sink", "beside", "outside the staging folder", "beside it"},
        Breach{"sink", "working_folder", "outside the staging folder", "appeared"},
        Breach{"sink", "ignore_folder", "that is gone", "nothing was said of it"},
        Breach{"sink", "wrong_code", "that is gone", "internal: cannot write"},
        Breach{"sink", "ignore_disk", "a full disk", "nothing was said of it"},
        Breach{"sink", "crash_halfway", "given up halfway", "crashed: Aborted"},
        Breach{"reporter", "no_title", "without calls", "a title that is not one line"},
        Breach{"reporter", "need_calls", "without calls", "internal: no calls"},
        Breach{"reporter", "long_line", "every outcome", "line 2 of the text has 101 columns"},
        Breach{"reporter", "colour", "every outcome", "a control character"},
        Breach{"reporter", "no_json", "every outcome", "the JSON is not an object"},
        Breach{"reporter", "array", "every outcome", "the JSON is not an object"},
        Breach{"reporter", "run_member", "every outcome", "which is the core's"},
        Breach{"reporter", "throw", "every outcome", "thrown by report"},
        Breach{"reporter", "unstable", "the same report", "when asked again"},
        Breach{"reporter", "swallow", "cannot be read", "reported as if it had been read"}),
    [](const auto& suite) { return std::string(suite.param.kind) + "_" + suite.param.promise; });

TEST(Conformance, IsWhatABreakingPluginKeepsWhenItBreaksNothing) {
    for (const std::string kind : {"sampler", "prompt", "provider", "validator", "sink", "reporter"})
        EXPECT_THAT(failures(check(breaking(kind), {})), IsEmpty()) << kind;
}

TEST(Conformance, IsOverWhenAPluginHangs) {
    const auto checks = core::check_conformance(breaking("sampler"), R"({"break":"hang"})", test::taxonomy(), kToday,
                                                std::chrono::seconds(1));
    ASSERT_TRUE(checks);
    EXPECT_THAT(failures(*checks), testing::ElementsAre(HasSubstr(": did not end within 1 s")));
}

TEST(Conformance, LeavesNothingBehind) {
    const test::TempDir dir;
    const auto run_in = [&](const char* promise) {
        test::Command command{{(fs::path(std::getenv("TDAMM_SYNTH_BUILD_ROOT")) / "tdamm-synth").string(), "plugins",
                               "--check", breaking("sink").path.string(), "-o", std::string("sink.break=") + promise},
                              {{"TMPDIR", dir.path().string()}},
                              dir.path()};
        return test::run(command);
    };
    const auto good = run_in("");
    EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
    EXPECT_THAT(good.out, testing::Not(HasSubstr("FAIL")));
    const auto bad = run_in("crash_halfway");
    EXPECT_EQ(bad.exit_code, 2);
    EXPECT_THAT(bad.out, HasSubstr("FAIL  an output can be given up halfway: crashed: Aborted"));
    EXPECT_THAT(bad.err, HasSubstr("1 of 9 checks failed"));
    EXPECT_TRUE(fs::is_empty(dir.path()));
}

}  // namespace
}  // namespace synth
