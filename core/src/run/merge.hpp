// The ledgers of a plan's shards as one ledger, as if one run had made all of it. Reads one after the other: memory
// does not grow with their number of samples.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "config/run_config.hpp"
#include "run/ledger.hpp"

namespace synth::core {

/// A shard's ledger, as it was found.
struct ShardLedger {
    std::filesystem::path path;
    RunConfig config;
    std::uint64_t first = 0, samples = 0;  ///< its slice of the plan
    std::uint64_t missing = 0;             ///< samples of it that were not accepted
    /// Where they are, from and to by index, both included; the first of them only.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
    bool used_up = false;    ///< one of them has had all its attempts
    std::string last_error;  ///< of one of them
    std::int64_t calls = 0;
};

/// Shards of one plan that fit together.
struct ShardSet {
    std::vector<ShardLedger> shards;    ///< by number; those that are there
    std::vector<std::uint32_t> absent;  ///< numbers of those that are not
    std::uint32_t count = 0;
    LedgerHead head;            ///< of the whole: samples, digest; configuration of the whole without a name
    std::uint64_t missing = 0;  ///< samples that no ledger has, those of absent shards included

    [[nodiscard]] bool complete() const noexcept { return missing == 0 && absent.empty(); }
};

/// Looks at all of them: one plan, configuration and builds of plugins, no shard twice, no sample twice or out of
/// place. Files that are not there count as absent. invalid_argument: they do not fit together, saying which and why;
/// io: a ledger is damaged, or is being written ("locked").
Result<ShardSet> inspect_shards(const std::vector<std::filesystem::path>& files);

/// Writes the ledger of the whole to `file`, which the caller has locked; all shards are there. `head.config_json` is
/// the whole's. io when a shard's ledger has changed since it was looked at.
Status merge_shards(const ShardSet& set, const LedgerHead& head, const std::filesystem::path& file);

}  // namespace synth::core
