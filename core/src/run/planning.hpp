// The plan of a run, as it is stored: what the sampler gives, made whole with what core and prompts add to it.

#pragma once

#include <memory>

#include "plugins/instance.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/result.hpp"
#include "synth/sampler.hpp"
#include "synth/taxonomy.hpp"

namespace synth::core {

/// A plan with index, seed and variant filled in; after `request.prior`, which may end with this call, as one from the
/// start would go on. The instances outlive the stream. Errors of the sampler; internal, also from the stream, for a
/// label that the taxonomy lacks, and where `drawn` is empty or not part of `labels`.
Result<std::unique_ptr<PlanStream>> make_plan(const Instance<Sampler>& sampler, const Instance<PromptStrategy>& prompts,
                                              const Taxonomy& taxonomy, PlanRequest request);

}  // namespace synth::core
