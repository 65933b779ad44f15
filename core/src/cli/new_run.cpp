#include "cli/new_run.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "run/disk_space.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::core {

Result<TypicalPrompts> typical_prompts(const RunPlugins& plugins, const PlanRequest& request) {
    // More of them, or larger ones, would save few bytes more, and a run of few samples not even their own.
    constexpr std::uint64_t kMost = 16, kSamplesForEach = 8;
    constexpr std::size_t kMostBytes = std::size_t{128} << 10U;

    auto plan = plan_with(plugins, request);
    if (!plan) return std::move(plan).error();
    std::vector<SampleSpec> specs(std::clamp<std::uint64_t>(request.samples / kSamplesForEach, 1, kMost));
    auto got = (*plan)->next(specs);
    if (!got) return std::move(got).error();
    if (*got == 0) return Error{ErrorCode::internal, "the sampler made an empty plan", "empty_plan"};
    specs.resize(*got);

    TypicalPrompts typical;
    for (const SampleSpec& spec : specs) {
        auto prompt = plugins.prompts.call([&](PromptStrategy& p) { return p.compose(spec, {}); });
        const bool first = typical.texts.empty();
        if (!prompt && first) return std::move(prompt).error();
        if (!prompt) continue;  // what is wrong with it is told in the run
        if (!first && typical.texts.size() >= kMostBytes) break;
        for (const auto& message : prompt->messages) typical.texts += message.text + "\n";
        if (first) typical.first = std::move(*prompt);
    }
    return typical;
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

LedgerHead new_head(const RunConfig& config, const Taxonomy& taxonomy, const TypicalPrompts& typical) {
    LedgerHead head;
    head.config_json = to_json(config);
    head.taxonomy_json = to_json(taxonomy);
    head.seed = config.seed;
    head.dictionary = typical.texts;
    return head;
}

}  // namespace synth::core
