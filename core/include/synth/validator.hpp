// Validator: looks at one draft and says what is wrong with it. Pure in the review; nothing is bought by a plugin.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

/// A question to another model: the core buys the answer, records it with its cost, and calls `check` again.
struct Ask {
    std::string provider;  ///< named instance in the run: "judge"
    Prompt prompt;
};

struct Verdict {
    std::vector<Finding> findings;  ///< any rejection rejects the draft; its message is told to the model
    std::optional<Ask> ask;         ///< findings are final only without one
};

/// Everything a validator may look at; borrowed for the call.
struct Review {
    const SampleSpec* spec = nullptr;
    const Prompt* prompt = nullptr;
    const Completion* completion = nullptr;
    const Draft* draft = nullptr;
    std::span<const Completion> answers;  ///< to this validator's earlier asks about this draft, in order
};

class Validator {
public:
    static constexpr const char* kKind = "validator";
    static constexpr std::uint32_t kInterfaceVersion = 1;

    virtual ~Validator() = default;
    virtual Result<Verdict> check(const Review& review) const = 0;
};

}  // namespace synth
