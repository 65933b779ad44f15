// From a ready ledger to exit code: the session, the outputs, the report and the closing lines. What `generate` and
// `resume` share.

#pragma once

#include <filesystem>

#include "cli/context.hpp"
#include "run/ledger.hpp"
#include "run/outputs.hpp"
#include "run/session.hpp"

namespace synth::core {

int exit_code_of(const SessionResult& session);

/// Checks that come before anything is spent: the key, and a price where there is a budget, of all providers. Then says
/// what they want people to know.
Status ready_to_spend(const Context& context, const RunConfig& config, const RunPlugins& plugins);

/// Before a run: whether its provider can do what --mode asks for; and, with the run's ledger, that no batch that is
/// out at the service is left behind by a direct session.
Status check_mode(const RunConfig& config, const RunPlugins& plugins, LedgerReader* reader);

/// How far a run that is gone on with has come, and what the last session left open.
void say_where_it_stands(const Console& console, const RunConfig& config, const ProviderInfo& info,
                         const LedgerHead& head, const Progress& progress);

/// Outputs and report from the ledger, into `dir`; the files are added to `files`. A shard has a report only.
Result<Report> make_outputs(const Context& context, RunPlugins& plugins, RunConfig& config, LedgerReader& reader,
                            const std::filesystem::path& dir, int code, std::vector<std::filesystem::path>& files);

/// The report on standard output, and the closing lines: how many samples, which files.
void say_result(const Command& command, const Context& context, const ProviderInfo& info, const SessionResult& session,
                const Report& report, const std::vector<std::filesystem::path>& files,
                const std::filesystem::path& ledger);

/// `ledger` exists and is locked by the caller. `changed`: a head to replace the one in it, null: none; `more`: what is
/// to be added to its plan, null: nothing. No other connection to the ledger is open.
int run_and_finish(const Command& command, const Context& context, RunPlugins& plugins, RunConfig& config,
                   const std::filesystem::path& ledger, LedgerHead* changed, PlanStream* more);

}  // namespace synth::core
