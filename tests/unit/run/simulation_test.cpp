// Runs in simulated time against what arithmetic says about them.

#include "run/simulation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace synth::core {
namespace {

constexpr std::int64_t kMicroUsd = 1'000'000;

class SimulationTest : public testing::Test {
protected:
    SimulationTest() {
        work_.first = {.input = {1000},
                       .output = {500},
                       .input_bound = {2000},
                       .output_bound = {1000},
                       .cost = {kMicroUsd},
                       .bound = {3 * kMicroUsd},
                       .line_bytes = 4000};
        work_.repair = work_.first;
        work_.repair.input = {3000};
        work_.repair.cost = {2 * kMicroUsd};
        service_.latency_s = 10;
        service_.turnaround_s = 7200;
    }
    [[nodiscard]] SimulatedRun direct(std::uint64_t samples, std::uint64_t seed = 7) const {
        return simulate_direct(config_, samples, work_, service_, seed);
    }
    [[nodiscard]] SimulatedRun batches(std::uint64_t samples, std::uint64_t seed = 7) const {
        return simulate_batches(config_, samples, work_, work_, limits_, service_, seed);
    }

    RunConfig config_;
    WorkModel work_;
    ServiceModel service_;
    BatchLimits limits_{50'000, 200'000'000};
};

TEST_F(SimulationTest, AWindowOfEqualAnswersTakesItsRounds) {
    const auto run = direct(1000);  // 50 rounds of 20
    EXPECT_DOUBLE_EQ(run.seconds, 500);
    EXPECT_EQ(run.limit(), Wait::window);
    EXPECT_EQ(run.accepted, 1000U);
    EXPECT_EQ(run.requests, 1000U);
    EXPECT_EQ(run.most_in_flight, 20U);
    EXPECT_EQ(run.cost, PicoUsd{1000 * kMicroUsd});
    EXPECT_EQ(run.input_tokens, 1'000'000);
    EXPECT_EQ(run.output_tokens, 500'000);
}

TEST_F(SimulationTest, RequestsAMinuteDecideWhereTheyAreScarce) {
    config_.max_concurrent = config_.initial_concurrent = 1000;
    config_.rpm = 600;
    const auto run = direct(12'000);  // a minute's worth at once, the rest at 99 % of the rate
    EXPECT_NEAR(run.seconds, 11'400 / (0.99 * 10) + 10, 2);
    EXPECT_EQ(run.limit(), Wait::requests);
}

TEST_F(SimulationTest, TokensAMinuteDecideWhereTheyAreScarcer) {
    config_.max_concurrent = config_.initial_concurrent = 1000;
    config_.rpm = 10'000;
    config_.tpm = 600'000;  // 400 requests a minute
    const auto run = direct(12'000);
    EXPECT_NEAR(run.seconds, 11'600 / (0.99 * 400 / 60) + 10, 120);
    EXPECT_EQ(run.limit(), Wait::tokens);
}

TEST_F(SimulationTest, FailuresAndRejectionsAreDoneAgainAndPaidForAsTheyAre) {
    service_.failure_rate = 0.1;
    service_.rejection_rate = 0.2;
    config_.max_attempts = 10;
    const auto run = direct(20'000);
    EXPECT_EQ(run.accepted, 20'000U);
    // A sample takes 1 / (0.9 x 0.8) requests, a tenth of them fail, a fifth of the rest is rejected.
    EXPECT_NEAR(static_cast<double>(run.requests), 20'000 / 0.72, 300);
    EXPECT_NEAR(static_cast<double>(run.failed), 2'000 / 0.72, 150);
    EXPECT_NEAR(static_cast<double>(run.rejected), 20'000 * 0.25, 250);
    EXPECT_EQ(run.requests, run.accepted + run.failed + run.rejected);
    // Repairs are dearer: one for each first rejection, and for what is rejected of them.
    EXPECT_NEAR(run.cost.usd(), (20'000 + 5'000 * 2) * 1e-6, 0.0006);
    EXPECT_GT(run.rejected_cost, PicoUsd{4'900 * kMicroUsd});
}

TEST_F(SimulationTest, SamplesAreMissingWhenTheirAttemptsAreUsedUp) {
    service_.rejection_rate = 0.5;
    config_.max_attempts = 2;
    const auto run = direct(10'000);
    EXPECT_NEAR(static_cast<double>(run.missing), 2'500, 150);
    EXPECT_EQ(run.accepted + run.missing, 10'000U);
}

TEST_F(SimulationTest, TheBudgetHolds) {
    config_.budget = PicoUsd{500 * kMicroUsd};
    for (const auto& run : {direct(1000), batches(1000)}) {
        EXPECT_TRUE(run.budget_reached);
        EXPECT_LE(run.cost, *config_.budget);
        EXPECT_GE(run.accepted, 497U);
        EXPECT_EQ(run.missing, 1000 - run.accepted);
    }
}

TEST_F(SimulationTest, AnswersThatTakeTooLongAreChargedInFull) {
    config_.timeout_s = 5;
    config_.max_attempts = 1;
    config_.give_up_after_s = 3600;
    const auto run = direct(5);
    EXPECT_EQ(run.timeouts, 5U);
    EXPECT_EQ(run.cost, PicoUsd{15 * kMicroUsd});
}

TEST_F(SimulationTest, AServiceThatFailsAllIsGivenUp) {
    service_.failure_rate = 1;
    config_.give_up_after_s = 600;
    const auto run = direct(10'000);
    EXPECT_TRUE(run.given_up);
    EXPECT_EQ(run.missing, 10'000U);
    EXPECT_GE(run.seconds, 600);
    EXPECT_LT(run.requests, 200U);
}

TEST_F(SimulationTest, BatchesComeBackAfterTheirTurnaroundAndTheNextLook) {
    const auto run = batches(60'000);  // two files: 50,000 lines and the rest
    EXPECT_EQ(run.batches, 2U);
    EXPECT_EQ(run.most_in_flight, 50'000U);
    EXPECT_EQ(run.accepted, 60'000U);
    EXPECT_GE(run.seconds, 7200);
    EXPECT_LE(run.seconds, 7200 + 600);
    EXPECT_EQ(run.limit(), Wait::turnaround);
}

TEST_F(SimulationTest, BytesAndLinesBoundABatch) {
    limits_.bytes = 4'000'000;  // 1,000 lines
    EXPECT_EQ(batches(10'000).batches, 10U);
    config_.batch_lines = 500;
    EXPECT_EQ(batches(10'000).batches, 20U);
}

TEST_F(SimulationTest, WhatFailedInABatchGoesIntoTheNextRound) {
    service_.failure_rate = 0.1;
    const auto run = batches(1000);
    EXPECT_GE(run.batches, 2U);
    EXPECT_GE(run.seconds, 2 * 7200.0);
    config_.finish_direct = true;  // about 100 of 1,000 are too many, a few of them later are not
    const auto shorter = batches(1000);
    EXPECT_LT(shorter.batches, run.batches + 1);
    EXPECT_EQ(shorter.accepted + shorter.missing, 1000U);
}

TEST_F(SimulationTest, ARoundLeavesWhenAllOfTheOneBeforeIsIn) {
    service_.failure_rate = 0.1;
    config_.batch_lines = 1000;
    const auto run = batches(50'000);  // 50 files; full files of what failed leave while the others are out
    EXPECT_LT(run.seconds, 3 * 7800.0);
    EXPECT_LT(run.batches, 65U);
}

TEST_F(SimulationTest, TheQueueTakesTurns) {
    config_.queued_tokens = 2'000'000;  // 1,000 requests
    const auto run = batches(10'000);
    EXPECT_EQ(run.batches, 10U);
    EXPECT_GE(run.seconds, 10 * 7200.0);
    EXPECT_EQ(run.limit(), Wait::queue);
}

TEST_F(SimulationTest, TheSameSeedGivesTheSameRun) {
    service_.latency_spread = 0.5;
    service_.failure_rate = service_.rejection_rate = 0.1;
    const auto once = direct(5000), again = direct(5000), other = direct(5000, 8);
    EXPECT_EQ(once.seconds, again.seconds);
    EXPECT_EQ(once.requests, again.requests);
    EXPECT_EQ(once.cost, again.cost);
    EXPECT_NE(once.seconds, other.seconds);
    EXPECT_EQ(batches(5000).requests, batches(5000).requests);
}

TEST_F(SimulationTest, ShardsRunAtTheSameTime) {
    auto all = direct(1000, 1);
    const auto second = direct(500, 2);
    all.add(second);
    EXPECT_DOUBLE_EQ(all.seconds, 500);
    EXPECT_EQ(all.accepted, 1500U);
    EXPECT_EQ(all.cost, PicoUsd{1500 * kMicroUsd});
}

}  // namespace
}  // namespace synth::core
