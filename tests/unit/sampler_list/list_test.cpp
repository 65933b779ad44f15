// What the sampler `list` promises, on the real plugin: the rows of a file, in order, and nothing else.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/plans.hpp"
#include "support/plugin_loading.hpp"
#include "support/process.hpp"
#include "support/small_taxonomy.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::PlanRequest;
using synth::Sampler;
using synth::SampleSpec;
using synth::Taxonomy;
using synth::test::planned;
using synth::test::refusal;
using synth::test::Specs;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

using synth::test::kBinaries;
using synth::test::kBlackHoles;
using synth::test::kNone;
using synth::test::kXRays;

class ListSampler : public testing::Test {
protected:
    const Sampler& sampler(const std::string& content, const std::string& options = "") {
        const auto file = dir_ / ("data" + std::to_string(++files_));
        synth::test::write_file(file, content);
        return synth::test::sampler("list", taxonomy(), R"({"data": ")" + file.string() + "\"" + options + "}");
    }
    static const Taxonomy& taxonomy() {
        static const Taxonomy small = synth::test::small_taxonomy();
        return small;
    }

    synth::test::TempDir dir_;
    int files_ = 0;
};

/// The labels of each sample, its primary first.
std::vector<std::vector<int>> rows(const Specs& specs) {
    std::vector<std::vector<int>> all;
    for (const SampleSpec& spec : specs) {
        EXPECT_EQ(spec.labels, spec.drawn);
        all.push_back({spec.primary});
        for (const auto id : spec.drawn)
            if (id != spec.primary) all.back().push_back(id);
    }
    return all;
}

constexpr const char* kCsv = "labels\nBH;X\nNon-TDAMM\nX;BBH;BH\nX;BH\n";
const std::vector<std::vector<int>> kRows = {
    {kBlackHoles, kXRays}, {kNone}, {kXRays, kBlackHoles, kBinaries}, {kXRays, kBlackHoles}};

TEST_F(ListSampler, TakesTheRowsInOrderWithTheFirstLabelAsPrimary) {
    for (const std::size_t block : {1U, 3U, 64U})
        EXPECT_EQ(rows(planned(sampler(kCsv), {.samples = 4}, {}, block)), kRows);
    EXPECT_EQ(rows(planned(sampler("{\"labels\": [\"BH\", \"X\"]}\n{\"labels\": \"NO\"}\n"), {.samples = 2})),
              (std::vector<std::vector<int>>{kRows[0], kRows[1]}));
    EXPECT_EQ(rows(planned(sampler("[{\"tags\": [\"BH\", \"X\"]}]", R"(, "field": "tags")"), {.samples = 1})),
              (std::vector<std::vector<int>>{kRows[0]}));
}

TEST_F(ListSampler, TakesTheFirstRowsWhenFewerAreAskedFor) {
    EXPECT_EQ(rows(planned(sampler(kCsv), {.samples = 1})), (std::vector<std::vector<int>>{kRows[0]}));
}

TEST_F(ListSampler, BeginsAgainOnlyWhenAskedTo) {
    const auto repeated = rows(planned(sampler(kCsv, R"(, "repeat": true)"), {.samples = 9}));
    ASSERT_EQ(repeated.size(), 9U);
    for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(repeated[i], kRows[i % 4]);
    EXPECT_THAT(
        refusal(sampler(kCsv), {.samples = 5}),
        EndsWith("/data2 has 4 rows for 5 samples: ask for fewer, or let it begin again (-o sampler.repeat=true)"));
}

TEST_F(ListSampler, GoesOnWhereAPlanEnded) {
    const Specs prior = planned(sampler(kCsv), {.samples = 1});
    EXPECT_EQ(rows(planned(sampler(kCsv), {.samples = 4}, prior)), kRows);
    const Specs all = planned(sampler(kCsv), {.samples = 4});
    EXPECT_EQ(rows(planned(sampler(kCsv, R"(, "repeat": true)"), {.samples = 8}, all)).at(7), kRows[3]);
    EXPECT_THAT(refusal(sampler("labels\nX;BH\nX;BH\nX;BH\nX;BH\nX;BH\n"), {.samples = 5}, all),
                HasSubstr("sample 2 of the plan to go on from does not have the labels of its row in /"));
    EXPECT_THAT(refusal(sampler(kCsv), {.samples = 3}, all), HasSubstr("more than the 3 samples asked for"));
}

TEST_F(ListSampler, RefusesRowsOutsideOfTheLimits) {
    const char* content = "labels\nX;BH\nNO\nX;BH;BBH\nX\n";
    EXPECT_THAT(refusal(sampler(content), {.samples = 1, .min_labels = 2, .max_labels = 2}), StartsWith("row 3 of /"));
    EXPECT_THAT(refusal(sampler(content), {.samples = 1, .min_labels = 2, .max_labels = 2}),
                EndsWith(" has 3 labels, not 2: the rows have 1 to 3 (--min-labels, --max-labels)"));
    EXPECT_THAT(refusal(sampler(content), {.samples = 1, .min_labels = 2, .max_labels = 3}),
                EndsWith(" has 1 labels, not 2 to 3: the rows have 1 to 3 (--min-labels, --max-labels)"));
}

TEST_F(ListSampler, RefusesWhatItCannotDo) {
    EXPECT_THAT(refusal(sampler(kCsv), {.samples = 5, .samples_per_class = 1}),
                HasSubstr("sampler 'list' takes its labels from data and cannot make 1 samples for each class"));
    EXPECT_THAT(refusal(sampler("labels\n"), {.samples = 1}), HasSubstr("holds no labelled document"));
    EXPECT_THAT(refusal(sampler("labels\nQuarks\n"), {.samples = 1}),
                HasSubstr("data3:2: taxonomy 'small' has no label"));
    EXPECT_THAT(refusal(sampler(kCsv), {.samples = 0}), HasSubstr("a plan of 0 samples"));
    const auto made = synth::test::load<Sampler>("list", "{}", taxonomy());
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, HasSubstr("needs a file of label sets: -o sampler.data=FILE"));
}

TEST_F(ListSampler, DoesWithUnknownLabelsAndEmptyRowsWhatIsAsked) {
    const char* content = "labels\nX;Quarks;BH\n\"\"\nX;BH\n";
    EXPECT_EQ(rows(planned(sampler(content, R"(, "unknown": "skip", "unlabelled": "negative")"), {.samples = 3})),
              (std::vector<std::vector<int>>{{kXRays, kBlackHoles}, {kNone}, {kXRays, kBlackHoles}}));
    EXPECT_EQ(rows(planned(sampler(content, R"(, "unknown": "skip", "unlabelled": "skip")"), {.samples = 2})),
              (std::vector<std::vector<int>>{{kXRays, kBlackHoles}, {kXRays, kBlackHoles}}));
}

}  // namespace
