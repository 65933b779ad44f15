// `resume`: goes on from what a ledger holds, or adds samples to it.

#include "base/files.hpp"
#include "base/format.hpp"
#include "cli/context.hpp"
#include "cli/finish.hpp"
#include "run/ledger.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

/// Plugins that are not what they were in the last session, in words; empty: none.
std::string changed_plugins(const std::vector<PluginChoice>& before, const RunConfig& now) {
    std::string list;
    for (const auto& then : before) {
        const auto* choice = now.find(then.kind, then.id);
        if (choice == nullptr || then.sha256.empty() || then.sha256 == choice->sha256) continue;
        list += (list.empty() ? "" : ", ") + then.kind + " " + then.id +
                (then.version == choice->version ? " (another build of " + then.version + ")"
                                                 : " (" + then.version + ", now " + choice->version + ")");
    }
    return list;
}

}  // namespace

int run_resume(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    const fs::path ledger = fs::absolute(command.ledger).lexically_normal();
    if (std::error_code ignored; !fs::exists(ledger, ignored))
        return context->fail({ErrorCode::io, "no ledger at " + ledger.string(), "ledger"});
    auto reader = LedgerReader::open(ledger);
    if (!reader) return context->fail(reader.error());
    LedgerHead head = reader->head();
    auto config = parse_run_config(head.config_json);
    if (!config) return context->fail(config.error());
    if (config->find(Provider::kKind) == nullptr)
        return context->fail(
            {ErrorCode::invalid_argument, ledger.string() + " is of a check; run 'tdamm-synth check' again", "check"});
    auto lock = FileLock::take(ledger.parent_path() / (config->name + ".lock"),
                               "another process is writing " + ledger.string() + "; one run at a time");
    if (!lock) return context->fail(lock.error());

    const auto plugins_before = config->plugins;
    const auto samples_before = head.samples;
    if (config->shard && command.givens.settings.contains("num-samples"))
        return context->fail({ErrorCode::invalid_argument,
                              "--num-samples: this is a shard of a plan, which has the samples it has; merge the "
                              "shards and add to the whole",
                              "shard"});
    if (!config->shard) config->samples = samples_before;  // a sampler may have needed fewer than were asked for
    if (auto resolved = resolve_resume(command.givens, *context->registry, *config); !resolved)
        return context->fail(resolved.error());
    auto taxonomy = parse_taxonomy(head.taxonomy_json, ledger.string());
    if (!taxonomy) return context->fail(taxonomy.error());
    for (auto& choice : config->plugins) choice.sha256.clear();  // of the libraries that are there now
    auto plugins = assemble(*context, std::move(*taxonomy), *config);
    if (!plugins) return context->fail(plugins.error());
    if (const auto changed = changed_plugins(plugins_before, *config); !changed.empty())
        context->console->log(LogLevel::warning,
                              "changed since the run's last session: " + changed +
                                  "; samples that are still to be made may differ from those that are");
    if (auto able = check_mode(*config, *plugins, &*reader); !able) return context->fail(able.error());
    if (auto ready = ready_to_spend(*context, *config, *plugins); !ready) return context->fail(ready.error());
    if (auto usable = prepare_output_dir(ledger.parent_path()); !usable) return context->fail(usable.error());

    std::unique_ptr<PlanStream> more;
    if (!config->shard && config->samples > samples_before) {
        PlanRequest request;
        request.seed = config->seed;
        request.samples = config->samples;
        request.min_labels = config->min_labels;
        request.max_labels = config->max_labels;
        const auto prior = reader->plan();
        request.prior = prior.get();
        auto plan = plan_with(*plugins, request);
        if (!plan) return context->fail(plan.error());
        more = std::move(*plan);
    }
    head.config_json = to_json(*config);
    auto progress = reader->progress();
    if (!progress) return context->fail(progress.error());
    say_where_it_stands(*context->console, *config, plugins->info, head, *progress);
    reader = Error{};  // closed: the writer is to be the last to leave the ledger
    return run_and_finish(command, *context, *plugins, *config, ledger, &head, more.get());
}

}  // namespace synth::core
