// What the sampler `weighted` promises, on the real plugin: labels near their targets, Non-TDAMM as often as it is due.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/plans.hpp"
#include "support/plugin_loading.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::LabelId;
using synth::PlanRequest;
using synth::Sampler;
using synth::SampleSpec;
using synth::Taxonomy;
using synth::test::digest;
using synth::test::drawn_taxonomy;
using synth::test::planned;
using synth::test::refusal;
using synth::test::Specs;
using testing::HasSubstr;

const Sampler& sampler(const Taxonomy& taxonomy = synth::test::taxonomy()) {
    return synth::test::sampler("weighted", taxonomy);
}

/// What holds for every plan.
void expect_kept(const Specs& specs, const Taxonomy& taxonomy, const PlanRequest& request) {
    ASSERT_EQ(specs.size(), request.samples);
    std::vector<std::uint64_t> primaries(taxonomy.labels.size());
    for (const SampleSpec& spec : specs) {
        ++primaries[spec.primary];
        ASSERT_EQ(spec.labels, spec.drawn);
        ASSERT_TRUE(spec.drawn.contains(spec.primary));
        if (taxonomy.is_negative(spec.drawn)) continue;
        ASSERT_GE(spec.drawn.size(), request.min_labels);
        ASSERT_LE(spec.drawn.size(), request.max_labels);
        for (const LabelId id : spec.drawn) ASSERT_NE(id, taxonomy.negative);
    }
    if (request.samples_per_class > 0) {
        EXPECT_EQ(primaries, std::vector<std::uint64_t>(taxonomy.labels.size(), request.samples_per_class));
    }
}

TEST(WeightedSampler, KeepsTheRulesInEveryShape) {
    for (const bool negative : {false, true})
        for (std::uint32_t labels = 1; labels <= 6; ++labels)
            for (std::uint32_t min = 1; min <= labels; ++min)
                for (std::uint32_t max = min; max <= labels; ++max) {
                    const Taxonomy& taxonomy = drawn_taxonomy(labels, negative, 3);
                    const PlanRequest request{.seed = min, .samples = 40 + max, .min_labels = min, .max_labels = max};
                    expect_kept(planned(sampler(taxonomy), request), taxonomy, request);
                }
}

/// Samples with each label.
std::vector<std::uint64_t> counts_of(const Specs& specs, const Taxonomy& taxonomy) {
    std::vector<std::uint64_t> counts(taxonomy.labels.size());
    for (const SampleSpec& spec : specs)
        for (const LabelId id : spec.drawn) ++counts[id];
    return counts;
}

TEST(WeightedSampler, EndsNearTheTargetOfEveryLabel) {
    const Taxonomy& taxonomy = drawn_taxonomy(39, true, 3);
    for (const std::uint64_t samples : {200U, 2000U, 20000U}) {
        auto counts = counts_of(planned(sampler(taxonomy), {.seed = 2, .samples = samples}), taxonomy);
        EXPECT_EQ(counts[*taxonomy.negative], samples / 40);
        counts.erase(counts.begin() + *taxonomy.negative);
        const double target = 2.5 * static_cast<double>(samples - samples / 40) / 39;
        // Drawn without regard to what is missing it would be about 5 standard deviations: 18, 56 and 178.
        for (const std::uint64_t count : counts) EXPECT_NEAR(static_cast<double>(count), target, 5 + target / 100);
    }
}

TEST(WeightedSampler, HasTheNegativeSamplesThatAreDue) {
    const Taxonomy& taxonomy = drawn_taxonomy(4, true, 3);
    for (std::uint64_t samples = 1; samples < 40; ++samples) {
        const PlanRequest request{.seed = samples, .samples = samples, .min_labels = 1, .max_labels = 4};
        const Specs specs = planned(sampler(taxonomy), request);
        EXPECT_EQ(counts_of(specs, taxonomy)[*taxonomy.negative], (2 * samples + 5) / 10) << samples;
    }
}

TEST(WeightedSampler, MakesUpForWhatAPlanOfAnotherMakingLacks) {
    const Taxonomy& taxonomy = drawn_taxonomy(10, true, 3);
    Specs lopsided(100);
    for (SampleSpec& spec : lopsided) {
        spec.drawn.insert(0);
        spec.labels = spec.drawn;
    }
    const PlanRequest request{.seed = 1, .samples = 1100, .min_labels = 2, .max_labels = 2};
    auto counts = counts_of(planned(sampler(taxonomy), request, lopsided), taxonomy);
    EXPECT_EQ(counts[*taxonomy.negative], 100U);
    counts.erase(counts.begin() + *taxonomy.negative);
    for (const std::uint64_t count : counts) EXPECT_NEAR(static_cast<double>(count), 195, 12);
}

