#include <zstd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "huggingface/card.hpp"
#include "synth/random.hpp"
#include "unit/sinks/sink_test.hpp"

namespace synth {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Records with a label or two each, as a run of seed 11 makes them.
std::vector<Record> many_records(std::uint64_t count) {
    std::vector<Record> records;
    for (std::uint64_t i = 0; i < count; ++i) {
        records.push_back(record(i, "Text " + std::to_string(i), test::labels({static_cast<LabelId>(i % 4)})));
        if (i % 3 == 0) records.back().labels.insert(static_cast<LabelId>(i / 3 % 4));
        records.back().seed = derive_seed(11, i);
        records.back().provider = "openai";
        records.back().model = i % 5 == 0 ? "gpt-large" : "gpt-small";
        records.back().sent = TimePoint(std::chrono::milliseconds(1'795'428'915'007 + 1000 * i));
        records.back().received = records.back().sent + std::chrono::seconds(1);
    }
    return records;
}

std::size_t lines_in(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

class HuggingFaceTest : public SinkTest {
protected:
    std::string part(const std::string& file) const { return output("huggingface/data/" + file); }
    std::string card() const { return output("huggingface/README.md"); }
    bool has(const std::string& file) const { return fs::exists(staging_ + "/run.huggingface/data/" + file); }
};

TEST_F(HuggingFaceTest, PartsHoldTheRecordsOfTheJsonLinesSinkInPlanOrder) {
    feed("huggingface", many_records(300));
    feed("jsonl", many_records(300));
    std::array<std::string, 3> rest = {part("train.jsonl"), part("validation.jsonl"), part("test.jsonl")};
    const auto near = [](int share) { return AllOf(testing::Ge(share - 2), testing::Le(share + 2)); };
    EXPECT_THAT(static_cast<int>(lines_in(rest[0])), near(240));
    EXPECT_THAT(static_cast<int>(lines_in(rest[1])), near(30));
    EXPECT_THAT(static_cast<int>(lines_in(rest[2])), near(30));
    std::istringstream all(output("jsonl"));
    for (std::string line; std::getline(all, line);) {
        line += '\n';
        const auto has_it = std::ranges::find_if(rest, [&](const std::string& one) { return one.starts_with(line); });
        ASSERT_NE(has_it, rest.end()) << line;
        has_it->erase(0, line.size());
    }
    EXPECT_EQ(rest[0] + rest[1] + rest[2], "");
}

TEST_F(HuggingFaceTest, TheCardSaysWhatIsInThere) {
    feed("huggingface", many_records(1'000));
    const std::string text = card();
    EXPECT_THAT(text, testing::StartsWith("---\n# license: not set; name one here before you publish this\n"
                                          "pretty_name: \"run\"\nlanguage:\n- \"en\"\nsize_categories:\n- 1K<n<10K\n"));
    EXPECT_THAT(text, HasSubstr("  - split: validation\n    path: \"data/validation.jsonl\"\n"));
    EXPECT_THAT(text, HasSubstr("      class_label:\n        names:\n          '0': \"X-rays\"\n"));
    EXPECT_THAT(text, HasSubstr("  - name: test\n    num_bytes: " + std::to_string(part("test.jsonl").size()) +
                                "\n    num_examples: " + std::to_string(lines_in(part("test.jsonl"))) + "\n"));
    EXPECT_THAT(text, HasSubstr("**All texts are synthetic.** 1,000 documents were"));
    EXPECT_THAT(text, HasSubstr("**No licence is set.**"));
    EXPECT_THAT(text, HasSubstr("| seed of the run | 11 |\n| provider | openai |\n"
                                "| models | gpt-large (200), gpt-small (800) |\n| labels | small |\n"
                                "| written | 2026-11-23T10:15:15.007Z to 2026-11-23T10:31:55.007Z |\n"));
    EXPECT_THAT(text, Not(HasSubstr("metadata")));
    EXPECT_EQ(text.back(), '\n');
}

TEST_F(HuggingFaceTest, TheCardTakesOptions) {
    taxonomy_.labels[test::kXRays].name = "X|\"rays\": *";
    feed("huggingface", many_records(10), R"({"license": "cc-by-4.0", "language": "fr", "metadata": true})");
    EXPECT_THAT(card(), AllOf(testing::StartsWith("---\nlicense: \"cc-by-4.0\"\n"), HasSubstr("- \"fr\"\n"),
                              HasSubstr("Licence: cc-by-4.0\n"), Not(HasSubstr("No licence"))));
    EXPECT_THAT(card(), HasSubstr("'0': \"X|\\\"rays\\\": *\"\n"));
    EXPECT_THAT(card(), HasSubstr("| 0 | X\\|\"rays\": \\* | X |"));
    EXPECT_THAT(card(), HasSubstr("  - name: metadata\n    struct:\n"));
    EXPECT_THAT(part("train.jsonl"), HasSubstr("\"metadata\": {\"id\": "));
}

TEST_F(HuggingFaceTest, APartWithoutRecordsIsNotThere) {
    feed("huggingface", many_records(2), R"({"validation": 0})");
    EXPECT_TRUE(has("train.jsonl"));
    EXPECT_FALSE(has("validation.jsonl"));
    EXPECT_THAT(card(), Not(HasSubstr("split: validation")));
}

TEST_F(HuggingFaceTest, NoRecordsMakeAWholeFolder) {
    feed("huggingface", {});
    EXPECT_EQ(part("train.jsonl"), "");
    EXPECT_THAT(card(), AllOf(HasSubstr("split: train"), HasSubstr("n<1K"), HasSubstr("seed of the run | not known")));
}

TEST_F(HuggingFaceTest, CompressedPartsHoldTheSame) {
    auto records = many_records(400);
    Random random(2);
    for (Record& one : records)  // more than fits into a buffer, and hard to compress
        for (int i = 0; i < 1'000; ++i) one.text += std::to_string(random.next());
    feed("huggingface", records);
    const std::string plain = part("train.jsonl");
    fs::remove_all(staging_ + "/run.huggingface");
    feed("huggingface", records, R"({"compression": "zstd"})");
    EXPECT_THAT(card(), HasSubstr("path: \"data/train.jsonl.zst\"\n"));
    EXPECT_FALSE(has("train.jsonl"));
    const std::string packed = part("train.jsonl.zst");
    ASSERT_LT(packed.size(), plain.size() * 2 / 3);
    std::string unpacked(plain.size() + 1, '\0');
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_outBuffer out{unpacked.data(), unpacked.size(), 0};
    EXPECT_EQ(ZSTD_decompressStream(context.get(), &out, &in), 0U) << "one whole frame";
    unpacked.resize(out.pos);
    EXPECT_EQ(unpacked, plain);
}

TEST_F(HuggingFaceTest, RefusesSharesThatLeaveNothing) {
    EXPECT_THAT(refusal("huggingface", R"({"validation": 0.5, "test": 0.5})"),
                HasSubstr("leave less than 0.05 to train"));
}

TEST_F(HuggingFaceTest, ADiskThatFailsIsSaid) {
    const auto sink = load("huggingface");
    SinkContext nowhere = context();
    nowhere.staging_dir += "/nowhere";
    const auto opened = sink.call([&](Sink& to) { return to.open(nowhere); });
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::io);
    EXPECT_EQ(opened.error().message,
              "cannot create '" + nowhere.staging_dir + "/run.huggingface': No such file or directory");

    const auto full = load("huggingface", R"({"compression": "zstd"})");
    ASSERT_TRUE(full.call([&](Sink& to) { return to.open(context()); }));
    const std::string readme = staging_ + "/run.huggingface/README.md";
    fs::create_symlink("/dev/full", readme);
    const auto finished = full.call([&](Sink& to) { return to.finish({0, 0}); });
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().message, "cannot write '" + readme + "': No space left on device");
}

TEST(CardFacts, TheSeedOfTheRunIsKnownWhereAllRecordsAgree) {
    EXPECT_EQ(sinks::run_seed_of(derive_seed(18'446'744'073'709'551'615U, 41), 41), 18'446'744'073'709'551'615U);
    sinks::CardFacts facts(5);
    Record one = record(3, "x", {});
    one.seed = derive_seed(9, 3);
    facts.add(one, {}, 0);
    EXPECT_EQ(facts.seed, 9U);
    one.index = 4;
    facts.add(one, {}, 0);
    EXPECT_EQ(facts.seed, std::nullopt);
    one.index = 3;
    facts.add(one, {}, 0);
    EXPECT_EQ(facts.seed, std::nullopt) << "and stays unknown";
}

TEST(CardFacts, KeepsABoundedNumberOfModels) {
    sinks::CardFacts facts(5);
    Record one = record(0, "x", {});
    for (int i = 0; i < 100; ++i) {
        one.model = "model " + std::to_string(i);
        facts.add(one, {}, 0);
    }
    EXPECT_EQ(facts.models.size(), sinks::CardFacts::kModels);
    EXPECT_EQ(facts.of_other_models, 100 - sinks::CardFacts::kModels);
}

}  // namespace
}  // namespace synth
