// Forms and points of view over a whole plan: every label is to meet them all, as often as others do.

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "support/plans.hpp"
#include "synth/random.hpp"
#include "unit/prompt_tdamm/strategy.hpp"

namespace synth::test {
namespace {

/// As the core makes it: a sampler's, with what the strategy spreads.
Specs spread_plan(Specs plan, std::uint64_t seed) {
    const auto spread = strategy().object().spread();
    for (std::uint64_t i = 0; i < plan.size(); ++i) {
        plan[i].index = i;
        plan[i].seed = derive_seed(seed, i);
        plan[i].variant = spread->next(plan[i]);
    }
    return plan;
}
Specs balanced_plan(std::uint64_t samples, std::uint64_t seed) {
    PlanRequest request;
    request.seed = seed;
    request.samples = samples;
    return spread_plan(planned(sampler("balanced", taxonomy()), request), seed);
}
std::string attribute(const Prompt& prompt, const std::string& name) {
    const auto found = std::ranges::find(prompt.attributes, name, &Attribute::name);
    return found == prompt.attributes.end() ? "" : found->value;
}

/// How often each label (or what else is named) met each value.
struct Met {
    std::map<std::pair<std::string, std::string>, int> times;
    std::map<std::string, int> values;

    void add(const std::string& who, const std::string& value) { ++times[{who, value}]; }
    [[nodiscard]] double missed(std::size_t rows) const {
        const auto pairs = static_cast<double>(rows * values.size());
        return 1 - static_cast<double>(times.size()) / pairs;
    }
};

TEST(TdammSpread, EveryLabelMeetsEveryFormAndPointOfView) {
    const std::size_t labels = taxonomy().labels.size() - 1;
    for (const auto& [samples, forms_missed, angles_missed] : {std::tuple(200U, 0.02, 0.17), {1000U, 0.005, 0.005}})
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            Met forms, angles;
            int documents = 0;
            for (const SampleSpec& spec : balanced_plan(samples, seed)) {
                if (taxonomy().is_negative(spec.drawn)) continue;
                const Prompt prompt = compose(spec);
                ++documents;
                ++forms.values[attribute(prompt, "form")];
                ++angles.values[attribute(prompt, "angle")];
                for (const LabelId label : spec.labels) {
                    forms.add(taxonomy()[label].name, attribute(prompt, "form"));
                    angles.add(taxonomy()[label].name, attribute(prompt, "angle"));
                }
            }
            ASSERT_EQ(forms.values.size(), 7U);
            ASSERT_EQ(angles.values.size(), 14U);
            EXPECT_LE(forms.missed(labels), forms_missed) << samples << " samples, seed " << seed;
            // A label that comes twelve times cannot meet fourteen points of view.
            EXPECT_LE(angles.missed(labels), angles_missed) << samples << " samples, seed " << seed;
            for (const auto& [form, times] : forms.values) {
                EXPECT_GT(times * 7, documents * 3 / 4) << form;
                EXPECT_LT(times * 7, documents * 5 / 4) << form;
            }
        }
}

TEST(TdammSpread, NegativesTakeTurnsInCategoriesAndTheirForms) {
    Met forms;
    std::map<std::string, int> categories;
    for (const SampleSpec& spec : spread_plan(Specs(500, spec_of({"Non-TDAMM"})), 4)) {
        const Prompt prompt = compose(spec);
        ++categories[attribute(prompt, "category")];
        forms.add(attribute(prompt, "category"), attribute(prompt, "form"));
    }
    ASSERT_EQ(categories.size(), taxonomy().negative_categories.size());
    for (const NegativeCategory& category : taxonomy().negative_categories) {
        EXPECT_NEAR(categories.at(category.name), 500.0 / static_cast<double>(categories.size()), 1) << category.id;
        for (const std::string& form : category.forms)
            EXPECT_NEAR((forms.times[{category.name, form}]),
                        static_cast<double>(categories.at(category.name)) / static_cast<double>(category.forms.size()),
                        1)
                << category.id << " as " << form;
    }
}

TEST(TdammSpread, SmallPlansOfDifferentSeedsDiffer) {
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        std::string order;
        for (const SampleSpec& spec : spread_plan(Specs(3, spec_of({"Novae", "Radio"})), seed)) {
            const std::string form = attribute(compose(spec), "form");
            EXPECT_EQ(order.find(form), std::string::npos) << "one of seven that they have met already";
            order += form + "\n";
        }
        orders.insert(order);
    }
    EXPECT_GT(orders.size(), 5U);
}

}  // namespace
}  // namespace synth::test
