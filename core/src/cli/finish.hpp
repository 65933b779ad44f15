// From a ready ledger to exit code: the session, the outputs, the report and the closing lines. What `generate` and
// `resume` share.

#pragma once

#include <filesystem>

#include "cli/context.hpp"
#include "run/ledger.hpp"

namespace synth::core {

/// Checks that come before anything is spent: the key, and a price where there is a budget, of all providers. Then says what they
/// want people to know.
Status ready_to_spend(const Context& context, const RunConfig& config, const RunPlugins& plugins);

/// `ledger` exists and is locked by the caller. `changed`: a head to replace the one in it, null: none; `more`: what is to
/// be added to its plan, null: nothing. No other connection to the ledger is open.
int run_and_finish(const Command& command, const Context& context, RunPlugins& plugins, RunConfig& config,
                   const std::filesystem::path& ledger, LedgerHead* changed, PlanStream* more);

}  // namespace synth::core
