#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "unit/sinks/sink_test.hpp"

namespace synth {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kLink = "https://synthetic-data-gen.example.com/sample_";

TEST_F(SinkTest, CsvQuotesAndKeepsLineEnds) {
    EXPECT_EQ(written("csv", {record(0, "A \"flare\", of 10⁵¹ erg\r\nand\nmore\rof \\ it", test::labels({0, 3})),
                              record(2, "", test::labels({test::kNone}))}),
              "link,full_text,labels\n" + std::string(kLink) +
                  "1,\"A \"\"flare\"\", of 10⁵¹ erg\r\nand\nmore\rof \\ it\",X-rays|Novæ\n" + std::string(kLink) +
                  "3,\"\",Non-TDAMM\n");
}

TEST_F(SinkTest, CsvEndsRowsAsAsked) {
    const std::string text = written("csv", {record(0, "a\nb", {})}, R"({"crlf": true, "label_separator": "; "})");
    EXPECT_EQ(text, "link,full_text,labels\r\n" + std::string(kLink) + "1,\"a\nb\",\r\n");
    EXPECT_EQ(written("csv", {}), "link,full_text,labels\n");
}

TEST_F(SinkTest, CsvIsUtf8WithoutNul) {
    EXPECT_EQ(written("csv", {record(0, std::string("a\xFF\xC3z\0é\x01", 8), {})}),
              "link,full_text,labels\n" + std::string(kLink) + "1,\"a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBDé\x01\",\n");
}

TEST_F(SinkTest, CsvQuotesLabelsThatNeedIt) {
    taxonomy_.labels[test::kXRays].name = "X-rays, \"hard\"";
    EXPECT_THAT(written("csv", {record(0, "x", test::labels({0, 1}))}),
                testing::EndsWith("\"x\",\"X-rays, \"\"hard\"\"|Black Holes\"\n"));
}

TEST_F(SinkTest, CsvRefusesASeparatorThatALabelContains) {
    EXPECT_EQ(refusal("csv", R"({"label_separator": "-"})"),
              "sink csv: option 'label_separator': '-' is in the label 'X-rays'; choose another");
    EXPECT_EQ(refusal("csv", R"({"label_separator": ""})"), "sink csv: option 'label_separator': is empty");
}

TEST_F(SinkTest, CsvHasMetadataInColumns) {
    const std::string head =
        "link,full_text,labels,title,id,label_codes,provider,model,prompt_hash,seed,attempt,finish_reason,input_tokens,"
        "cached_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost_usd,words,findings,attributes,sent,"
        "received\n";
    const std::string text = written("csv", {full_record(), record(0, "x", {})}, R"({"metadata": true})");
    EXPECT_EQ(text,
              head + std::string(kLink) +
                  "42,\"Text.\",Black Holes|Binary Black Holes,\"A \"\"title\"\"\",42,BH|BBH,openai,"
                  "gpt-small-2026-01-01,0123456789abcdef,18446744073709551615,2,stop,900,100,0,1500,7,0.001027500001,1,"
                  "\"[{\"\"severity\"\": \"\"warning\"\", \"\"code\"\": \"\"too_short\"\", \"\"message\"\": "
                  "\"\"the text has 1 word\"\", \"\"validator\"\": \"\"length\"\", \"\"label\"\": \"\"BH\"\", "
                  "\"\"value\"\": 1, "
                  "\"\"limit\"\": 60.5}]\",\"[{\"\"name\"\": \"\"form\"\", \"\"value\"\": \"\"GCN "
                  "circular\"\"}]\",2026-11-23T10:15:15.007Z,2026-11-23T10:15:17.507Z\n" +
                  std::string(kLink) + "1,\"x\",,,1,,,,,0,1,unknown,,,,,,,0,[],[],,\n");
}

TEST_F(SinkTest, MultiHotHasAColumnAClass) {
    feed("multihot", two_records());
    EXPECT_EQ(output("multihot.csv"),
              "id,text,X-rays,Black Holes,Binary Black Holes,Novæ,Non-TDAMM\n"
              "1,\"A flare of 10⁵¹ erg,\n\"\"bright\"\".\",1,0,0,1,0\n"
              "3,\"Nothing.\",0,0,0,0,1\n");
    EXPECT_EQ(output("multihot.classes.json"),
              R"({"taxonomy": "small", "negative": "Non-TDAMM", "classes": [{"code": "X", "name": "X-rays"}, )"
              R"({"code": "BH", "name": "Black Holes"}, {"code": "BBH", "name": "Binary Black Holes"}, )"
              R"({"code": "N", "name": "Novæ"}, {"code": "NO", "name": "Non-TDAMM"}]})"
              "\n");
}

TEST_F(SinkTest, MultiHotRefusesAClassNamedAsAColumn) {
    taxonomy_.labels[0].name = "text";
    EXPECT_THAT(refusal("multihot", "{}"), HasSubstr("a label is named 'text'"));
}

TEST_F(SinkTest, MultiHotColumnsFollowTheProfile) {
    taxonomy_ = test::taxonomy("tdamm40");
    const auto id = [&](const char* name) { return taxonomy_.find(name).value(); };
    feed("multihot",
         {record(0, "a", test::labels({id("Pulsars"), id("Microwave")})),
          record(1, "b", test::labels({id("Microwave")})), record(2, "c", test::labels({*taxonomy_.negative}))},
         R"({"profile": "tdamm36"})");
    std::string zeros;
    for (int i = 0; i < 36; ++i) zeros += ",0";
    const auto row = [&](std::string head, std::size_t at) {
        std::string cells = zeros;
        cells[2 * at + 1] = '1';
        return head + cells + "\n";
    };
    const auto& published = test::taxonomy("tdamm36");
    std::string expected = "id,text";
    for (const Label& label : published.labels) expected += "," + label.name;
    expected += "\n" + row("1,\"a\"", published.find("MMA_O_N_P").value()) + row("3,\"c\"", 35);
    EXPECT_EQ(output("multihot.csv"), expected) << "a record of which nothing is left is left out";
}

TEST_F(SinkTest, EverySinkSpellsLabelsByProfile) {
    taxonomy_ = test::taxonomy("tdamm40");
    const std::vector<Record> records = {record(0, "a", test::labels({taxonomy_.find("SuperNovae").value()}))};
    for (const std::string id : {"json", "jsonl", "csv"})
        EXPECT_THAT(written(id, records, R"({"profile": "cosmos"})"), HasSubstr("Signals/Supernovae")) << id;
    for (const std::string id : {"json", "jsonl", "csv", "huggingface", "multihot", "sqlite"})
        EXPECT_TRUE(test::load<Sink>(id, R"({"profile": "tdamm36"})", taxonomy_)) << id;
}

}  // namespace
}  // namespace synth
