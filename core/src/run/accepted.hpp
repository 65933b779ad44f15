// The accepted samples of a ledger in plan order, each with its part of the plan.

#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "run/ledger.hpp"

namespace synth::core {

class AcceptedSamples {
public:
    /// `accepted` by sample; their reader outlives this.
    AcceptedSamples(std::unique_ptr<Cursor<CallEntry>> accepted, std::unique_ptr<PlanStream> plan)
        : accepted_(std::move(accepted)), plan_(std::move(plan)) {}
    explicit AcceptedSamples(LedgerReader& reader) : AcceptedSamples(reader.accepted(), reader.plan()) {}

    /// False at the end. `spec` is valid until the next call.
    Result<bool> next(const SampleSpec*& spec, CallEntry& entry);

private:
    std::unique_ptr<Cursor<CallEntry>> accepted_;
    std::unique_ptr<PlanStream> plan_;
    std::vector<SampleSpec> specs_;
    std::size_t at_ = 0;
};

}  // namespace synth::core
