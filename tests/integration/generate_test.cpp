// What `generate` promises: exactly the records that were asked for, balanced, one request each, at the price told.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "integration/program.hpp"
#include "run/ledger.hpp"
#include "support/plugin_loading.hpp"
#include "support/sanitized.hpp"

namespace synth::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

std::size_t negative_place() { return *taxonomy().negative; }

struct OptionCase {
    const char* name;
    std::vector<std::string> options;
    std::size_t samples;       // 0: as many for each class as the last option says
    std::size_t fewest, most;  // labels of a TDAMM sample
};

class Generate : public ProgramTest, public testing::WithParamInterface<OptionCase> {};

TEST_P(Generate, MakesExactlyWhatWasAskedFor) {
    const auto& asked = GetParam();
    const std::size_t classes = taxonomy().labels.size();
    const std::size_t each = asked.samples == 0 ? std::stoul(asked.options.back()) : 0;
    const std::size_t samples = each > 0 ? each * classes : asked.samples;
    const auto finished = generate(asked.options);
    ASSERT_EQ(finished.exit_code, 0) << finished.err;

    const auto made = records();
    ASSERT_EQ(made.size(), samples);
    for (std::size_t i = 0; i < made.size(); ++i) {
        EXPECT_EQ(made[i].link, "https://synthetic-data-gen.example.com/sample_" + std::to_string(i + 1));
        EXPECT_GE(std::ranges::count(made[i].text, ' '), 40);
        EXPECT_THAT(made[i].text, testing::Not(HasSubstr("TITLE:")));
        std::vector<LabelId> places;
        for (const auto& label : made[i].labels) places.push_back(taxonomy().find(label).value());
        EXPECT_TRUE(std::ranges::is_sorted(places, std::less_equal<>())) << "taxonomy order, each once";
        const bool negative = std::ranges::find(places, *taxonomy().negative) != places.end();
        if (negative)
            EXPECT_EQ(places.size(), 1U);
        else
            EXPECT_THAT(places.size(), AllOf(Ge(asked.fewest), Le(asked.most)));
    }
    auto counts = label_counts(made);
    EXPECT_EQ(counts[negative_place()], each > 0 ? each : (2 * samples + classes) / (2 * classes));
    counts.erase(counts.begin() + static_cast<std::ptrdiff_t>(negative_place()));
    EXPECT_LE(std::ranges::max(counts) - std::ranges::min(counts), 1U);

    EXPECT_EQ(server_.requests().size(), samples) << "one request a sample";
    EXPECT_EQ(number_at(report(), "/samples/accepted"), static_cast<double>(samples));
    EXPECT_EQ(number_at(report(), "/samples/missing"), 0);
    EXPECT_EQ(number_at(report(), "/time/requests"), static_cast<double>(samples));
    EXPECT_EQ(number_at(report(), "/run/exit_code"), 0);
}

INSTANTIATE_TEST_SUITE_P(
    OptionsOfTheOriginalTool, Generate,
    testing::Values(OptionCase{"Default", {}, 200, 2, 3}, OptionCase{"NumSamples", {"--num-samples", "57"}, 57, 2, 3},
                    OptionCase{"One", {"--num-samples", "1"}, 1, 2, 3},
                    OptionCase{"SamplesPerClass", {"--samples-per-class", "3"}, 0, 2, 3},
                    OptionCase{"Labels", {"--num-samples", "60", "--min-labels", "1", "--max-labels", "7"}, 60, 1, 7},
                    OptionCase{
                        "LabelsFixed", {"--num-samples", "60", "--min-labels", "4", "--max-labels", "4"}, 60, 4, 4},
                    OptionCase{"BatchSize", {"--num-samples", "30", "--batch-size", "7"}, 30, 2, 3},
                    OptionCase{"MaxConcurrent", {"--num-samples", "30", "--max-concurrent", "1"}, 30, 2, 3}),
    [](const auto& test) { return test.param.name; });

using GenerateTest = ProgramTest;

TEST_F(GenerateTest, KeepsToItsWindow) {
    serve(R"("latency": {"median_ms": 10, "sigma": 0.5})");
    ASSERT_EQ(generate({"--num-samples", "60", "--batch-size", "20", "--max-concurrent", "6"}).exit_code, 0);
    EXPECT_LE(server_.most_in_flight(), 6U);
    EXPECT_GT(server_.most_in_flight(), 1U);
}

TEST_F(GenerateTest, AsksForTheModelThatWasNamed) {
    ASSERT_EQ(generate({"--num-samples", "3", "--model", "gpt-4.1-mini"}).exit_code, 0);
    for (const auto& request : server_.requests()) EXPECT_EQ(request.model, "gpt-4.1-mini");
}

TEST_F(GenerateTest, SameSeedSameFile) {
    ASSERT_EQ(generate({"--num-samples", "25"}).exit_code, 0);
    EXPECT_EQ(read_file(output("json")), unbroken({"--num-samples", "25", "--max-concurrent", "3"}));
}

// More than a thousand in flight hold their prompts compressed.
TEST_F(GenerateTest, PromptsOfManyInFlightAreThoseOfFew) {
    if (kSanitized) GTEST_SKIP() << "too slow under a sanitizer to have so many in flight";
    constexpr std::uint64_t kSamples = 1200;
    const auto prompts_of = [&](const std::string& name, const std::string& window) {
        const auto finished =
            generate({"--num-samples", std::to_string(kSamples), "--max-concurrent", window, "--run-name", name});
        EXPECT_EQ(finished.exit_code, 0) << finished.err;
        auto reader = core::LedgerReader::open(dir_ / "out" / (name + ".ledger.sqlite"));
        if (!reader.ok()) throw std::runtime_error(reader.error().message);
        std::vector<std::string> prompts;
        for (std::uint64_t sample = 0; sample < kSamples; ++sample) prompts.push_back(*reader->prompt_of(sample, 1));
        return prompts;
    };
    serve(R"("latency": {"ms": 3000})");
    const auto many = prompts_of("many", "1200");
    EXPECT_GE(server_.most_in_flight(), 1050U);
    serve("");
    EXPECT_EQ(many, prompts_of("few", "50"));
    EXPECT_THAT(many, Each(HasSubstr("[user]\n")));
}

