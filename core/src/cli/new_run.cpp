#include "cli/new_run.hpp"

#include "base/format.hpp"
#include "run/disk_space.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::core {

Result<Prompt> typical_prompt(const RunPlugins& plugins, const PlanRequest& request) {
    auto plan = plan_with(plugins, request);
    if (!plan) return std::move(plan).error();
    SampleSpec first;
    auto got = (*plan)->next(std::span(&first, 1));
    if (!got) return std::move(got).error();
    if (*got == 0) return Error{ErrorCode::internal, "the sampler made an empty plan", "empty_plan"};
    return plugins.prompts.call([&](PromptStrategy& p) { return p.compose(first, {}); });
}

void look_at_disk(const Console& console, const RunConfig& config, std::uint64_t samples, std::uint64_t outputs,
                  const Prompt& typical) {
    const auto needed = estimated_space(samples, typical.target_words, outputs);
    const auto free = free_space(config.output_dir);
    if (free && *free < needed)
        console.log(LogLevel::warning, "this run will need about " + megabytes(needed) + " of disk, " +
                                           config.output_dir + " has " + megabytes(*free) +
                                           " left; it stops with everything kept when that is used up");
}

LedgerHead new_head(const RunConfig& config, const Taxonomy& taxonomy, const Prompt& typical) {
    LedgerHead head;
    head.config_json = to_json(config);
    head.taxonomy_json = to_json(taxonomy);
    head.seed = config.seed;
    for (const auto& message : typical.messages) head.dictionary += message.text + "\n";
    return head;
}

}  // namespace synth::core
