#include "cli/job_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <map>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "base/files.hpp"
#include "config/run_file.hpp"
#include "config/shard.hpp"
#include "run/disk_space.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRunFile = "run.toml";
constexpr std::uint64_t kMegabytes = 512;        // of a process, before its window
constexpr std::uint64_t kRequestsAMegabyte = 4;  // in flight
constexpr std::uint64_t kGibibyte = std::uint64_t{1} << 30U;

Error wrong_job(std::string message) { return {ErrorCode::invalid_argument, std::move(message), "job"}; }

/// A name that DNS, and so Kubernetes, can have: lower case letters, digits and '-', at most 40 of them.
std::string dns_name(const std::string& name) {
    std::string out;
    for (const char c : name) {
        const auto lower = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        const bool good = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (good || (!out.empty() && out.back() != '-')) out += good ? lower : '-';
        if (out.size() == 40) break;
    }
    while (out.ends_with('-')) out.pop_back();
    return out.empty() || !(out.front() >= 'a' && out.front() <= 'z') ? "run-" + out : out;
}

/// What YAML takes as it is, between quotes of its own where it would not.
std::string yaml_word(const std::string& text) {
    const bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("_-./:@").find(c) != std::string_view::npos;
    });
    if (plain && !text.ends_with(':')) return text;
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
    return quoted + "'";
}

std::string indented(const std::string& text, const std::string& by) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        if (end > at) out += by + text.substr(at, end - at);
        at = end + 1;
        if (at < text.size()) out += '\n';
    }
    return out;
}

std::string filled_in(std::string text, const std::map<std::string, std::string>& values) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto open = text.find('@', at);
        if (open == std::string::npos) return out + text.substr(at);
        out += text.substr(at, open - at);
        const auto close = text.find('@', open + 1);
        const auto value =
            close == std::string::npos ? values.end() : values.find(text.substr(open + 1, close - open - 1));
        if (value == values.end()) {
            out += '@';
            at = open + 1;
        } else {
            out += value->second;
            at = close + 1;
        }
    }
    return out;
}

Status write_new(const fs::path& file, std::string_view stem, const std::string& text, bool program) {
    if (auto written = write_whole(file, stem, text); !written) return written;
    std::error_code error;
    if (program)
        fs::permissions(file, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                        fs::perm_options::add, error);
    errno = error.value();
    return error ? Status(io_error("cannot make a program of", file)) : Status();
}

/// Twice what a shard is likely to take, from one hour to a day: it goes on in a new turn when that is used up.
std::string time_limit(double seconds) {
    const auto hours = static_cast<int>(std::clamp(std::ceil(2 * seconds / 3600), 1.0, 24.0));
    return fmt::format("{:02}:00:00", hours);
}

}  // namespace

Result<std::vector<fs::path>> write_job_files(const Context& context, Cluster cluster, const fs::path& dir,
                                              RunConfig config, const std::vector<std::string>& plugin_dirs,
                                              const ProviderInfo& info, const JobSize& size, const std::string& image) {
    const bool slurm = cluster == Cluster::slurm;
    const char* option = slurm ? "--slurm" : "--kubernetes";
    if (config.shards == 0) return wrong_job(std::string(option) + ": say how many shards: --shards N");
    if (config.name.empty()) config.name = "synthetic_training_data_llm_seed_" + std::to_string(config.seed);
    for (std::uint32_t number : {1U, config.shards}) {  // what a task would refuse is refused now
        RunConfig shard = config;
        shard.shard.number = number;
        shard.shard.count = config.shards;
        if (auto taken = take_share(shard); !taken) return std::move(taken).error();
        if (part_of(size.samples, shard.shard) == 0)
            return wrong_job("a plan of " + std::to_string(size.samples) + " samples cannot be split into " +
                             std::to_string(config.shards) + " shards");
    }
    if (!slurm) {
        config.output_dir = "/data";
        if (std::ranges::any_of(config.name, [](char c) { return shell_word({c}) != std::string{c}; }))
            return wrong_job("--run-name: '" + config.name +
                             "' has characters that a job file cannot have; letters, digits, '.', '-' and '_' will do");
    }
    const fs::path folder = fs::absolute(dir).lexically_normal();
    std::error_code error;
    if (fs::exists(folder, error) && !(fs::is_directory(folder, error) && fs::is_empty(folder, error)))
        return wrong_job(std::string(option) + ": " + dir.string() + " is there already and is not an empty folder");
    if (fs::create_directories(folder, error); error) {
        errno = error.value();
        return io_error("cannot make the folder", folder);
    }

    const std::string name = program_invocation_name;
    const std::string program =
        name.find('/') == std::string::npos ? name : fs::absolute(name).lexically_normal().string();
    const std::string run_file = to_run_file(config, slurm ? plugin_dirs : std::vector<std::string>());
    const auto outputs =
        static_cast<std::uint64_t>(std::ranges::count(config.plugins, Sink::kKind, &PluginChoice::kind));
    const auto storage =
        estimated_space(size.samples, size.words, 0) + estimated_space(size.samples, size.words, outputs);
    std::string secrets = info.secret.empty() ? "" : shell_word(info.secret);
    if (config.shared_limits && (!config.shared_limits->user.empty() || !config.shared_limits->password.empty() ||
                                 context.secrets.value(kRedisPassword))) {
        secrets += (secrets.empty() ? "" : " ") + std::string(kRedisPassword);
        context.console->log(LogLevel::info, "the password of Redis is in none of the files: set " +
                                                 std::string(kRedisPassword) + " in the environment of 'submit'");
    }
    const std::map<std::string, std::string> values = {
        {"NAME", config.name},
        {"JOB", dns_name(config.name)},
        {"SHARDS", std::to_string(config.shards)},
        {"DIRECTORY", shell_word(fs::current_path().string())},
        {"PROGRAM", shell_word(program)},
        {"RUN_FILE", shell_word((folder / kRunFile).string())},
        {"STEM", shell_word((fs::path(config.output_dir) / config.name).string())},
        {"TIME", time_limit(size.seconds / config.shards)},
        {"MEMORY", std::to_string(kMegabytes + config.max_concurrent / kRequestsAMegabyte)},
        {"STORAGE", std::to_string(storage + storage / 4 > kGibibyte ? (storage + storage / 4) / kGibibyte + 1 : 1)},
        {"SECRETS", secrets},
        {"IMAGE", yaml_word(image)},
        {"RUN_TOML", indented(run_file, "    ")}};
    std::vector<fs::path> written = {folder / kRunFile};
    if (auto done = write_new(written.back(), kRunFile, run_file, false); !done) return std::move(done).error();
    if (auto readable = read_run_file(written.back()); !readable) return std::move(readable).error();
    const fs::path templates = context.installation.core_data / "jobs" / (slurm ? "slurm" : "kubernetes");
    for (fs::directory_iterator at(templates, error), end; !error && at != end; at.increment(error)) {
        auto text = read_file(at->path());
        if (!text) return std::move(text).error();
        const fs::path file = folder / at->path().filename();
        if (auto done = write_new(file, file.filename().string(), filled_in(std::move(*text), values),
                                  file.filename() == "submit");
            !done)
            return std::move(done).error();
        written.push_back(file);
    }
    if (error) return Error{ErrorCode::io, "cannot read " + templates.string() + ": " + error.message(), {}};
    if (!slurm) {  // everything of the run file is in the job's ConfigMap
        fs::remove(written.front(), error);
        written.erase(written.begin());
    }
    std::ranges::sort(written);
    return written;
}

}  // namespace synth::core
