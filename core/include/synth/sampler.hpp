// Sampler: decides which labels every sample carries. Pure: the same request gives the same plan on every machine
// (integer weights, `synth/random.hpp`).

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

/// Specs one after the other, in plan order. One thread at a time.
class PlanStream {
public:
    virtual ~PlanStream() = default;
    /// Fills `labels`, `drawn` and `primary` of the next specs and returns how many; 0 at the end of the plan.
    virtual Result<std::size_t> next(std::span<SampleSpec> out) = 0;
};

struct PlanRequest {
    std::uint64_t seed = 0;
    std::uint64_t samples = 0;            ///< in all, those of `prior` included; > 0
    std::uint64_t samples_per_class = 0;  ///< > 0: every label primary exactly that often; `samples` = that × labels
    std::uint32_t min_labels = 2, max_labels = 3;  ///< drawn labels of a sample that is not the negative one
    /// A plan to go on from, in plan order, borrowed until `plan` returns: its samples stand, and the stream gives only
    /// those after it. Null: from the start.
    PlanStream* prior = nullptr;
};

class Sampler {
public:
    static constexpr const char* kKind = "sampler";
    static constexpr std::uint32_t kInterfaceVersion = 1;

    virtual ~Sampler() = default;
    /// invalid_argument, saying why, when the request cannot be satisfied. The stream must not outlive the sampler.
    virtual Result<std::unique_ptr<PlanStream>> plan(const PlanRequest& request) const = 0;
};

}  // namespace synth
