#include "huggingface/split.hpp"

#include <array>
#include <cstdlib>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "support/plugin_loading.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace synth::sinks {
namespace {

struct Planned {
    std::uint64_t index;
    LabelSet labels;
};

/// What the balanced sampler plans.
std::vector<Planned> plan(std::uint64_t samples, std::uint64_t seed = 7) {
    const auto sampler = test::load<Sampler>("balanced");
    EXPECT_TRUE(sampler);
    PlanRequest request;
    request.samples = samples;
    request.min_labels = 2;
    request.max_labels = 3;
    request.seed = seed;
    auto stream = sampler->call([&](const Sampler& s) { return s.plan(request); });
    EXPECT_TRUE(stream);
    std::vector<SampleSpec> specs(samples);
    std::size_t got = 0;
    while (got < samples) {
        const auto more = (*stream)->next(std::span(specs).subspan(got));
        EXPECT_TRUE(more && *more > 0);
        got += *more;
    }
    std::vector<Planned> planned;
    for (const SampleSpec& spec : specs) planned.push_back({planned.size(), spec.labels});
    return planned;
}

using Parts = std::map<std::uint64_t, std::size_t>;

Parts split(const std::vector<Planned>& planned, std::uint64_t seed = 0, double validation = 0.1, double test = 0.1) {
    Splitter splitter(seed, validation, test, test::taxonomy().labels.size());
    Parts parts;
    for (const auto& [index, labels] : planned) parts[index] = splitter.assign(index, labels);
    return parts;
}

double moved(const Parts& a, const Parts& b) {
    std::size_t both = 0, different = 0;
    for (const auto& [index, part] : a)
        if (const auto other = b.find(index); other != b.end()) {
            ++both;
            different += static_cast<std::size_t>(other->second != part);
        }
    return static_cast<double>(different) / static_cast<double>(both);
}

TEST(Splitter, EveryLabelIsNearItsShareInEveryPart) {
    for (const std::uint64_t samples : {200U, 2'000U, 20'000U}) {
        for (std::uint64_t seed = 0; seed < 3; ++seed) {
            const auto planned = plan(samples);
            const auto parts = split(planned, seed);
            std::vector<std::array<double, kParts>> counts(test::taxonomy().labels.size());
            std::array<double, kParts> all{};
            for (const auto& [index, labels] : planned) {
                ++all[parts.at(index)];
                for (const LabelId label : labels) ++counts[label][parts.at(index)];
            }
            const std::array shares = {0.8, 0.1, 0.1};
            for (std::size_t part = 0; part < kParts; ++part) {
                EXPECT_NEAR(all[part], shares[part] * static_cast<double>(samples), 3) << samples;
                for (const auto& label : counts)
                    EXPECT_NEAR(label[part], shares[part] * (label[0] + label[1] + label[2]), 6) << samples;
            }
        }
    }
}

TEST(Splitter, RecordsBehindTheLastOneMoveNone) {
    const auto all = plan(3'000);
    EXPECT_EQ(moved(split({all.begin(), all.begin() + 2'000}), split(all)), 0);
}

TEST(Splitter, RecordsThatWereMissingMoveFew) {
    const auto all = plan(10'000);
    std::vector<Planned> most;
    Random random(3);
    for (const Planned& one : all)
        if (!random.chance(1, 50)) most.push_back(one);
    EXPECT_LT(moved(split(most), split(all)), 0.15);
    EXPECT_GT(moved(split(all, 1), split(all, 2)), 0.3) << "which is what independent splits differ by";
}

TEST(Splitter, AShareOfNothingGetsNothing) {
    for (const auto& [index, part] : split(plan(500), 0, 0, 0.2)) EXPECT_NE(part, 1U) << index;
    for (const auto& [index, part] : split(plan(500), 0, 0, 0)) EXPECT_EQ(part, 0U) << index;
}

TEST(Splitter, IsTheSameOnEveryMachine) {
    Splitter splitter(5, 0.15, 0.05, 40);
    Random random(1);
    std::uint64_t digest = 0;
    for (std::uint64_t index = 0; index < 2'000; ++index) {
        LabelSet labels;
        while (labels.size() < 3) labels.insert(static_cast<LabelId>(random.below(40)));
        digest = derive_seed(digest, splitter.assign(index, labels));
    }
    EXPECT_EQ(digest, 7'781'995'382'695'742'053U);
}

}  // namespace
}  // namespace synth::sinks
