// `generate`: from settings to a ledger with a plan, then the run.

#include <algorithm>
#include <ctime>

#include "base/files.hpp"
#include "base/format.hpp"
#include "cli/context.hpp"
#include "cli/finish.hpp"
#include "cli/new_run.hpp"
#include "run/ledger.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

std::string name_of_now() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    char text[64];
    const auto size = std::strftime(text, sizeof text, "synthetic_training_data_llm_%Y%m%d_%H%M%S", &local);
    return {text, size};
}

/// Whether any file of a run of that name is there. A lock that a killed run left, before it had a ledger, does not
/// count.
bool taken(const fs::path& dir, const std::string& name) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(dir, ignored)) {
        const auto file = entry.path().filename().string();
        if (file.starts_with(name + ".") && !(file == name + ".lock" && FileLock::may_be_one(entry.path())))
            return true;
    }
    return false;
}

/// Takes the first free name: NAME, NAME_2, …; the lock keeps it.
Result<FileLock> take_name(const fs::path& dir, std::string& name) {
    const std::string stem = name;
    for (int number = 2;; ++number) {
        if (!taken(dir, name)) {
            auto lock = FileLock::take(dir / (name + ".lock"), "another run has just taken this name");
            if (!lock && lock.error().reason != "locked") return lock;
            if (lock && !taken(dir, name)) return lock;  // else a run of that name came and went in between
        }
        name = stem + "_" + std::to_string(number);
    }
}

}  // namespace

int run_generate(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    auto run = configure(*context, command.givens);
    if (!run) return context->fail(run.error());
    auto* config = &run->config;
    auto* plugins = &run->plugins;
    if (config->shard) return run_shard(command, *context, *run);
    if (config->shards > 0)
        return context->fail(
            {ErrorCode::invalid_argument,
             "--shards: say which of them this is: --shard 1/" + std::to_string(config->shards) +
                 ", or --shard slurm or kubernetes in a job ('tdamm-synth plan' writes the files of one)",
             "shard"});
    if (auto able = check_mode(*config, *plugins, nullptr); !able) return context->fail(able.error());
    if (auto ready = ready_to_spend(*context, *config, *plugins); !ready) return context->fail(ready.error());
    const auto request = plan_request(*config, plugins->assembly.taxonomy());
    auto typical = typical_prompts(*plugins, request);
    if (!typical) return context->fail(typical.error());

    const fs::path dir = config->output_dir;
    if (auto usable = prepare_output_dir(dir); !usable) return context->fail(usable.error());
    const auto outputs =
        static_cast<std::uint64_t>(std::ranges::count(config->plugins, Sink::kKind, &PluginChoice::kind));
    look_at_disk(*context->console, *config, request.samples, outputs, typical->first);
    const bool named = !config->name.empty();
    if (!named) config->name = name_of_now();
    const std::string wanted = config->name;
    auto lock = take_name(dir, config->name);
    if (!lock) return context->fail(lock.error());
    if (named && config->name != wanted)
        context->console->log(LogLevel::warning, "the name " + wanted + " is taken, this run is " + config->name);

    auto plan = plan_with(*plugins, request);
    if (!plan) return context->fail(plan.error());
    config->samples = request.samples;
    LedgerHead head = new_head(*config, plugins->assembly.taxonomy(), *typical);
    head.samples = request.samples;
    const fs::path ledger = dir / (config->name + ".ledger.sqlite");
    if (auto made = create_ledger(ledger, head, **plan); !made) return context->fail(made.error());
    plan->reset();
    context->console->log(
        LogLevel::info,
        with_thousands(head.samples) + " samples planned, seed " + std::to_string(config->seed) + ", " +
            (plugins->info.endpoint.empty() ? "provider " + config->find("provider")->id
                                            : "model " + plugins->info.model + " at " + plugins->info.endpoint));
    return run_and_finish(command, *context, *plugins, *config, ledger, nullptr, nullptr);
}

}  // namespace synth::core
