// The plan of the sampler `balanced`: deals labels level by level, which is exact, then trades them between samples,
// which changes no count, until they meet as in nature. Integer arithmetic only.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/nature.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"
#include "synth/taxonomy.hpp"

namespace synth::balanced {

using samplers::Familiarity;
using samplers::Member;
using samplers::Nature;

/// What a plan promises, checked before one is made.
struct Rules {
    std::uint64_t seed = 0;
    std::uint64_t samples = 0;
    std::uint64_t samples_per_class = 0;  ///< 0: primaries are not dealt out exactly
    std::uint32_t min_labels = 0, max_labels = 0;
    bool add_parents = false;
};

class Plan final : public PlanStream {
public:
    /// Both are borrowed.
    Plan(const Taxonomy& taxonomy, const Nature& nature, const Rules& rules);

    /// Counts a sample that stands already and fits the taxonomy. invalid_argument when the rules cannot be kept with
    /// it. Before any `next`.
    Status replay(const SampleSpec& sample);
    /// Between the last `replay` and the first `next`.
    void begin();

    Result<std::size_t> next(std::span<SampleSpec> out) override;

private:
    /// A label's place in a sample. Labels may be traded between slots of the same round without harm to the balance of
    /// any prefix.
    struct Slot {
        Member label = 0;
        std::uint32_t round = 0;  ///< its low bits: rounds of one window are close
    };
    /// A sample in the making; the negative one has no slots.
    struct Draft {
        std::array<Slot, LabelSet::kCapacity> slots;
        std::size_t size = 0;
        std::uint64_t hash = 0;       ///< of its label set
        std::uint64_t counted = 0;    ///< the hash that it was last made familiar by
        std::uint32_t conflicts = 0;  ///< pairs that nature does not bring together

        [[nodiscard]] std::span<const Slot> taken() const noexcept { return std::span(slots).first(size); }
        [[nodiscard]] bool contains(Member label) const noexcept {
            return std::ranges::find(taken(), label, &Slot::label) != taken().end();
        }
    };
    struct Place {
        Draft* draft = nullptr;
        std::size_t slot = 0;
        bool operator==(const Place&) const = default;
    };
    /// What a slot may have its label exchanged for.
    struct Trade {
        Member label = 0;
        Place from;  ///< no draft: `label` is still to be dealt
    };

    [[nodiscard]] bool exact_primaries() const noexcept { return rules_.samples_per_class > 0; }
    [[nodiscard]] std::uint32_t round_of(std::uint64_t level) const noexcept;

    void deal_window();
    [[nodiscard]] std::size_t deal_size();
    void deal_sample(Draft& draft, std::size_t size);
    void deal_primary(Draft& draft, std::size_t size);
    void deal_label(Draft& draft, std::size_t size);
    void find_due(const Draft& draft);
    void keep_natural(const Draft& draft, std::size_t except);
    template <class Value>
    void keep_least(Value&& value);
    void deal(Draft& draft, Member label);
    void take(Draft& draft, Member label, std::uint32_t round);

    void improve();
    bool settle(Draft& draft, std::size_t slot);
    void refresh(Draft& draft);
    void exchange(Place place, const Trade& trade);
    void assign(Place place, Member label);
    void recount(Draft& draft);
    [[nodiscard]] std::uint32_t conflicts(const Draft& draft, std::size_t slot, Member label) const noexcept;

    void emit(const Draft& draft, SampleSpec& out);

    const Taxonomy& taxonomy_;
    const Nature& nature_;
    Rules rules_;
    Random random_;
    Familiarity familiarity_;

    std::uint64_t planned_ = 0, negatives_ = 0;
    std::vector<std::uint64_t> sizes_;      // samples of min_labels, min_labels + 1, … labels
    std::vector<std::uint64_t> primaries_;  // samples that a label is the primary of
    std::vector<std::uint64_t> dealt_;      // samples that a label is in; with exact primaries, as a further label
    std::uint64_t base_ = 0;                // least of `dealt_` at the start

    std::vector<Draft> window_;
    std::size_t window_at_ = 0;
    std::vector<std::vector<Place>> places_;  // of every label in the window

    std::vector<std::uint64_t> due_;  // labels to be dealt next, as bits
    bool due_stale_ = true;

    // Scratch.
    std::vector<std::uint64_t> wanted_;    // labels, as bits
    std::vector<std::uint8_t> conflicts_;  // by label; fits Nature::kSelf and all labels of a sample
    std::vector<Member> candidates_;
    std::vector<std::uint64_t> draw_;
};

}  // namespace synth::balanced
