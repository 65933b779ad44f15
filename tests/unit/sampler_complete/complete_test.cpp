// What the sampler `complete` promises, on the real plugin: data and samples together reach the goal, with no sample
// more than that takes, and what cannot be reached is said with the number that could.

#include <algorithm>
#include <cmath>
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
#include "support/process.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::LabelId;
using synth::LabelSet;
using synth::PlanRequest;
using synth::Random;
using synth::Sampler;
using synth::SampleSpec;
using synth::Taxonomy;
using synth::test::digest;
using synth::test::drawn_taxonomy;
using synth::test::planned;
using synth::test::refusal;
using synth::test::Specs;
using testing::HasSubstr;

using Counts = std::vector<std::uint64_t>;

constexpr std::uint64_t kPlenty = 1'000'000;

class CompleteSampler : public testing::Test {
protected:
    /// A data set with that many documents of each label, one label each.
    std::string write(const Taxonomy& taxonomy, const Counts& counts) {
        std::string csv = "labels\n";
        for (std::size_t id = 0; id < counts.size(); ++id)
            for (std::uint64_t i = 0; i < counts[id]; ++i) csv += taxonomy.labels[id].name + "\n";
        const auto file = dir_ / ("data" + std::to_string(++files_) + ".csv");
        synth::test::write_file(file, csv);
        return file;
    }
    static const Sampler& sampler(const Taxonomy& taxonomy, const std::string& data, const std::string& goal = "even") {
        return synth::test::sampler("complete", taxonomy, R"({"data": ")" + data + R"(", "goal": ")" + goal + "\"}");
    }

    synth::test::TempDir dir_;
    int files_ = 0;
};

/// `counts`, with the labels of the samples, which must be within the limits.
Counts with(Counts counts, const Specs& specs, const Taxonomy& taxonomy, const PlanRequest& request) {
    for (const SampleSpec& spec : specs) {
        EXPECT_EQ(spec.labels, spec.drawn);
        EXPECT_TRUE(spec.drawn.contains(spec.primary));
        for (const LabelId id : spec.drawn) ++counts[id];
        if (taxonomy.is_negative(spec.drawn)) continue;
        EXPECT_GE(spec.drawn.size(), request.min_labels);
        EXPECT_LE(spec.drawn.size(), request.max_labels);
        EXPECT_FALSE(taxonomy.negative && spec.drawn.contains(*taxonomy.negative));
    }
    return counts;
}

std::uint64_t spread(const Counts& counts) {
    const auto [least, most] = std::ranges::minmax(counts);
    return most - least;
}

/// The furthest that any count is from its part of what all are together.
double distance(const Counts& counts, const Counts& shares) {
    const auto sum = [](const Counts& all) {
        return static_cast<double>(std::accumulate(all.begin(), all.end(), std::uint64_t{0}));
    };
    double most = 0;
    for (std::size_t i = 0; i < counts.size(); ++i)
        most = std::max(most, std::abs(static_cast<double>(counts[i]) -
                                       static_cast<double>(shares[i]) * sum(counts) / sum(shares)));
    return most;
}

TEST_F(CompleteSampler, MakesSkewedDataEven) {
    for (const bool negative : {false, true})
        for (const std::size_t labels : {3U, 4U, 12U, 39U})
            for (std::uint64_t seed = 0; seed < 8; ++seed) {
                const Taxonomy& taxonomy = drawn_taxonomy(labels, negative, 3);
                Random random(seed);
                Counts have(taxonomy.labels.size());
                for (auto& count : have) count = random.below(1 + random.below(200));
                const auto max = static_cast<std::uint32_t>(1 + random.below(std::min<std::size_t>(labels, 7)));
                PlanRequest request{.seed = seed,
                                    .samples = kPlenty,
                                    .min_labels = static_cast<std::uint32_t>(1 + random.below(max)),
                                    .max_labels = max};
                SCOPED_TRACE(testing::Message()
                             << labels << " labels, " << request.min_labels << " to " << max << ", seed " << seed);
                const std::string data = write(taxonomy, have);
                if (request.min_labels == labels) continue;  // all labels in every sample: nothing can be made up for
                const Specs specs = planned(sampler(taxonomy, data), request);
                EXPECT_LE(spread(with(have, specs, taxonomy, request)), 1U);

                // Exactly as many as it says that it needs will do, and one fewer will not.
                request.samples = 1;
                const std::string why = refusal(sampler(taxonomy, data), request);
                if (why.empty()) continue;
                const std::size_t at = why.find("needs at least ");
                ASSERT_NE(at, std::string::npos) << why;
                request.samples = std::stoull(why.substr(at + 15));
                EXPECT_LE(request.samples, specs.size());
                const Specs fewest = planned(sampler(taxonomy, data), request);
                EXPECT_EQ(fewest.size(), request.samples);
                EXPECT_LE(spread(with(have, fewest, taxonomy, request)), 1U);
                --request.samples;
                EXPECT_EQ(refusal(sampler(taxonomy, data), request).substr(0, 30), why.substr(0, 30));
            }
}

