// What a run begins with, as a whole or as a shard: its first prompt, a look at the disk, the head of its ledger.

#pragma once

#include <cstdint>
#include <string>

#include "cli/context.hpp"
#include "run/ledger.hpp"

namespace synth::core {

struct TypicalPrompts {
    Prompt first;       ///< of the plan's first sample
    std::string texts;  ///< of the first few prompts, for the ledger's dictionary
};

/// Also shows before the run that prompts can be made at all.
Result<TypicalPrompts> typical_prompts(const RunPlugins& plugins, const PlanRequest& request);

/// Says before anything is spent when the disk is likely to be too small for that many samples and outputs.
void look_at_disk(const Console& console, const RunConfig& config, std::uint64_t samples, std::uint64_t outputs,
                  const Prompt& typical);

/// All but what is known of the plan.
LedgerHead new_head(const RunConfig& config, const Taxonomy& taxonomy, const TypicalPrompts& typical);

/// `generate --shard`: makes this shard of the plan, or goes on with it where its ledger is there already.
int run_shard(const Command& command, const Context& context, NewRun& run);

}  // namespace synth::core
