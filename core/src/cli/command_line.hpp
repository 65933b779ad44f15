// What the user asked for, as parsed from the command line. The only unit that uses CLI11 is behind it.

#pragma once

#include <string>
#include <variant>
#include <vector>

#include "config/settings.hpp"

namespace synth::core {

/// plan --simulate, as given; empty: the default.
struct SimulationOptions {
    bool wanted = false;
    std::string latency, latency_spread, failure_rate, rejection_rate, turnaround;
};

struct Command {
    std::string name;  ///< "generate", "plan", "resume", "status", "export", "report", "merge", "cancel",
                       ///< "plugins"
    std::vector<std::string> arguments;  ///< all of them as they were given, `name` first
    Givens givens;                       ///< run file included, the command line first
    bool quiet = false, verbose = false, no_progress = false, json = false;
    std::string ledger;                            ///< of resume, status, export, report, cancel
    std::string slurm_dir, kubernetes_dir, image;  ///< plan: where the files of a job go; empty: none are asked for
    SimulationOptions simulation;
    std::vector<std::string> ledgers;  ///< of merge
    bool allow_missing = false;        ///< merge --allow-missing
    std::string file;                  ///< of check
    std::vector<std::string> words;    ///< of plugins: ID, or copy-data ID DIR, or new KIND ID [DIR]
    std::string html_file;             ///< report --html
    std::string check_file;            ///< plugins --check
    bool list_names = false;           ///< plugins --names: for shell completion
};

/// A command, or the exit code when there is nothing more to do (help and version were printed, or an error line was).
std::variant<Command, int> parse_command_line(int argc, const char* const* argv);

}  // namespace synth::core
