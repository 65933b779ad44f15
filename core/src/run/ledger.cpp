#include "run/ledger.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>

#include "base/files.hpp"
#include "run/gathered_writes.hpp"
#include "run/ledger_json.hpp"
#include "run/plan_blocks.hpp"
#include "run/prompt_compression.hpp"
#include "synth/random.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kApplicationId = 0x54534C31;                  // "TSL1"
constexpr const char* kLook = "SELECT count(*) FROM sqlite_schema";  // the least that looks into the file
constexpr std::size_t kCallsPerCommit = 64;
constexpr std::chrono::milliseconds kLinger{20}, kRetryEvery{250};

constexpr const char* kSchema = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE plan(first INTEGER PRIMARY KEY, specs BLOB NOT NULL);
CREATE TABLE call(id INTEGER PRIMARY KEY, sample INTEGER NOT NULL, attempt INTEGER NOT NULL, role TEXT NOT NULL,
  outcome INTEGER NOT NULL, error INTEGER, reason TEXT NOT NULL, message TEXT NOT NULL, model TEXT NOT NULL,
  tier TEXT NOT NULL, finish INTEGER NOT NULL, input INTEGER, cached INTEGER, cache_write INTEGER, output INTEGER,
  reasoning INTEGER, cost INTEGER, reserved INTEGER NOT NULL, words INTEGER NOT NULL, target_words INTEGER NOT NULL,
  sent INTEGER NOT NULL, began INTEGER NOT NULL, ended INTEGER NOT NULL, status INTEGER NOT NULL,
  request_id TEXT NOT NULL, output_limit INTEGER NOT NULL, prompt_hash INTEGER NOT NULL, findings TEXT NOT NULL,
  attributes TEXT NOT NULL);
CREATE INDEX call_by_sample ON call(sample, outcome);
CREATE TABLE content(call INTEGER PRIMARY KEY, prompt BLOB NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE event(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE remedy(endpoint TEXT, model TEXT, kind INTEGER, parameter TEXT, replacement TEXT,
  PRIMARY KEY(endpoint, model, parameter)) WITHOUT ROWID;
CREATE TABLE progress(calls, accepted, rejected, failed, input_tokens, output_tokens, unpriced_calls, spent, reserved,
  exposure, exposure_requests, unaccounted, unaccounted_requests, active_ms, sessions);
INSERT INTO progress VALUES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
)";

constexpr std::string_view kCallColumns =
    "c.sample, c.attempt, c.role, c.outcome, c.error, c.reason, c.message, c.model, c.tier, c.finish, c.input, "
    "c.cached, "
    "c.cache_write, c.output, c.reasoning, c.cost, c.reserved, c.words, c.target_words, c.sent, c.began, c.ended, "
    "c.findings, c.attributes";

std::int64_t to_integer(TimePoint time) { return time.time_since_epoch().count(); }
TimePoint to_time(std::int64_t since_epoch) { return TimePoint(std::chrono::milliseconds(since_epoch)); }

Error damaged(const std::string& what) { return {ErrorCode::io, what + " in the ledger is damaged", kDamaged}; }

/// False when the value is none that there is.
template <class Enum>
bool read_enum(std::int64_t value, Enum last, Enum& into) {
    into = static_cast<Enum>(value);
    return value >= 0 && value <= static_cast<std::int64_t>(last);
}

/// False when a column holds what was never written: a file can be damaged where SQLite does not see it.
bool read_row(const Statement& from, CallRow& row) {
    constexpr std::int64_t kLatest = std::int64_t{1} << 53U;  // a time; differences of two do not overflow
    constexpr std::int64_t kMost32 = std::numeric_limits<std::uint32_t>::max();
    std::array<std::int64_t, 22> number{};
    for (const int column : {0, 1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21}) {
        auto& value = number[static_cast<std::size_t>(column)];
        value = from.integer(column);
        if (value < 0) return false;
    }
    if (number[1] > kMost32 || number[18] > kMost32 || number[20] > kLatest || number[21] > kLatest ||
        !read_enum(from.integer(3), Outcome::held, row.outcome) ||
        !read_enum(from.integer(9), FinishReason::other, row.finish))
        return false;
    row.sample = static_cast<std::uint64_t>(number[0]);
    row.attempt = static_cast<std::uint32_t>(number[1]);
    row.role = from.text(2);
    row.reason = from.text(5);
    row.message = from.text(6);
    row.model = from.text(7);
    row.tier = from.text(8);
    row.usage.reset();
    if (!from.is_null(10)) row.usage = Usage{{number[10]}, {number[11]}, {number[12]}, {number[13]}, {number[14]}};
    row.cost.reset();
    if (!from.is_null(15)) row.cost = PicoUsd{number[15]};
    row.reserved = {number[16]};
    row.words = static_cast<std::uint64_t>(number[17]);
    row.target_words = static_cast<std::uint32_t>(number[18]);
    row.sent = from.integer(19) != 0;
    row.began = to_time(number[20]);
    row.ended = to_time(number[21]);
    parse_findings(from.text(22), row.findings);
    parse_attributes(from.text(23), row.attributes);
    return true;
}

/// Stores what `plan` gives from index `first` on; adds to `digest`. The number of specs.
Result<std::uint64_t> store_plan(Database& database, PlanStream& plan, std::uint64_t first, std::uint64_t most,
                                 PlanDigest& digest) {
    auto insert = database.prepare("INSERT INTO plan(first, specs) VALUES(?, ?)");
    if (!insert) return std::move(insert).error();
    std::vector<SampleSpec> specs(kSpecsPerBlock);
    std::string bytes;
    std::uint64_t stored = 0;
    for (;;) {
        std::size_t filled = 0;
        while (filled < specs.size()) {
            auto got = plan.next(std::span(specs).subspan(filled));
            if (!got) return std::move(got).error();
            if (*got == 0) break;
            filled += *got;
        }
        if (filled == 0) return stored;
        if (stored + filled > most)
            return Error{ErrorCode::internal,
                         "the sampler planned more samples than the " + std::to_string(most) + " asked for", "plan"};
        bytes.clear();
        for (std::size_t i = 0; i < filled; ++i) pack(specs[i], bytes);
        digest.add(bytes);
        std::string packed(ZSTD_compressBound(bytes.size()), '\0');
        packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1));
        insert->bind(1, static_cast<std::int64_t>(first + stored)).bind_blob(2, packed);
        if (auto done = insert->run(); !done) return std::move(done).error();
        stored += filled;
    }
}

}  // namespace

