// Whole numbers in given proportions.

#include "common/apportion.hpp"

#include <cstdint>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "synth/random.hpp"

namespace {

using synth::samplers::apportion;
using testing::ElementsAre;

using Numbers = std::vector<std::uint64_t>;

TEST(Apportion, GivesTheRestToTheLargestRemainders) {
    EXPECT_THAT(apportion(10, Numbers{1, 1, 1}, Numbers{0, 0, 0}), ElementsAre(4, 3, 3));
    EXPECT_THAT(apportion(10, Numbers{55, 27, 18}, Numbers{0, 0, 0}), ElementsAre(5, 3, 2));
    EXPECT_THAT(apportion(3, Numbers{0, 5, 1}, Numbers{0, 0, 0}), ElementsAre(0, 3, 0));
    EXPECT_THAT(apportion(0, Numbers{1, 2}, Numbers{0, 0}), ElementsAre(0, 0));
}

TEST(Apportion, KeepsWhatStandsAndSharesOutTheRest) {
    EXPECT_THAT(apportion(10, Numbers{1, 1, 1}, Numbers{8, 0, 0}), ElementsAre(8, 1, 1));
    EXPECT_THAT(apportion(10, Numbers{8, 1, 1}, Numbers{0, 4, 3}), ElementsAre(3, 4, 3));
    EXPECT_THAT(apportion(10, Numbers{0, 1, 1}, Numbers{4, 0, 0}), ElementsAre(4, 3, 3));  // of no weight, and there
    EXPECT_THAT(apportion(7, Numbers{1, 1}, Numbers{4, 3}), ElementsAre(4, 3));
}

TEST(Apportion, IsExactWithLargeNumbers) {
    constexpr std::uint64_t kLarge = std::uint64_t{1} << 60;
    EXPECT_THAT(apportion(kLarge, Numbers{kLarge, kLarge, 2 * kLarge}, Numbers{0, 0, 0}),
                ElementsAre(kLarge / 4, kLarge / 4, kLarge / 2));
}

TEST(Apportion, AlwaysAddsUp) {
    synth::Random random(1);
    for (int round = 0; round < 2000; ++round) {
        Numbers weights(1 + random.below(6)), least(weights.size());
        for (auto& weight : weights) weight = random.below(5);
        weights[random.below(weights.size())] = 1 + random.below(9);
        for (auto& some : least) some = random.chance(1, 2) ? random.below(6) : 0;
        const std::uint64_t total = std::accumulate(least.begin(), least.end(), std::uint64_t{0}) + random.below(30);
        const Numbers parts = apportion(total, weights, least);
        ASSERT_EQ(std::accumulate(parts.begin(), parts.end(), std::uint64_t{0}), total);
        for (std::size_t i = 0; i < parts.size(); ++i) ASSERT_GE(parts[i], least[i]);
    }
}

}  // namespace
