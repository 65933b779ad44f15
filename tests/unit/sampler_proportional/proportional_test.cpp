// What the sampler `proportional` promises, on the real plugin: the numbers of labels and the labels of a data set, as
// exactly as whole numbers can have them, in its label sets and in new ones that it could have had.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
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
using testing::EndsWith;
using testing::HasSubstr;

/// Label sets, as a data set or a plan has them.
struct Sets {
    std::vector<LabelSet> all;
    std::vector<double> labels, sizes;  // sizes: negative ones at 0
    std::map<std::pair<LabelId, LabelId>, std::uint64_t> pairs;
    std::set<std::vector<LabelId>> distinct;
    double slots = 0;

    explicit Sets(const Taxonomy& taxonomy) : labels(taxonomy.labels.size()), sizes(16) {}
    void add(const LabelSet& set, const Taxonomy& taxonomy) {
        all.push_back(set);
        distinct.emplace(set.begin(), set.end());
        ++sizes[taxonomy.is_negative(set) ? 0 : set.size()];
        if (taxonomy.is_negative(set)) return;
        slots += static_cast<double>(set.size());
        for (const LabelId a : set) {
            ++labels[a];
            for (const LabelId b : set)
                if (a != b) ++pairs[{a, b}];
        }
    }
};

class ProportionalSampler : public testing::Test {
protected:
    /// A skewed data set: few labels are frequent, and labels are with those near to them.
    Sets make_data(std::size_t documents, std::size_t most_labels = 5, std::uint64_t seed = 1) {
        Random random(seed);
        Sets data(taxonomy_);
        std::string csv = "labels\n";
        for (std::size_t i = 0; i < documents; ++i) {
            LabelSet set;
            if (random.chance(1, 7)) {
                set.insert(*taxonomy_.negative);
            } else {
                const std::uint64_t first = random.below(1 + random.below(taxonomy_.labels.size()));
                const std::uint64_t size = 1 + random.below(1 + random.below(most_labels));
                for (int tries = 0; set.size() < size && tries < 50; ++tries) {
                    const auto id = static_cast<LabelId>((first + random.below(6)) % taxonomy_.labels.size());
                    if (id != taxonomy_.negative) set.insert(id);
                }
                if (set.contains(3)) set.insert(4);  // never without it
            }
            data.add(set, taxonomy_);
            for (std::size_t k = 0; k < set.size(); ++k) csv += (k == 0 ? "" : ";") + taxonomy_[set[k]].name;
            csv += "\n";
        }
        path_ = dir_ / ("data" + std::to_string(++files_) + ".csv");
        synth::test::write_file(path_, csv);
        return data;
    }
    const Sampler& sampler(const std::string& options = "") {
        return synth::test::sampler("proportional", taxonomy_, R"({"data": ")" + path_ + "\"" + options + "}");
    }
    Sets counted(const Specs& specs) const {
        Sets sets(taxonomy_);
        for (const SampleSpec& spec : specs) {
            EXPECT_EQ(spec.labels, spec.drawn);
            EXPECT_TRUE(spec.drawn.contains(spec.primary));
            sets.add(spec.drawn, taxonomy_);
        }
        return sets;
    }
    /// The furthest that any count is from its share in the data.
    static double distance(const std::vector<double>& counts, double total, const std::vector<double>& shares,
                           double sum) {
        double most = 0;
        for (std::size_t i = 0; i < counts.size(); ++i)
            most = std::max(most, std::abs(counts[i] - shares[i] * total / sum));
        return most;
    }
    void expect_proportional(const Specs& specs, const Sets& data, double label_distance = 1) {
        const Sets plan = counted(specs);
        EXPECT_LT(
            distance(plan.sizes, static_cast<double>(specs.size()), data.sizes, static_cast<double>(data.all.size())),
            1);
        EXPECT_LT(distance(plan.labels, plan.slots, data.labels, data.slots), label_distance);
    }

    const Taxonomy& taxonomy_ = drawn_taxonomy(20, true, 3);
    synth::test::TempDir dir_;
    std::string path_;
    int files_ = 0;
};

constexpr PlanRequest kAny{.min_labels = 1, .max_labels = 7};

PlanRequest request_of(std::uint64_t samples, std::uint64_t seed = 1) {
    PlanRequest request = kAny;
    request.samples = samples;
    request.seed = seed;
    return request;
}