Status write_head(Database& database, const LedgerHead& head) {
    auto put = database.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)");
    if (!put) return std::move(put).error();
    const std::array<std::pair<std::string_view, std::string>, 8> values = {{{"config", head.config_json},
                                                                             {"taxonomy", head.taxonomy_json},
                                                                             {"seed", std::to_string(head.seed)},
                                                                             {"plan_digest", head.plan_digest},
                                                                             {"samples", std::to_string(head.samples)},
                                                                             {"first", std::to_string(head.first)},
                                                                             {"whole", std::to_string(head.whole)},
                                                                             {"dictionary", head.dictionary}}};
    for (const auto& [key, value] : values) {
        put->bind(1, key).bind(2, std::string_view(value));
        if (auto done = put->run(); !done) return done;
    }
    return {};
}

namespace {

/// Gives as many specs as the head promises, or says that the plan is damaged. Holds no row between two calls: an open
/// one would lock the writer out of a rollback journal, and keep a WAL growing.
class StoredPlan : public PlanStream {
public:
    StoredPlan(Database& database, const LedgerHead& head, std::uint64_t first)
        : seed_(head.seed),
          end_(head.first + head.samples),
          labels_(count_labels(head.taxonomy_json)),
          at_(std::max(first, head.first)) {
        auto next = database.prepare(
            "SELECT first, specs FROM plan WHERE first >= coalesce((SELECT max(first) FROM plan WHERE first <= ?1), 0) "
            "AND first > ?2 ORDER BY first LIMIT 1");
        if (next)
            next_block_ = std::move(*next);
        else
            failure_ = std::move(next).error();
        if (!failure_) next_block_.bind(1, static_cast<std::int64_t>(at_)).bind(2, std::int64_t{-1});
    }

    Result<std::size_t> next(std::span<SampleSpec> out) override {
        if (failure_) return *failure_;
        std::size_t filled = 0;
        SampleSpec spec;
        while (filled < out.size() && at_ < end_) {
            if (rest_.empty()) {
                auto more = next_block_.step();
                if (!more) return fail(std::move(more).error());
                const bool whole = *more && read_block();
                next_block_.reset();
                if (!whole) return fail(damaged("the plan"));
                next_block_.bind(2, static_cast<std::int64_t>(block_at_));
            }
            if (!unpack(rest_, spec) || !within(spec, labels_)) return fail(damaged("the plan"));
            const auto index = block_at_++;
            if (index < at_) continue;
            spec.index = index;
            spec.seed = derive_seed(seed_, index);
            out[filled++] = spec;
            at_ = index + 1;
        }
        return filled;
    }

private:
    /// Blocks follow each other without gaps; the first may begin before what is wanted.
    bool read_block() {
        const auto first = static_cast<std::uint64_t>(next_block_.integer(0));
        if (started_ ? first != block_at_ : first > at_) return false;
        const auto packed = next_block_.text(1);
        const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
        constexpr std::size_t kMost = kSpecsPerBlock * (kPackedSpec + kPackedLabel * LabelSet::kCapacity);
        if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMost) return false;
        bytes_.resize(size);
        if (ZSTD_decompress(bytes_.data(), bytes_.size(), packed.data(), packed.size()) != size) return false;
        started_ = true;
        block_at_ = first;
        rest_ = bytes_;
        return true;
    }
    Error fail(Error error) {
        failure_ = error;
        return error;
    }

    Statement next_block_;
    std::optional<Error> failure_;
    std::uint64_t seed_, end_;
    std::size_t labels_;
    std::uint64_t at_, block_at_ = 0;
    std::string bytes_;
    std::string_view rest_;
    bool started_ = false;
};

/// A cursor over a query, with a function that reads one row.
template <class Row>
class QueryCursor : public Cursor<Row> {
public:
    using Read = bool (*)(const Statement&, Row&);  ///< false: damaged
    QueryCursor(Result<Statement> statement, Read read) : statement_(std::move(statement)), read_(read) {}

    Result<bool> next(Row& row) override {
        if (!statement_) return statement_.error();
        auto more = statement_->step();
        if (more && *more && !read_(*statement_, row)) return damaged("a row");
        return more;
    }

private:
    Result<Statement> statement_;
    Read read_;
};

bool read_entry(const Statement& from, CallEntry& entry) {
    if (!read_row(from, entry.row)) return false;
    entry.error.reset();
    if (!from.is_null(4) && !read_enum(from.integer(4), ErrorCode::internal, entry.error.emplace())) return false;
    entry.status = static_cast<int>(from.integer(24));
    entry.request_id = from.text(25);
    entry.output_limit = {from.integer(26)};
    entry.prompt_hash = static_cast<std::uint64_t>(from.integer(27));
    entry.title = from.text(28);
    entry.text = from.text(29);
    return true;
}

