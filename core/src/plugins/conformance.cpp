#include "plugins/conformance.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.hpp"
#include "common/json_text.hpp"
#include "plugins/conformance/checks.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/provider.hpp"
#include "synth/reporter.hpp"
#include "synth/sampler.hpp"
#include "synth/sink.hpp"
#include "synth/validator.hpp"

namespace synth::core {

namespace fs = std::filesystem;
using json = nlohmann::json;

namespace {

using KindChecks = void (*)(conformance::Checks&);
KindChecks checks_of(std::string_view kind) {
    const std::array<std::pair<std::string_view, KindChecks>, 6> kinds = {
        {{Sampler::kKind, conformance::check_sampler},
         {PromptStrategy::kKind, conformance::check_prompt},
         {Provider::kKind, conformance::check_provider},
         {Validator::kKind, conformance::check_validator},
         {Sink::kKind, conformance::check_sink},
         {Reporter::kKind, conformance::check_reporter}}};
    for (const auto& [name, checks] : kinds)
        if (name == kind) return checks;
    return nullptr;
}

/// A folder for outputs that are thrown away.
class Scratch {
public:
    Scratch() : path_((fs::temp_directory_path() / "tdamm-synth-check-XXXXXX").string()) {
        made_ = ::mkdtemp(path_.data()) != nullptr;
    }
    ~Scratch() {
        std::error_code ignored;
        if (made_) fs::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    [[nodiscard]] bool made() const { return made_; }
    [[nodiscard]] fs::path path() const { return path_; }

private:
    std::string path_;
    bool made_ = false;
};

/// What the child said: finished checks, and the name of one that it had only begun.
std::string take_in(const std::string& said, std::vector<ConformanceCheck>& checks) {
    std::string begun;
    for (std::size_t at = 0; at < said.size();) {
        const auto end = std::min(said.find('\n', at), said.size());
        const auto line = plugins::parse_json(std::string_view(said).substr(at, end - at));
        at = end + 1;
        if (!line.is_object()) continue;
        if (!line.contains("passed")) {
            begun = line.value("name", "");
            continue;
        }
        begun.clear();
        checks.push_back({line.value("name", ""), line.value("passed", false), line.value("detail", "")});
    }
    return begun;
}

}  // namespace

Result<std::vector<ConformanceCheck>> check_conformance(const PluginInfo& plugin, const std::string& options_json,
                                                        const Taxonomy& taxonomy, std::chrono::sys_days today,
                                                        std::chrono::seconds patience) {
    const auto run_checks = checks_of(plugin.kind);
    if (plugin.descriptor == nullptr || run_checks == nullptr)
        return Error{ErrorCode::invalid_argument, plugin.path.string() + ": " + plugin.refusal, {}};
    const Scratch scratch;
    if (!scratch.made()) return io_error("cannot make a temporary folder", scratch.path());
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) return io_error("cannot make a pipe for", plugin.path);
    std::fflush(nullptr);  // so that a plugin that calls exit prints nothing of ours again
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        std::signal(SIGXFSZ, SIG_IGN);
        std::signal(SIGALRM, SIG_DFL);
        ::alarm(static_cast<unsigned>(patience.count()));
        {
            conformance::Checks checks(ends[1], plugin, options_json, taxonomy, scratch.path(), today);
            run_checks(checks);
        }
        ::_exit(0);
    }
    ::close(ends[1]);
    const FileDescriptor from(ends[0]);
    if (child < 0) return io_error("cannot start a process for", plugin.path);
    std::string said;
    std::array<char, 4096> block{};
    for (;;) {
        const auto got = ::read(from.get(), block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        said.append(block.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    std::vector<ConformanceCheck> checks;
    const std::string begun = take_in(said, checks);
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        checks.push_back({begun.empty() ? "instances are destroyed" : begun, false,
                          signal == SIGALRM ? "did not end within " + std::to_string(patience.count()) + " s"
                                            : "crashed: " + std::string(::strsignal(signal))});
    } else if (!begun.empty() || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        checks.push_back({begun.empty() ? "instances are destroyed" : begun, false, "ended the process"});
    }
    return checks;
}

}  // namespace synth::core
