// One sitting of a run: keeps a window of requests in flight until every planned sample is made or given up, or
// something ends it. Nothing acts on an answer before it is durable in the ledger.

#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "net/event_loop.hpp"
#include "run/asked.hpp"
#include "run/ledger.hpp"
#include "run/pipeline.hpp"
#include "run/set_checks.hpp"
#include "run/shared_limits.hpp"

namespace synth::core {

/// Of a session: warnings that a terminal shows, and how often it looks at its clock and shows where it stands.
inline constexpr int kWarningsShown = 20;
inline constexpr std::chrono::milliseconds kTick{200};

class Console;
class Secrets;

/// Where a session stands, for people who watch it.
struct Snapshot {
    std::uint64_t samples = 0, accepted = 0, missing = 0, in_flight = 0, waiting = 0;
    std::uint64_t answered = 0;  ///< samples accepted or about to be, once they are durable
    std::uint32_t window = 0, window_maximum = 0;
    double seconds = 0, per_second = 0;
    std::int64_t input_tokens = 0, output_tokens = 0;
    PicoUsd spent, reserved;
    bool priced = false;  ///< `spent` says something
    std::optional<PicoUsd> budget;
    double requests_per_minute = 0, tokens_per_minute = 0;  ///< limits; 0: none known
    std::string state;        ///< "running", "waiting for the rate limit", "the service does not answer", "stopping"
    bool batch_done = false;  ///< another `batch_size` samples are finished
};

enum class End : std::uint8_t { finished, budget, refused, io, internal, interrupted };

struct SessionResult {
    End end = End::finished;
    int signal = 0;                           ///< of `interrupted`
    std::string message;                      ///< why it ended, for people; empty when finished
    std::uint64_t accepted = 0, missing = 0;  ///< over the whole run
};

struct SessionContext {
    const RunConfig* config = nullptr;
    const ProviderInfo* provider = nullptr;
    const Pipeline* pipeline = nullptr;
    std::unique_ptr<SetReview> set_review;  ///< null: no validator looks at the set
    std::span<const Asked> asked;           ///< providers of validators that ask
    LedgerReader* reader = nullptr;
    LedgerWriter* writer = nullptr;
    std::filesystem::path ledger;  ///< of its file: the disk that has to have room
    EventLoop* loop = nullptr;
    const Console* console = nullptr;
    const Secrets* secrets = nullptr;
    SharedLimits* shared = nullptr;              ///< null: limits and budget are this process's own
    std::function<void(const Snapshot&)> watch;  ///< called from the loop, often
};

/// The signals that end a session, for EventLoop::block_signals before the ledger's writer starts its thread. SIGHUP is
/// none under nohup.
std::vector<int> ending_signals();

SessionResult run_session(SessionContext context);

}  // namespace synth::core
