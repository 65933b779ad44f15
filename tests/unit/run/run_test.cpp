#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "run/budget.hpp"
#include "run/circuit.hpp"
#include "run/ledger.hpp"
#include "run/pacing.hpp"
#include "run/plan_blocks.hpp"
#include "support/process.hpp"
#include "synth/random.hpp"

namespace synth::core {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr SteadyTime kStart{};
SteadyTime at(double seconds) {
    return kStart + std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(seconds));
}

TEST(Budget, NeverPassesTheCapByAPicodollar) {
    Budget budget(PicoUsd{100}, PicoUsd{40});
    EXPECT_TRUE(budget.reserve({30}));
    EXPECT_TRUE(budget.reserve({30})) << "40 + 30 + 30 is the cap";
    EXPECT_FALSE(budget.reserve({1}));
    budget.settle({30}, PicoUsd{10});
    EXPECT_EQ(budget.spent(), PicoUsd{50});
    EXPECT_FALSE(budget.reserve({21}));
    EXPECT_TRUE(budget.reserve({20}));
    budget.settle({20}, std::nullopt);  // no answer, no usage: charged in full
    budget.release({30});               // never left
    EXPECT_EQ(budget.spent(), PicoUsd{70});
    EXPECT_EQ(budget.reserved(), PicoUsd{0});
    EXPECT_TRUE(Budget(std::nullopt, {}).reserve({std::int64_t{1} << 60}));
}

TEST(Backoff, DoublesIsJitteredAndEnds) {
    const std::pair<std::uint32_t, int> cases[] = {{1, 1250},  {2, 2250},  {3, 4250},
                                                   {6, 32250}, {7, 60000}, {100, 60000}};
    for (const auto& [failures, expected] : cases)
        EXPECT_EQ(backoff(failures, milliseconds(250)), milliseconds(expected)) << failures;
}

TEST(RateLimiter, AGivenRateIsKept) {
    RateLimiter limiter(60, std::nullopt, kStart);
    for (int i = 0; i < 60; ++i) {
        EXPECT_LE(limiter.earliest({1000}, kStart), kStart);
        limiter.admit({1000}, kStart);
    }
    EXPECT_GT(limiter.earliest({1000}, kStart), at(0.9));
    EXPECT_LT(limiter.earliest({1000}, kStart), at(1.1));
    EXPECT_LE(limiter.earliest({1000}, at(1.1)), at(1.1));
}

TEST(RateLimiter, LearnsFromHeadersWhatIsLeft) {
    RateLimiter limiter(std::nullopt, std::nullopt, kStart);
    const auto first = limiter.admit({100}, kStart);
    limiter.admit({100}, kStart);
    limiter.admit({100}, kStart);
    EXPECT_FALSE(limiter.stated());
    RateLimits limits;
    limits.limit_requests = 600;
    limits.remaining_requests = 3;  // when the first was let in; two have been sent since
    EXPECT_TRUE(limiter.learn(limits, first, kStart));
    EXPECT_TRUE(limiter.stated());
    EXPECT_LE(limiter.earliest({100}, kStart), kStart);
    limiter.admit({100}, kStart);
    EXPECT_GT(limiter.earliest({100}, kStart), kStart);
    EXPECT_FALSE(limiter.learn(limits, first, kStart)) << "the same limit is no news";
}

