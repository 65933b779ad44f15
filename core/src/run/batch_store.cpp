#include "run/batch_store.hpp"

#include <memory>
#include <random>

#include "base/format.hpp"

namespace synth::core {

namespace {

// Only ledgers with batches have these.
constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS batch(id INTEGER PRIMARY KEY, tag TEXT NOT NULL, state INTEGER NOT NULL, file TEXT NOT NULL,
  server TEXT NOT NULL, submitted INTEGER NOT NULL, lines INTEGER NOT NULL, tokens INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batch_line(batch INTEGER NOT NULL, sample INTEGER NOT NULL, attempt INTEGER NOT NULL,
  bound INTEGER NOT NULL, PRIMARY KEY(batch, sample)) WITHOUT ROWID;
)";

Result<bool> has_tables(LedgerReader& reader) {
    auto query = reader.database().prepare("SELECT count(*) FROM sqlite_master WHERE name IN ('batch', 'batch_line')");
    if (!query) return std::move(query).error();
    auto row = query->step();
    if (!row) return std::move(row).error();
    return query->integer(0) == 2;
}

Error damaged() { return {ErrorCode::io, "the batches in the ledger are damaged", kDamaged}; }

}  // namespace

Result<std::vector<StoredBatch>> open_batches(LedgerReader& reader) {
    auto there = has_tables(reader);
    if (!there) return std::move(there).error();
    std::vector<StoredBatch> batches;
    if (!*there) return batches;
    auto query = reader.database().prepare(
        "SELECT b.id, b.tag, b.state, b.file, b.server, b.submitted, b.lines, b.tokens, count(l.sample), "
        "coalesce(sum(l.bound), 0) "
        "FROM batch b LEFT JOIN batch_line l ON l.batch = b.id WHERE b.state < 3 GROUP BY b.id ORDER BY b.id");
    if (!query) return std::move(query).error();
    for (;;) {
        auto row = query->step();
        if (!row) return std::move(row).error();
        if (!*row) return batches;
        for (const int column : {0, 2, 5, 6, 7, 8, 9})
            if (query->integer(column) < 0) return damaged();
        auto& batch = batches.emplace_back();
        batch.id = query->integer(0);
        batch.tag = query->text(1);
        batch.state = static_cast<StoredBatch::State>(query->integer(2));
        batch.file = query->text(3);
        batch.server = query->text(4);
        batch.submitted = TimePoint(std::chrono::milliseconds(query->integer(5)));
        batch.lines = static_cast<std::uint64_t>(query->integer(6));
        batch.tokens = query->integer(7);
        batch.open = static_cast<std::uint64_t>(query->integer(8));
        batch.bound = {query->integer(9)};
    }
}

Result<std::vector<BatchLine>> open_lines(LedgerReader& reader, std::int64_t batch) {
    auto query =
        reader.database().prepare("SELECT sample, attempt, bound FROM batch_line WHERE batch = ? ORDER BY sample");
    if (!query) return std::move(query).error();
    query->bind(1, batch);
    std::vector<BatchLine> lines;
    const auto& head = reader.head();
    for (;;) {
        auto row = query->step();
        if (!row) return std::move(row).error();
        if (!*row) return lines;
        const auto sample = static_cast<std::uint64_t>(query->integer(0));
        if (sample < head.first || sample - head.first >= head.samples || query->integer(2) < 0) return damaged();
        lines.push_back({sample, static_cast<std::uint32_t>(query->integer(1)), {query->integer(2)}});
    }
}

Result<std::string> sample_states(LedgerReader& reader) {
    const auto& head = reader.head();
    std::string states(head.samples, 'u');
    auto query = reader.database().prepare(
        "SELECT sample, min(outcome), max(outcome = " + std::to_string(static_cast<int>(Outcome::held)) +
        ") FROM call GROUP BY sample");
    if (!query) return std::move(query).error();
    for (;;) {
        auto row = query->step();
        if (!row) return std::move(row).error();
        if (!*row) return states;
        const auto sample = static_cast<std::uint64_t>(query->integer(0));
        if (sample < head.first || sample - head.first >= head.samples) continue;
        states[sample - head.first] = query->integer(1) == static_cast<int>(Outcome::accepted) ? 'a'
                                      : query->integer(2) != 0                                 ? 'h'
                                                                                               : 'b';
    }
}

Result<std::string> batch_run_id(LedgerReader& reader, LedgerWriter& writer) {
    {
        auto query = reader.database().prepare("SELECT value FROM meta WHERE key = 'batch_run'");
        if (!query) return std::move(query).error();
        auto row = query->step();
        if (!row) return std::move(row).error();
        if (*row) return std::string(query->text(0));
    }
    std::random_device device;
    const auto id = hex64(std::uint64_t{device()} << 32U | device());
    auto stored = writer.transact([id](Database& database) -> Status {
        auto put = database.prepare("INSERT INTO meta(key, value) VALUES('batch_run', ?)");
        if (!put) return std::move(put).error();
        return put->bind(1, std::string_view(id)).run();
    });
    if (!stored) return std::move(stored).error();
    return id;
}

Status store_intent(LedgerWriter& writer, const std::string& run_id, StoredBatch& batch,
                    const std::vector<BatchLine>& lines) {
    auto made = std::make_shared<StoredBatch>(batch);  // filled in by the writer's thread
    auto stored =
        writer.transact([made, lines, run_id](Database& database) -> Status {  // by value: it may be tried again later
            if (auto done = database.execute(kTables); !done) return done;
            auto last = database.prepare("SELECT coalesce(max(id), 0) FROM batch");
            if (!last) return std::move(last).error();
            auto row = last->step();
            if (!row) return std::move(row).error();
            made->id = last->integer(0) + 1;
            made->tag = run_id + "-" + std::to_string(made->id);
            last->reset();
            auto put = database.prepare(
                "INSERT INTO batch(id, tag, state, file, server, submitted, lines, tokens) VALUES(?,?,0,'','',0,?,?)");
            if (!put) return std::move(put).error();
            put->bind(1, made->id)
                .bind(2, std::string_view(made->tag))
                .bind(3, static_cast<std::int64_t>(lines.size()))
                .bind(4, made->tokens);
            if (auto done = put->run(); !done) return done;
            auto line = database.prepare("INSERT INTO batch_line(batch, sample, attempt, bound) VALUES(?,?,?,?)");
            if (!line) return std::move(line).error();
            for (const auto& one : lines) {
                line->bind(1, made->id)
                    .bind(2, static_cast<std::int64_t>(one.sample))
                    .bind(3, static_cast<std::int64_t>(one.attempt))
                    .bind(4, one.bound.value);
                if (auto done = line->run(); !done) return done;
            }
            return {};
        });
    batch = *made;
    return stored;
}

Status store_state(LedgerWriter& writer, const StoredBatch& batch) {
    return writer.transact([batch](Database& database) -> Status {
        auto put = database.prepare("UPDATE batch SET state = ?, file = ?, server = ?, submitted = ? WHERE id = ?");
        if (!put) return std::move(put).error();
        return put->bind(1, static_cast<std::int64_t>(batch.state))
            .bind(2, std::string_view(batch.file))
            .bind(3, std::string_view(batch.server))
            .bind(4, batch.submitted.time_since_epoch().count())
            .bind(5, batch.id)
            .run();
    });
}

Status store_collected(LedgerWriter& writer, std::int64_t batch) {
    return writer.transact([batch](Database& database) {
        const auto id = std::to_string(batch);
        return database.execute("DELETE FROM batch_line WHERE batch = " + id +
                                "; UPDATE batch SET state = 3 WHERE id = " + id);
    });
}

}  // namespace synth::core
