// tdamm-synth: parses the command line and hands over to the subcommand.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "cli/commands.hpp"

int main(int argc, char** argv) {
    using namespace synth::core;
    // A stream that is closed must not become the number of a file that is opened later.
    for (int fd = ::open("/dev/null", O_RDWR); fd >= 0 && fd <= STDERR_FILENO; fd = ::dup(fd)) {}
    std::signal(SIGPIPE, SIG_IGN);  // a reader of our output that goes away does not end a run
    std::signal(SIGXFSZ, SIG_IGN);  // nor does a limit on the size of files: the write fails, and that is handled
    const auto parsed = parse_command_line(argc, argv);
    if (const auto* code = std::get_if<int>(&parsed)) return *code;
    const auto& command = std::get<Command>(parsed);
    static constexpr std::array<std::pair<std::string_view, int (*)(const Command&)>, 10> kCommands = {
        {{"generate", run_generate},
         {"plan", run_plan},
         {"resume", run_resume},
         {"status", run_status},
         {"export", run_export},
         {"report", run_report},
         {"merge", run_merge},
         {"check", run_check},
         {"cancel", run_cancel},
         {"plugins", run_plugins}}};
    for (const auto& [name, run] : kCommands)
        if (name == command.name) return run(command);
    return kInternal;
}
