// What the sampler `balanced` promises, on the real plugin: exact counts in every prefix for many shapes of plan, plans
// that are continued, nature, novelty, and the same plan everywhere.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/plans.hpp"
#include "support/plugin_loading.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::ErrorCode;
using synth::LabelId;
using synth::PlanRequest;
using synth::Random;
using synth::Sampler;
using synth::SampleSpec;
using synth::Taxonomy;
using synth::test::digest;
using synth::test::distinct_sets;
using synth::test::planned;
using synth::test::Replayed;
using synth::test::Specs;
using testing::HasSubstr;

const Taxonomy& small_taxonomy(std::size_t labels, bool negative, std::uint64_t density) {
    return synth::test::drawn_taxonomy(labels, negative, density);
}

const Sampler& sampler(const Taxonomy& taxonomy = synth::test::taxonomy(), const std::string& options = "{}") {
    return synth::test::sampler("balanced", taxonomy, options);
}

std::uint64_t rounded(std::uint64_t n, std::uint64_t classes) { return (2 * n + classes) / (2 * classes); }

template <class Counts>
std::uint64_t spread(const Counts& counts) {
    const auto [least, most] = std::ranges::minmax(counts);
    return most - least;
}

/// Every promise about counts, for a plan and all its prefixes.
void expect_balanced(const Specs& specs, const Taxonomy& taxonomy, const PlanRequest& request) {
    const std::size_t classes = taxonomy.labels.size();
    std::vector<std::uint64_t> labels(classes), primaries(classes), sizes(request.max_labels - request.min_labels + 1);
    std::uint64_t negatives = 0, done = 0;
    const auto label_spread = [&] {
        auto counts = labels;
        if (taxonomy.negative) counts.erase(counts.begin() + *taxonomy.negative);
        return spread(counts);
    };

    ASSERT_EQ(specs.size(), request.samples);
    for (const SampleSpec& spec : specs) {
        ++done;
        ++primaries[spec.primary];
        ASSERT_TRUE(spec.drawn.contains(spec.primary));
        ASSERT_EQ(spec.drawn, spec.labels);
        if (taxonomy.is_negative(spec.drawn)) {
            ++negatives;
        } else {
            ASSERT_GE(spec.drawn.size(), request.min_labels);
            ASSERT_LE(spec.drawn.size(), request.max_labels);
            ++sizes[spec.drawn.size() - request.min_labels];
            for (const LabelId id : spec.drawn) {
                ASSERT_NE(id, taxonomy.negative);
                ++labels[id];
            }
        }
        ASSERT_LE(label_spread(), 2U) << "after " << done;
        ASSERT_LE(spread(sizes), 2U) << "after " << done;
        if (taxonomy.negative) {
            ASSERT_LE(negatives, rounded(done, classes) + 1) << "after " << done;
            ASSERT_GE(negatives + 1, rounded(done, classes)) << "after " << done;
        }
    }
    EXPECT_LE(label_spread(), 1U);
    EXPECT_LE(spread(sizes), 1U);
    EXPECT_EQ(negatives, taxonomy.negative ? rounded(request.samples, classes) : 0);
    if (request.samples_per_class > 0) {
        EXPECT_EQ(primaries, std::vector<std::uint64_t>(classes, request.samples_per_class));
    }
}

struct Shape {
    std::size_t labels;
    bool negative;
    std::uint32_t min_labels, max_labels;
};

/// All with up to six labels, and larger ones where many labels of few, few of many, or nearly all are drawn.
std::vector<Shape> shapes() {
    std::vector<Shape> all;
    for (const bool negative : {false, true}) {
        for (std::uint32_t labels = 1; labels <= 6; ++labels)
            for (std::uint32_t min = 1; min <= labels; ++min)
                for (std::uint32_t max = min; max <= labels; ++max) all.push_back({labels, negative, min, max});
        for (const Shape& shape : {Shape{15, negative, 13, 15},
                                   {16, negative, 15, 15},
                                   {17, negative, 1, 15},
                                   {12, negative, 7, 11},
                                   {39, negative, 2, 3},
                                   {39, negative, 1, 7},
                                   {70, negative, 4, 4}})
            all.push_back(shape);
    }
    return all;
}

