// Money, exactly, with what was read from the cache and written into it.

#include <cstdint>
#include <optional>
#include <string>

#include <gmock/gmock.h>

#include "support/http_provider.hpp"

namespace synth::test {
namespace {

using Mode = Billing::Mode;

struct CostCase {
    const char *model, *tier;
    Mode mode;
    std::int64_t input, cached, written, output;
    std::optional<std::int64_t> picodollars;
};

TEST(Cost, IsUsageTimesPriceExactly) {
    const CostCase cases[] = {
        // $0.10 in, $0.01 cached, $0.125 written, $0.50 out per million; five times as much above 100,000 tokens
        {"claude-haiku-5-5", "standard", Mode::direct, 1543, 1024, 100, 1611,
         419 * 100'000LL + 1024 * 10'000LL + 100 * 125'000LL + 1611 * 500'000LL},
        {"claude-haiku-5-5", "", Mode::direct, 100'000, 0, 0, 10, 100'000 * 100'000LL + 10 * 500'000LL},
        {"claude-haiku-5-5", "", Mode::direct, 100'001, 90'000, 0, 10,
         10'001 * 500'000LL + 90'000 * 50'000LL + 10 * 2'500'000LL},
        {"claude-haiku-5-5", "", Mode::batch, 100, 20, 30, 10,
         50 * 50'000LL + 20 * 5'000LL + 30 * 62'500LL + 10 * 250'000LL},
        {"claude-haiku-5-5", "batch", Mode::direct, 100, 0, 0, 0, 100 * 50'000LL},
        // a dated version, and one that has no other name
        {"claude-haiku-4-5-20251001", "standard", Mode::direct, 10, 0, 0, 10, 10 * 1'000'000LL + 10 * 5'000'000LL},
        {"claude-sonnet-4-20250514", "", Mode::direct, 1, 0, 0, 1, 18'000'000},
        {"claude-opus-5-5", "", Mode::direct, 300, 200, 0, 0, 100 * 4'000'000LL + 200 * 200'000LL},
        // unknown is not zero
        {"claude-haiku-5-5", "priority", Mode::direct, 1, 0, 0, 1, {}},
        {"claude-haiku-5-5", "standard/us", Mode::direct, 1, 0, 0, 1, {}},
        {"claude-haiku-4-5-20259999", "", Mode::direct, 1, 0, 0, 1, {}},
        {"claude-9", "", Mode::direct, 1, 0, 0, 1, {}},
    };
    const HttpProvider claude("anthropic");
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.model) + " " + c.tier + " " + std::to_string(c.input));
        const Usage usage{{c.input}, {c.cached}, {c.written}, {c.output}, {}};
        const auto cost = claude->cost(usage, {c.model, c.tier, c.mode});
        EXPECT_EQ(cost.has_value(), c.picodollars.has_value());
        EXPECT_EQ(cost ? cost->value : 0, c.picodollars.value_or(0));
    }
}

TEST(Cost, OfEveryModelThatIsListedIsKnownAndABatchIsHalf) {
    const HttpProvider claude("anthropic");
    EXPECT_EQ(claude->models().size(), 19u);
    for (const ModelInfo& model : claude->models()) {
        SCOPED_TRACE(model.name);
        EXPECT_NE(model.prices_as_of, "");
        const Usage usage{{1000}, {100}, {100}, {1000}, {}};
        const auto direct = claude->cost(usage, {model.name, "", Mode::direct});
        const auto batch = claude->cost(usage, {model.name, "", Mode::batch});
        ASSERT_TRUE(direct && batch);
        EXPECT_GT(batch->value, 0);
        EXPECT_EQ(batch->value * 2, direct->value);
    }
}

}  // namespace
}  // namespace synth::test
