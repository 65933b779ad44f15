#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "unit/sinks/sink_test.hpp"

namespace synth {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

TEST_F(SinkTest, JsonIsOneArrayWithARecordALine) {
    EXPECT_EQ(written("json", two_records()),
              R"([
  {"link": "https://synthetic-data-gen.example.com/sample_1", "full_text": "A flare of 10⁵¹ erg,\n\"bright\".", "labels": ["X-rays", "Novæ"]},
  {"link": "https://synthetic-data-gen.example.com/sample_3", "full_text": "Nothing.", "labels": ["Non-TDAMM"]}
]
)");
}

TEST_F(SinkTest, JsonLinesIsARecordALine) {
    EXPECT_EQ(
        written("jsonl", two_records()),
        R"({"link": "https://synthetic-data-gen.example.com/sample_1", "full_text": "A flare of 10⁵¹ erg,\n\"bright\".", "labels": ["X-rays", "Novæ"]}
{"link": "https://synthetic-data-gen.example.com/sample_3", "full_text": "Nothing.", "labels": ["Non-TDAMM"]}
)");
}

TEST_F(SinkTest, NoRecordsMakeAValidEmptyOutput) {
    EXPECT_EQ(written("json", {}), "[]\n");
    EXPECT_EQ(written("jsonl", {}), "");
}

TEST_F(SinkTest, OutputIsValidWhateverTheTextHolds) {
    const auto made = json::parse(written("json", {record(0, std::string("a\xFF\xC3z\0\x1b[31m", 10), {})}));
    EXPECT_EQ(made.at(0).at("full_text"), std::string("a\xEF\xBF\xBD\xEF\xBF\xBDz\0\x1b[31m", 14));
}

TEST_F(SinkTest, ManyLargeRecordsPassThroughTheBufferInOrder) {
    std::vector<Record> records;
    for (std::uint64_t i = 0; i < 300; ++i)
        records.push_back(record(i, std::string(i * 37, 'x') + "é", test::labels({test::kXRays})));
    records.push_back(record(300, std::string(2'000'000, 'y'), test::labels({test::kXRays})));
    const auto made = json::parse(written("json", records));
    ASSERT_EQ(made.size(), records.size());
    for (std::size_t i = 0; i < records.size(); ++i) EXPECT_EQ(made[i].at("full_text"), records[i].text);
}

TEST_F(SinkTest, MetadataTellsWhereARecordCameFrom) {
    for (const std::string id : {"json", "jsonl"}) {
        const std::string text = written(id, {full_record()}, R"({"metadata": true})");
        EXPECT_THAT(
            text,
            HasSubstr(
                R"("labels": ["Black Holes", "Binary Black Holes"], "title": "A \"title\"", "metadata": {"id": 42, )"
                R"("label_codes": ["BH", "BBH"], "provider": "openai", "model": "gpt-small-2026-01-01", )"
                R"("prompt_hash": "0123456789abcdef", "seed": "18446744073709551615", "attempt": 2, )"
                R"("finish_reason": "stop", "usage": {"input_tokens": 900, "cached_tokens": 100, )"
                R"("cache_write_tokens": 0, "output_tokens": 1500, "reasoning_tokens": 7}, )"
                R"("cost_usd": 0.001027500001, "words": 1, "findings": [{"severity": "warning", )"
                R"("code": "too_short", "message": "the text has 1 word", "validator": "length", "label": "BH", )"
                R"("value": 1, "limit": 60.5}], "attributes": [{"name": "form", "value": "GCN circular"}], "sent": "2026-11-23T10:15:15.007Z", )"
                R"("received": "2026-11-23T10:15:17.507Z"}})"));
        EXPECT_TRUE(json::accept(text));
    }
}

TEST_F(SinkTest, MetadataThatIsNotKnownIsNull) {
    const auto made = json::parse(written("json", {record(0, "Text.", {})}, R"({"metadata": true})"));
    const json& metadata = made.at(0).at("metadata");
    for (const char* key : {"model", "prompt_hash", "usage", "cost_usd", "sent", "received"})
        EXPECT_TRUE(metadata.at(key).is_null()) << key;
    EXPECT_EQ(metadata.at("finish_reason"), "unknown");
}

TEST_F(SinkTest, AFolderThatIsNotThereIsAnErrorOfTheDisk) {
    for (const std::string id : {"json", "jsonl"}) {
        SinkContext nowhere = context();
        nowhere.staging_dir += "/nowhere";
        const auto opened = load(id).call([&](Sink& to) { return to.open(nowhere); });
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, ErrorCode::io);
        EXPECT_EQ(opened.error().message,
                  "cannot create '" + nowhere.staging_dir + "/run." + id + "': No such file or directory");
    }
}

TEST_F(SinkTest, AFullDiskShowsUpWhenTheBufferIsWritten) {
    fs::create_symlink("/dev/full", staging_ + "/run.json");
    const auto sink = load("json");
    ASSERT_TRUE(sink.call([&](Sink& to) { return to.open(context()); }));
    const Record large = record(0, std::string(1'000'000, 'x'), {});
    const auto wrote = sink.call([&](Sink& to) { return to.write(large); });
    ASSERT_FALSE(wrote);
    EXPECT_EQ(wrote.error().code, ErrorCode::io);
    EXPECT_EQ(wrote.error().message, "cannot write '" + staging_ + "/run.json': No space left on device");
}

TEST_F(SinkTest, AFullDiskShowsUpInFinishAtTheLatest) {
    fs::create_symlink("/dev/full", staging_ + "/run.jsonl");
    const auto sink = load("jsonl");
    ASSERT_TRUE(sink.call([&](Sink& to) { return to.open(context()); }));
    ASSERT_TRUE(sink.call([&](Sink& to) { return to.write(two_records()[0]); }));
    const auto finished = sink.call([&](Sink& to) { return to.finish({1, 1}); });
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, ErrorCode::io);
    EXPECT_THAT(finished.error().message, AllOf(HasSubstr("run.jsonl"), HasSubstr("No space left on device")));
}

TEST_F(SinkTest, AFileThatMayNotGrowIsAnErrorToo) {
    // The kernel takes the first part of such a write and refuses the rest.
    struct rlimit before = {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = before;
    small.rlim_cur = 600'000;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const auto sink = load("json");
    EXPECT_TRUE(sink.call([&](Sink& to) { return to.open(context()); }));
    const auto wrote = sink.call([&](Sink& to) { return to.write(record(0, std::string(1'000'000, 'x'), {})); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(wrote);
    EXPECT_EQ(wrote.error().message, "cannot write '" + staging_ + "/run.json': File too large");
}

}  // namespace
}  // namespace synth