/// Calls `check(taxonomy, request)` for every shape, with several densities, sizes and seeds.
template <class Check>
void for_many(Check&& check) {
    for (const Shape& shape : shapes())
        for (std::uint64_t seed = 0; seed < 6; ++seed) {
            const Taxonomy& taxonomy =
                small_taxonomy(shape.labels, shape.negative, std::array<std::uint64_t, 3>{0, 3, 10}[seed % 3]);
            PlanRequest request;
            request.seed = seed;
            request.samples = 1 + Random(seed + shape.labels).below(5 * shape.labels + 10);
            request.min_labels = shape.min_labels;
            request.max_labels = shape.max_labels;
            SCOPED_TRACE(testing::Message()
                         << shape.labels << " labels, negative " << shape.negative << ", " << shape.min_labels << " to "
                         << shape.max_labels << ", " << request.samples << " samples, seed " << seed);
            check(taxonomy, request);
            if (testing::Test::HasFatalFailure()) return;
        }
}

double unnatural_share(const Specs& specs, const Taxonomy& taxonomy) {
    double pairs = 0, unnatural = 0;
    for (const SampleSpec& spec : specs)
        for (std::size_t a = 0; a < spec.drawn.size(); ++a)
            for (std::size_t b = a + 1; b < spec.drawn.size(); ++b) {
                ++pairs;
                if (taxonomy.cooccurrence(spec.drawn[a], spec.drawn[b]) == 0) ++unnatural;
            }
    return unnatural / pairs;
}

TEST(BalancedSampler, IsBalancedInEveryPrefix) {
    for_many([](const Taxonomy& taxonomy, const PlanRequest& request) {
        expect_balanced(planned(sampler(taxonomy), request), taxonomy, request);
    });
}

TEST(BalancedSampler, IsBalancedWithTheRealClasses) {
    for (const char* name : {"tdamm40", "tdamm36"})
        for (const std::uint64_t samples : {1U, 19U, 20U, 60U, 200U, 1999U}) {
            const PlanRequest request{.seed = 7, .samples = samples};
            SCOPED_TRACE(testing::Message() << name << ", " << samples);
            const Taxonomy& taxonomy = synth::test::taxonomy(name);
            expect_balanced(planned(sampler(taxonomy), request), taxonomy, request);
        }
}

TEST(BalancedSampler, GoesOnFromAPlanAsIfItHadNotStopped) {
    for_many([](const Taxonomy& taxonomy, PlanRequest request) {
        Specs specs;
        for (const std::uint64_t more : {0U, 1U, 11U, 60U}) {
            request.samples += more;
            const Specs before = specs;
            specs = planned(sampler(taxonomy), request, before);
            ASSERT_TRUE(std::ranges::equal(before, std::span(specs).first(before.size())));
            expect_balanced(specs, taxonomy, request);
        }
    });
}

TEST(BalancedSampler, MakesEveryClassPrimaryExactlyAsOftenAsAsked) {
    for_many([](const Taxonomy& taxonomy, PlanRequest request) {
        Specs specs;
        for (const std::uint64_t each : {1U, 4U, 5U}) {
            request.samples_per_class = each;
            request.samples = each * taxonomy.labels.size();
            expect_balanced(planned(sampler(taxonomy), request), taxonomy, request);
            specs = planned(sampler(taxonomy), request, specs);
            expect_balanced(specs, taxonomy, request);
        }
    });
}

TEST(BalancedSampler, MakesEveryClassPrimaryEquallyOftenAfterAPlanThatDidNot) {
    const Taxonomy& taxonomy = synth::test::taxonomy();
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        const Specs prior = planned(sampler(), {.seed = seed, .samples = 210});
        const Specs specs = planned(sampler(), {.seed = seed, .samples = 800, .samples_per_class = 20}, prior);
        std::vector<std::uint64_t> primaries(40), labels(40);
        for (const SampleSpec& spec : specs) {
            ++primaries[spec.primary];
            for (const LabelId id : spec.drawn) ++labels[id];
        }
        EXPECT_EQ(labels[*taxonomy.negative], 20U);
        labels.erase(labels.begin() + *taxonomy.negative);
        EXPECT_EQ(primaries, std::vector<std::uint64_t>(40, 20)) << "seed " << seed;
        EXPECT_LE(spread(labels), 1U) << "seed " << seed;
    }
}