TEST_F(CompleteSampler, MakesNoMoreThanIsMissing) {
    const Taxonomy& taxonomy = drawn_taxonomy(4, false, 10);
    const std::string data = write(taxonomy, {5, 5, 3, 2});
    PlanRequest request{.samples = kPlenty, .min_labels = 1, .max_labels = 1};
    EXPECT_EQ(planned(sampler(taxonomy, data), request).size(), 5U);
    // Two and three samples of one label each, or three with two labels at most.
    request.max_labels = 2;
    request.samples = 3;
    EXPECT_EQ(planned(sampler(taxonomy, data), request).size(), 3U);
    request.samples = 2;
    EXPECT_THAT(refusal(sampler(taxonomy, data), request),
                HasSubstr("data1.csv needs at least 3 samples in all to reach the goal, not 2 (--num-samples), with at "
                          "most 2 labels each"));
    // A label that is scarce alone needs others to be with: all go up together.
    request = {.samples = kPlenty, .min_labels = 2, .max_labels = 2};
    const std::string alone = write(taxonomy, {5, 5, 5, 0});
    const Specs specs = planned(sampler(taxonomy, alone), request);
    EXPECT_EQ(with({5, 5, 5, 0}, specs, taxonomy, request), (Counts{8, 8, 8, 7}));
}

TEST_F(CompleteSampler, ReachesAGivenDistribution) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
        const Taxonomy& taxonomy = drawn_taxonomy(12, seed % 2 == 0, 3);
        Random random(seed);
        Counts have(taxonomy.labels.size()), shares(taxonomy.labels.size());
        for (auto& share : shares) share = 10 + random.below(60);
        for (auto& count : have) count = random.below(100);
        shares[3] = 0;
        have[3] = seed % 2;
        const PlanRequest request{.seed = seed, .samples = kPlenty, .min_labels = 2, .max_labels = 3};
        const Specs specs = planned(sampler(taxonomy, write(taxonomy, have), write(taxonomy, shares)), request);
        EXPECT_LE(distance(with(have, specs, taxonomy, request), shares), 1.1) << seed;
    }
}

TEST_F(CompleteSampler, MakesTheNumberOfLabelsEvenWhereItCan) {
    const Taxonomy& taxonomy = drawn_taxonomy(20, true, 5);
    Counts have(21, 0);
    have[4] = 900;
    const PlanRequest request{.samples = kPlenty, .min_labels = 1, .max_labels = 4};
    Counts sizes(5);
    for (const SampleSpec& spec : planned(sampler(taxonomy, write(taxonomy, have)), request))
        if (!taxonomy.is_negative(spec.drawn)) ++sizes[spec.drawn.size()];
    for (std::size_t size = 1; size <= 4; ++size)
        EXPECT_NEAR(static_cast<double>(sizes[size]), 19 * 900 / 10.0, 200) << size;
}

TEST_F(CompleteSampler, HelpsTheScarcestLabelsFirst) {
    const Taxonomy& taxonomy = drawn_taxonomy(20, false, 10);
    Counts have(20);
    for (std::size_t id = 0; id < 20; ++id) have[id] = 10 * id;
    const PlanRequest request{.samples = kPlenty};
    const Specs specs = planned(sampler(taxonomy, write(taxonomy, have)), request);
    std::uint64_t before = spread(have);
    for (std::size_t part = 1; part <= 4; ++part) {
        const auto prefix = std::span(specs).first(specs.size() * part / 4);
        const std::uint64_t now = spread(with(have, {prefix.begin(), prefix.end()}, taxonomy, request));
        EXPECT_LT(now, before) << part;
        before = now;
    }
}

TEST_F(CompleteSampler, BringsTogetherWhatNatureDoes) {
    const Taxonomy& taxonomy = synth::test::taxonomy();
    Counts have(40);
    for (std::size_t id = 0; id < 40; ++id) have[id] = 300 / (id + 1);
    const PlanRequest request{.samples = kPlenty};
    double pairs = 0, unnatural = 0;
    for (const SampleSpec& spec : planned(sampler(taxonomy, write(taxonomy, have)), request))
        for (const LabelId a : spec.drawn)
            for (const LabelId b : spec.drawn) {
                if (a >= b) continue;
                ++pairs;
                unnatural += taxonomy.cooccurrence(a, b) == 0 ? 1 : 0;
            }
    EXPECT_LT(unnatural / pairs, 0.25);  // without regard to nature: 82 %
}

