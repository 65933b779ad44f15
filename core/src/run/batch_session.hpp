// One sitting of a run in deferred batches (`--mode batch`), beside session.hpp: submits what is to be made in files,
// looks how they are doing at growing intervals, and takes the answers in. What was out when a process died is found
// again.

#pragma once

#include <filesystem>
#include <functional>

#include "plugins/instance.hpp"
#include "run/session.hpp"
#include "synth/batch.hpp"

namespace synth::core {

struct BatchContext {
    const RunConfig* config = nullptr;
    const ProviderInfo* info = nullptr;
    const Instance<Provider>* provider = nullptr;  ///< has kBatchExtension
    const Pipeline* pipeline = nullptr;
    LedgerReader* reader = nullptr;
    LedgerWriter* writer = nullptr;
    std::filesystem::path ledger;  ///< of its file: the disk that has to have room
    EventLoop* loop = nullptr;
    const Console* console = nullptr;
    const Secrets* secrets = nullptr;
    std::function<void(const Snapshot&)> watch;
};

struct BatchSessionResult {
    SessionResult session;
    /// What is left is for a session that asks directly: the last few (`--finish direct`), and texts that are held for
    /// further checks.
    bool hand_over = false;
};

/// Null: the provider has no batches.
const BatchCodec* batches_of(const Instance<Provider>& provider);

BatchSessionResult run_batch_session(const BatchContext& context);

/// Asks the service to cancel every batch of the run that is out. What was done by then is for `resume` to collect.
/// Says each; how many.
Result<std::uint64_t> cancel_batches(const BatchContext& context);

}  // namespace synth::core