std::string entry_query(std::string_view where) {
    return "SELECT " + std::string(kCallColumns) +
           ", c.status, c.request_id, c.output_limit, c.prompt_hash, t.title, t.text "
           "FROM call c JOIN content t ON t.call = c.id " +
           std::string(where);
}

Result<Progress> read_progress(Database& database);

/// Reads accepted calls one by one, so that a page that is damaged costs only what stands on it. Holds 16 bytes a
/// sample.
class SalvageCursor final : public Cursor<CallEntry> {
public:
    SalvageCursor(Database& database, std::uint64_t& lost) : lost_(lost) {
        // The table by row, without the index: either may be damaged.
        auto find = database.prepare("SELECT sample, outcome FROM call NOT INDEXED WHERE id = ?");
        auto read = database.prepare(entry_query("WHERE c.id = ?"));
        if (!find || !read) {
            failure_ = !find ? find.error() : read.error();
            return;
        }
        read_ = std::move(*read);
        const auto last = last_row(database);
        for (std::int64_t id = 1; id <= last; ++id) {
            find->bind(1, id);
            auto row = find->step();
            if (!row) {
                ++lost_;
            } else if (*row) {
                if (find->integer(1) == static_cast<int>(Outcome::accepted)) rows_.emplace_back(find->integer(0), id);
                find->reset();
            }
        }
        std::ranges::sort(rows_);
    }

    Result<bool> next(CallEntry& entry) override {
        if (failure_) return *failure_;
        while (at_ < rows_.size()) {
            read_.bind(1, rows_[at_++].second);
            auto row = read_.step();
            const bool whole = row && *row && read_entry(read_, entry);
            read_.reset();
            if (whole) return true;
            ++lost_;
        }
        return false;
    }

private:
    /// The number of calls, by what can be read of it.
    static std::int64_t last_row(Database& database) {
        if (auto progress = read_progress(database)) return progress->calls;
        for (const char* sql : {"SELECT max(id) FROM call", "SELECT max(call) FROM content"}) {
            auto query = database.prepare(sql);
            if (!query) continue;
            if (auto row = query->step(); row && *row) return query->integer(0);
        }
        return 0;
    }

    std::uint64_t& lost_;
    Statement read_;
    std::optional<Error> failure_;
    std::vector<std::pair<std::int64_t, std::int64_t>> rows_;  ///< sample and row
    std::size_t at_ = 0;
};

Result<Progress> read_progress(Database& database) {
    auto query = database.prepare("SELECT * FROM progress");
    if (!query) return std::move(query).error();
    auto row = query->step();
    if (!row) return std::move(row).error();
    if (!*row) return Error{ErrorCode::io, "the ledger has no progress row, it is damaged", "ledger"};
    for (int column = 0; column < 15; ++column)  // none is negative, and sums of a few do not overflow
        if (query->integer(column) < 0 || query->integer(column) > std::numeric_limits<std::int64_t>::max() / 4)
            return damaged("the progress");
    Progress p;
    p.calls = query->integer(0);
    p.accepted = query->integer(1);
    p.rejected = query->integer(2);
    p.failed = query->integer(3);
    p.input_tokens = query->integer(4);
    p.output_tokens = query->integer(5);
    p.unpriced_calls = query->integer(6);
    p.spent = {query->integer(7)};
    p.reserved = {query->integer(8)};
    p.exposure = {query->integer(9)};
    p.exposure_requests = query->integer(10);
    p.unaccounted = {query->integer(11)};
    p.unaccounted_requests = query->integer(12);
    p.active_ms = query->integer(13);
    p.sessions = query->integer(14);
    return p;
}

}  // namespace

Status make_ledger(const fs::path& file, const std::function<Status(Database&)>& fill) {
    // "run" of run.ledger.sqlite: what a killed run left of its own ledger goes with the rest of that run's leftovers.
    const auto staging = StagingDir::make(file.parent_path(), file.stem().stem().string());
    if (!staging) return staging.error();
    const fs::path temporary = staging->path() / file.filename();
    {
        const FileDescriptor made(
            ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));  // SQLite keeps it so
        if (!made) return io_error("cannot make", file);
    }
    const auto write = [&]() -> Status {
        auto database = Database::open(temporary, Database::Mode::read_write);
        if (!database) return std::move(database).error();
        if (auto done = database->execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA application_id=" +
                                          std::to_string(kApplicationId) + "; PRAGMA user_version=" +
                                          std::to_string(kLedgerVersion) + "; BEGIN;" + kSchema + "COMMIT;");
            !done)
            return done;
        return fill(*database);
    };
    Status made = write();
    if (made) made = sync_path(temporary);
    if (made && ::rename(temporary.c_str(), file.c_str()) != 0) made = io_error("cannot make", file);
    if (made) made = sync_path(file.parent_path());
    return made;
}

Status create_ledger(const fs::path& file, LedgerHead& head, PlanStream& plan) {
    return make_ledger(file, [&](Database& database) -> Status {
        // A plan is written from its beginning to its end: the pages of a large one need not be kept.
        if (auto begun = database.execute("PRAGMA cache_size=-256; BEGIN"); !begun) return begun;
        PlanDigest digest;
        const auto most = head.samples > 0 ? head.samples : std::numeric_limits<std::uint64_t>::max();
        auto stored = store_plan(database, plan, head.first, most, digest);
        if (!stored) return std::move(stored).error();
        head.samples = *stored;
        if (head.whole == 0) head.plan_digest = digest.hexadecimal();
        if (auto done = write_head(database, head); !done) return done;
        return database.execute("COMMIT");
    });
}

// ---------------------------------------------------------------------------------------------------------- reading

