// What a run is to do: everything that the command line, the run file and the defaults decide, and that the ledger
// keeps.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/redis_url.hpp"
#include "synth/result.hpp"
#include "synth/units.hpp"

namespace synth::core {

/// A plugin with its options.
struct PluginChoice {
    std::string kind, id;
    std::string options_json = "{}";  ///< completed: validated, defaults filled in
    std::string version, sha256;      ///< of the library that was loaded
    std::string asked_by;  ///< of a provider: the validator whose questions go to it; empty: it writes the texts
};

/// Which part of a plan a run makes; 0 of 0: all of it.
struct Shard {
    std::uint32_t number = 0, count = 0;  ///< from 1
    /// What it was started with, without the shard's number, and where: starts any other shard of the plan too.
    std::vector<std::string> command;
    std::string directory;

    explicit operator bool() const noexcept { return count > 0; }
};

struct RunConfig {
    std::string name;        ///< stem of the files
    std::string output_dir;  ///< as given; the ledger's own folder counts when a run is resumed
    std::uint64_t seed = 0;
    std::uint64_t samples = 200;
    std::uint64_t samples_per_class = 0;
    std::uint32_t min_labels = 2, max_labels = 3;
    std::uint32_t batch_size = 20, max_attempts = 3;
    std::uint32_t max_concurrent = 20;      ///< requests in flight at most
    std::uint32_t initial_concurrent = 20;  ///< in flight at the start; less than the maximum: grows by slow start
    std::uint32_t timeout_s = 600, drain_timeout_s = 30, give_up_after_s = 900;
    std::uint32_t first_byte_timeout_s = 0;  ///< 0: only the whole request is limited
    std::optional<PicoUsd> budget;
    std::optional<double> rpm, tpm;
    std::optional<RedisUrl> shared_limits;       ///< not stored: it may hold a password
    std::optional<double> whole_rpm, whole_tpm;  ///< a shard's: of all shards, where it is known. Not stored
    bool batch = false;                          ///< deferred batches in place of direct requests
    bool finish_direct = false;                  ///< the last few of a batch run are asked for directly
    std::uint32_t batch_lines = 0;               ///< requests in one batch at most; 0: what the service allows
    std::uint64_t queued_tokens = 0;  ///< input tokens in the service's queue at most; 0: until it refuses more
    std::uint32_t poll_ms = 30'000;   ///< until a batch is looked at for the first time
    bool http2 = false;               ///< where an https server offers it
    std::string ca_file;              ///< certificates to trust besides the system's; empty: none
    std::string taxonomy = "tdamm40";
    Shard shard;  ///< `samples` are the whole plan's, budget and rates this shard's share
    std::uint32_t shards =
        0;  ///< that the run is to be split into, where no one of them was named; 0: none. Not stored
    std::vector<PluginChoice> plugins;  ///< in the order in which they were named; several of a kind where that may be

    [[nodiscard]] const PluginChoice* find(std::string_view kind, std::string_view id = {}) const;
    [[nodiscard]] PluginChoice* find(std::string_view kind, std::string_view id = {});
};

/// What a configuration may ask for, given or read.
inline constexpr std::uint64_t kMostSamples = 100'000'000, kMostLabels = 7, kMostAtOnce = 100'000, kMostAttempts = 1000,
                               kLongestTimeout = 86'400, kLongestPatience = 604'800, kMostRate = 1'000'000'000,
                               kMostShards = 100'000, kMostBatchLines = 50'000, kMostQueuedTokens = 1'000'000'000'000;

/// Whether files can be named after it.
[[nodiscard]] bool is_stem(std::string_view name) noexcept;

std::string to_json(const RunConfig& config);
/// invalid_argument when it is not what `to_json` wrote, or asks for what nobody may ask for.
Result<RunConfig> parse_run_config(std::string_view json);

}  // namespace synth::core
