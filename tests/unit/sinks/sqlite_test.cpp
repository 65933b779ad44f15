#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "run/sqlite.hpp"
#include "unit/sinks/sink_test.hpp"

namespace synth {
namespace {

using testing::ElementsAre;

class SqliteSinkTest : public SinkTest {
protected:
    /// Rows of one text each: columns joined by '|', nothing where null.
    std::vector<std::string> query(const std::string& sql, int columns) const {
        std::vector<std::string> rows;
        auto database = core::Database::open(staging_ + "/run.sqlite", core::Database::Mode::read_only);
        if (!database) throw std::runtime_error(database.error().message);
        auto statement = database->prepare(sql);
        if (!statement) throw std::runtime_error(statement.error().message);
        for (;;) {
            const auto more = statement->step();
            if (!more) throw std::runtime_error(more.error().message);
            if (!*more) return rows;
            std::string& row = rows.emplace_back();
            for (int i = 0; i < columns; ++i) row += (i > 0 ? "|" : "") + std::string(statement->text(i));
        }
    }
};

TEST_F(SqliteSinkTest, HoldsDocumentsAndTheirLabels) {
    feed("sqlite", two_records());
    EXPECT_THAT(query("SELECT id, link, full_text FROM documents ORDER BY id", 3),
                ElementsAre("1|https://synthetic-data-gen.example.com/sample_1|A flare of 10⁵¹ erg,\n\"bright\".",
                            "3|https://synthetic-data-gen.example.com/sample_3|Nothing."));
    EXPECT_THAT(
        query("SELECT d.id, l.name FROM documents d JOIN document_labels ON document_id = d.id JOIN labels l ON "
              "l.id = label_id ORDER BY d.id, l.id",
              2),
        ElementsAre("1|X-rays", "1|Novæ", "3|Non-TDAMM"));
    EXPECT_THAT(query("SELECT id, code, name, label_group, negative FROM labels ORDER BY id", 5),
                ElementsAre("0|X|X-rays|Objects|0", "1|BH|Black Holes|Objects|0", "2|BBH|Binary Black Holes|Objects|0",
                            "3|N|Novæ|Objects|0", "4|NO|Non-TDAMM|Objects|1"));
    EXPECT_THAT(query("SELECT value FROM dataset WHERE key IN ('documents', 'name', 'taxonomy') ORDER BY key", 1),
                ElementsAre("2", "run", "small"));
    EXPECT_THAT(query("PRAGMA integrity_check", 1), ElementsAre("ok"));
    EXPECT_THAT(query("PRAGMA foreign_key_check", 1), ElementsAre());
}

TEST_F(SqliteSinkTest, LeavesOneFileAndFindsByLabelWithAnIndex) {
    feed("sqlite", two_records());
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(staging_), {}), 1);
    EXPECT_THAT(query("EXPLAIN QUERY PLAN SELECT document_id FROM document_labels WHERE label_id = 1", 4),
                ElementsAre(testing::HasSubstr("document_labels_by_label")));
}

TEST_F(SqliteSinkTest, HoldsMetadata) {
    feed("sqlite", {full_record(), record(0, "x", {})});
    EXPECT_THAT(
        query("SELECT d.title, m.provider, model, prompt_hash, seed, attempt, finish_reason, input_tokens, "
              "cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_usd, words, "
              "json_extract(findings, '$[0].code'), sent, received FROM metadata m JOIN documents d ON d.id = "
              "document_id WHERE d.id = 42",
              17),
        ElementsAre("A \"title\"|openai|gpt-small-2026-01-01|0123456789abcdef|18446744073709551615|2|stop|900|"
                    "100|0|1500|7|0.001027500001|1|too_short|2026-11-23T10:15:15.007Z|2026-11-23T10:15:17.507Z"));
    EXPECT_THAT(
        query("SELECT count(*) FROM metadata WHERE document_id = 1 AND model IS NULL AND prompt_hash IS NULL AND "
              "input_tokens IS NULL AND cost_usd IS NULL AND sent IS NULL",
              1),
        ElementsAre("1"))
        << "what is not known is null";
}

TEST_F(SqliteSinkTest, TextIsUtf8WithoutNul) {
    feed("sqlite", {record(0, std::string("a\xFF\xC3z\0\r\n", 7), {})});
    EXPECT_THAT(query("SELECT full_text FROM documents", 1), ElementsAre("a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\r\n"));
}

TEST_F(SqliteSinkTest, SaysWhatAProfileDropped) {
    taxonomy_ = test::taxonomy("cosmos");
    const auto microwave = taxonomy_.find("MMA_M_EM_M").value();
    feed("sqlite", {record(0, "x", test::labels({microwave})), record(1, "y", test::labels({0, microwave}))},
         R"({"profile": "tdamm36"})");
    EXPECT_THAT(query("SELECT value FROM dataset WHERE key IN ('documents', 'labels_mapped') ORDER BY key", 1),
                ElementsAre("1",
                            "tdamm36 lacks 'Messenger/EM Radiation/Microwave' (2 records, dropped); left out, having "
                            "no other label: 1 record"));
}

TEST_F(SqliteSinkTest, AFolderThatIsNotThereIsAnErrorOfTheDisk) {
    SinkContext nowhere = context();
    nowhere.staging_dir += "/nowhere";
    const auto opened = load("sqlite").call([&](Sink& to) { return to.open(nowhere); });
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::io);
    EXPECT_THAT(opened.error().message, testing::HasSubstr("cannot open " + nowhere.staging_dir + "/run.sqlite"));
}

}  // namespace
}  // namespace synth