Result<LedgerReader> LedgerReader::open(const fs::path& file) {
    std::error_code ignored;
    if (!fs::exists(file, ignored)) return Error{ErrorCode::io, "no ledger at " + file.string(), "ledger"};
    auto database = Database::open(file, Database::Mode::read_only);
    if (!database) return std::move(database).error();
    LedgerReader reader;
    reader.database_ = std::make_unique<Database>(std::move(*database));
    // A commit that was cut short is rolled back first, which takes a connection that may write.
    if (auto looked = reader.database_->execute(kLook); !looked && looked.error().reason == kUnfinishedCommit) {
        auto writable = Database::open(file, Database::Mode::read_write);
        if (!writable || !writable->execute(kLook).ok()) return std::move(looked).error();
    }
    const auto number = [&](const char* sql) -> Result<std::int64_t> {
        auto query = reader.database_->prepare(sql);
        if (!query) return std::move(query).error();
        auto row = query->step();
        if (!row) return std::move(row).error();
        return *row ? query->integer(0) : 0;
    };
    auto id = number("PRAGMA application_id");
    if (!id || *id != kApplicationId)
        return Error{ErrorCode::io,
                     file.string() + " is not a ledger of tdamm-synth" + (id ? "" : ": " + id.error().message),
                     "ledger"};
    auto version = number("PRAGMA user_version");
    if (!version) return std::move(version).error();
    if (*version != kLedgerVersion)
        return Error{ErrorCode::io,
                     file.string() + " is a ledger of version " + std::to_string(*version) +
                         ", this program reads version " + std::to_string(kLedgerVersion),
                     "ledger"};
    // Rows are read nearly in their order: of a large ledger more pages in memory would only be more memory.
    if (auto done = reader.database_->execute("PRAGMA cache_size=-512"); !done) return std::move(done).error();
    // A view can have rows without end, and a virtual table code of its own: a ledger has neither.
    auto strange = number("SELECT count(*) FROM sqlite_master WHERE type NOT IN ('table', 'index') OR rootpage = 0");
    if (!strange) return std::move(strange).error();
    if (*strange != 0)
        return Error{ErrorCode::io, file.string() + " has tables inside that no ledger has, it is damaged", "ledger"};
    auto meta = reader.database_->prepare("SELECT key, value FROM meta");
    if (!meta) return std::move(meta).error();
    for (;;) {
        auto row = meta->step();
        if (!row) return std::move(row).error();
        if (!*row) break;
        const auto key = meta->text(0);
        const std::string value(meta->text(1));
        if (key == "config") reader.head_.config_json = value;
        if (key == "taxonomy") reader.head_.taxonomy_json = value;
        if (key == "seed") reader.head_.seed = std::strtoull(value.c_str(), nullptr, 10);
        if (key == "plan_digest") reader.head_.plan_digest = value;
        if (key == "samples") reader.head_.samples = std::strtoull(value.c_str(), nullptr, 10);
        if (key == "first") reader.head_.first = std::strtoull(value.c_str(), nullptr, 10);
        if (key == "whole") reader.head_.whole = std::strtoull(value.c_str(), nullptr, 10);
        if (key == "dictionary") reader.head_.dictionary = value;
    }
    if (reader.head_.config_json.empty())
        return Error{ErrorCode::io, file.string() + " has no configuration inside, it is damaged", "ledger"};
    // Memory is set aside for that many samples, so the file must be able to hold them.
    auto blocks = number("SELECT count(*) FROM plan");
    if (!blocks) return std::move(blocks).error();
    if (reader.head_.samples > static_cast<std::uint64_t>(*blocks) * kSpecsPerBlock)
        return Error{ErrorCode::io, file.string() + " does not hold the plan that it promises, it is damaged",
                     "ledger"};
    const auto& head = reader.head_;
    if (head.whole == 0 ? head.first != 0 : head.first > head.whole || head.samples > head.whole - head.first)
        return Error{ErrorCode::io, file.string() + " holds a part of a plan that has no such part, it is damaged",
                     "ledger"};
    return reader;
}

const Finding* first_rejection(const std::vector<Finding>& findings) noexcept {
    const auto found = std::ranges::find(findings, Severity::rejection, &Finding::severity);
    return found == findings.end() ? nullptr : &*found;
}

bool reject_if_found(CallRow& row) {
    const Finding* rejection = first_rejection(row.findings);
    if (rejection == nullptr) return false;
    row.outcome = Outcome::rejected;
    row.reason = rejection->code;
    row.message = rejection->message;
    return true;
}

Result<Progress> LedgerReader::progress() { return read_progress(*database_); }

Result<std::vector<LearnedRemedy>> LedgerReader::remedies() {
    auto query = database_->prepare("SELECT endpoint, model, kind, parameter, replacement FROM remedy");
    if (!query) return std::move(query).error();
    std::vector<LearnedRemedy> remedies;
    for (;;) {
        auto row = query->step();
        if (!row) return std::move(row).error();
        if (!*row) return remedies;
        auto& learned = remedies.emplace_back(
            LearnedRemedy{std::string(query->text(0)),
                          std::string(query->text(1)),
                          {Remedy::Kind::omit_parameter, std::string(query->text(3)), std::string(query->text(4))}});
        if (!read_enum(query->integer(2), Remedy::Kind::rename_parameter, learned.remedy.kind))
            return damaged("a remedy");
    }
}

Result<std::vector<Remedy>> LedgerReader::remedies(std::string_view endpoint, std::string_view model) {
    auto learned = remedies();
    if (!learned) return std::move(learned).error();
    std::vector<Remedy> own;
    for (auto& known : *learned)
        if (known.endpoint == endpoint && known.model == model) own.push_back(std::move(known.remedy));
    return own;
}

