// `generate`: from settings to a ledger with a plan, then the run.

#include <algorithm>
#include <ctime>

#include "base/files.hpp"
#include "base/format.hpp"
#include "cli/context.hpp"
#include "cli/finish.hpp"
#include "run/disk_space.hpp"
#include "run/ledger.hpp"
#include "synth/random.hpp"
#include "taxonomy/taxonomy_file.hpp"

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

/// Whether any file of a run of that name is there. A lock that a killed run left, before it had a ledger, does not count.
bool taken(const fs::path& dir, const std::string& name) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(dir, ignored)) {
        const auto file = entry.path().filename().string();
        if (file.starts_with(name + ".") && !(file == name + ".lock" && FileLock::may_be_one(entry.path()))) return true;
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

/// A typical prompt, for the ledger's dictionary; it also shows before the run that prompts can be made at all.
Result<Prompt> typical_prompt(const RunPlugins& plugins, const PlanRequest& request) {
    auto plan = plugins.sampler.call([&](Sampler& s) { return s.plan(request); });
    if (!plan) return std::move(plan).error();
    SampleSpec first;
    auto got = (*plan)->next(std::span(&first, 1));
    if (!got) return std::move(got).error();
    if (*got == 0) return Error{ErrorCode::internal, "the sampler made an empty plan", "empty_plan"};
    first.seed = derive_seed(request.seed, first.index);
    return plugins.prompts.call([&](PromptStrategy& p) { return p.compose(first, {}); });
}

/// Says before anything is spent when the disk is likely to be too small.
void look_at_disk(const Console& console, const RunConfig& config, std::uint64_t samples, const Prompt& typical) {
    const auto outputs = static_cast<std::uint64_t>(std::ranges::count(config.plugins, Sink::kKind, &PluginChoice::kind));
    const auto needed = estimated_space(samples, typical.target_words, outputs);
    const auto free = free_space(config.output_dir);
    if (free && *free < needed)
        console.log(LogLevel::warning, "this run will need about " + megabytes(needed) + " of disk, " + config.output_dir + " has " +
                                           megabytes(*free) + " left; it stops with everything kept when that is used up");
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
    if (auto ready = ready_to_spend(*context, *config, *plugins); !ready) return context->fail(ready.error());
    const auto request = plan_request(*config, plugins->assembly.taxonomy());
    auto typical = typical_prompt(*plugins, request);
    if (!typical) return context->fail(typical.error());

    const fs::path dir = config->output_dir;
    if (auto usable = prepare_output_dir(dir); !usable) return context->fail(usable.error());
    look_at_disk(*context->console, *config, request.samples, *typical);
    const bool named = !config->name.empty();
    if (!named) config->name = name_of_now();
    const std::string wanted = config->name;
    auto lock = take_name(dir, config->name);
    if (!lock) return context->fail(lock.error());
    if (named && config->name != wanted)
        context->console->log(LogLevel::warning, "the name " + wanted + " is taken, this run is " + config->name);

    auto plan = plugins->sampler.call([&](Sampler& s) { return s.plan(request); });
    if (!plan) return context->fail(plan.error());
    config->samples = request.samples;
    LedgerHead head;
    head.config_json = to_json(*config);
    head.taxonomy_json = to_json(plugins->assembly.taxonomy());
    head.seed = config->seed;
    head.samples = request.samples;
    for (const auto& message : typical->messages) head.dictionary += message.text + "\n";
    const fs::path ledger = dir / (config->name + ".ledger.sqlite");
    if (auto made = create_ledger(ledger, head, **plan); !made) return context->fail(made.error());
    plan->reset();
    context->console->log(LogLevel::info, with_thousands(head.samples) + " samples planned, seed " +
                                              std::to_string(config->seed) + ", " +
                                              (plugins->info.endpoint.empty()
                                                   ? "provider " + config->find("provider")->id
                                                   : "model " + plugins->info.model + " at " + plugins->info.endpoint));
    return run_and_finish(command, *context, *plugins, *config, ledger, nullptr, nullptr);
}

}  // namespace synth::core