TEST_F(CompleteSampler, GoesOnUntilNothingIsMissing) {
    const Taxonomy& taxonomy = drawn_taxonomy(12, true, 3);
    Counts have(13, 5);
    have[2] = 80;
    const std::string data = write(taxonomy, have);
    const PlanRequest request{.seed = 3, .samples = kPlenty};
    const Specs whole = planned(sampler(taxonomy, data), request);
    for (const std::size_t part : {std::size_t{1}, whole.size() / 2, whole.size() - 1}) {
        const Specs prior(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(part));
        const Specs specs = planned(sampler(taxonomy, data), request, prior);
        ASSERT_TRUE(std::ranges::equal(prior, std::span(specs).first(part)));
        EXPECT_LE(spread(with(have, specs, taxonomy, request)), 1U);
        EXPECT_LE(specs.size(), whole.size() + 2);
    }
    EXPECT_THAT(
        refusal(sampler(taxonomy, data), request, whole),
        HasSubstr("with the samples that are planned already lacks nothing of the goal: there is no sample to make"));
    EXPECT_THAT(refusal(sampler(taxonomy, data), {.samples = 3}, whole),
                HasSubstr("more than the 3 samples asked for"));
}

TEST_F(CompleteSampler, SaysWhyAGoalCannotBeReached) {
    const Taxonomy& taxonomy = drawn_taxonomy(4, true, 10);
    const auto why = [&](const Counts& have, const Counts& goal, std::uint32_t min_labels) {
        return refusal(sampler(taxonomy, write(taxonomy, have), write(taxonomy, goal)),
                       {.samples = kPlenty, .min_labels = min_labels, .max_labels = 3});
    };
    ASSERT_EQ(taxonomy.negative, 2);
    EXPECT_THAT(
        why({1, 1, 1, 2, 1}, {1, 1, 1, 0, 1}, 1),
        HasSubstr("the data have 2 documents of 'L3' and the goal none: nothing that is added makes that even"));
    EXPECT_THAT(why({0, 10, 0, 0, 0}, {70, 10, 50, 10, 10}, 2),
                HasSubstr("'L0' makes up 70 % of the labels of the goal: with at least 2 labels"));
    EXPECT_EQ(why({0, 10, 0, 0, 0}, {70, 10, 50, 10, 10}, 1), "");
    EXPECT_THAT(refusal(sampler(taxonomy, write(taxonomy, {7, 7, 7, 7, 7})), {.samples = 10}),
                HasSubstr(" lacks nothing of the goal: there is no sample to make"));
}

TEST_F(CompleteSampler, SaysWhatItCannotDo) {
    const Taxonomy& taxonomy = drawn_taxonomy(4, true, 10);
    const std::string data = write(taxonomy, {3, 2, 1, 1, 1});
    EXPECT_THAT(refusal(sampler(taxonomy, data), {.samples = 5, .samples_per_class = 1}),
                HasSubstr("sampler 'complete' takes its labels from data"));
    EXPECT_THAT(refusal(sampler(taxonomy, data), {.samples = 0}), HasSubstr("a plan of 0 samples"));
    EXPECT_EQ(refusal(sampler(taxonomy, dir_ / "missing"), {.samples = 5}), "(io)");
    EXPECT_EQ(refusal(sampler(taxonomy, data, dir_ / "missing"), {.samples = 5}), "(io)");
    for (const auto& [options, why] :
         {std::pair("{}", "needs the labelled data set to complete: -o sampler.data=FILE"),
          std::pair(R"({"data": "x", "goal": ""})", "needs a goal, 'even' or a labelled data set")}) {
        const auto made = synth::test::load<Sampler>("complete", options, taxonomy);
        ASSERT_FALSE(made.ok());
        EXPECT_THAT(made.error().message, HasSubstr(why));
    }
}

TEST_F(CompleteSampler, PlansTheSameOnEveryMachineInBlocksOfAnySize) {
    // Of this plan for ever: another digest means that existing runs would not be planned again as they were.
    const Taxonomy& taxonomy = drawn_taxonomy(39, true, 3);
    Counts have(40);
    for (std::size_t id = 0; id < 40; ++id) have[id] = 300 / (id + 1);
    const std::string data = write(taxonomy, have);
    for (const std::size_t block : {1U, 64U, 333U})
        EXPECT_EQ(digest(planned(sampler(taxonomy, data), {.seed = 1, .samples = kPlenty}, {}, block)),
                  10840637504775082691U);
    EXPECT_NE(digest(planned(sampler(taxonomy, data), {.seed = 2, .samples = kPlenty})),
              digest(planned(sampler(taxonomy, data), {.seed = 1, .samples = kPlenty})));
}

}  // namespace
