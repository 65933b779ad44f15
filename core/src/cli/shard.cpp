// `generate --shard`: one part of a plan, in a ledger of its own. Started again it goes on where it was, so a scheduler
// may run a task as often as it likes.

#include "config/shard.hpp"
#include "base/files.hpp"
#include "base/format.hpp"
#include "cli/context.hpp"
#include "cli/finish.hpp"
#include "cli/new_run.hpp"
#include "run/ledger.hpp"
#include "run/plan_blocks.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

/// The command line without the number of the shard, which goes at its end for any of them, and without the password of
/// Redis.
std::vector<std::string> without_shard(const std::vector<std::string>& arguments) {
    constexpr std::string_view kShared = "--shared-limits", kSharedIs = "--shared-limits=";
    const auto public_url = [](std::string_view text) {
        const auto url = parse_redis_url(text);
        return url ? url->without_secret() : std::string();
    };
    std::vector<std::string> rest;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i] == "--shard")
            ++i;
        else if (arguments[i].starts_with(kSharedIs))
            rest.push_back(std::string(kSharedIs) +
                           public_url(std::string_view(arguments[i]).substr(kSharedIs.size())));
        else if (!arguments[i].starts_with("--shard="))
            rest.push_back(i > 0 && arguments[i - 1] == kShared ? public_url(arguments[i]) : arguments[i]);
    }
    return rest;
}

/// Whether what is in the ledger is what was asked for now. Builds of plugins may differ: that is for `merge` to judge.
Status same_run(const fs::path& ledger, RunConfig before, const RunConfig& now) {
    for (auto& choice : before.plugins)
        if (const auto* same = now.find(choice.kind, choice.id)) {
            choice.version = same->version;
            choice.sha256 = same->sha256;
        }
    const auto differ = disagreement(before, now);
    if (differ.empty()) return {};
    return Error{ErrorCode::invalid_argument,
                 ledger.string() + " was begun with other settings (" + differ +
                     "); use the same ones, another --run-name, or 'resume' with the ledger",
                 "shard"};
}

/// Makes the shard's ledger, with its slice of the plan.
Status create_shard_ledger(const NewRun& run, const PlanRequest& request, const TypicalPrompts& typical,
                           const fs::path& ledger, LedgerHead& head) {
    const Shard& shard = run.config.shard;
    const auto whole_plan = [&] { return plan_with(run.plugins, request); };
    auto plan = whole_plan();
    if (!plan) return std::move(plan).error();
    // A sampler may need fewer samples than were asked for, so the slices are known once the plan has been read.
    auto sum = sum_up(**plan);
    if (!sum) return std::move(sum).error();
    head = new_head(run.config, run.plugins.assembly.taxonomy(), typical);
    head.whole = sum->samples;
    head.plan_digest = std::move(sum->digest);
    head.first = part_begin(head.whole, shard.number, shard.count);
    head.samples = part_of(head.whole, shard);
    if (head.samples == 0)
        return Error{ErrorCode::invalid_argument,
                     "a plan of " + with_thousands(head.whole) + " samples cannot be split into " +
                         with_thousands(shard.count) + " shards",
                     "shard"};
    plan = whole_plan();
    if (!plan) return std::move(plan).error();
    PlanSlice slice(**plan, head.first, head.samples);
    const auto wanted = head.samples;
    if (auto made = create_ledger(ledger, head, slice); !made) return made;
    if (head.samples != wanted)
        return Error{ErrorCode::internal, "the sampler made a shorter plan when it was asked again", "plan"};
    return {};
}

}  // namespace

int run_shard(const Command& command, const Context& context, NewRun& run) {
    auto& config = run.config;
    auto& plugins = run.plugins;
    const Console& console = *context.console;
    const auto request = plan_request(config, plugins.assembly.taxonomy());
    config.samples = request.samples;
    if (config.name.empty()) config.name = "synthetic_training_data_llm_seed_" + std::to_string(config.seed);
    config.shard.command = without_shard(command.arguments);
    for (auto& word : config.shard.command) context.secrets.redact(word);
    config.shard.directory = fs::current_path().string();
    if (auto taken = take_share(config); !taken) return context.fail(taken.error());
    const fs::path dir = config.output_dir;
    if (auto usable = prepare_output_dir(dir); !usable) return context.fail(usable.error());
    const fs::path ledger = dir / (config.name + ".ledger.sqlite");
    auto lock = FileLock::take(dir / (config.name + ".lock"),
                               "another process is making " + config.name + " in " + dir.string() + "; one at a time");
    if (!lock) return context.fail(lock.error());

    std::error_code ignored;
    if (fs::exists(ledger, ignored)) {
        auto reader = LedgerReader::open(ledger);
        if (!reader) return context.fail(reader.error());
        LedgerHead head = reader->head();
        auto before = parse_run_config(head.config_json);
        if (!before) return context.fail(before.error());
        if (auto same = same_run(ledger, *before, config); !same) return context.fail(same.error());
        auto progress = reader->progress();
        if (!progress) return context.fail(progress.error());
        if (static_cast<std::uint64_t>(progress->accepted) == head.samples) {
            console.log(LogLevel::info, config.name + " is complete: " + with_thousands(head.samples) + " samples");
            return kAllMade;
        }
        if (auto able = check_mode(config, plugins, &*reader); !able) return context.fail(able.error());
        if (auto ready = ready_to_spend(context, config, plugins); !ready) return context.fail(ready.error());
        say_where_it_stands(console, config, plugins.info, head, *progress);
        head.config_json = to_json(config);
        reader = Error{};  // closed: the writer is to be the last to leave the ledger
        return run_and_finish(command, context, plugins, config, ledger, &head, nullptr);
    }

    if (auto able = check_mode(config, plugins, nullptr); !able) return context.fail(able.error());
    if (auto ready = ready_to_spend(context, config, plugins); !ready) return context.fail(ready.error());
    auto typical = typical_prompts(plugins, request);
    if (!typical) return context.fail(typical.error());
    look_at_disk(console, config, part_of(request.samples, config.shard), 0, typical->first);
    LedgerHead head;
    if (auto made = create_shard_ledger(run, request, *typical, ledger, head); !made) return context.fail(made.error());
    console.log(LogLevel::info,
                "shard " + std::to_string(config.shard.number) + " of " + std::to_string(config.shard.count) +
                    ": samples " + with_thousands(head.first + 1) + " to " + with_thousands(head.first + head.samples) +
                    " of " + with_thousands(head.whole) + ", seed " + std::to_string(config.seed) + ", " +
                    (plugins.info.endpoint.empty() ? "provider " + config.find("provider")->id
                                                   : "model " + plugins.info.model + " at " + plugins.info.endpoint));
    return run_and_finish(command, context, plugins, config, ledger, nullptr, nullptr);
}

}  // namespace synth::core