TEST_F(ProportionalSampler, HasEveryFrequencyAsExactlyAsWholeNumbersCan) {
    for (const std::size_t documents : {300U, 3000U}) {
        const Sets data = make_data(documents);
        for (const char* options : {"", R"(, "new_sets": 0)", R"(, "new_sets": 100)"})
            for (const std::uint64_t samples : {1U, 7U, 60U, 200U, 1000U, 4097U, 20000U}) {
                SCOPED_TRACE(std::to_string(documents) + " documents, " + std::to_string(samples) + " samples" +
                             options);
                // A handful of samples has no room for what is best.
                expect_proportional(planned(sampler(options), request_of(samples)), data, samples < 100 ? 2 : 1);
            }
    }
}

TEST_F(ProportionalSampler, IsNearInEveryPrefix) {
    const Sets data = make_data(2000);
    Sets prefix(taxonomy_);
    for (const SampleSpec& spec : planned(sampler(), request_of(3000))) {
        prefix.add(spec.drawn, taxonomy_);
        ASSERT_LT(distance(prefix.sizes, static_cast<double>(prefix.all.size()), data.sizes,
                           static_cast<double>(data.all.size())),
                  2);
    }
    const Specs whole = planned(sampler(R"(, "new_sets": 0)"), request_of(3000));
    Sets plain(taxonomy_);
    for (const SampleSpec& spec : whole) {
        plain.add(spec.drawn, taxonomy_);
        ASSERT_LT(distance(plain.labels, plain.slots, data.labels, data.slots), 5) << plain.all.size();
    }
}

TEST_F(ProportionalSampler, TakesOnlySetsOfTheDataWhenNoNewOnesAreWanted) {
    const Sets data = make_data(500);
    const Sets plan = counted(planned(sampler(R"(, "new_sets": 0)"), request_of(500)));
    // Once round: every document's set as often as there are documents with it.
    auto sorted = [](std::vector<LabelSet> sets) {
        std::vector<std::vector<LabelId>> all;
        for (const LabelSet& set : sets) all.emplace_back(set.begin(), set.end());
        std::ranges::sort(all);
        return all;
    };
    EXPECT_EQ(sorted(plan.all), sorted(data.all));
}

TEST_F(ProportionalSampler, MakesNewSetsThatTheDataCouldHaveHad) {
    const Sets data = make_data(500);
    for (const auto& [options, share] :
         {std::pair(R"(, "new_sets": 10)", 0.1), std::pair(R"(, "new_sets": 25)", 0.25)}) {
        const Specs specs = planned(sampler(options), request_of(5000));
        std::size_t fresh = 0;
        for (const SampleSpec& spec : specs) {
            if (!data.distinct.contains({spec.drawn.begin(), spec.drawn.end()})) ++fresh;
            for (const LabelId a : spec.drawn)
                for (const LabelId b : spec.drawn) {
                    if (a != b) {
                        ASSERT_TRUE(data.pairs.contains({a, b}));
                    }
                }
            if (spec.drawn.contains(3)) {
                ASSERT_TRUE(spec.drawn.contains(4));
            }
        }
        EXPECT_NEAR(static_cast<double>(fresh), share * 5000, 10) << options;
    }
}

