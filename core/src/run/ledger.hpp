// The ledger: one SQLite file a run, and the only truth about it. Configuration, taxonomy and plan are inside before it
// has its name; every call, event and learned remedy is a row. `resume`, `status`, `export` and `report` read nothing
// else.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "run/sqlite.hpp"
#include "synth/reporter.hpp"
#include "synth/sampler.hpp"

namespace synth::core {

inline constexpr int kLedgerVersion = 4;

/// A call with all that is kept of it.
struct CallEntry {
    CallRow row;
    std::optional<ErrorCode> error;  ///< of the call or of `extract`
    int status = 0;                  ///< HTTP; 0: no response
    std::string request_id;
    Tokens output_limit;
    std::uint64_t prompt_hash = 0;
    std::string prompt;      ///< the messages, as text; compressed in the file
    std::string title;       ///< of an accepted draft
    std::int64_t batch = 0;  ///< whose line this answers, which is then open no longer; 0: none
    std::string text;        ///< the accepted draft; else the completion, else the raw body of an unusable answer
};

/// An answer that is charged for, whatever became of it.
[[nodiscard]] constexpr bool is_paid(Outcome outcome) noexcept {
    return outcome == Outcome::accepted || outcome == Outcome::rejected || outcome == Outcome::held ||
           outcome == Outcome::answered;
}

/// Null: nothing rejects.
[[nodiscard]] const Finding* first_rejection(const std::vector<Finding>& findings) noexcept;

/// Makes it a rejected call, with reason and message, when one of its findings rejects; whether one does.
bool reject_if_found(CallRow& row);

/// The end of a call that was `held`: accepted or rejected after all; or of one that was accepted, by what looks at
/// shards together.
struct Ruling {
    std::uint64_t sample = 0;
    std::uint32_t attempt = 1;
    Outcome outcome = Outcome::accepted;
    std::string reason, message;    ///< of a rejection
    std::vector<Finding> findings;  ///< all of the text's, in place of those it was held with
    Outcome was = Outcome::held;
};

/// Counters that are kept up to date with every commit, so that nobody has to count rows.
struct Progress {
    std::int64_t calls = 0, accepted = 0, rejected = 0, failed = 0;
    std::int64_t input_tokens = 0, output_tokens = 0;
    std::int64_t unpriced_calls = 0;  ///< answered, cost unknown
    PicoUsd spent;                    ///< known costs
    PicoUsd reserved;                 ///< charged for requests that were sent and never answered
    PicoUsd exposure;                 ///< at most this much may be in flight or received and not yet durable
    std::int64_t exposure_requests = 0;
    PicoUsd unaccounted;  ///< exposure of sessions that were killed: stays charged
    std::int64_t unaccounted_requests = 0;
    std::int64_t active_ms = 0;  ///< first send to last answer, summed over sessions
    std::int64_t sessions = 0;
};

struct LearnedRemedy {
    std::string endpoint, model;
    Remedy remedy;
};

/// What stands in a ledger when it gets its name.
struct LedgerHead {
    std::string config_json, taxonomy_json;
    std::uint64_t seed = 0;     ///< of the run: SampleSpec::seed follows from it and the index
    std::string plan_digest;    ///< SHA-256 of the plan, hexadecimal; filled in by `create_ledger` and `extend_plan`
    std::uint64_t samples = 0;  ///< planned here; before that: asked for, 0: not said
    std::uint64_t first = 0;    ///< index of the first of them: above 0 in a shard's ledger
    std::uint64_t whole = 0;    ///< a shard's ledger: samples of the whole plan, whose digest `plan_digest` is; else 0
    std::string dictionary;     ///< typical prompts, for compressing the others
};

/// Writes plan and head in a StagingDir, syncs and renames to `file` (NAME.ledger.sqlite), which the caller has locked
/// and found free. Fills in digest and number of samples. A plan of more than were asked for is an internal error. With
/// `whole` set, `plan` is the slice from `first` on, and the digest stays as it is.
Status create_ledger(const std::filesystem::path& file, LedgerHead& head, PlanStream& plan);

/// Makes a ledger with empty tables, which `fill` gets outside of a transaction, in a StagingDir; syncs and renames it
/// to `file`, which the caller has locked. A ledger of that name is replaced.
Status make_ledger(const std::filesystem::path& file, const std::function<Status(Database&)>& fill);
/// For `fill`: all that is in the head.
Status write_head(Database& database, const LedgerHead& head);

/// What the calls of a ledger cover.
struct CallSpan {
    TimePoint began{}, ended{};             ///< first and last
    std::uint64_t lowest = 0, highest = 0;  ///< samples
    std::int64_t calls = 0;                 ///< 0: the rest says nothing
};

/// Reads a ledger, also one that a run is writing. Not for several threads.
class LedgerReader {
public:
    /// io: not there, not a ledger, of another version, damaged; each a line that says which.
    static Result<LedgerReader> open(const std::filesystem::path& file);