TEST(BalancedSampler, EvensOutAPlanOfAnotherMaking) {
    const Taxonomy& taxonomy = small_taxonomy(5, false, 10);
    Specs lopsided(10);
    for (SampleSpec& spec : lopsided) {
        spec.drawn.insert(0);
        spec.labels = spec.drawn;
    }
    const PlanRequest request{.seed = 1, .samples = 35, .min_labels = 2, .max_labels = 2};
    const Specs specs = planned(sampler(taxonomy), request, lopsided);
    std::array<std::uint64_t, 5> counts{};
    for (const SampleSpec& spec : specs)
        for (const LabelId id : spec.drawn) ++counts[id];
    EXPECT_EQ(counts, (std::array<std::uint64_t, 5>{12, 12, 12, 12, 12}));
}

TEST(BalancedSampler, BringsTogetherWhatNatureDoes) {
    const Taxonomy& taxonomy = synth::test::taxonomy();
    for (const std::uint64_t samples : {200U, 2000U, 20000U}) {
        const Specs specs = planned(sampler(), {.seed = 3, .samples = samples});
        EXPECT_LT(unnatural_share(specs, taxonomy), 0.06) << samples;
        EXPECT_GT(distinct_sets(specs), std::min<std::uint64_t>(samples / 2, 200)) << samples;
    }
    const Specs exact = planned(sampler(), {.seed = 3, .samples = 2000, .samples_per_class = 50});
    EXPECT_LT(unnatural_share(exact, taxonomy), 0.15);
}

TEST(BalancedSampler, RepeatsNoSetThatItNeedNot) {
    const Taxonomy& taxonomy = small_taxonomy(30, false, 10);  // everything meets everything: 435 pairs
    const Specs specs = planned(sampler(taxonomy), {.seed = 3, .samples = 300, .min_labels = 2, .max_labels = 2});
    EXPECT_GT(distinct_sets(specs), 285U);  // drawn without regard to it: about 217
}

TEST(BalancedSampler, TakesEntailedLabelsAsNatural) {
    static const Taxonomy taxonomy = [] {
        Taxonomy pairs = small_taxonomy(8, false, 0);
        for (LabelId even = 0; even < 8; even += 2) pairs.labels[even].entails = {static_cast<LabelId>(even + 1)};
        return pairs;
    }();
    for (const SampleSpec& spec : planned(sampler(taxonomy), {.samples = 40, .min_labels = 2, .max_labels = 2}))
        EXPECT_EQ(spec.drawn[0] + 1, spec.drawn[1]);
}

TEST(BalancedSampler, AddsParentsAfterBalancing) {
    const Taxonomy& taxonomy = synth::test::taxonomy();
    const PlanRequest request{.seed = 5, .samples = 400};
    const Specs plain = planned(sampler(), request);
    const Specs with = planned(sampler(taxonomy, R"({"add_parents": true})"), request);
    ASSERT_EQ(plain.size(), with.size());
    std::size_t added = 0;
    for (std::size_t i = 0; i < with.size(); ++i) {
        EXPECT_EQ(with[i].drawn, plain[i].drawn);
        synth::LabelSet expected = with[i].drawn;
        for (const LabelId id : with[i].drawn)
            for (const LabelId parent : taxonomy[id].parents) added += expected.insert(parent) ? 1U : 0U;
        EXPECT_EQ(with[i].labels, expected);
    }
    EXPECT_GT(added, 100U);
}

TEST(BalancedSampler, PlansTheSameOnEveryMachine) {
    // Of this plan for ever: another digest means that existing runs would not be planned again as they were.
    const Taxonomy& taxonomy = small_taxonomy(39, true, 3);
    EXPECT_EQ(digest(planned(sampler(taxonomy), {.seed = 1, .samples = 5000})), 14039647376156684082U);
    EXPECT_EQ(digest(planned(sampler(taxonomy), {.seed = 1, .samples = 4000, .samples_per_class = 100})),
              9081799335971543211U);
}

