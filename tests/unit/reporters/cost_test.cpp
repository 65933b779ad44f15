#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "support/fake_run.hpp"
#include "unit/reporters/reporter.hpp"

namespace synth {
namespace {

using nlohmann::json;
using test::FakeRun;
using test::kXRays;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Result<Section> report(const FakeRun& run) { return test::report_of("cost", run); }

Section section(const FakeRun& run) { return test::section_of("cost", run); }

json numbers(const FakeRun& run) { return json::parse(section(run).json).at("cost"); }

/// A paid call; its cost is what the fake provider says.
CallRow& buy(FakeRun& run, Outcome outcome, const Usage& usage, const std::string& model = "gpt-small-2026-01-01") {
    CallRow& row = run.call(run.rows.size(), outcome);
    row.model = model;
    row.usage = usage;
    row.cost = run.price(usage, {.model = model});
    if (outcome == Outcome::accepted) row.words = 1000;
    return row;
}

FakeRun priced_run() {
    FakeRun run;
    run.run_facts.model = "gpt-small";
    run.run_facts.prices_as_of = "2026-10-28";
    run.prices["gpt-small"] = run.prices["gpt-small-2026-01-01"] = {150'000, 75'000, 600'000};
    run.known_models = {{.name = "gpt-small", .prices_as_of = "2026-11-01"}};
    return run;
}

constexpr Usage kText{.input = {800}, .cached_input = {80}, .output = {1500}, .reasoning = {10}};

/// 0.00015 × 720 + 0.000075 × 80 + 0.0006 × 1500 dollars, by thousand tokens: 1,014,000,000 picodollars a text.
FakeRun small_run() {
    FakeRun run = priced_run();
    run.plan_sample(test::labels({kXRays}));
    buy(run, Outcome::accepted, kText);
    buy(run, Outcome::rejected, kText);
    buy(run, Outcome::accepted, kText);
    buy(run, Outcome::answered, {.input = {100}, .output = {1}}).role = "judge";
    run.call(1, Outcome::failed, "timeout").reserved = PicoUsd{2'000'000'000};
    run.call(1, Outcome::throttled, "rate_limited");
    run.run_facts.unaccounted = PicoUsd{1'000'000'000};
    run.run_facts.unaccounted_requests = 3;
    return run;
}

TEST(Cost, AddsUpExactly) {
    const std::string text = section(small_run()).json;
    // The text itself: a parser would round the decimals.
    EXPECT_THAT(text, HasSubstr(R"("spent_usd": 0.0030576, "reserved_usd": 0.003, "unanswered_requests": 4, )"
                                R"("by_model": {"gpt-small-2026-01-01": {"answers": 4, "spent_usd": 0.0030576, )"
                                R"("prices_as_of": "2026-10-28", "input_tokens": 2500, "cached_tokens": 240, )"
                                R"("output_tokens": 4501, "reasoning_tokens": 30, "calls_without_price": 0, )"
                                R"("calls_without_usage": 0}}, "prices_as_of": "2026-10-28", "input_tokens": 2500, )"
                                R"("cached_tokens": 240, "output_tokens": 4501, "reasoning_tokens": 30, )"
                                R"("calls_without_price": 0, "calls_without_usage": 0, "retries_usd": 0.001014, )"
                                R"("asks_usd": 0.0000156, "per_sample_usd": 0.0015288, )"
                                R"("per_1000_words_usd": 0.0015288, "advice": [)"));
}

TEST(Cost, TellsItToPeople) {
    FakeRun run = small_run();
    run.known_models.push_back(
        {.name = "gpt-tiny", .prices_as_of = "2026-11-01", .shutdown = "2027-01-14", .replacement = "gpt-next"});
    run.prices["gpt-tiny"] = {50'000, 25'000, 200'000};
    EXPECT_EQ(section(run).text, R"(Spent     $0.003058 for 4 answers; $0.001529 a sample, $0.001529 per 1,000 words
Tokens    2,500 in (240 cached, 9.6 %), 4,501 out (30 of them reasoning)
Models    gpt-small-2026-01-01: $0.003058 for 4 answers, prices of 2026-10-28
Retries   $0.001014 for 1 answer (texts that could not be used)
Checks    $0.000016 for 1 answer (to questions of validators)
Reserved  $0.003000 for 4 requests without an answer, which may have been billed
Cheaper   $0.001529 ($0.001529 less) as a deferred batch, answered within 24 hours
          $0.001019 ($0.002038 less) with gpt-tiny, which is shut down on 2027-01-14
          (the same tokens, prices of today; whether a model writes as well is another matter)
)");
}

TEST(Cost, WithoutAnAnswerNothingIsSpent) {
    FakeRun run = priced_run();
    run.plan_sample(test::labels({kXRays}));
    run.call(0, Outcome::failed, "connect");
    EXPECT_EQ(section(run).text, "Spent     nothing known: no request was answered\n");
}

TEST(Cost, AnUnknownPriceIsUnknown) {
    FakeRun run = priced_run();
    run.prices.clear();
    run.run_facts.prices_as_of.clear();
    run.known_models.clear();
    buy(run, Outcome::accepted, kText);
    const Section made = section(run);
    const json cost = json::parse(made.json).at("cost");
    EXPECT_TRUE(cost.at("spent_usd").is_null());
    EXPECT_TRUE(cost.at("prices_as_of").is_null());
    EXPECT_TRUE(cost.at("per_sample_usd").is_null());
    EXPECT_EQ(cost.at("calls_without_price"), 1);
    EXPECT_EQ(cost.at("input_tokens"), 800);
    EXPECT_TRUE(cost.at("advice").empty());
    EXPECT_THAT(made.text, AllOf(HasSubstr("Spent     unknown for 1 answer\n"), HasSubstr("price not known")));
}

TEST(Cost, APartThatIsUnknownIsSaid) {
    FakeRun run = priced_run();
    buy(run, Outcome::accepted, kText);
    CallRow& silent = run.call(1, Outcome::accepted);
    silent.words = 1000;
    const Section made = section(run);
    const json cost = json::parse(made.json).at("cost");
    EXPECT_EQ(cost.at("spent_usd"), 0.001014);
    EXPECT_EQ(cost.at("calls_without_price"), 1);
    EXPECT_EQ(cost.at("calls_without_usage"), 1);
    EXPECT_TRUE(cost.at("per_sample_usd").is_null());
    EXPECT_TRUE(cost.at("per_1000_words_usd").is_null());
    EXPECT_TRUE(cost.at("advice").empty());
    EXPECT_THAT(made.text, AllOf(HasSubstr("Spent     $0.001014 for 1 answer, and 1 of unknown cost\n"),
                                 HasSubstr("not counted by the server")));
}

TEST(Cost, TokensThatNobodyCountedAreNull) {
    FakeRun run = priced_run();
    run.call(0, Outcome::accepted);
    const Section made = section(run);
    const json cost = json::parse(made.json).at("cost");
    for (const char* key : {"input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"})
        EXPECT_TRUE(cost.at(key).is_null()) << key;
    EXPECT_THAT(made.text, HasSubstr("Tokens    unknown"));
}

TEST(Cost, RequestsThatWereTurnedAwayCostNothing) {
    FakeRun run = priced_run();
    for (const Outcome outcome : {Outcome::throttled, Outcome::remedied, Outcome::failed}) run.call(0, outcome);
    const json cost = numbers(run);
    EXPECT_EQ(cost.at("spent_usd"), 0);
    EXPECT_EQ(cost.at("calls_without_price"), 0);
    EXPECT_TRUE(cost.at("per_sample_usd").is_null());
}

TEST(Cost, NothingWasBoughtOffline) {
    FakeRun run;
    run.run_facts.provider = "offline";
    CallRow& row = run.call(0, Outcome::accepted);
    row.sent = false;
    row.words = 1178;
    const Section made = section(run);
    const json cost = json::parse(made.json).at("cost");
    EXPECT_EQ(cost.at("spent_usd"), 0);
    EXPECT_EQ(cost.at("calls_without_price"), 0);
    EXPECT_TRUE(cost.at("by_model").empty());
    EXPECT_EQ(made.text, "Spent     nothing: no request left this machine\n");
}

TEST(Cost, ARunWithoutCallsIsAReportToo) { EXPECT_EQ(numbers(FakeRun()).at("spent_usd"), 0); }

TEST(Cost, AmountsOfHugeRunsAreExact) {
    FakeRun run = priced_run();
    for (int i = 0; i < 3; ++i) {
        CallRow& row = buy(run, Outcome::accepted, {.input = {2'000'000'000'000}, .output = {1}});
        row.cost = PicoUsd{3'000'000'000'000'000'001};
        row.words = 1'000'000'000;
    }
    run.prices.clear();
    EXPECT_THAT(section(run).json, AllOf(HasSubstr(R"("spent_usd": 9000000.000000000003, )"),
                                         HasSubstr(R"("per_sample_usd": 3000000.000000000001, )"),
                                         HasSubstr(R"("per_1000_words_usd": 3, )")));
}

TEST(Cost, AdviceNamesWhatSaves) {
    FakeRun run = priced_run();
    // Much input, so that caching is worth it; in all more than one call may have without being a long one.
    for (int i = 0; i < 100; ++i) buy(run, Outcome::accepted, {.input = {10'000}, .output = {100}});
    const auto model = [&](const char* name, std::int64_t input, const char* shutdown) {
        run.known_models.push_back({.name = name, .prices_as_of = "2026-11-01", .shutdown = shutdown});
        run.prices[name] = {input, input / 2, input};
    };
    model("cheap", 100'000, "");
    model("cheapest", 50'000, "2027-06-30");
    model("dear", 200'000, "");
    model("gone", 1'000, "2026-11-18");  // the day of the calls
    model("nearly as dear", 150'000, "");
    run.known_models.push_back({.name = "unpriced"});
    const json advice = numbers(run).at("advice");
    const json expected = json::parse(R"([
      {"kind": "batch", "amount_usd": 0.078, "saving_usd": 0.078},
      {"kind": "prompt_cache", "amount_usd": 0.1035, "saving_usd": 0.0525},
      {"kind": "model", "model": "cheapest", "amount_usd": 0.0505, "saving_usd": 0.1055, "prices_as_of": "2026-11-01"},
      {"kind": "model", "model": "cheap", "amount_usd": 0.101, "saving_usd": 0.055, "prices_as_of": "2026-11-01"}
    ])");
    EXPECT_EQ(advice, expected) << advice;
}

TEST(Cost, NoAdviceForABatchThatHasNoPrice) {
    FakeRun run = priced_run();
    run.prices["gpt-small-2026-01-01"].batch = false;
    buy(run, Outcome::accepted, kText);
    EXPECT_THAT(section(run).text, Not(HasSubstr("Cheaper")));
}

TEST(Cost, SeveralModelsAreListedApart) {
    FakeRun run = priced_run();
    run.known_models.push_back({.name = "gpt-big", .prices_as_of = "2026-11-02"});
    run.known_models.push_back({.name = "gpt", .prices_as_of = "2020-01-01"});
    run.prices["gpt-big"] = {1'500'000, 750'000, 6'000'000};
    buy(run, Outcome::accepted, kText);
    buy(run, Outcome::accepted, kText, "gpt-big");
    buy(run, Outcome::accepted, kText, "gpt-huge");  // not a dated version of "gpt"
    const json models = numbers(run).at("by_model");
    EXPECT_EQ(models.at("gpt-small-2026-01-01").at("prices_as_of"), "2026-10-28");
    EXPECT_EQ(models.at("gpt-big").at("prices_as_of"), "2026-11-02");
    EXPECT_EQ(models.at("gpt-big").at("spent_usd"), 0.01014);
    EXPECT_TRUE(models.at("gpt-huge").at("spent_usd").is_null());
    EXPECT_TRUE(models.at("gpt-huge").at("prices_as_of").is_null());
}

TEST(Cost, ALedgerThatCannotBeReadIsAnError) {
    FakeRun run = small_run();
    run.broken = Error{ErrorCode::io, "cannot read the ledger", {}};
    EXPECT_FALSE(report(run));
}

}  // namespace
}  // namespace synth
