// The plan of the sampler `proportional`: numbers of labels and labels as near to their shares in the data as whole
// numbers can be, in sets of the data, some of which trade labels to become new ones. Integer arithmetic only.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "reference.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace synth::proportional {

class Plan final : public PlanStream {
public:
    /// The taxonomy is borrowed. `new_sets`: share of samples whose set the data lack, in percent.
    Plan(const Taxonomy& taxonomy, Reference reference, const PlanRequest& request, std::uint32_t new_sets);

    /// Counts a sample that stands already. Before `begin`.
    void replay(const SampleSpec& sample);
    /// Between the last `replay` and the first `next`.
    void begin();

    Result<std::size_t> next(std::span<SampleSpec> out) override;

private:
    /// The sets of one size, each as often as in the data, in random order; begun again when all are dealt.
    struct Deck {
        std::vector<std::uint32_t> sets;
        std::size_t at = 0;
    };

    void deal_window();
    [[nodiscard]] std::size_t deal_size();
    [[nodiscard]] LabelSet deal_set(std::size_t size);
    void fill_deck(std::size_t size, std::span<const std::uint64_t> dealt, std::uint64_t rounds);
    void settle();
    bool hand_on(LabelId from);
    void make_new();
    bool trade(LabelSet& ours, LabelSet& theirs);
    void count(const LabelSet& set, std::size_t size);
    [[nodiscard]] bool is_new(const LabelSet& set) const {
        return !taxonomy_.is_negative(set) && reference_.is_new(set);
    }
    void emit(const LabelSet& set, SampleSpec& out);

    const Taxonomy& taxonomy_;
    const Reference reference_;
    const std::uint64_t seed_, samples_;
    const std::uint32_t new_sets_;
    Random random_;

    std::uint64_t planned_ = 0, slots_ = 0, all_slots_ = 0, new_made_ = 0;  // slots: places for labels
    std::array<std::uint64_t, LabelSet::kCapacity + 1> sizes_{};  // samples with that many labels; 0: negative
    std::vector<std::uint64_t> size_targets_;
    std::vector<std::uint64_t> labels_, label_targets_, primaries_;  // samples with each label
    std::vector<std::uint64_t> sets_;                                // that were replayed, by place in the data
    std::vector<LabelId> known_;                                     // labels that the data have
    /// By label: what it has above its share of the slots so far, in units of one slot divided by `all_slots_`.
    std::vector<std::int64_t> ahead_;
    std::array<Deck, LabelSet::kCapacity + 1> decks_;

    std::vector<LabelSet> window_;
    std::size_t window_at_ = 0;
    std::vector<std::size_t> traders_;  // scratch
};

}  // namespace synth::proportional
