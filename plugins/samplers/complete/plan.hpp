// The plan of the sampler `complete`: deals out what is missing, to the last label, the scarcest labels first, together
// with labels that nature brings them together with. Integer arithmetic only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/nature.hpp"
#include "goal.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace synth::complete {

using samplers::Familiarity;
using samplers::Member;
using samplers::Nature;

class Plan final : public PlanStream {
public:
    /// Taxonomy and nature are borrowed. At most `samples`, which are enough; `planned` stand already.
    Plan(const Taxonomy& taxonomy, const Nature& nature, const PlanRequest& request, const Missing& missing,
         std::uint64_t planned, std::uint64_t samples);

    /// In all, those that stand not included.
    [[nodiscard]] std::uint64_t size() const noexcept { return left_ + negatives_; }

    Result<std::size_t> next(std::span<SampleSpec> out) override;

private:
    void deal(SampleSpec& out);
    [[nodiscard]] std::size_t deal_size(std::size_t due, std::size_t open);
    [[nodiscard]] Member deal_label(bool last);
    void take(Member label, SampleSpec& out);

    const Taxonomy& taxonomy_;
    const Nature& nature_;
    const std::uint64_t min_, max_;
    Random random_;
    Familiarity familiarity_;

    std::uint64_t left_ = 0, negatives_ = 0, slots_ = 0;  // samples, negative samples and labels still to be dealt
    std::uint64_t all_ = 0, all_negatives_ = 0;
    std::vector<std::uint64_t> missing_;  // by label; at most `left_`

    // Of the sample in the making, and scratch.
    std::vector<Member> taken_;
    std::uint64_t hash_ = 0;
    std::vector<Member> candidates_;
    std::vector<std::uint64_t> weights_;
};

}  // namespace synth::complete
