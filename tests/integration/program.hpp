// The program as a user has it: a process in a folder of its own, talking to a server on loopback. What is checked is
// what it leaves behind: exit code, streams, files, and what the server received.

#pragma once

#include <gmock/gmock.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/fault_server.hpp"
#include "support/process.hpp"

namespace synth::test {

inline constexpr std::string_view kKey = "sk-integration-4f8a91c07d2e63b5";

struct SavedRecord {
    std::string link, text;
    std::vector<std::string> labels;
    bool operator==(const SavedRecord&) const = default;
};

/// The array that the `json` sink writes, or the lines of `jsonl`. Throws when a record has anything but link,
/// full_text and labels, in this order.
std::vector<SavedRecord> read_records(const std::filesystem::path& path);

/// By JSON pointer ("/cost/spent_usd"); nothing for null and for what is not there. Throws when `json` is not one JSON
/// value.
std::optional<double> number_at(std::string_view json, const std::string& pointer);
/// Sums up what is counted in an object {name: count}.
double sum_at(std::string_view json, const std::string& pointer);
bool has_value_at(std::string_view json, const std::string& pointer);

/// How often each label of the taxonomy is carried, in its order; throws for a label that it does not have.
std::vector<std::size_t> label_counts(const std::vector<SavedRecord>& records);

std::vector<std::string> lines_of(std::string_view text);

class ProgramTest : public testing::Test {
protected:
    /// `script` without its braces: answers have 60 words unless it says otherwise.
    void serve(const std::string& script) { server_.set_script(script_of(script)); }

    /// The program with these arguments in `dir_`, key set; nothing else of the environment can reach it.
    [[nodiscard]] Command command(std::vector<std::string> arguments) const;
    /// `generate` with seed 7 as run "run" into `dir_`/out from `server_`, unless `more` says otherwise.
    [[nodiscard]] Command generating(const std::vector<std::string>& more) const;

    [[nodiscard]] Finished run_program(std::vector<std::string> arguments) const {
        return run(command(std::move(arguments)));
    }
    [[nodiscard]] Finished generate(const std::vector<std::string>& more) const { return run(generating(more)); }

    [[nodiscard]] std::filesystem::path output(std::string_view extension) const {
        return dir_ / ("out/run." + std::string(extension));
    }
    [[nodiscard]] std::vector<SavedRecord> records() const { return read_records(output("json")); }
    [[nodiscard]] std::string report() const { return read_file(output("report.json")); }
    [[nodiscard]] std::string ledger() const { return output("ledger.sqlite").string(); }

    /// The resume command on the last line of standard error, as a shell runs it.
    [[nodiscard]] Finished run_resume_command(const Finished& interrupted) const;
    /// The records of the same run with a faultless server.
    [[nodiscard]] std::string unbroken(const std::vector<std::string>& more) const;

    TempDir dir_;
    FaultServer server_{script_of("")};

private:
    static std::string script_of(const std::string& members) {
        return R"({"words": 60)" + (members.empty() ? "" : ", " + members) + "}";
    }
};

}  // namespace synth::test
