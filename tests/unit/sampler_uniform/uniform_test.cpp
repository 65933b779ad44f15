// What the sampler `uniform` promises, on the real plugin: uniform numbers of labels, uniform labels, one in C
// negative.

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
    return synth::test::sampler("uniform", taxonomy);
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

TEST(UniformSampler, KeepsTheRulesInEveryShape) {
    for (const bool negative : {false, true})
        for (std::uint32_t labels = 1; labels <= 6; ++labels)
            for (std::uint32_t min = 1; min <= labels; ++min)
                for (std::uint32_t max = min; max <= labels; ++max) {
                    const Taxonomy& taxonomy = drawn_taxonomy(labels, negative, 3);
                    const PlanRequest request{.seed = min, .samples = 40 + max, .min_labels = min, .max_labels = max};
                    expect_kept(planned(sampler(taxonomy), request), taxonomy, request);
                }
}

TEST(UniformSampler, IsUniformInEveryRespect) {
    const Taxonomy& taxonomy = drawn_taxonomy(9, true, 3);
    const Specs specs = planned(sampler(taxonomy), {.seed = 4, .samples = 100'000, .min_labels = 1, .max_labels = 4});
    std::vector<double> labels(10), sizes(5);
    for (const SampleSpec& spec : specs) {
        for (const LabelId id : spec.drawn) ++labels[id];
        if (!taxonomy.is_negative(spec.drawn)) ++sizes[spec.drawn.size()];
    }
    // Five standard deviations of such a count are below 700.
    for (std::size_t size = 1; size <= 4; ++size) EXPECT_NEAR(sizes[size], 22'500, 700) << size;
    for (LabelId id = 0; id < 10; ++id) EXPECT_NEAR(labels[id], id == taxonomy.negative ? 10'000 : 25'000, 700) << id;
}

TEST(UniformSampler, HasNoNegativeSampleWithoutANegativeClass) {
    const Specs specs =
        planned(sampler(drawn_taxonomy(3, false, 3)), {.samples = 2000, .min_labels = 3, .max_labels = 3});
    for (const SampleSpec& spec : specs) EXPECT_EQ(spec.drawn.size(), 3U);
}

TEST(UniformSampler, GoesOnFromAPlanAsIfItHadNotStopped) {
    const PlanRequest request{.seed = 8, .samples = 700};
    EXPECT_EQ(planned(sampler(), request, planned(sampler(), {.seed = 8, .samples = 123})),
              planned(sampler(), request));
}

TEST(UniformSampler, SaysWhyAPlanCannotBeMade) {
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

TEST(UniformSampler, SaysWhyAPlanCannotBeGoneOnWith) {
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

TEST(UniformSampler, PlansTheSameOnEveryMachineInBlocksOfAnySize) {
    // Of this plan for ever: another digest means that existing runs would not be planned again as they were.
    const Taxonomy& taxonomy = drawn_taxonomy(39, true, 3);
    for (const std::size_t block : {1U, 64U, 333U})
        EXPECT_EQ(digest(planned(sampler(taxonomy), {.seed = 1, .samples = 5000}, {}, block)), 17374184001405208110U);
    EXPECT_EQ(digest(planned(sampler(taxonomy), {.seed = 1, .samples = 4000, .samples_per_class = 100})),
              6063075936398181376U);
    EXPECT_NE(digest(planned(sampler(taxonomy), {.seed = 2, .samples = 5000})),
              digest(planned(sampler(taxonomy), {.seed = 1, .samples = 5000})));
}

TEST(UniformSampler, MakesEveryClassPrimaryExactlyAsOftenAsAsked) {
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
