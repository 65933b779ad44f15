// PromptStrategy: writes the prompt of a sample and reads the answer; who writes the output format also parses it.
// Both calls are pure functions of their arguments, so that a resumed run asks exactly what the first one would have.

#pragma once

#include <cstdint>
#include <span>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

class PromptStrategy {
public:
    static constexpr const char* kKind = "prompt";
    static constexpr std::uint32_t kInterfaceVersion = 1;

    virtual ~PromptStrategy() = default;

    /// The prompt for the next attempt. `earlier` are the attempts that failed, oldest first: tell the model what was
    /// wrong, or give a cut answer more room.
    virtual Result<Prompt> compose(const SampleSpec& spec, std::span<const Attempt> earlier) const = 0;

    /// The document in an answer. Errors: refused (the model declined in words), malformed (nothing usable),
    /// truncated (cut by the output limit); each leads to another attempt.
    virtual Result<Draft> extract(const SampleSpec& spec, std::span<const Attempt> earlier,
                                  const Completion& completion) const = 0;
};

}  // namespace synth