TEST(BalancedSampler, PlansTheSameInBlocksOfAnySize) {
    const PlanRequest request{.seed = 9, .samples = 500};
    EXPECT_EQ(planned(sampler(), request, {}, 1), planned(sampler(), request, {}, 333));
}

TEST(BalancedSampler, PlansDifferentlyWithAnotherSeed) {
    EXPECT_NE(planned(sampler(), {.seed = 1, .samples = 20}), planned(sampler(), {.seed = 2, .samples = 20}));
}

TEST(BalancedSampler, SaysWhyAPlanCannotBeMade) {
    constexpr auto kHuge = std::numeric_limits<std::uint64_t>::max();
    struct Case {
        PlanRequest request;
        const char* why;
    };
    const Taxonomy& taxonomy = small_taxonomy(20, true, 3);
    for (const auto& [request, why] : {
             Case{{.samples = 0}, "a plan of 0 samples"},
             Case{{.samples = 5, .min_labels = 0}, "min labels is 0"},
             Case{{.samples = 5, .min_labels = 4, .max_labels = 3}, "min labels 4 is above max labels 3"},
             Case{{.samples = 5, .max_labels = 21}, "above the 20 labels that taxonomy 'small' has"},
             Case{{.samples = 5, .max_labels = 16}, "above the 15 labels that a sample can hold"},
             Case{{.samples = 5, .samples_per_class = 2}, "2 samples for each of 21 labels are 42, not 5"},
             Case{{.samples = 5, .samples_per_class = kHuge}, "more than can be counted"},
         }) {
        const auto plan = sampler(taxonomy).plan(request);
        ASSERT_FALSE(plan.ok()) << why;
        EXPECT_EQ(plan.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(plan.error().message, HasSubstr(why));
    }
}

TEST(BalancedSampler, SaysWhyAPlanCannotBeGoneOnWith) {
    const Taxonomy& taxonomy = small_taxonomy(20, true, 3);
    const Specs prior = planned(sampler(taxonomy), {.samples = 60});
    Specs foreign(1);
    foreign[0].drawn.insert(500);
    foreign[0].primary = 500;
    struct Case {
        const Specs& prior;
        PlanRequest request;
        const char* why;
    };
    for (const auto& [specs, request, why] : {
             Case{prior, {.samples = 59}, "has more than the 59 samples asked for"},
             Case{prior, {.samples = 21, .samples_per_class = 1}, "has more than 1 samples for 'L"},
             Case{foreign, {.samples = 70}, "sample 1 of the plan to go on from does not fit taxonomy 'small'"},
         }) {
        Replayed replayed(specs);
        PlanRequest asked = request;
        asked.prior = &replayed;
        const auto plan = sampler(taxonomy).plan(asked);
        ASSERT_FALSE(plan.ok()) << why;
        EXPECT_EQ(plan.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(plan.error().message, HasSubstr(why));
    }
}

TEST(BalancedSampler, NeedsALabelToDraw) {
    const auto plan = sampler(small_taxonomy(0, true, 0)).plan({.samples = 5, .min_labels = 1, .max_labels = 1});
    ASSERT_FALSE(plan.ok());
    EXPECT_THAT(plan.error().message, HasSubstr("has no label that a sample could carry"));
}

TEST(BalancedSampler, RefusesMoreParentsThanASampleHolds) {
    static const Taxonomy taxonomy = [] {
        Taxonomy deep = small_taxonomy(20, false, 0);
        deep.labels[0].parents = {1, 2, 3};
        deep.labels[4].parents = {3};
        return deep;
    }();
    const Sampler& adding = sampler(taxonomy, R"({"add_parents": true})");
    EXPECT_TRUE(adding.plan({.samples = 5, .max_labels = 12}).ok());
    const auto plan = adding.plan({.samples = 5, .max_labels = 13});
    ASSERT_FALSE(plan.ok());
    EXPECT_THAT(plan.error().message, HasSubstr("max labels 13 with up to 3 parents is above the 15"));
}

}  // namespace
