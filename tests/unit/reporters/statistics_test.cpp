#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "support/fake_run.hpp"
#include "unit/reporters/reporter.hpp"

namespace synth {
namespace {

using nlohmann::json;
using test::FakeRun;
using test::kBinaries;
using test::kBlackHoles;
using test::kNone;
using test::kNovae;
using test::kXRays;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Result<Section> report(const FakeRun& run) { return test::report_of("statistics", run); }

Section section(const FakeRun& run) { return test::section_of("statistics", run); }

CallRow& accept(FakeRun& run, std::uint64_t sample, std::uint64_t words, std::uint32_t target = 100) {
    CallRow& row = run.call(sample, Outcome::accepted);
    const Finding short_one{Severity::warning, "too_short", "says so", "", {}, {}, "length"};
    if (sample == 0) row.findings = {short_one, short_one};
    row.words = words;
    row.target_words = target;
    return row;
}

/// Four samples, of which the third is missing after three attempts and one wait.
FakeRun small_run() {
    FakeRun run;
    run.plan_sample(test::labels({kXRays, kBlackHoles}));
    run.plan_sample(test::labels({kXRays, kNovae}));
    run.plan_sample(test::labels({kBinaries}));
    run.plan_sample(test::labels({kNone}));
    run.run_facts.seconds = 4;
    run.run_facts.window = 2;
    accept(run, 0, 120);
    run.call(1, Outcome::rejected, "too_short");
    accept(run, 1, 90);
    run.call(2, Outcome::throttled, "rate_limited");
    run.call(2, Outcome::failed, "http_503");
    run.call(2, Outcome::remedied, "unsupported_parameter");
    run.call(2, Outcome::rejected, "too_short");
    run.call(2, Outcome::failed, "http_500").message = "the server failed\nin two lines";
    run.call(3, Outcome::failed, "http_500").role = "judge";
    run.call(3, Outcome::answered).role = "judge";
    accept(run, 3, 100);
    const auto at = [](int second) { return TimePoint(std::chrono::seconds(second)); };
    run.happenings = {{at(1), "window", "now 14 in flight at most"},
                      {at(2), "limits", "the server states 60 requests"},
                      {at(3), "window", "now 9 in flight at most"}};
    return run;
}

TEST(Statistics, CountsEverythingOfASmallRun) {
    const json made = json::parse(section(small_run()).json);
    const json expected = json::parse(R"({
      "samples": {"asked": 4, "accepted": 3, "missing": 1, "attempts": 7, "success_rate": 0.42857142857142855,
                  "warnings": {"length": {"too_short": 1}},
                  "failures": {"http_500": 1, "http_503": 1, "too_short": 2},
                  "missing_by_reason": {"http_500": {"count": 1, "samples": "3"}},
                  "missing_samples": [{"index": 2, "labels": ["Binary Black Holes"], "reason": "http_500",
                                       "message": "the server failed\nin two lines"}]},
      "labels": {"counts": {"X-rays": 2, "Black Holes": 1, "Binary Black Holes": 0, "Novæ": 1, "Non-TDAMM": 1},
                 "targets": {"X-rays": 2, "Black Holes": 1, "Binary Black Holes": 1, "Novæ": 1, "Non-TDAMM": 1},
                 "spread": 2, "distinct_sets": 3, "distinct_sets_exact": true, "unnatural_pair_share": 0.5},
      "words": {"target": 100, "mean": 103.33333333333333, "median": 100.0, "min": 90, "max": 120,
                "below_target": 0.3333333333333333},
      "time": {"seconds": 4.0, "samples_per_second": 0.75, "window_busy": 1.0, "requests": 11, "throttled": 1,
               "sessions": 1, "window_changes": 2},
      "events": [{"at_ms": 1000, "kind": "window", "detail": "now 14 in flight at most"},
                 {"at_ms": 2000, "kind": "limits", "detail": "the server states 60 requests"},
                 {"at_ms": 3000, "kind": "window", "detail": "now 9 in flight at most"}],
      "events_in_all": 3
    })");
    EXPECT_EQ(made, expected) << json::diff(made, expected);
}

TEST(Statistics, TellsThemToPeople) {
    EXPECT_EQ(section(small_run()).text,
              R"(Samples   3 of 4 accepted, 1 missing; 7 attempts, 42.9 % successful
Failures  2 too_short, 1 http_500, 1 http_503
Warnings  1 too_short (accepted samples that have one)
Missing   sample_3 (Binary Black Holes): http_500: the server failed in two lines
Words     mean 103, median 100, 90 to 120; 33.3 % below the target of 100
Time      4.00 s, 0.750 samples a second; 11 requests, told to wait 1 time, window of 2 busy 100.0 %
          window changed 2 times, 9 to 14 in flight at most
          the server states 60 requests
Labels    0 to 2 samples a label (spread 2), 1 Non-TDAMM; 1 label short of the plan, furthest Binary
          Black Holes with 0 of 1
          3 distinct label sets; 50.0 % of the label pairs are not met in nature
Most frequent labels
  X-rays      2  Black Holes 1  Novæ        1  Non-TDAMM   1
All labels
  X-rays                  2  Binary Black Holes 0 of 1  Non-TDAMM               1
  Black Holes             1  Novæ                    1
)");
}

TEST(Statistics, AWholeRunIsAsPlanned) {
    FakeRun run;
    run.plan_sample(test::labels({kXRays, kBlackHoles}));
    accept(run, 0, 1);
    EXPECT_THAT(section(run).text, AllOf(HasSubstr("exactly as planned"), Not(HasSubstr("Missing"))));
}

TEST(Statistics, TheNegativeLabelHasANumberOfItsOwn) {
    FakeRun run;
    run.plan_sample(test::labels({kXRays, kBlackHoles, kBinaries, kNovae}));
    for (int i = 0; i < 5; ++i) run.plan_sample(test::labels({kNone}));
    for (std::uint64_t i = 0; i < 6; ++i) accept(run, i, 1);
    const Section made = section(run);
    EXPECT_EQ(json::parse(made.json).at("labels").at("spread"), 0);
    EXPECT_THAT(made.text, HasSubstr("1 sample a label (spread 0), 5 Non-TDAMM; exactly as planned"));
}

TEST(Statistics, ParentsAreCountedApart) {
    FakeRun run;
    run.plan_sample(test::labels({kBinaries})).labels = test::labels({kBlackHoles, kBinaries});
    accept(run, 0, 1);
    const Section made = section(run);
    const json labels = json::parse(made.json).at("labels");
    EXPECT_EQ(labels.at("counts").at("Black Holes"), 0);
    EXPECT_EQ(labels.at("counts_with_parents").at("Black Holes"), 1);
    EXPECT_EQ(labels.at("counts_with_parents").at("Binary Black Holes"), 1);
    EXPECT_THAT(made.text, AllOf(HasSubstr("as parents"), HasSubstr("0 (1)")));
}

TEST(Statistics, PairsThatNatureOrLogicJoinAreNatural) {
    const struct {
        LabelId a, b;
        double share;
    } cases[] = {{kXRays, kBlackHoles, 0}, {kBlackHoles, kBinaries, 0}, {kXRays, kNovae, 1}};
    for (const auto& one : cases) {
        FakeRun run;
        run.plan_sample(test::labels({one.a, one.b}));
        accept(run, 0, 1);
        EXPECT_EQ(json::parse(section(run).json).at("labels").at("unnatural_pair_share"), one.share);
    }
}

TEST(Statistics, WhatIsNotKnownIsNull) {
    FakeRun run;
    run.run_facts.samples = 2;
    run.plan_sample(test::labels({kXRays}));
    run.plan_sample(test::labels({kNovae}));
    const Section made = section(run);
    const json numbers = json::parse(made.json);
    EXPECT_EQ(numbers.at("samples").at("accepted"), 0);
    EXPECT_TRUE(numbers.at("samples").at("success_rate").is_null());
    EXPECT_TRUE(numbers.at("labels").at("unnatural_pair_share").is_null());
    for (const auto& [key, value] : numbers.at("words").items()) EXPECT_TRUE(value.is_null()) << key;
    EXPECT_TRUE(numbers.at("time").at("samples_per_second").is_null());
    EXPECT_TRUE(numbers.at("time").at("window_busy").is_null());
    EXPECT_EQ(numbers.at("samples").at("missing_samples").at(1).at("reason"), "not_tried");
    EXPECT_THAT(made.text, HasSubstr("no texts"));
}

TEST(Statistics, WhatWasSentIsNotCalledUntried) {
    FakeRun run;
    for (int i = 0; i < 4; ++i) run.plan_sample(test::labels({kXRays}));
    run.call(0, Outcome::abandoned, "abandoned").message = "in flight when the run stopped";
    run.call(1, Outcome::halted, "http_401").message = "the key was refused";
    run.call(2, Outcome::rejected, "repetition").message = "the answer repeats itself";
    run.call(2, Outcome::abandoned, "abandoned").message = "in flight when the run stopped";
    const Section made = section(run);
    EXPECT_THAT(made.text, HasSubstr("sample_1 (X-rays): abandoned: in flight when the run stopped\n"));
    EXPECT_THAT(made.text, HasSubstr("sample_2 (X-rays): http_401: the key was refused\n"));
    EXPECT_THAT(made.text, HasSubstr("sample_3 (X-rays): repetition: the answer repeats itself\n"));
    EXPECT_THAT(made.text, HasSubstr("not tried: 1 sample, 4\n"));
    EXPECT_EQ(json::parse(made.json).at("samples").at("attempts"), 1);
}

TEST(Statistics, AnEmptyPlanIsAReportToo) {
    FakeRun run;
    EXPECT_EQ(json::parse(section(run).json).at("samples").at("asked"), 0);
}

TEST(Statistics, NothingIsSaidOfANetworkThatWasNotUsed) {
    FakeRun run;
    run.plan_sample(test::labels({kXRays}));
    run.run_facts.seconds = 0.5;
    run.run_facts.window = 20;
    accept(run, 0, 1).sent = false;
    const Section made = section(run);
    const json time = json::parse(made.json).at("time");
    EXPECT_EQ(time.at("requests"), 0);
    EXPECT_TRUE(time.at("window_busy").is_null());
    EXPECT_EQ(time.at("samples_per_second"), 2.0);
    EXPECT_THAT(made.text, HasSubstr("nothing was sent"));
}

TEST(Statistics, WordsOfDifferentTargetsHaveNoCommonOne) {
    FakeRun run;
    const struct {
        std::uint64_t words;
        std::uint32_t target;
    } texts[] = {{99, 100}, {50, 50}, {10, 0}, {30, 40}};
    for (const auto& text : texts) {
        run.plan_sample(test::labels({kXRays}));
        accept(run, run.samples.size() - 1, text.words, text.target);
    }
    const json words = json::parse(section(run).json).at("words");
    EXPECT_TRUE(words.at("target").is_null());
    EXPECT_EQ(words.at("median"), 40.0);
    EXPECT_EQ(words.at("below_target"), 2.0 / 3);
}

TEST(Statistics, LongListsOfMissingSamplesAreCut) {
    FakeRun run;
    for (int i = 0; i < 1'500; ++i) run.plan_sample(test::labels({kXRays}));
    const Section made = section(run);
    const json samples = json::parse(made.json).at("samples");
    EXPECT_EQ(samples.at("missing"), 1'500);
    EXPECT_EQ(samples.at("missing_samples").size(), 1'000U);
    EXPECT_EQ(samples.at("missing_by_reason").at("not_tried").at("samples"), "1-1500") << "all of them, in short";
    EXPECT_THAT(made.text, HasSubstr("Missing   not tried: 1,500 samples, 1-1500"));

    for (int i = 0; i < 1'500; i += 2) run.call(static_cast<std::uint64_t>(i), Outcome::failed, "http_500");
    const Section tried = section(run);
    EXPECT_THAT(tried.text, AllOf(HasSubstr("sample_39 "), Not(HasSubstr("sample_41 ")),
                                  HasSubstr("http_500: 750 samples, 1, 3, 5")));
}

/// Sets of three out of very many labels, all of them different.
FakeRun many_sets(std::size_t samples) {
    FakeRun run;
    run.classes.labels.resize(200);
    run.classes.negative.reset();
    for (LabelId a = 0; run.samples.size() < samples; ++a)
        for (LabelId b = static_cast<LabelId>(a + 1); b < 199; ++b)
            for (LabelId c = static_cast<LabelId>(b + 1); c < 200 && run.samples.size() < samples; ++c) {
                run.plan_sample(test::labels({a, b, c}));
                accept(run, run.samples.size() - 1, 1);
            }
    return run;
}

TEST(Statistics, DistinctSetsAreCountedOrElseEstimated) {
    const json exact = json::parse(section(many_sets(60'000)).json).at("labels");
    EXPECT_EQ(exact.at("distinct_sets"), 60'000);
    EXPECT_EQ(exact.at("distinct_sets_exact"), true);

    FakeRun run = many_sets(150'000);
    const Section made = section(run);
    const json estimate = json::parse(made.json).at("labels");
    EXPECT_NEAR(estimate.at("distinct_sets").get<double>(), 150'000, 150'000 * 0.012);  // three standard errors
    EXPECT_EQ(estimate.at("distinct_sets_exact"), false);
    EXPECT_THAT(made.text, HasSubstr("about "));
}

TEST(Statistics, ALedgerThatCannotBeReadIsAnError) {
    FakeRun run = small_run();
    run.broken = Error{ErrorCode::io, "cannot read the ledger", {}};
    const auto made = report(run);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().message, "cannot read the ledger");
}

}  // namespace
}  // namespace synth
