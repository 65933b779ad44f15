// Money, exactly: usage × price for every tier and mode, and unknown where a price is not known.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <gmock/gmock.h>

#include "openai_provider.hpp"

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
        // $0.15 in, $0.075 cached, $0.60 out per million
        {"gpt-4o-mini", "", Mode::direct, 1, 0, 0, 0, 150'000},
        {"gpt-4o-mini", "", Mode::direct, 0, 0, 0, 1, 600'000},
        {"gpt-4o-mini", "", Mode::direct, 1543, 1024, 0, 1611, 519 * 150'000LL + 1024 * 75'000LL + 1611 * 600'000LL},
        {"gpt-4o-mini", "default", Mode::direct, 10, 0, 0, 10, 7'500'000},
        {"gpt-4o-mini-2024-07-18", "default", Mode::direct, 10, 0, 0, 10, 7'500'000},
        // reasoning is part of output; flex costs what a batch costs; batches have no cached price in the data
        {"gpt-4o-mini", "flex", Mode::direct, 100, 40, 0, 10, 100 * 75'000LL + 10 * 300'000LL},
        {"gpt-4o-mini", "", Mode::batch, 100, 0, 0, 10, 100 * 75'000LL + 10 * 300'000LL},
        {"gpt-4o-mini", "default", Mode::batch, 100, 0, 0, 10, 100 * 75'000LL + 10 * 300'000LL},
        // a dated version with a price of its own
        {"gpt-4o-2024-05-13", "", Mode::direct, 1, 0, 0, 1, 20'000'000},
        {"gpt-4o-2024-08-06", "", Mode::direct, 1, 0, 0, 1, 12'500'000},
        // no cached price: full price
        {"gpt-4-turbo", "", Mode::direct, 100, 50, 0, 0, 1'000'000'000},
        // cache writes cost 1.25 × input for gpt-5.6 and later, input before that
        {"gpt-6-luna", "", Mode::direct, 100, 20, 30, 10,
         50 * 100'000LL + 20 * 10'000LL + 30 * 125'000LL + 10 * 500'000LL},
        {"gpt-6.2-astra", "", Mode::direct, 100, 0, 100, 0, 100 * 10'000'000LL},
        {"gpt-6.2-astra", "", Mode::batch, 100, 0, 100, 0, 100 * 5'000'000LL},
        {"gpt-5", "", Mode::direct, 100, 0, 100, 0, 100 * 1'250'000LL},
        // above 272K input tokens: 2 × input, 1.5 × output
        {"gpt-5.6-luna", "", Mode::direct, 272'000, 0, 0, 1000, 272'000 * 200'000LL + 1000 * 1'200'000LL},
        {"gpt-5.6-luna", "", Mode::direct, 272'001, 1000, 0, 1000,
         271'001 * 400'000LL + 1000 * 40'000LL + 1000 * 1'800'000LL},
        {"gpt-4.1", "", Mode::direct, 300'000, 0, 0, 1, 300'000 * 2'000'000LL + 8'000'000},
        // unknown is not zero
        {"gpt-4o-mini", "priority", Mode::direct, 1, 0, 0, 1, {}},
        {"gpt-4o-mini", "scale", Mode::direct, 1, 0, 0, 1, {}},
        {"llama3", "", Mode::direct, 1, 0, 0, 1, {}},
        {"", "", Mode::direct, 1, 0, 0, 1, {}},
        {"gpt-4o-mini-audio", "", Mode::direct, 1, 0, 0, 1, {}},
        {"gpt-4o-mini-2024-99-99", "", Mode::direct, 1, 0, 0, 1, {}},
        {"ft:gpt-4o-mini-2024-07-18:me::1", "", Mode::direct, 1, 0, 0, 1, {}},
        // what no money can pay is not a number that wrapped around
        {"gpt-4o-mini", "", Mode::direct, std::numeric_limits<std::int64_t>::max(), 0, 0, 1, {}},
        // counts that contradict each other never make a negative amount
        {"gpt-4o-mini", "", Mode::direct, 10, 20, 0, 0, 20 * 75'000LL},
    };
    const OpenAi openai;
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.model) + " " + c.tier + " " + std::to_string(c.input));
        const Usage usage{{c.input}, {c.cached}, {c.written}, {c.output}, {c.output / 2}};
        const auto cost = openai->cost(usage, {c.model, c.tier, c.mode});
        EXPECT_EQ(cost.has_value(), c.picodollars.has_value());
        EXPECT_EQ(cost ? cost->value : 0, c.picodollars.value_or(0));
    }
}

TEST(Cost, OfEveryModelThatIsListedIsKnownAndABatchIsHalf) {
    const OpenAi openai;
    for (const ModelInfo& model : openai->models()) {
        SCOPED_TRACE(model.name);
        EXPECT_NE(model.prices_as_of, "");
        const Usage usage{{1000}, {}, {}, {1000}, {}};
        const auto direct = openai->cost(usage, {model.name, "", Mode::direct});
        const auto batch = openai->cost(usage, {model.name, "", Mode::batch});
        ASSERT_TRUE(direct && batch);
        EXPECT_GT(batch->value, 0);
        EXPECT_EQ(batch->value * 2, direct->value);
    }
}

}  // namespace
}  // namespace synth::test