std::unique_ptr<PlanStream> LedgerReader::plan(std::uint64_t first) {
    return std::make_unique<StoredPlan>(*database_, head_, first);
}

std::unique_ptr<Cursor<CallRow>> LedgerReader::calls() {
    return std::make_unique<QueryCursor<CallRow>>(
        database_->prepare("SELECT " + std::string(kCallColumns) + " FROM call c ORDER BY c.sample, c.id"), &read_row);
}

std::unique_ptr<Cursor<RunEvent>> LedgerReader::events() {
    return std::make_unique<QueryCursor<RunEvent>>(database_->prepare("SELECT at, kind, detail FROM event ORDER BY id"),
                                                   [](const Statement& from, RunEvent& event) {
                                                       event.at = to_time(from.integer(0));
                                                       event.kind = from.text(1);
                                                       event.detail = from.text(2);
                                                       return true;
                                                   });
}

std::unique_ptr<Cursor<CallEntry>> LedgerReader::accepted() {
    return std::make_unique<QueryCursor<CallEntry>>(
        database_->prepare(entry_query("WHERE c.outcome = 0 ORDER BY c.sample")), &read_entry);
}

std::unique_ptr<Cursor<RejectedText>> LedgerReader::rejected() {
    return std::make_unique<QueryCursor<RejectedText>>(
        database_->prepare("SELECT " + std::string(kCallColumns) +
                           ", t.text FROM call c JOIN content t ON t.call = c.id "
                           "WHERE c.outcome = 1 AND c.role = 'write' ORDER BY c.sample, c.id"),
        [](const Statement& from, RejectedText& rejected) {
            if (!read_row(from, rejected.call)) return false;
            rejected.text = from.text(24);
            return true;
        });
}

std::unique_ptr<Cursor<CallEntry>> LedgerReader::salvaged(std::uint64_t& lost) {
    return std::make_unique<SalvageCursor>(*database_, lost);
}

Result<PicoUsd> LedgerReader::spent_by(std::string_view role) {
    auto query = database_->prepare("SELECT coalesce(sum(coalesce(cost, 0) + reserved), 0) FROM call WHERE role = ?");
    if (!query) return std::move(query).error();
    query->bind(1, role);
    auto row = query->step();
    if (!row) return std::move(row).error();
    return PicoUsd{*row ? query->integer(0) : 0};
}

Result<std::vector<CallEntry>> LedgerReader::calls_of(std::uint64_t sample) {
    auto query = database_->prepare(entry_query("WHERE c.sample = ? ORDER BY c.id"));
    if (!query) return std::move(query).error();
    query->bind(1, static_cast<std::int64_t>(sample));
    std::vector<CallEntry> entries;
    for (;;) {
        auto row = query->step();
        if (!row) return std::move(row).error();
        if (!*row) return entries;
        if (!read_entry(*query, entries.emplace_back())) return damaged("a row");
    }
}

Status LedgerReader::each_sample(const std::function<void(std::uint64_t, bool)>& each) {
    auto query = database_->prepare("SELECT sample, min(outcome) FROM call GROUP BY sample ORDER BY sample");
    if (!query) return std::move(query).error();
    for (;;) {
        auto row = query->step();
        if (!row) return std::move(row).error();
        if (!*row) return {};
        each(static_cast<std::uint64_t>(query->integer(0)), query->integer(1) == static_cast<int>(Outcome::accepted));
    }
}

Result<CallSpan> LedgerReader::span() {
    auto query = database_->prepare(
        "SELECT coalesce(min(began), 0), coalesce(max(ended), 0), coalesce(min(sample), 0), "
        "coalesce(max(sample), 0), count(*) FROM call");
    if (!query) return std::move(query).error();
    auto row = query->step();
    if (!row) return std::move(row).error();
    CallSpan span;
    span.began = to_time(query->integer(0));
    span.ended = to_time(query->integer(1));
    span.lowest = static_cast<std::uint64_t>(query->integer(2));
    span.highest = static_cast<std::uint64_t>(query->integer(3));
    span.calls = query->integer(4);
    return span;
}

Result<std::optional<std::uint64_t>> LedgerReader::accepted_twice() {
    auto query =
        database_->prepare("SELECT sample FROM call WHERE outcome = 0 GROUP BY sample HAVING count(*) > 1 LIMIT 1");
    if (!query) return std::move(query).error();
    auto row = query->step();
    if (!row) return std::move(row).error();
    return *row ? std::optional(static_cast<std::uint64_t>(query->integer(0))) : std::nullopt;
}

Result<std::string> LedgerReader::prompt_of(std::uint64_t sample, std::uint32_t attempt) {
    auto query = database_->prepare(
        "SELECT t.prompt FROM call c JOIN content t ON t.call = c.id WHERE c.sample = ? AND c.attempt = ? AND c.role = "
        "'write' "
        "LIMIT 1");
    if (!query) return std::move(query).error();
    query->bind(1, static_cast<std::int64_t>(sample)).bind(2, static_cast<std::int64_t>(attempt));
    auto row = query->step();
    if (!row) return std::move(row).error();
    return *row ? PromptDecompressor(head_.dictionary)(query->text(0)) : std::string{};
}

// ---------------------------------------------------------------------------------------------------------- writing

class LedgerWriter::Impl {
public:
    struct Exposure {
        PicoUsd money;
        std::int64_t requests;
    };
    struct Active {
        std::int64_t milliseconds;
    };
    using Change = std::function<Status(Database&)>;
    using Operation = std::variant<CallEntry, Ruling, RunEvent, LearnedRemedy, Exposure, Active, Change>;
    using Batch = std::vector<Operation>;  // for one commit