TEST_F(ProportionalSampler, KeepsWhoMeetsWhom) {
    const Sets data = make_data(2000);
    const Sets plan = counted(planned(sampler(), request_of(20'000)));
    const auto share = [](const auto& pairs, LabelId a, LabelId b) {
        double all = 0;
        for (const auto& [pair, count] : pairs) all += static_cast<double>(count);
        const auto found = pairs.find({a, b});
        return found == pairs.end() ? 0 : static_cast<double>(found->second) / all;
    };
    // What labels would do that are put together by their frequencies alone.
    std::map<std::pair<LabelId, LabelId>, double> chance;
    for (LabelId a = 0; a < taxonomy_.labels.size(); ++a)
        for (LabelId b = 0; b < taxonomy_.labels.size(); ++b)
            if (a != b) chance[{a, b}] = data.labels[a] * data.labels[b];
    double by_plan = 0, by_chance = 0;
    for (const auto& [pair, unused] : chance) {
        const double real = share(data.pairs, pair.first, pair.second);
        by_plan += std::abs(real - share(plan.pairs, pair.first, pair.second)) / 2;
        by_chance += std::abs(real - share(chance, pair.first, pair.second)) / 2;
    }
    EXPECT_GT(by_chance, 0.4);
    EXPECT_LT(by_plan, 0.08);
}

TEST_F(ProportionalSampler, GoesOnFromAPlanAsIfItHadNotStopped) {
    const Sets data = make_data(700);
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
        Specs specs;
        for (const std::uint64_t samples : {150U, 151U, 700U, 5000U}) {
            const Specs before = specs;
            specs = planned(sampler(), request_of(samples, seed), before);
            ASSERT_EQ(specs.size(), samples);
            ASSERT_TRUE(std::ranges::equal(before, std::span(specs).first(before.size())));
            expect_proportional(specs, data, samples == 151 ? 3 : 1.5);
        }
    }
}

TEST_F(ProportionalSampler, MakesUpForAPlanOfAnotherMaking) {
    const Sets data = make_data(700);
    Specs lopsided(50);
    for (SampleSpec& spec : lopsided) {
        spec.drawn.insert(spec.primary = 1);
        spec.labels = spec.drawn;
    }
    expect_proportional(planned(sampler(), request_of(5000), lopsided), data);
    // Beyond what can be made up for it stays as near as can be.
    const Sets few = counted(planned(sampler(), request_of(60), lopsided));
    EXPECT_EQ(few.all.size(), 60U);
}

TEST_F(ProportionalSampler, FollowsDataThatAreVeryFew) {
    path_ = dir_ / "few.jsonl";
    synth::test::write_file(path_, "{\"labels\": [\"L1\", \"L2\"]}\n{\"labels\": \"L1\"}\n{\"labels\": \"L10\"}\n");
    Sets data(taxonomy_);
    for (const auto& ids : {std::vector<LabelId>{1, 2}, {1}, {10}}) {
        LabelSet set;
        for (const LabelId id : ids) set.insert(id);
        data.add(set, taxonomy_);
    }
    ASSERT_EQ(taxonomy_.negative, 10);
    for (const std::uint64_t samples : {1U, 2U, 3U, 100U})
        expect_proportional(planned(sampler(), request_of(samples)), data, 2);
    synth::test::write_file(path_ = dir_ / "none.csv", "labels\nL10\nL10\n");
    for (const SampleSpec& spec : planned(sampler(), request_of(5))) EXPECT_EQ(spec.primary, 10);
}

TEST_F(ProportionalSampler, RefusesDocumentsOutsideOfTheLimitsOrPlansWithoutThem) {
    Sets data = make_data(400, 4), inside(taxonomy_);
    for (const LabelSet& set : data.all)
        if (taxonomy_.is_negative(set) || set.size() == 2 || set.size() == 3) inside.add(set, taxonomy_);
    const PlanRequest request{.samples = 1000, .min_labels = 2, .max_labels = 3};
    EXPECT_THAT(refusal(sampler(), request),
                HasSubstr(" of 400 documents of " + path_ + " do not have 2 to 3 labels: the documents have 1 to "));
    EXPECT_THAT(refusal(sampler(), request),
                EndsWith(" (--min-labels, --max-labels); or plan without them (-o sampler.outside=drop)"));
    expect_proportional(planned(sampler(R"(, "outside": "drop")"), request), inside);
    EXPECT_THAT(refusal(sampler(R"(, "outside": "drop")"), {.samples = 10, .min_labels = 7, .max_labels = 7}),
                testing::AnyOf("", HasSubstr("so that none are left to follow")));
}

TEST_F(ProportionalSampler, SaysWhatItCannotDo) {
    make_data(50);
    EXPECT_THAT(refusal(sampler(), {.samples = 21, .samples_per_class = 1, .min_labels = 1, .max_labels = 7}),
                HasSubstr("sampler 'proportional' takes its labels from data"));
    EXPECT_THAT(refusal(sampler(), {.samples = 0}), HasSubstr("a plan of 0 samples"));
    const Specs prior = planned(sampler(), request_of(30));
    EXPECT_THAT(refusal(sampler(), request_of(29), prior), HasSubstr("more than the 29 samples asked for"));
    synth::test::write_file(path_ = dir_ / "one.csv", "labels\nL1\n");
    EXPECT_THAT(refusal(sampler(R"(, "outside": "drop")"), {.samples = 10}),
                HasSubstr("so that none are left to follow"));
    path_ = dir_ / "missing.csv";
    EXPECT_THAT(refusal(sampler(), request_of(1)), "(io)");
    const auto made = synth::test::load<Sampler>("proportional", "{}", taxonomy_);
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, HasSubstr("needs a labelled data set to follow: -o sampler.data=FILE"));
}

TEST_F(ProportionalSampler, PlansTheSameOnEveryMachineInBlocksOfAnySize) {
    // Of this plan for ever: another digest means that existing runs would not be planned again as they were.
    make_data(1000);
    for (const std::size_t block : {1U, 64U, 333U})
        EXPECT_EQ(digest(planned(sampler(), request_of(6000), {}, block)), 1431221666795018701U);
    EXPECT_NE(digest(planned(sampler(), request_of(6000, 2))), digest(planned(sampler(), request_of(6000))));
}

}  // namespace