TEST(WeightedSampler, KeepsItsTargetsWhenItGoesOn) {
    const Taxonomy& taxonomy = drawn_taxonomy(39, true, 3);
    Specs specs;
    for (const std::uint64_t samples : {100U, 101U, 2000U}) {
        const PlanRequest request{.seed = 8, .samples = samples};
        const Specs before = specs;
        specs = planned(sampler(taxonomy), request, before);
        ASSERT_TRUE(std::ranges::equal(before, std::span(specs).first(before.size())));
        expect_kept(specs, taxonomy, request);
    }
    auto counts = counts_of(specs, taxonomy);
    EXPECT_EQ(counts[*taxonomy.negative], 50U);
    counts.erase(counts.begin() + *taxonomy.negative);
    for (const std::uint64_t count : counts) EXPECT_NEAR(static_cast<double>(count), 125, 7);
}

TEST(WeightedSampler, SaysWhyAPlanCannotBeMade) {
    const Taxonomy& taxonomy = drawn_taxonomy(20, true, 3);
    const auto why = [&](const PlanRequest& request) { return refusal(sampler(taxonomy), request); };
    EXPECT_THAT(why({.samples = 0}), HasSubstr("a plan of 0 samples"));
    EXPECT_THAT(why({.samples = 5, .min_labels = 0}), HasSubstr("min labels is 0"));
    EXPECT_THAT(why({.samples = 5, .min_labels = 4, .max_labels = 3}), HasSubstr("min labels 4 is above max labels 3"));
    EXPECT_THAT(why({.samples = 5, .max_labels = 21}), HasSubstr("above the 20 labels that taxonomy 'small' has"));
    EXPECT_THAT(why({.samples = 5, .max_labels = 16}), HasSubstr("above the 15 labels that a sample can hold"));
    EXPECT_THAT(why({.samples = 5, .samples_per_class = 2}),
                HasSubstr("2 samples for each of 21 labels are 42, not 5"));
    EXPECT_THAT(refusal(sampler(drawn_taxonomy(0, true, 0)), {.samples = 5, .min_labels = 1, .max_labels = 1}),
                HasSubstr("has no label that a sample could carry"));
}

TEST(WeightedSampler, SaysWhyAPlanCannotBeGoneOnWith) {
    const Taxonomy& taxonomy = drawn_taxonomy(20, true, 3);
    const Specs prior = planned(sampler(taxonomy), {.samples = 60});
    Specs foreign(1);
    foreign[0].drawn.insert(500);
    foreign[0].primary = 500;
    EXPECT_THAT(refusal(sampler(taxonomy), {.samples = 59}, prior), HasSubstr("more than the 59 samples asked for"));
    EXPECT_THAT(refusal(sampler(taxonomy), {.samples = 21, .samples_per_class = 1}, prior),
                HasSubstr("more than 1 samples for 'L"));
    EXPECT_THAT(refusal(sampler(taxonomy), {.samples = 70}, foreign), HasSubstr("sample 1 of the plan to go on from"));
}

TEST(WeightedSampler, PlansTheSameOnEveryMachineInBlocksOfAnySize) {
    // Of this plan for ever: another digest means that existing runs would not be planned again as they were.
    const Taxonomy& taxonomy = drawn_taxonomy(39, true, 3);
    for (const std::size_t block : {1U, 64U, 333U})
        EXPECT_EQ(digest(planned(sampler(taxonomy), {.seed = 1, .samples = 5000}, {}, block)), 831863114443943975U);
    EXPECT_EQ(digest(planned(sampler(taxonomy), {.seed = 1, .samples = 4000, .samples_per_class = 100})),
              10367949207909265835U);
    EXPECT_NE(digest(planned(sampler(taxonomy), {.seed = 2, .samples = 5000})),
              digest(planned(sampler(taxonomy), {.seed = 1, .samples = 5000})));
}

TEST(WeightedSampler, MakesEveryClassPrimaryExactlyAsOftenAsAsked) {
    for (const bool negative : {false, true}) {
        const Taxonomy& taxonomy = drawn_taxonomy(12, negative, 3);
        const std::uint64_t classes = taxonomy.labels.size();
        Specs specs;
        for (const std::uint64_t each : {1U, 4U, 25U}) {
            const PlanRequest request{
                .samples = each * classes, .samples_per_class = each, .min_labels = 1, .max_labels = 4};
            expect_kept(planned(sampler(taxonomy), request), taxonomy, request);
            specs = planned(sampler(taxonomy), request, specs);
            expect_kept(specs, taxonomy, request);
        }
        // After a plan that did not count primaries, too.
        const Specs prior = planned(sampler(taxonomy), {.samples = 40});
        const PlanRequest request{.samples = 30 * classes, .samples_per_class = 30};
        expect_kept(planned(sampler(taxonomy), request, prior), taxonomy, request);
    }
}

}  // namespace