TEST_F(GenerateTest, CostIsUsageTimesPriceExactly) {
    // Two answers are cut: paid for, asked again, and counted.
    serve(R"("model_suffix": "-2024-07-18", "cached_tokens": 133, "rules": [{"fault": "length", "calls": [3, 9]}])");
    const auto finished = generate({"--num-samples", "40", "--model", "gpt-4o-mini", "--json"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    long long picodollars = 0, input = 0, cached = 0, output_tokens = 0;
    for (const auto& request : server_.requests()) {
        picodollars += (request.prompt_tokens - request.cached_tokens) * 150'000 + request.cached_tokens * 75'000 +
                       request.completion_tokens * 600'000;
        input += request.prompt_tokens;
        cached += request.cached_tokens;
        output_tokens += request.completion_tokens;
    }
    EXPECT_EQ(server_.requests().size(), 42U);
    for (const std::string& text : {report(), finished.out}) {
        EXPECT_EQ(std::llround(number_at(text, "/cost/spent_usd").value() * 1e12), picodollars);
        EXPECT_EQ(number_at(text, "/cost/input_tokens"), static_cast<double>(input));
        EXPECT_EQ(number_at(text, "/cost/cached_tokens"), static_cast<double>(cached));
        EXPECT_EQ(number_at(text, "/cost/output_tokens"), static_cast<double>(output_tokens));
        EXPECT_EQ(number_at(text, "/samples/attempts"), 42);
        EXPECT_GT(number_at(text, "/cost/retries_usd").value(), 0);
    }
}

TEST_F(GenerateTest, AnUnknownModelCostsUnknown) {
    const auto finished = generate({"--num-samples", "5", "--model", "our-own-7b"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(records().size(), 5U);
    EXPECT_FALSE(has_value_at(report(), "/cost/spent_usd"));
    EXPECT_THAT(finished.out, HasSubstr("unknown"));
}

TEST_F(GenerateTest, MissingUsageCostsUnknown) {
    serve(R"("usage": "none")");
    ASSERT_EQ(generate({"--num-samples", "5", "--model", "gpt-4o-mini"}).exit_code, 0);
    EXPECT_FALSE(has_value_at(report(), "/cost/spent_usd"));
}

TEST_F(GenerateTest, AModelThatWasShutDownStopsBeforeAnythingIsSent) {
    // The proxy would see every attempt to reach OpenAI.
    Command command = this->command({"generate", "--model", "gpt-4", "--num-samples", "2", "--output-dir", "out"});
    command.environment["https_proxy"] = "http://127.0.0.1:" + std::to_string(server_.port());
    const auto finished = run(command);
    EXPECT_EQ(finished.exit_code, 5);
    EXPECT_THAT(finished.err, AllOf(HasSubstr("2026-10-23"), HasSubstr("gpt-5.6-sol")));
    EXPECT_TRUE(server_.requests().empty());

    // At another endpoint the same name may be a model that lives: it only warns.
    const auto elsewhere = generate({"--num-samples", "2", "--model", "gpt-4"});
    EXPECT_EQ(elsewhere.exit_code, 0);
    EXPECT_THAT(elsewhere.err, HasSubstr("2026-10-23"));
}

TEST_F(GenerateTest, StandardOutputCarriesResultsOnly) {
    serve(R"("rules": [{"fault": "rate_limited", "retry_after_ms": "5", "calls": [2]}])");
    const auto finished = generate({"--num-samples", "6", "--json", "--verbose"});
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(number_at(finished.out, "/samples/accepted"), 6) << "one JSON object and nothing else";
    EXPECT_FALSE(finished.err.empty());
    const auto later = run_program({"report", ledger()});
    EXPECT_TRUE(later.err.empty()) << later.err;
}

TEST_F(GenerateTest, NeverOverwritesAFile) {
    ASSERT_EQ(generate({"--num-samples", "4"}).exit_code, 0);
    const auto before = read_file(output("json"));
    ASSERT_EQ(generate({"--num-samples", "9"}).exit_code, 0);
    EXPECT_EQ(read_file(output("json")), before);
    std::size_t ledgers = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "out"))
        ledgers += static_cast<std::size_t>(entry.path().string().ends_with(".ledger.sqlite"));
    EXPECT_EQ(ledgers, 2U);
}

TEST_F(GenerateTest, KeepsToTheBudget) {
    // 1,000,000 answers would fit none: the cap allows some, and what is reserved never exceeds it.
    const auto finished = generate({"--num-samples", "50", "--model", "gpt-4o-mini", "--budget", "0.02"});
    EXPECT_EQ(finished.exit_code, 4) << finished.err;
    EXPECT_LE(number_at(report(), "/cost/spent_usd").value(), 0.02);
    EXPECT_EQ(number_at(report(), "/samples/accepted"), static_cast<double>(records().size()));
    EXPECT_GT(records().size(), 0U);
    EXPECT_LT(records().size(), 50U);
    EXPECT_THAT(lines_of(finished.err).back(), HasSubstr("tdamm-synth resume"));
}

}  // namespace
}  // namespace synth::test
