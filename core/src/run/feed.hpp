// The samples of a plan that still have to be made, as the ledger has it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "run/ledger.hpp"
#include "run/pipeline.hpp"

namespace synth::core {

class Feed {
public:
    /// The reader outlives the feed.
    explicit Feed(LedgerReader& reader);

    /// Marks what earlier sessions have done. Once, before `next`.
    Status restore();

    [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }  ///< by earlier sessions

    /// The next job in plan order, with the attempts that it has behind it; nothing at the end.
    Result<std::unique_ptr<Job>> next();

private:
    Status recall(Job& job);

    LedgerReader& reader_;
    std::unique_ptr<PlanStream> plan_;
    std::uint64_t first_, samples_;
    std::vector<bool> begun_, done_;  ///< from `first_` on; empty: by no earlier session
    std::vector<SampleSpec> specs_;
    std::size_t at_ = 0;
    std::uint64_t accepted_ = 0;
};

}  // namespace synth::core
