// Deferred batches in a ledger: what was meant to be submitted, is out at the service, and still waits for its answer.
// A batch is here before the first byte of it leaves, so that after a crash the service's lists can be compared with
// it.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "run/ledger.hpp"

namespace synth::core {

struct StoredBatch {
    enum class State : std::uint8_t {
        intended,   ///< nothing of it may have left, or its file may be at the service
        uploaded,   ///< the file is there, by `file`; a batch may be
        submitted,  ///< it is out, by `server`
        collected,  ///< all its lines have their answer, or are known to get none
    } state = State::intended;
    std::int64_t id = 0;
    std::string tag;           ///< its name at the service, unique among all runs of all accounts
    std::string file, server;  ///< ids at the service
    TimePoint submitted{};
    std::uint64_t lines = 0, open = 0;  ///< in all; without an answer yet
    std::int64_t tokens = 0;            ///< that it takes up in the service's queue, at most
    PicoUsd bound;                      ///< what the open lines can cost at most
};

struct BatchLine {
    std::uint64_t sample = 0;
    std::uint32_t attempt = 1;
    PicoUsd bound;
};

/// Those that are not collected, in order.
Result<std::vector<StoredBatch>> open_batches(LedgerReader& reader);
/// Lines without an answer, by sample.
Result<std::vector<BatchLine>> open_lines(LedgerReader& reader, std::int64_t batch);

/// How far each sample of the ledger has come: 'u'ntouched, 'b'egun, 'h'eld for further checks, 'a'ccepted.
Result<std::string> sample_states(LedgerReader& reader);

/// Part of every tag of this run; made up the first time. Durable when it returns, like all of the following.
Result<std::string> batch_run_id(LedgerReader& reader, LedgerWriter& writer);

/// Fills in id and tag of `batch`.
Status store_intent(LedgerWriter& writer, const std::string& run_id, StoredBatch& batch,
                    const std::vector<BatchLine>& lines);
/// State, file, server and time of submission.
Status store_state(LedgerWriter& writer, const StoredBatch& batch);
/// Collected: takes away what is left of its lines.
Status store_collected(LedgerWriter& writer, std::int64_t batch);

}  // namespace synth::core