    Impl(Database database, std::string dictionary, Progress progress, std::function<void()> durable)
        : database_(std::move(database)),
          compress_(dictionary),
          progress_(progress),
          initial_(progress),
          notify_(std::move(durable)) {}

    Status prepare() {
        const auto get = [this](Statement& into, std::string_view sql) -> Status {
            auto made = database_.prepare(sql);
            if (!made) return std::move(made).error();
            into = std::move(*made);
            return {};
        };
        const std::array<std::pair<Statement*, std::string>, 8> statements = {
            {{&begin_, "BEGIN IMMEDIATE"},
             {&commit_, "COMMIT"},
             {&call_,
              "INSERT INTO call(sample, attempt, role, outcome, error, reason, message, model, tier, finish, input, "
              "cached, "
              "cache_write, output, reasoning, cost, reserved, words, target_words, sent, began, ended, status, "
              "request_id, "
              "output_limit, prompt_hash, findings, attributes) "
              "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
             {&ruling_,
              "UPDATE call SET outcome=?, reason=?, message=?, findings=? WHERE sample=? AND attempt=? AND "
              "role='write' AND outcome=?"},
             {&content_, "INSERT INTO content(call, prompt, title, text) VALUES(?,?,?,?)"},
             {&event_, "INSERT INTO event(at, kind, detail) VALUES(?,?,?)"},
             {&remedy_, "INSERT OR REPLACE INTO remedy VALUES(?,?,?,?,?)"},
             {&update_,
              "UPDATE progress SET calls=?, accepted=?, rejected=?, failed=?, input_tokens=?, output_tokens=?, "
              "unpriced_calls=?, spent=?, reserved=?, exposure=?, exposure_requests=?, unaccounted=?, "
              "unaccounted_requests=?, active_ms=?, sessions=?"}}};
        for (const auto& [statement, sql] : statements)
            if (auto done = get(*statement, sql); !done) return done;
        return {};
    }

    /// A session that did not end cleanly leaves its exposure: it stays charged.
    Status begin_session() {
        progress_.unaccounted += progress_.exposure;
        progress_.unaccounted_requests += progress_.exposure_requests;
        progress_.exposure = {};
        progress_.exposure_requests = 0;
        ++progress_.sessions;
        initial_ = progress_;
        return store_progress(progress_);
    }

    void start() {
        thread_ = std::thread([this] { work(); });
    }

    std::uint64_t push(Operation operation) {
        // What was made in one thread and ends in another keeps both waiting for the allocator's lock: it ends here.
        std::vector<Batch> spent;
        const std::lock_guard lock(mutex_);
        spent.swap(spent_);
        const bool first = queue_.empty();
        if (first || queue_.back().size() == kCallsPerCommit) queue_.emplace_back().reserve(kCallsPerCommit);
        queue_.back().push_back(std::move(operation));
        ++appended_;
        if (first || queue_.back().size() == kCallsPerCommit) work_.notify_one();
        return appended_;
    }

    void ask_exposure(PicoUsd exposure, std::int64_t requests) {
        const std::lock_guard lock(mutex_);
        asked_ = Exposure{exposure, requests};
        exposed_.store(false, std::memory_order_release);
        work_.notify_one();
    }
    [[nodiscard]] bool exposed() const noexcept { return exposed_.load(std::memory_order_acquire); }

    void hurry() {
        const std::lock_guard lock(mutex_);
        if (queue_.empty() || std::exchange(hurried_, true)) return;
        work_.notify_one();
    }

    Status flush() {
        std::unique_lock lock(mutex_);
        ++flushing_;
        work_.notify_one();
        idle_.wait(lock, [this] { return durable_ == appended_ || error_; });
        --flushing_;
        if (error_) return *error_;
        return {};
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            work_.notify_one();
        }
        if (thread_.joinable()) thread_.join();
    }

    Status store_progress(const Progress& p) {
        int at = 0;
        for (const std::int64_t value :
             {p.calls, p.accepted, p.rejected, p.failed, p.input_tokens, p.output_tokens, p.unpriced_calls,
              p.spent.value, p.reserved.value, p.exposure.value, p.exposure_requests, p.unaccounted.value,
              p.unaccounted_requests, p.active_ms, p.sessions})
            update_.bind(++at, value);
        return update_.run();
    }

    Status execute(const char* sql) { return database_.execute(sql); }
    Database& database() { return database_; }

