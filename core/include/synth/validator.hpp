// Validator: looks at one draft and says what is wrong with it. Pure in the review; nothing is bought by a plugin.

#pragma once

#include <cstdint>
#include <vector>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

struct Verdict {
    std::vector<Finding> findings;  ///< any rejection rejects the draft; its message is told to the model
};

/// Everything a validator may look at; borrowed for the call.
struct Review {
    const SampleSpec* spec = nullptr;
    const Prompt* prompt = nullptr;
    const Completion* completion = nullptr;
    const Draft* draft = nullptr;
};

class Validator {
public:
    static constexpr const char* kKind = "validator";
    static constexpr std::uint32_t kInterfaceVersion = 1;

    virtual ~Validator() = default;
    virtual Result<Verdict> check(const Review& review) const = 0;
};

}  // namespace synth
