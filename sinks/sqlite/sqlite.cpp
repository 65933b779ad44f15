// A database: documents, labels, which document carries which label, where each document came from, and what the whole
// is. Written in one transaction without a journal: what fails half way is thrown away with the staging folder, and the
// core syncs the file before it gets its name.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/buffered_file.hpp"
#include "common/label_profile.hpp"
#include "common/options.hpp"
#include "common/record_json.hpp"
#include "common/utf8.hpp"
#include "run/sqlite.hpp"
#include "synth/plugin.hpp"
#include "synth/sink.hpp"

namespace synth::sinks {
namespace {

constexpr const char* kOptions = R"({"type": "object", "properties": {)" SYNTH_SINK_PROFILE_OPTION "}}";

constexpr const char* kTables = R"(
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    BEGIN;
    CREATE TABLE dataset (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
    CREATE TABLE labels (
        id INTEGER PRIMARY KEY,  -- in taxonomy order, from 0
        code TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        label_group TEXT NOT NULL,
        meaning TEXT NOT NULL,
        negative INTEGER NOT NULL  -- 1: none of the others
    );
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,  -- the number in the link
        link TEXT NOT NULL,
        title TEXT NOT NULL,
        full_text TEXT NOT NULL
    );
    CREATE TABLE document_labels (
        document_id INTEGER NOT NULL REFERENCES documents(id),
        label_id INTEGER NOT NULL REFERENCES labels(id),
        PRIMARY KEY (document_id, label_id)
    ) WITHOUT ROWID;
)";

constexpr const char* kIndexes = R"(
    CREATE UNIQUE INDEX documents_by_link ON documents(link);
    CREATE INDEX document_labels_by_label ON document_labels(label_id, document_id);
)";

constexpr const char* type_of(const std::optional<std::string_view>&) { return " TEXT"; }
constexpr const char* type_of(const std::optional<std::int64_t>&) { return " INTEGER"; }
constexpr const char* type_of(const std::optional<PicoUsd>&) { return " REAL"; }

class SqliteSink final : public Sink {
public:
    static Result<std::unique_ptr<Sink>> create(Host& host, std::string_view options_json) {
        const plugins::Options given(options_json);
        auto profile = LabelProfile::make(given.text("profile"), host.taxonomy());
        if (!profile) return std::move(profile).error();
        return std::unique_ptr<Sink>(new SqliteSink(host, *std::move(profile)));
    }

    Status open(const SinkContext& context) override {
        name_ = context.stem;
        auto database = core::Database::open(staged(context, ".sqlite"), core::Database::Mode::create);
        if (!database) return std::move(database).error();
        database_ = *std::move(database);
        if (Status made = database_.execute(kTables); !made) return made;
        std::string columns = "document_id INTEGER PRIMARY KEY REFERENCES documents(id)", places = "?";
        each_metadata(Record(), [&](std::string_view name, const auto& value) {
            ((columns += ", ") += name) += type_of(value);
            places += ",?";
        });
        if (Status made = database_.execute("CREATE TABLE metadata (" + columns + ")"); !made) return made;
        for (const auto& [statement, sql] :
             {std::pair(&document_, std::string("INSERT INTO documents VALUES (?,?,?,?)")),
              std::pair(&label_, std::string("INSERT INTO document_labels VALUES (?,?)")),
              std::pair(&metadata_, "INSERT INTO metadata VALUES (" + places + ")")}) {
            auto prepared = database_.prepare(sql);
            if (!prepared) return std::move(prepared).error();
            *statement = *std::move(prepared);
        }
        return write_labels();
    }

    Status write(const Record& record) override {
        const auto labels = profile_.map(record.labels);
        if (!labels) return {};
        const auto id = static_cast<std::int64_t>(record.index) + 1;
        document_.bind(1, id).bind(2, record.link);
        document_.bind(3, text_of(record.title)).bind(4, text_of(record.text));
        if (Status inserted = document_.run(); !inserted) return inserted;
        for (const LabelId label : *labels)
            if (Status inserted = label_.bind(1, id).bind(2, std::int64_t{label}).run(); !inserted) return inserted;
        metadata_.bind(1, id);
        int at = 1;
        each_metadata(record, [&](std::string_view, const auto& value) {
            ++at;
            if (value)
                bind(at, *value);
            else
                metadata_.bind_null(at);
        });
        ++records_;
        return metadata_.run();
    }

    Status finish(const RunSummary& summary) override {
        const std::string account = profile_.account();
        auto insert = database_.prepare("INSERT INTO dataset VALUES (?,?)");
        if (!insert) return std::move(insert).error();
        for (const auto& [key, value] :
             {std::pair("name", name_), std::pair("made_by", std::string("tdamm-synth " TDAMM_SYNTH_VERSION)),
              std::pair("synthetic", std::string("yes")), std::pair("taxonomy", profile_.name()),
              std::pair("documents", std::to_string(records_)), std::pair("planned", std::to_string(summary.samples)),
              std::pair("labels_mapped", account)})
            if (Status inserted = insert->bind(1, std::string_view(key)).bind(2, std::string_view(value)).run();
                !inserted)
                return inserted;
        if (Status indexed = database_.execute(kIndexes); !indexed) return indexed;
        if (Status committed = database_.execute("COMMIT"); !committed) return committed;
        // Closed when the last statement is gone, `insert` at the end of this call.
        for (core::Statement* one : {&document_, &label_, &metadata_}) *one = core::Statement();
        database_ = core::Database();
        profile_.report(host_);
        return {};
    }

private:
    SqliteSink(Host& host, LabelProfile profile) : host_(host), profile_(std::move(profile)) {}

    Status write_labels() {
        auto insert = database_.prepare("INSERT INTO labels VALUES (?,?,?,?,?,?)");
        if (!insert) return std::move(insert).error();
        for (std::size_t i = 0; i < profile_.labels().size(); ++i) {
            const ExportedLabel& label = profile_.labels()[i];
            insert->bind(1, static_cast<std::int64_t>(i)).bind(2, label.code).bind(3, label.name).bind(4, label.group);
            insert->bind(5, label.meaning).bind(6, std::int64_t{profile_.negative() == static_cast<LabelId>(i)});
            if (Status inserted = insert->run(); !inserted) return inserted;
        }
        return {};
    }

    /// As SQLite has text; borrowed until the next call.
    std::string_view text_of(std::string_view text) {
        text_.clear();
        plugins::append_text(text_, text);
        return text_;
    }
    void bind(int at, std::string_view text) { metadata_.bind(at, text_of(text)); }
    void bind(int at, std::int64_t number) { metadata_.bind(at, number); }
    void bind(int at, PicoUsd amount) { metadata_.bind_real(at, amount.usd()); }

    Host& host_;
    LabelProfile profile_;
    std::string name_, text_;
    std::uint64_t records_ = 0;
    core::Database database_;
    core::Statement document_, label_, metadata_;
};

}  // namespace
}  // namespace synth::sinks

SYNTH_PLUGIN(synth::Sink, synth::sinks::SqliteSink, "sqlite", "0.1.0",
             "an SQLite database: documents, labels, document_labels, metadata", synth::sinks::kOptions);
