// The subcommands: each returns the exit code of docs/command-line.md.

#pragma once

#include "cli/command_line.hpp"

namespace synth::core {

enum ExitCode : int {
    kAllMade = 0,
    kInternal = 1,
    kUsage = 2,
    kMissing = 3,
    kBudget = 4,
    kRefused = 5,
    kIo = 6,
};  // and 128 + the number of the signal that ended a run

int run_generate(const Command& command);
int run_plan(const Command& command);
int run_resume(const Command& command);
int run_status(const Command& command);
int run_export(const Command& command);
int run_report(const Command& command);
int run_cancel(const Command& command);
int run_merge(const Command& command);
int run_check(const Command& command);
int run_plugins(const Command& command);

}  // namespace synth::core