TEST(RateLimiter, TokensSettleOnWhatWasUsed) {
    RateLimiter limiter(std::nullopt, 6000, kStart);
    const auto ticket = limiter.admit({6000}, kStart);
    EXPECT_GT(limiter.earliest({3000}, kStart), at(29));
    limiter.settle(ticket, CountedTokens{{1000}, {6000}}, kStart);
    EXPECT_LE(limiter.earliest({3000}, kStart), kStart);
    EXPECT_LE(limiter.earliest({100'000}, at(60)), at(60))
        << "what is above a minute's worth waits for a full bucket only";
}

TEST(RateLimiter, CountsWhatAnswersMightTakeOnceAServiceHasRefusedForIt) {
    using Refusal = RateLimiter::Refusal;
    RateLimiter limiter(std::nullopt, 6000, kStart);
    EXPECT_EQ(limiter.learn_from_refusal(limiter.admit({3000}, kStart), kStart), Refusal::other)
        << "nothing was given back";
    const auto second = limiter.admit({3000}, kStart);
    RateLimits stated;  // of what the user has given: not followed
    stated.limit_tokens = 6000;
    stated.remaining_tokens = 100;
    limiter.learn(stated, second, kStart);
    limiter.settle(second, CountedTokens{{500}, {2900}}, kStart);
    const auto refused = limiter.admit({2000}, kStart);
    EXPECT_EQ(limiter.learn_from_refusal(refused, kStart), Refusal::learned);
    EXPECT_EQ(limiter.learn_from_refusal(second, kStart), Refusal::explained) << "one in flight";
    EXPECT_GT(limiter.earliest({3000}, kStart), at(29)) << "what was given back is taken again";
    const auto later = limiter.admit({3000}, at(31));
    limiter.settle(later, CountedTokens{{100}, {2900}}, at(31));
    EXPECT_GT(limiter.earliest({3000}, at(31)), at(58));
    limiter.settle(later, CountedTokens{{3900}, {2900}}, at(31));
    EXPECT_GT(limiter.earliest({3000}, at(31)), at(67)) << "more than was asked for counts";
    EXPECT_EQ(limiter.learn_from_refusal(later, at(31)), Refusal::other);
}

TEST(RateLimiter, FollowsWhatAServiceSaysIsLeftOfTokens) {
    RateLimiter limiter(std::nullopt, std::nullopt, kStart);
    RateLimits stated;
    stated.limit_tokens = 6000;
    stated.remaining_tokens = 3000;
    const auto ticket = limiter.admit({3000}, kStart);
    limiter.learn(stated, ticket, kStart);
    limiter.settle(ticket, CountedTokens{{500}, {2900}}, kStart);
    EXPECT_EQ(limiter.learn_from_refusal(ticket, kStart), RateLimiter::Refusal::other);
}

TEST(RateLimiter, APauseHoldsForEveryone) {
    RateLimiter limiter(std::nullopt, std::nullopt, kStart);
    limiter.pause(at(5));
    limiter.pause(at(3));
    EXPECT_EQ(limiter.earliest({1}, kStart), at(5));
}

TEST(Window, IsCutOnceAnEpisodeAndGrowsOnlyWhileUsed) {
    Window window(100, 100);
    EXPECT_EQ(window.limit(), 100U) << "a window that was asked for is used at once";
    const auto episode = window.episode();
    EXPECT_TRUE(window.on_throttled(episode, 100));
    for (int i = 0; i < 30; ++i) EXPECT_FALSE(window.on_throttled(episode, 100)) << "the same burst of 429s";
    EXPECT_EQ(window.limit(), 70U);
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(window.on_success(10)) << "a window that is not used does not grow";
    for (int i = 0; i < 70; ++i) static_cast<void>(window.on_success(70));
    EXPECT_EQ(window.limit(), 71U) << "above what was refused it grows by one a round";
    EXPECT_FALSE(window.on_throttled(window.episode(), 20)) << "a window that was not in use is not what was too much";
    for (int i = 0; i < 50; ++i) static_cast<void>(window.on_throttled(window.episode(), 100));
    EXPECT_EQ(window.limit(), 1U);
}

TEST(Window, AnAutomaticOneDoublesEveryRoundUntilTheFirst429) {
    Window window(10, 1000);
    EXPECT_EQ(window.limit(), 10U);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(window.on_success(window.limit()));
    EXPECT_EQ(window.limit(), 20U);
    for (int i = 0; i < 60; ++i) static_cast<void>(window.on_success(window.limit()));
    EXPECT_EQ(window.limit(), 80U);
    EXPECT_TRUE(window.on_throttled(window.episode(), 80));
    EXPECT_EQ(window.limit(), 56U);
    for (int i = 0; i < 56; ++i) static_cast<void>(window.on_success(window.limit()));
    EXPECT_EQ(window.limit(), 57U);
}

Reply limited(const char* reason = "rate_limit_exceeded") {
    Reply reply;
    reply.error = Error{ErrorCode::rate_limited, "wait", reason};
    return reply;
}

TEST(Pacer, RetryAfterHoldsForEveryoneAndIsNotShortened) {
    Pacer pacer({}, kStart);
    std::vector<Pacer::Note> notes;
    const auto first = pacer.admit({100}, at(10)), second = pacer.admit({100}, at(10));
    Reply reply = limited();
    reply.limits.retry_after = milliseconds(7'000);
    pacer.settle(first, reply, std::nullopt, 2, milliseconds(0), at(10), notes);
    reply.limits.retry_after = milliseconds(2'000);
    pacer.settle(second, reply, std::nullopt, 2, milliseconds(0), at(11), notes);
    EXPECT_EQ(pacer.earliest({100}, at(11)), at(17));
}

TEST(Pacer, ARefusalForTokensThatWereGivenBackNeitherPausesNorCuts) {
    Pacer pacer({{}, 60'000.0, 20, 20, 1}, kStart);
    std::vector<Pacer::Note> notes;
    pacer.settle(pacer.admit({1000}, kStart), {}, CountedTokens{{100}, {900}}, 1, milliseconds(0), kStart, notes);
    const auto refused = pacer.admit({1000}, kStart), in_flight = pacer.admit({1000}, kStart);
    for (const auto& ticket : {refused, in_flight})
        pacer.settle(ticket, limited("rate_limited"), std::nullopt, 20, milliseconds(0), at(1), notes);
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_EQ(notes[0].detail, "told to wait: tokens are counted as what answers may take");
    EXPECT_EQ(pacer.window(), 20U);
    EXPECT_LE(pacer.earliest({1000}, at(2.1)), at(2.1)) << "a second's worth is there after a second";
    pacer.settle(pacer.admit({1000}, at(3)), limited("rate_limited"), std::nullopt, 20, milliseconds(0), at(3), notes);
    EXPECT_GT(pacer.earliest({1}, at(3)), at(3.5)) << "a further one makes all wait";
}

TEST(Pacer, WhatIsSharedIsKeptElsewhereAndTheShareBeginsWithNothingSavedUp) {
    Pacer pacer({600.0, {}, 20, 20, 4}, kStart);
    pacer.set_shared(true, kStart);
    for (int i = 0; i < 5000; ++i) {
        ASSERT_LE(pacer.earliest({}, kStart), kStart);
        pacer.admit({}, kStart);
    }
    pacer.set_shared(false, kStart);
    EXPECT_GT(pacer.earliest({}, kStart), kStart);
    const auto later = kStart + std::chrono::seconds(30);
    int sent = 0;
    for (; pacer.earliest({}, later) <= later; ++sent) pacer.admit({}, later);
    EXPECT_EQ(sent, 10) << "a second's worth";
}

TEST(Pacer, SlowDownHalvesTheRateAndRaisesItByHalfInAQuarterOfAnHour) {
    Pacer pacer({}, kStart);
    std::vector<Pacer::Note> notes;
    for (int i = 0; i < 600; ++i)
        pacer.settle(pacer.admit({100}, at(1 + i * 0.1)), {}, CountedTokens{{100}, {100}}, 1, milliseconds(0),
                     at(1.05 + i * 0.1), notes);
    pacer.settle(pacer.admit({100}, at(61)), limited("slow_down"), std::nullopt, 1, milliseconds(0), at(61), notes);
    EXPECT_NEAR(pacer.requests_per_minute(), 300, 5);
    double now = 62;
    for (; now < 62 + 900; now += 0.01)
        if (pacer.earliest({100}, at(now)) <= at(now))
            pacer.settle(pacer.admit({100}, at(now)), {}, CountedTokens{{100}, {100}}, 1, milliseconds(0), at(now),
                         notes);
    EXPECT_GT(pacer.requests_per_minute(), 400);
    EXPECT_LE(pacer.requests_per_minute(), 455);
}

TEST(Circuit, AsksOneByOneWhenNothingIsAnsweredAndGivesUpAfterTooLong) {
    using Answer = Circuit::Answer;
    Circuit circuit(3, std::chrono::seconds(900), kStart);
    const auto answer = [&](Answer what, std::uint64_t sample, double second, bool probe = false) {
        return circuit.on_answer(what, sample, probe, milliseconds(0), at(second));
    };
    EXPECT_FALSE(answer(Answer::nothing, 1, 1));
    EXPECT_FALSE(answer(Answer::nothing, 2, 1));
    EXPECT_FALSE(answer(Answer::other, 3, 1)) << "an error, but an answer";
    EXPECT_FALSE(answer(Answer::nothing, 1, 2));
    EXPECT_FALSE(answer(Answer::nothing, 2, 2));
    EXPECT_FALSE(answer(Answer::nothing, 2, 2)) << "one that fails again and again is not the service";
    EXPECT_TRUE(answer(Answer::nothing, 4, 2));
    EXPECT_EQ(circuit.earliest(), at(3));
    EXPECT_FALSE(answer(Answer::nothing, 5, 2.5)) << "what was in flight when it opened";
    EXPECT_TRUE(circuit.admit());
    EXPECT_EQ(circuit.earliest(), SteadyTime::max()) << "one at a time";
    answer(Answer::nothing, 1, 3.5, true);
    EXPECT_EQ(circuit.earliest(), at(4.5));
    EXPECT_TRUE(circuit.admit());
    answer(Answer::nothing, 1, 5, true);
    EXPECT_EQ(circuit.earliest(), at(7));
    EXPECT_TRUE(circuit.admit());
    answer(Answer::success, 1, 8, true);
    EXPECT_FALSE(circuit.open());
    EXPECT_FALSE(circuit.admit());

    EXPECT_FALSE(circuit.tick(at(907)));
    EXPECT_TRUE(circuit.tick(at(908))) << "told to wait all the time, or never answered";
    EXPECT_TRUE(circuit.admit());
    answer(Answer::other, 1, 909, true);
    EXPECT_TRUE(circuit.given_up());
}

TEST(PlanBlocks, PackAndUnpackAreInverse) {
    Random random(1);
    for (int i = 0; i < 1000; ++i) {
        SampleSpec spec;
        for (auto n = random.between(1, 7); n > 0; --n) spec.drawn.insert(static_cast<LabelId>(random.below(400)));
        spec.labels = spec.drawn;
        for (auto n = random.between(0, 5); n > 0; --n) spec.labels.insert(static_cast<LabelId>(random.below(400)));
        spec.primary = spec.drawn[0];
        spec.variant = static_cast<std::uint32_t>(random.next());
        std::string bytes;
        pack(spec, bytes);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            std::string_view part(bytes.data(), cut);
            SampleSpec ignored;
            EXPECT_FALSE(unpack(part, ignored));
        }
        std::string_view rest(bytes);
        SampleSpec back;
        ASSERT_TRUE(unpack(rest, back));
        EXPECT_TRUE(rest.empty());
        EXPECT_EQ(back, spec);
    }
}

class FixedPlan : public PlanStream {
public:
    explicit FixedPlan(std::size_t samples) : left_(samples) {}
    Result<std::size_t> next(std::span<SampleSpec> out) override {
        const auto count = std::min(left_, out.size());
        for (std::size_t i = 0; i < count; ++i) {
            out[i] = {};
            out[i].drawn.insert(static_cast<LabelId>((left_ - i) % 39));
            out[i].labels = out[i].drawn;
            out[i].primary = out[i].drawn[0];
        }
        left_ -= count;
        return count;
    }

private:
    std::size_t left_;
};

class LedgerTest : public testing::Test {
protected:
    void SetUp() override {
        head_.config_json = "{}";
        head_.taxonomy_json = R"({"labels":[)";
        for (int i = 0; i < 39; ++i) head_.taxonomy_json += i == 0 ? "{}" : ",{}";
        head_.taxonomy_json += "]}";
        head_.seed = 7;
        head_.dictionary = "a typical prompt about pulsars";
        FixedPlan plan(10'000);
        ASSERT_TRUE(create_ledger(file_, head_, plan).ok());
    }
    static CallEntry entry(std::uint64_t sample, std::uint32_t attempt, Outcome outcome) {
        CallEntry e;
        e.row.sample = sample;
        e.row.attempt = attempt;
        e.row.role = "write";
        e.row.outcome = outcome;
        e.row.usage = Usage{{100}, {20}, {}, {50}, {5}};
        e.row.cost = PicoUsd{123};
        e.row.findings = {{Severity::warning, "too_short", "says \"why\"", "CODE", 60, std::nullopt, "length"}};
        e.row.attributes = {{"form", "GCN circular"}, {"angle", "\"methods\""}};
        e.prompt = "a typical prompt about pulsars, and more";
        e.title = "T";
        e.text = "text " + std::to_string(sample);
        return e;
    }

    test::TempDir dir_;
    std::filesystem::path file_ = dir_ / "run.ledger.sqlite";
    LedgerHead head_;
};

TEST_F(LedgerTest, IsPrivateAndHoldsThePlan) {
    EXPECT_EQ(std::filesystem::status(file_).permissions(), std::filesystem::perms(0600));
    EXPECT_EQ(head_.samples, 10'000U);
    auto reader = LedgerReader::open(file_);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_EQ(reader->head().plan_digest, head_.plan_digest);
    auto plan = reader->plan(9'000);
    std::vector<SampleSpec> specs(2'000);
    auto got = plan->next(specs);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(*got, 1'000U);
    EXPECT_EQ(specs[0].index, 9'000U);
    EXPECT_EQ(specs[0].seed, derive_seed(7, std::uint64_t{9'000}));
}

TEST_F(LedgerTest, WhatIsAppendedIsReadBack) {
    {
        auto writer = LedgerWriter::open(file_, [] {});
        ASSERT_TRUE(writer.ok()) << writer.error().message;
        (*writer)->append(entry(5, 1, Outcome::rejected));
        (*writer)->append(entry(5, 2, Outcome::accepted));
        const auto last = (*writer)->append(entry(3, 1, Outcome::accepted));
        (*writer)->append(LearnedRemedy{"e", "m", {Remedy::Kind::rename_parameter, "a", "b"}});
        ASSERT_TRUE((*writer)->flush().ok());
        EXPECT_GE((*writer)->durable_through(), last);
        ASSERT_TRUE((*writer)->close().ok());
    }
    EXPECT_FALSE(std::filesystem::exists(file_.string() + "-wal"));
    auto reader = LedgerReader::open(file_);
    ASSERT_TRUE(reader.ok());
    const auto calls = reader->calls_of(5);
    ASSERT_TRUE(calls.ok());
    ASSERT_EQ(calls->size(), 2U);
    EXPECT_EQ((*calls)[0].row.outcome, Outcome::rejected);
    EXPECT_EQ((*calls)[1].row.findings, entry(5, 2, Outcome::accepted).row.findings);
    EXPECT_EQ((*calls)[1].row.attributes, entry(5, 2, Outcome::accepted).row.attributes);
    EXPECT_EQ((*calls)[1].row.usage, (Usage{{100}, {20}, {}, {50}, {5}}));
    EXPECT_EQ(*reader->prompt_of(5, 2), "a typical prompt about pulsars, and more");
    auto accepted = reader->accepted();
    CallEntry row;
    std::vector<std::uint64_t> order;
    while (*accepted->next(row)) order.push_back(row.row.sample);
    EXPECT_THAT(order, testing::ElementsAre(3, 5));
    auto rejected = reader->rejected();
    RejectedText text;
    ASSERT_TRUE(*rejected->next(text));
    EXPECT_EQ(text.call.sample, 5U);
    EXPECT_EQ(text.call.findings, entry(5, 1, Outcome::rejected).row.findings);
    EXPECT_EQ(text.text, "text 5");
    EXPECT_FALSE(*rejected->next(text));
    const auto progress = reader->progress();
    EXPECT_EQ(progress->calls, 3);
    EXPECT_EQ(progress->accepted, 2);
    EXPECT_EQ(progress->spent, PicoUsd{369});
    EXPECT_EQ(reader->remedies()->at(0).remedy.replacement, "b");
}

TEST_F(LedgerTest, WhatWasInFlightInAKilledSessionStaysCharged) {
    {
        auto writer = LedgerWriter::open(file_, [] {});
        ASSERT_TRUE((*writer)->set_exposure({1'000}, 8).ok());
    }  // not closed
    auto writer = LedgerWriter::open(file_, [] {});
    ASSERT_TRUE(writer.ok());
    EXPECT_EQ((*writer)->initial().unaccounted, PicoUsd{1'000});
    EXPECT_EQ((*writer)->initial().unaccounted_requests, 8);
    EXPECT_EQ((*writer)->initial().sessions, 2);
}

TEST_F(LedgerTest, APlanOfMoreThanWasAskedForIsRefused) {
    head_.samples = 10;
    FixedPlan eleven(11), ten(10);
    const auto refused = create_ledger(dir_ / "eleven", head_, eleven);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("more samples than the 10 asked for"));
    EXPECT_FALSE(std::filesystem::exists(dir_ / "eleven"));
    EXPECT_TRUE(create_ledger(dir_ / "ten", head_, ten).ok());

    auto writer = LedgerWriter::open(dir_ / "ten", [] {});
    FixedPlan three(3);
    EXPECT_FALSE((*writer)->extend(head_, &three, 2).ok());
    EXPECT_EQ(LedgerReader::open(dir_ / "ten")->head().samples, 10U) << "nothing of it was kept";
}

TEST_F(LedgerTest, APlanIsContinued) {
    auto writer = LedgerWriter::open(file_, [] {});
    const auto digest = head_.plan_digest;
    FixedPlan more(500);
    ASSERT_TRUE((*writer)->extend(head_, &more).ok());
    EXPECT_EQ(head_.samples, 10'500U);
    EXPECT_NE(head_.plan_digest, digest);
    auto reader = LedgerReader::open(file_);
    auto plan = reader->plan(9'999);
    std::vector<SampleSpec> specs(1'000);
    EXPECT_EQ(*plan->next(specs), 501U);
    EXPECT_EQ(specs[1].index, 10'000U);
}

/// Everything that can be read of a ledger: the first error, or nothing.
std::optional<Error> first_error(const std::filesystem::path& file) {
    auto reader = LedgerReader::open(file);
    if (!reader) return reader.error();
    if (auto got = reader->progress(); !got) return got.error();
    if (auto got = reader->remedies(); !got) return got.error();
    std::vector<SampleSpec> specs(512);
    for (auto plan = reader->plan();;) {
        auto got = plan->next(specs);
        if (!got) return got.error();
        if (*got == 0) break;
    }
    CallRow row;
    for (auto calls = reader->calls();;) {
        auto more = calls->next(row);
        if (!more) return more.error();
        if (!*more) break;
    }
    if (auto got = reader->calls_of(5); !got) return got.error();
    return std::nullopt;
}

TEST_F(LedgerTest, WhatIsDamagedInsideIsSaidWhereItIsRead) {
    {
        auto writer = LedgerWriter::open(file_, [] {});
        (*writer)->append(entry(5, 1, Outcome::rejected));
        (*writer)->append(LearnedRemedy{"e", "m", {Remedy::Kind::rename_parameter, "a", "b"}});
        ASSERT_TRUE((*writer)->close().ok());
    }
    ASSERT_FALSE(first_error(file_));
    const std::pair<const char*, const char*> cases[] = {
        {"UPDATE call SET outcome=200", "a row"},
        {"UPDATE call SET finish=-1", "a row"},
        {"UPDATE call SET error=77", "a row"},
        {"UPDATE call SET input=-1", "a row"},
        {"UPDATE call SET cost=-1", "a row"},
        {"UPDATE call SET began=-9223372036854775808", "a row"},
        {"UPDATE call SET attempt=4294967296", "a row"},
        {"UPDATE remedy SET kind=9", "a remedy"},
        {"UPDATE progress SET exposure=9223372036854775807", "the progress"},
        {"UPDATE plan SET first=first+1", "the plan"},
        {"UPDATE plan SET first=5000 WHERE first=4096", "the plan"},
        {"UPDATE plan SET specs='abc'", "the plan"},
        {"UPDATE meta SET value='10001' WHERE key='samples'", "the plan"},
        {"UPDATE meta SET value='{\"labels\":[{}]}' WHERE key='taxonomy'", "the plan"},
        {"UPDATE meta SET value='1000000000000000000' WHERE key='samples'", "does not hold the plan"},
        {"DROP TABLE event; CREATE VIEW event AS SELECT 1 AS id, 2 AS at, '' AS kind, '' AS detail", "tables inside"}};
    for (const auto& [sql, said] : cases) {
        const auto copy = dir_ / "damaged";
        std::filesystem::copy_file(file_, copy, std::filesystem::copy_options::overwrite_existing);
        {
            auto database = Database::open(copy, Database::Mode::read_write);
            ASSERT_TRUE(database->execute(sql).ok()) << sql;
        }
        const auto error = first_error(copy);
        ASSERT_TRUE(error) << sql;
        EXPECT_EQ(error->code, ErrorCode::io);
        EXPECT_THAT(error->message, HasSubstr(said)) << sql;
    }
}

TEST_F(LedgerTest, FindingsThatCannotBeReadAreLeftOut) {
    {
        auto writer = LedgerWriter::open(file_, [] {});
        (*writer)->append(entry(5, 1, Outcome::rejected));
        ASSERT_TRUE((*writer)->close().ok());
        auto database = Database::open(file_, Database::Mode::read_write);
        ASSERT_TRUE(
            database
                ->execute(R"(UPDATE call SET findings='[["warning", 1, 2], ["warning", "a", "b", "c", 1, null, null], )"
                          R"(["warning", "a", "b", "c", "d", null, 2]]')")
                .ok());
    }
    const auto calls = LedgerReader::open(file_)->calls_of(5);
    ASSERT_TRUE(calls.ok());
    EXPECT_EQ(calls->at(0).row.findings.size(), 1U);
}

TEST_F(LedgerTest, AHeldCallIsRuledOnOnce) {
    {
        auto writer = LedgerWriter::open(file_, [] {});
        for (std::uint64_t sample = 0; sample < 3; ++sample) (*writer)->append(entry(sample, 1, Outcome::held));
        ASSERT_TRUE((*writer)->flush().ok());
        EXPECT_EQ(LedgerReader::open(file_)->progress()->accepted, 0);
        EXPECT_FALSE(*LedgerReader::open(file_)->accepted()->next(*std::make_unique<CallEntry>()));
        (*writer)->append(Ruling{0, 1, Outcome::accepted, "", "", {}});
        (*writer)->append(
            Ruling{1, 1, Outcome::rejected, "duplicate", "like sample 1", {{Severity::rejection, "duplicate", "m"}}});
        ASSERT_TRUE((*writer)->close().ok());
    }
    auto reader = LedgerReader::open(file_);
    const auto progress = reader->progress();
    EXPECT_EQ(progress->calls, 3);
    EXPECT_EQ(progress->accepted, 1);
    EXPECT_EQ(progress->rejected, 1);
    EXPECT_TRUE(reader->calls_of(0)->at(0).row.findings.empty());
    const auto rejected = reader->calls_of(1);
    EXPECT_EQ(rejected->at(0).row.outcome, Outcome::rejected);
    EXPECT_EQ(rejected->at(0).row.reason, "duplicate");
    EXPECT_EQ(rejected->at(0).row.findings.at(0).code, "duplicate");
    EXPECT_EQ(rejected->at(0).text, "text 1");
    EXPECT_EQ(reader->calls_of(2)->at(0).row.outcome, Outcome::held);
}

TEST_F(LedgerTest, WhatIsNoLedgerIsRefusedWithAReason) {
    test::write_file(dir_ / "text",
                     "this is not a database, but it is long enough to look at as one........................");
    const std::pair<std::string, const char*> cases[] = {{"missing", "no ledger at"}, {"text", "is not a ledger"}};
    for (const auto& [name, reason] : cases) {
        const auto opened = LedgerReader::open(dir_ / name);
        ASSERT_FALSE(opened.ok());
        EXPECT_EQ(opened.error().code, ErrorCode::io);
        EXPECT_THAT(opened.error().message, HasSubstr(reason));
    }
    {
        auto database = Database::open(file_, Database::Mode::read_write);
        ASSERT_TRUE(database->execute("PRAGMA user_version=99").ok());
    }
    const auto newer = LedgerReader::open(file_);
    ASSERT_FALSE(newer.ok());
    EXPECT_THAT(newer.error().message, HasSubstr("version 99"));
}

}  // namespace
}  // namespace synth::core
