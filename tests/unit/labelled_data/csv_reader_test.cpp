// CSV as RFC 4180 has it, and what is none.

#include "common/csv_reader.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/process.hpp"

namespace {

using synth::plugins::CsvReader;
using synth::plugins::FileInput;
using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;

using Records = std::vector<std::vector<std::string>>;

struct Read {
    Records records;
    std::vector<std::uint64_t> lines;
    std::string error;
};

Read read(const std::string& content) {
    const synth::test::TempDir dir;
    synth::test::write_file(dir / "data.csv", content);
    auto input = FileInput::open(dir / "data.csv");
    Read all;
    if (!input) return all.error = input.error().message, all;
    CsvReader csv(*input);
    for (;;) {
        const auto more = csv.next();
        if (!more) return all.error = more.error().message, all;
        if (!*more) return all;
        all.lines.push_back(csv.line());
        auto& record = all.records.emplace_back();
        for (std::size_t i = 0; i < csv.size(); ++i) record.emplace_back(csv[i]);
    }
}

TEST(CsvReader, ReadsPlainAndQuotedFields) {
    EXPECT_THAT(read("a,b\n1,\"x, \"\"y\"\"\nz\"\n,\n").records,
                ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "x, \"y\"\nz"), ElementsAre("", "")));
}

TEST(CsvReader, TakesEitherLineEndAndNoneAtTheEnd) {
    const Records expected = {{"a", "b"}, {"1", "2"}};
    for (const char* content : {"a,b\n1,2", "a,b\r\n1,2\r\n", "a,\"b\"\r\n1,\"2\"\r\n",
                                "\xEF\xBB\xBF"
                                "a,b\n1,2\n"})
        EXPECT_EQ(read(content).records, expected) << content;
    EXPECT_THAT(read("a\r\n\"1\r\n2\"\r\n").records, ElementsAre(ElementsAre("a"), ElementsAre("1\r\n2")));
}

TEST(CsvReader, SkipsEmptyLinesButNotEmptyFields) {
    EXPECT_THAT(read("a\n\n\r\n\"\"\nb\n").records, ElementsAre(ElementsAre("a"), ElementsAre(""), ElementsAre("b")));
    EXPECT_THAT(read("").records, IsEmpty());
}

TEST(CsvReader, KnowsTheLineThatARecordBeginsIn) {
    EXPECT_THAT(read("a\n\n\"1\n2\"\nb\n").lines, ElementsAre(1, 3, 5));
}

TEST(CsvReader, ReadsFieldsThatAreLongerThanAnyBuffer) {
    // Every byte of the pattern stands once at the end of a buffer.
    const std::string pattern = "\"\"x,\r\n";
    for (std::size_t shift = 0; shift < pattern.size(); ++shift) {
        std::string quoted = std::string(shift, '.'), plain = quoted;
        for (int i = 0; i < 60'000; ++i) {
            quoted += pattern;
            plain += "\"x,\r\n";
        }
        const Read got = read("a,b\r\n\"" + quoted + "\",1\r\n");
        ASSERT_EQ(got.records.size(), 2U);
        EXPECT_THAT(got.records[1], ElementsAre(plain, "1"));
    }
}

TEST(CsvReader, SaysWhereItIsNotCsv) {
    EXPECT_THAT(read("a\n1\n\"x\ny").error, EndsWith("data.csv:3: a quoted field has no end"));
    EXPECT_THAT(read("a\n\"x\"y\n").error,
                EndsWith("data.csv:2: text after the closing quote of a field: double quotes inside it"));
    EXPECT_THAT(read("a\nx\"y\"\n").error,
                EndsWith("data.csv:2: a quote inside a field: quote the whole field and double the quote"));
}

TEST(CsvReader, SaysWhichFileCannotBeRead) {
    EXPECT_EQ(FileInput::open("/no/such.csv").error().message, "cannot read '/no/such.csv': No such file or directory");
    EXPECT_EQ(FileInput::open("/").error().message, "cannot read '/': Is a directory");
}

}  // namespace
