// PromptStrategy: writes the prompt of a sample and reads the answer; who writes the output format also parses it.
// Both are pure functions of their arguments, so that a resumed run asks exactly what the first one would have. What is
// to be even over a whole plan is chosen when the plan is made, and stored with it.

#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

/// Chooses for each sample of a plan among what its prompt may say, knowing what it chose for those before. One thread
/// at a time.
class PlanSpread {
public:
    virtual ~PlanSpread() = default;
    /// `SampleSpec::variant` of the next sample: called once for each of the whole plan, from index 0 on, also in a
    /// shard and for those of a plan that is gone on from. The same specs give the same variants on every machine.
    /// Labels are of the taxonomy, `drawn` is not empty and part of `labels`. A plan may have millions of samples: keep
    /// counts, not specs.
    virtual std::uint32_t next(const SampleSpec& spec) = 0;
};

class PromptStrategy {
public:
    static constexpr const char* kKind = "prompt";
    static constexpr std::uint32_t kInterfaceVersion = 2;

    virtual ~PromptStrategy() = default;

    /// The prompt for the next attempt. `earlier` are the attempts that failed, oldest first: tell the model what was
    /// wrong, or give a cut answer more room. Any variant will do: 0 where the plan was not looked at, and one of
    /// another build or of other data when a run is gone on with.
    virtual Result<Prompt> compose(const SampleSpec& spec, std::span<const Attempt> earlier) const = 0;

    /// The document in an answer. Errors: refused (the model declined in words), malformed (nothing usable),
    /// truncated (cut by the output limit); each leads to another attempt.
    virtual Result<Draft> extract(const SampleSpec& spec, std::span<const Attempt> earlier,
                                  const Completion& completion) const = 0;

    /// What to spread over a plan, from its beginning; null: nothing, all variants are 0. Must not outlive the
    /// strategy.
    virtual std::unique_ptr<PlanSpread> spread() const { return nullptr; }
};

}  // namespace synth
