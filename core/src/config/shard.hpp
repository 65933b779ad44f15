// A run in parts: `--shard`, which slice of the plan a shard makes, and its share of money and rates. Everything
// follows from the two numbers, so that shards need nobody to tell them apart.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/run_config.hpp"
#include "synth/result.hpp"

namespace synth::core {

/// The value of an environment variable; nothing when it is not set.
using Environ = std::function<std::optional<std::string>(const char*)>;

/// "3/4", "slurm" (SLURM_ARRAY_TASK_ID, from 1), "kubernetes" (JOB_COMPLETION_INDEX, from 0); the last two take their
/// number of shards from `shards`, or as "slurm/4". `shards` 0: not given. invalid_argument without a source.
Result<Shard> parse_shard(std::string_view text, std::uint32_t shards, const Environ& environ);

/// Where part `number` of `count` equal parts of `whole` begins; part `count` + 1 begins at the end. The parts differ
/// by 1 at most and add up to the whole.
[[nodiscard]] std::uint64_t part_begin(std::uint64_t whole, std::uint32_t number, std::uint32_t count) noexcept;
[[nodiscard]] inline std::uint64_t part_of(std::uint64_t whole, const Shard& shard) noexcept {
    return part_begin(whole, shard.number + 1, shard.count) - part_begin(whole, shard.number, shard.count);
}

/// "run" of shard 2 of 4: "run.shard-2-of-4".
std::string shard_name(std::string_view stem, const Shard& shard);
/// The way back: stem and shard; nothing when it is no such name.
std::optional<std::pair<std::string, Shard>> parse_shard_name(std::string_view name);

/// Turns the configuration of a whole run into that of its shard: name, and share of budget, requests and tokens, whose
/// whole is kept beside it.
/// invalid_argument when a share would be nothing.
Status take_share(RunConfig& config);

/// What two shards of one run disagree on, in words; empty: nothing that their samples depend on.
std::string disagreement(const RunConfig& a, const RunConfig& b);

/// The whole run's configuration from those of its shards, in order: named `name`, money, rates and windows added up.
RunConfig whole_of(const std::vector<RunConfig>& shards, std::string name);

}  // namespace synth::core
