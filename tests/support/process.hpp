// Programs as processes, for tests: nothing outlives its deadline, nothing outlives the test. Output goes to memory, so
// a program that writes much never blocks and what it has written can be read while it runs.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synth::test {

/// A folder of its own, removed with everything in it.
class TempDir {
public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);  ///< throws std::runtime_error
void write_file(const std::filesystem::path& path, std::string_view text);

struct Command {
    std::vector<std::string> arguments;  ///< the program first, as a path
    /// On top of the test's own environment; no value: not set.
    std::map<std::string, std::optional<std::string>> environment = {};
    std::filesystem::path directory = {};  ///< to run in; empty: the test's
    std::string input = {};                ///< on standard input
};

struct Finished {
    int exit_code = -1;      ///< -1: ended by a signal
    int signal = 0;          ///< 0: exited
    bool timed_out = false;  ///< killed at the deadline
    std::string out, err;
};

class Process {
public:
    /// Throws std::runtime_error when the program cannot be started.
    explicit Process(const Command& command);
    ~Process();  ///< kills what still runs
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    void send(int signal) const;

    [[nodiscard]] std::string out() const;  ///< so far
    [[nodiscard]] std::string err() const;

    /// /proc/PID/cmdline and environ: what every user of the machine, and every process of the user, can read.
    [[nodiscard]] std::string command_line() const;
    [[nodiscard]] std::string environment() const;

    /// Waits for the end; kills the whole process group at the deadline. May be called again.
    const Finished& wait(std::chrono::milliseconds deadline = std::chrono::seconds(60));

private:
    pid_t pid_ = -1;
    int exit_fd_ = -1, out_fd_ = -1, err_fd_ = -1;
    std::optional<Finished> finished_;
};

/// Starts and waits.
Finished run(const Command& command, std::chrono::milliseconds deadline = std::chrono::seconds(60));

}  // namespace synth::test