    [[nodiscard]] const LedgerHead& head() const noexcept { return head_; }
    /// For what has its own file (batch_store.hpp). Holds no row open between two calls.
    [[nodiscard]] Database& database() noexcept { return *database_; }
    Result<Progress> progress();
    Result<std::vector<LearnedRemedy>> remedies();
    Result<std::vector<Remedy>> remedies(std::string_view endpoint, std::string_view model);

    /// Specs from `first` on, index and seed filled in. The reader outlives the stream.
    std::unique_ptr<PlanStream> plan(std::uint64_t first = 0);

    /// By sample, then in order. The reader outlives the cursor.
    std::unique_ptr<Cursor<CallRow>> calls();
    std::unique_ptr<Cursor<RunEvent>> events();
    /// Accepted calls by sample, with title, text and findings but without prompts.
    std::unique_ptr<Cursor<CallEntry>> accepted();
    /// Rejected calls that were to write a document, by sample, then in order, with what was answered.
    std::unique_ptr<Cursor<RejectedText>> rejected();
    /// The accepted ones that can be read in a damaged file. `lost`: counts those the ledger knew of and cannot give.
    std::unique_ptr<Cursor<CallEntry>> salvaged(std::uint64_t& lost);

    /// What calls of that role cost, and stay charged.
    Result<PicoUsd> spent_by(std::string_view role);

    /// All calls of one sample in order, with texts but without prompts.
    Result<std::vector<CallEntry>> calls_of(std::uint64_t sample);

    /// Calls `each(sample, accepted)` for every sample that has calls, in order.
    Status each_sample(const std::function<void(std::uint64_t, bool)>& each);

    /// Reads all calls.
    Result<CallSpan> span();
    /// A sample with two accepted calls; nothing: there is none.
    Result<std::optional<std::uint64_t>> accepted_twice();

    /// The prompt of a call, for people.
    Result<std::string> prompt_of(std::uint64_t sample, std::uint32_t attempt);

private:
    std::unique_ptr<Database> database_;
    LedgerHead head_;
};

/// Makes every append durable in a thread of its own: one transaction for up to 64 calls or 20 ms, synchronous. What
/// cannot be stored, on a full disk for one, is kept in memory and tried again, one by one, until there is room or the
/// writer is closed; `error` says so meanwhile.
class LedgerWriter {
public:
    /// `durable` is called from the writer's thread whenever `durable_through` has moved or an error came up.
    static Result<std::unique_ptr<LedgerWriter>> open(const std::filesystem::path& file, std::function<void()> durable);
    ~LedgerWriter();
    LedgerWriter(const LedgerWriter&) = delete;
    LedgerWriter& operator=(const LedgerWriter&) = delete;

    /// Before the thread has work: replaces configuration and appends `more` to the plan, in one transaction. More than
    /// `most` samples in it are an internal error.
    Status extend(LedgerHead& head, PlanStream* more, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

    /// Sequence number of the append, from 1, ascending.
    std::uint64_t append(CallEntry entry);
    std::uint64_t append(Ruling ruling);
    void append(RunEvent event);
    void append(LearnedRemedy remedy);
    /// Waits until it is durable: nothing beyond it may be sent before.
    Status set_exposure(PicoUsd exposure, std::int64_t requests);
    /// The same with the next commit, which comes at once, ahead of what is queued, and without waiting: `exposed`
    /// tells when it is durable. One at a time.
    void ask_exposure(PicoUsd exposure, std::int64_t requests);
    [[nodiscard]] bool exposed() const noexcept;
    void set_active(std::int64_t active_ms);
    /// Changes something else of the ledger in a transaction, after all that was appended before; durable when it
    /// returns. `change` runs in the writer's thread, again when the disk was full.
    Status transact(std::function<Status(Database&)> change);

    /// Nothing more will come before what is there is durable: it is not waited for.
    void hurry();

    [[nodiscard]] std::uint64_t durable_through() const noexcept;
    [[nodiscard]] std::optional<Error> error() const;

    /// Waits until all is durable.
    Status flush();
    /// Flushes, notes that nothing is in flight, checkpoints, and removes the `-wal` file.
    Status close();

    [[nodiscard]] const Progress& initial() const noexcept;

private:
    class Impl;
    explicit LedgerWriter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace synth::core