    [[nodiscard]] std::uint64_t durable() const noexcept { return published_.load(std::memory_order_acquire); }
    [[nodiscard]] std::optional<Error> error() const {
        const std::lock_guard lock(mutex_);
        return error_;
    }
    [[nodiscard]] const Progress& initial() const noexcept { return initial_; }

private:
    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            work_.wait(lock, [this] { return !queue_.empty() || asked_ || stopping_; });
            if (queue_.empty() && !asked_) return;
            // A short wait makes one commit of what comes in together; a flush or a full batch ends it.
            work_.wait_for(lock, kLinger,
                           [this] { return full_batch() || flushing_ > 0 || hurried_ || asked_ || stopping_; });
            hurried_ = false;
            const bool last_try = stopping_;
            store_batch(lock);
            if (error_ && last_try) return;
            // A full disk: what could not be stored is kept and tried again until there is room or nobody waits any
            // more.
            if (error_) work_.wait_for(lock, kRetryEvery, [this] { return stopping_; });
        }
    }

    [[nodiscard]] bool full_batch() const {
        return !queue_.empty() && (queue_.size() > 1 || queue_.front().size() == kCallsPerCommit);
    }

    /// Stores a batch of what is queued; one by one where the whole does not fit. Unlocked while it writes.
    void store_batch(std::unique_lock<std::mutex>& lock) {
        Batch batch;
        if (!queue_.empty()) {
            batch = std::move(queue_.front());
            queue_.pop_front();
        }
        auto asked = std::exchange(asked_, std::nullopt);
        lock.unlock();
        std::size_t stored = 0;
        Status committed = commit(batch, asked);
        if (committed) stored = batch.size();
        for (; stored < batch.size(); ++stored)
            if (committed = commit(std::span(batch).subspan(stored, 1), asked); !committed) break;
        lock.lock();
        if (asked && !committed && stored == 0)
            asked_ = asked;
        else if (asked)
            exposed_.store(true, std::memory_order_release);
        durable_ += stored;
        published_.store(durable_, std::memory_order_release);
        error_ = committed ? std::nullopt : std::optional(std::move(committed).error());
        if (stored < batch.size()) {
            Batch left(std::move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(stored)),
                       std::move_iterator(batch.end()));
            queue_.push_front(std::move(left));
        }
        if (!batch.empty()) spent_.push_back(std::move(batch));
        if (durable_ == appended_ || error_) idle_.notify_all();
        lock.unlock();
        notify_();
        lock.lock();
    }

    Status commit(std::span<Operation> batch, const std::optional<Exposure>& asked) {
        Progress after = progress_;
        Status status = begin_.run();
        if (asked) {
            after.exposure = asked->money;
            after.exposure_requests = asked->requests;
        }
        for (auto& operation : batch) {
            if (!status) break;
            status = std::visit([&](auto& item) { return store(item, after); }, operation);
        }
        if (status) status = store_progress(after);
        if (status) status = commit_.run();
        if (status)
            progress_ = after;
        else
            static_cast<void>(database_.execute("ROLLBACK").ok());
        return status;
    }

    Status store(CallEntry& entry, Progress& progress) {
        const CallRow& row = entry.row;
        const auto usage = [&](Tokens Usage::* field) {
            return row.usage ? std::optional((*row.usage.*field).count) : std::nullopt;
        };
        const std::string findings = findings_json(row.findings), attributes = attributes_json(row.attributes);
        call_.bind(1, static_cast<std::int64_t>(row.sample))
            .bind(2, static_cast<std::int64_t>(row.attempt))
            .lend(3, row.role)
            .bind(4, static_cast<std::int64_t>(row.outcome))
            .bind(5, entry.error ? std::optional(static_cast<std::int64_t>(*entry.error)) : std::nullopt)
            .lend(6, row.reason)
            .lend(7, row.message)
            .lend(8, row.model)
            .lend(9, row.tier)
            .bind(10, static_cast<std::int64_t>(row.finish))
            .bind(11, usage(&Usage::input))
            .bind(12, usage(&Usage::cached_input))
            .bind(13, usage(&Usage::cache_write))
            .bind(14, usage(&Usage::output))
            .bind(15, usage(&Usage::reasoning))
            .bind(16, row.cost ? std::optional(row.cost->value) : std::nullopt)
            .bind(17, row.reserved.value)
            .bind(18, static_cast<std::int64_t>(row.words))
            .bind(19, static_cast<std::int64_t>(row.target_words))
            .bind(20, static_cast<std::int64_t>(row.sent))
            .bind(21, to_integer(row.began))
            .bind(22, to_integer(row.ended))
            .bind(23, static_cast<std::int64_t>(entry.status))
            .lend(24, entry.request_id)
            .bind(25, entry.output_limit.count)
            .bind(26, static_cast<std::int64_t>(entry.prompt_hash))
            .lend(27, findings)
            .lend(28, attributes);
        if (auto done = call_.run(); !done) return done;
        content_.bind(1, database_.last_row_id())
            .lend_blob(2, compress_(entry.prompt))
            .lend(3, entry.title)
            .lend(4, entry.text);
        if (auto done = content_.run(); !done) return done;
        if (entry.batch != 0)
            if (auto done = database_.execute("DELETE FROM batch_line WHERE batch = " + std::to_string(entry.batch) +
                                              " AND sample = " + std::to_string(row.sample));
                !done)
                return done;
        ++progress.calls;
        progress.accepted += row.outcome == Outcome::accepted ? 1 : 0;
        progress.rejected += row.outcome == Outcome::rejected ? 1 : 0;
        progress.failed += row.outcome == Outcome::failed ? 1 : 0;
        if (row.usage) {
            progress.input_tokens += row.usage->input.count;
            progress.output_tokens += row.usage->output.count;
        }
        if (row.cost) progress.spent += *row.cost;
        if (!row.cost && is_paid(row.outcome)) ++progress.unpriced_calls;
        progress.reserved += row.reserved;
        return {};
    }
    Status store(Ruling& ruling, Progress& progress) {
        progress.accepted += (ruling.outcome == Outcome::accepted ? 1 : 0) - (ruling.was == Outcome::accepted ? 1 : 0);
        progress.rejected += ruling.outcome == Outcome::rejected ? 1 : 0;
        return ruling_.bind(1, static_cast<std::int64_t>(ruling.outcome))
            .bind(2, std::string_view(ruling.reason))
            .bind(3, std::string_view(ruling.message))
            .bind(4, std::string_view(findings_json(ruling.findings)))
            .bind(5, static_cast<std::int64_t>(ruling.sample))
            .bind(6, static_cast<std::int64_t>(ruling.attempt))
            .bind(7, static_cast<std::int64_t>(ruling.was))
            .run();
    }
    Status store(RunEvent& event, Progress&) {
        return event_.bind(1, to_integer(event.at))
            .bind(2, std::string_view(event.kind))
            .bind(3, std::string_view(event.detail))
            .run();
    }
    Status store(LearnedRemedy& learned, Progress&) {
        return remedy_.bind(1, std::string_view(learned.endpoint))
            .bind(2, std::string_view(learned.model))
            .bind(3, static_cast<std::int64_t>(learned.remedy.kind))
            .bind(4, std::string_view(learned.remedy.parameter))
            .bind(5, std::string_view(learned.remedy.replacement))
            .run();
    }
    static Status store(Exposure& exposure, Progress& progress) {
        progress.exposure = exposure.money;
        progress.exposure_requests = exposure.requests;
        return {};
    }
    Status store(Change& change, Progress&) { return change(database_); }
    Status store(Active& active, Progress& progress) const {
        progress.active_ms = initial_.active_ms + active.milliseconds;
        return {};
    }

    Database database_;
    Statement begin_, commit_, call_, content_, ruling_, event_, remedy_, update_;
    PromptCompressor compress_;
    Progress progress_, initial_;
    std::function<void()> notify_;

    mutable std::mutex mutex_;
    std::condition_variable work_, idle_;
    std::deque<Batch> queue_;   // full but for the last one, and what could not be stored
    std::vector<Batch> spent_;  // stored
    std::uint64_t appended_ = 0, durable_ = 0;
    int flushing_ = 0;
    bool stopping_ = false, hurried_ = false;
    std::optional<Exposure> asked_;
    std::atomic<bool> exposed_{false};
    std::optional<Error> error_;
    std::atomic<std::uint64_t> published_{0};
    std::thread thread_;
};

