// Money, exactly, with cached tokens, long prompts, and prices that change on an announced day.

#include <cstdint>
#include <optional>
#include <string>

#include <gmock/gmock.h>

#include "support/http_provider.hpp"

namespace synth::test {
namespace {

using Mode = Billing::Mode;

struct CostCase {
    const char *model, *tier, *today;
    Mode mode;
    std::int64_t input, cached, output;
    std::optional<std::int64_t> picodollars;
};

TEST(Cost, IsUsageTimesPriceExactly) {
    const char* now = "2026-11-24";
    const CostCase cases[] = {
        // $0.30 in, $0.03 cached, $2.50 out per million
        {"gemini-3.5-flash-lite", "standard", now, Mode::direct, 1543, 1024, 1611,
         519 * 300'000LL + 1024 * 30'000LL + 1611 * 2'500'000LL},
        {"gemini-3.5-flash-lite", "flex", now, Mode::direct, 100, 40, 10, 100 * 150'000LL + 10 * 1'250'000LL},
        {"gemini-3.5-flash-lite", "", now, Mode::batch, 100, 0, 10, 100 * 150'000LL + 10 * 1'250'000LL},
        // above 200,000 tokens: twice the input, one and a half times the output
        {"gemini-3.1-pro-preview", "", now, Mode::direct, 200'000, 0, 1, 200'000 * 2'000'000LL + 12'000'000},
        {"gemini-3.1-pro-preview", "", now, Mode::direct, 200'001, 1000, 1,
         199'001 * 4'000'000LL + 1000 * 400'000LL + 18'000'000},
        // introductory prices end on an announced day
        {"gemini-3.8-flash", "", "2026-12-31", Mode::direct, 10, 0, 10, 10 * 750'000LL + 10 * 3'750'000LL},
        {"gemini-3.8-flash", "", "2027-01-01", Mode::direct, 10, 0, 10, 10 * 1'500'000LL + 10 * 7'500'000LL},
        {"gemini-3.8-flash", "", "2027-01-01", Mode::batch, 10, 0, 10, 10 * 750'000LL + 10 * 3'750'000LL},
        {"gemini-4-argon", "", "2026-11-30", Mode::direct, 10, 5, 0, 5 * 2'000'000LL + 5 * 100'000LL},
        {"gemini-4-argon", "", "2026-12-01", Mode::direct, 10, 5, 0, 5 * 4'000'000LL + 5 * 200'000LL},
        // unknown is not zero
        {"gemini-3.5-flash-lite", "priority", now, Mode::direct, 1, 0, 1, {}},
        {"gemini-9", "", now, Mode::direct, 1, 0, 1, {}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.model) + " " + c.tier + " " + c.today);
        const HttpProvider gemini("gemini", {}, {}, c.today);
        const auto cost = gemini->cost({{c.input}, {c.cached}, {}, {c.output}, {}}, {c.model, c.tier, c.mode});
        EXPECT_EQ(cost.has_value(), c.picodollars.has_value());
        EXPECT_EQ(cost ? cost->value : 0, c.picodollars.value_or(0));
    }
}

TEST(Cost, OfEveryModelThatIsListedIsKnownAndABatchIsHalf) {
    for (const char* today : {"2026-11-24", "2027-06-01"}) {
        const HttpProvider gemini("gemini", {}, {}, today);
        EXPECT_EQ(gemini->models().size(), 17u);
        for (const ModelInfo& model : gemini->models()) {
            SCOPED_TRACE(model.name);
            EXPECT_NE(model.prices_as_of, "");
            const Usage usage{{1000}, {}, {}, {1000}, {}};
            const auto direct = gemini->cost(usage, {model.name, "", Mode::direct});
            const auto batch = gemini->cost(usage, {model.name, "", Mode::batch});
            ASSERT_TRUE(direct && batch);
            EXPECT_GT(batch->value, 0);
            EXPECT_EQ(batch->value * 2, direct->value);
        }
    }
}

}  // namespace
}  // namespace synth::test
