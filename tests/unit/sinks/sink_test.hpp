// A sink of the build tree with a staging folder, and records to write.

#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/plugin_loading.hpp"
#include "support/small_taxonomy.hpp"
#include "synth/sink.hpp"

namespace synth {

class SinkTest : public testing::Test {
protected:
    SinkTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sink-XXXXXX").string();
        staging_ = ::mkdtemp(pattern.data());
    }
    ~SinkTest() override { std::filesystem::remove_all(staging_); }

    core::Instance<Sink> load(std::string_view id, std::string_view options = "{}") {
        auto sink = test::load<Sink>(id, options, taxonomy_);
        EXPECT_TRUE(sink) << sink.error().message;
        return *std::move(sink);
    }
    SinkContext context(std::uint64_t samples = 2) const { return {&taxonomy_, staging_, "run", samples}; }

    /// Passes these records through the sink.
    void feed(std::string_view id, const std::vector<Record>& records, std::string_view options = "{}") {
        const auto sink = load(id, options);
        EXPECT_TRUE(sink.call([&](Sink& to) { return to.open(context(records.size())); }));
        for (const Record& record : records) EXPECT_TRUE(sink.call([&](Sink& to) { return to.write(record); }));
        EXPECT_TRUE(sink.call([&](Sink& to) { return to.finish({records.size(), records.size()}); }));
    }
    /// A file that it made: "csv" for run.csv.
    std::string output(std::string_view extension) const {
        std::ifstream file(staging_ + "/run." + std::string(extension), std::ios::binary);
        EXPECT_TRUE(file) << extension;
        return {std::istreambuf_iterator<char>(file), {}};
    }
    /// What the sink made of these records, as one text.
    std::string written(std::string_view id, const std::vector<Record>& records, std::string_view options = "{}") {
        feed(id, records, options);
        return output(id);
    }
    /// Why it cannot be created.
    std::string refusal(std::string_view id, std::string_view options) const {
        const auto sink = test::load<Sink>(id, options, taxonomy_);
        EXPECT_FALSE(sink);
        return sink ? std::string() : sink.error().message;
    }

    Taxonomy taxonomy_ = test::small_taxonomy();
    std::string staging_;
};

inline Record record(std::uint64_t index, std::string text, LabelSet labels) {
    Record made;
    made.index = index;
    made.link = "https://synthetic-data-gen.example.com/sample_" + std::to_string(index + 1);
    made.text = std::move(text);
    made.labels = labels;
    return made;
}

inline const std::vector<Record>& two_records() {
    static const std::vector<Record> records = {
        record(0, "A flare of 10⁵¹ erg,\n\"bright\".", test::labels({test::kNovae, test::kXRays})),
        record(2, "Nothing.", test::labels({test::kNone})),
    };
    return records;
}

inline Record full_record() {
    Record made = record(41, "Text.", test::labels({test::kBlackHoles, test::kBinaries}));
    made.title = "A \"title\"";
    made.seed = 18446744073709551615U;
    made.attempt = 2;
    made.provider = "openai";
    made.model = "gpt-small-2026-01-01";
    made.prompt_hash = "0123456789abcdef";
    made.finish = FinishReason::stop;
    made.usage = Usage{.input = {900}, .cached_input = {100}, .cache_write = {0}, .output = {1500}, .reasoning = {7}};
    made.cost = PicoUsd{1'027'500'001};
    made.words = 1;
    made.findings = {{Severity::warning, "too_short", "the text has 1 word", "BH", 1, 60.5, "length"}};
    made.attributes = {{"form", "GCN circular"}};
    made.sent = TimePoint(std::chrono::milliseconds(1'795'428'915'007));
    made.received = made.sent + std::chrono::milliseconds(2'500);
    return made;
}

}  // namespace synth