LedgerWriter::LedgerWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LedgerWriter::~LedgerWriter() { impl_->stop(); }

Result<std::unique_ptr<LedgerWriter>> LedgerWriter::open(const fs::path& file, std::function<void()> durable) {
    auto reader = LedgerReader::open(file);
    if (!reader) return std::move(reader).error();
    auto database = Database::open(file, Database::Mode::read_write, gathering_vfs());
    if (!database) return std::move(database).error();
    const std::string journal = is_network_filesystem(file) ? "DELETE" : "WAL";
    // EXTRA: with a rollback journal a commit is the removal of the journal, and FULL would not sync the folder after
    // it.
    if (auto done = database->execute("PRAGMA synchronous=EXTRA; PRAGMA journal_mode=" + journal); !done)
        return std::move(done).error();
    auto progress = reader->progress();
    if (!progress) return std::move(progress).error();
    auto impl = std::make_unique<Impl>(std::move(*database), reader->head().dictionary, *progress, std::move(durable));
    if (auto done = impl->prepare(); !done) return std::move(done).error();
    if (auto done = impl->begin_session(); !done) return std::move(done).error();
    impl->start();
    return std::unique_ptr<LedgerWriter>(new LedgerWriter(std::move(impl)));
}

Status LedgerWriter::extend(LedgerHead& head, PlanStream* more, std::uint64_t most) {
    auto& database = impl_->database();
    if (auto done = database.execute("BEGIN IMMEDIATE"); !done) return done;
    const auto write = [&]() -> Status {
        if (more != nullptr) {
            PlanDigest digest;
            StoredPlan before(database, head, 0);
            std::vector<SampleSpec> specs(kSpecsPerBlock);
            std::string bytes;
            for (;;) {
                auto got = before.next(specs);
                if (!got) return std::move(got).error();
                if (*got == 0) break;
                bytes.clear();
                for (std::size_t i = 0; i < *got; ++i) pack(specs[i], bytes);
                digest.add(bytes);
            }
            auto stored = store_plan(database, *more, head.samples, most, digest);
            if (!stored) return std::move(stored).error();
            head.samples += *stored;
            head.plan_digest = digest.hexadecimal();
        }
        return write_head(database, head);
    };
    Status written = write();
    if (written) written = database.execute("COMMIT");
    if (!written) static_cast<void>(database.execute("ROLLBACK").ok());
    return written;
}

std::uint64_t LedgerWriter::append(CallEntry entry) { return impl_->push(std::move(entry)); }
std::uint64_t LedgerWriter::append(Ruling ruling) { return impl_->push(std::move(ruling)); }
void LedgerWriter::append(RunEvent event) { impl_->push(std::move(event)); }
void LedgerWriter::append(LearnedRemedy remedy) { impl_->push(std::move(remedy)); }
Status LedgerWriter::set_exposure(PicoUsd exposure, std::int64_t requests) {
    impl_->push(Impl::Exposure{exposure, requests});
    return flush();
}
void LedgerWriter::ask_exposure(PicoUsd exposure, std::int64_t requests) { impl_->ask_exposure(exposure, requests); }
bool LedgerWriter::exposed() const noexcept { return impl_->exposed(); }
Status LedgerWriter::transact(std::function<Status(Database&)> change) {
    impl_->push(std::move(change));
    return flush();
}
void LedgerWriter::set_active(std::int64_t active_ms) { impl_->push(Impl::Active{active_ms}); }
void LedgerWriter::hurry() { impl_->hurry(); }
std::uint64_t LedgerWriter::durable_through() const noexcept { return impl_->durable(); }
std::optional<Error> LedgerWriter::error() const { return impl_->error(); }
Status LedgerWriter::flush() { return impl_->flush(); }
const Progress& LedgerWriter::initial() const noexcept { return impl_->initial(); }

Status LedgerWriter::close() {
    if (auto done = set_exposure({}, 0); !done) return done;
    impl_->stop();
    if (auto done = impl_->execute("PRAGMA wal_checkpoint(TRUNCATE)"); !done) return done;
    // Without WAL it can be read from a folder that cannot be written. Somebody who reads it just now prevents that.
    static_cast<void>(impl_->execute("PRAGMA busy_timeout=0; PRAGMA journal_mode=DELETE").ok());
    return {};
}

}  // namespace synth::core
