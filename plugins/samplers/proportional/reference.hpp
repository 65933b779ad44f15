// What a labelled data set says about label sets: which there are, how many labels they have, which labels meet, and
// which sets it lacks but could have.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/data_source.hpp"
#include "synth/sampler.hpp"
#include "synth/taxonomy.hpp"

namespace synth::proportional {

using samplers::LabelSets;

class Reference {
public:
    /// Of the documents with `min_labels` to `max_labels` labels and the negative ones; `all` is borrowed.
    Reference(const Taxonomy& taxonomy, const LabelSets& all, std::uint32_t min_labels, std::uint32_t max_labels);

    [[nodiscard]] std::uint64_t documents() const noexcept { return documents_; }
    /// Documents with that many labels; at 0 the negative ones.
    [[nodiscard]] std::span<const std::uint64_t> sizes() const noexcept { return sizes_; }
    /// Documents that are not negative with each label of the taxonomy.
    [[nodiscard]] std::span<const std::uint64_t> labels() const noexcept { return labels_; }
    /// Places in `all` of the sets with that many labels.
    [[nodiscard]] std::span<const std::uint32_t> of_size(std::size_t labels) const noexcept { return by_size_[labels]; }
    [[nodiscard]] const LabelSet& set(std::uint32_t place) const noexcept { return all_.set(place); }
    [[nodiscard]] std::uint64_t count(std::uint32_t place) const noexcept { return all_.count(place); }
    /// The place of the set; LabelSets::size() when no document has it.
    [[nodiscard]] std::size_t find(const LabelSet& set) const { return all_.find(set); }
    [[nodiscard]] bool is_new(const LabelSet& set) const { return !all_.contains(set); }

    /// How many different sets there are.
    [[nodiscard]] std::size_t sets() const noexcept { return all_.size(); }

    /// Documents with both labels.
    [[nodiscard]] std::uint32_t pairs(LabelId a, LabelId b) const noexcept {
        return pairs_[place(a) * width_ + place(b)];
    }

    /// Whether the data could have held the set: all of its pairs are met in them, no label is without one that it is
    /// never met without, and a label alone is met alone. Labels must be of the data.
    [[nodiscard]] bool plausible(const LabelSet& set) const;

private:
    [[nodiscard]] std::size_t place(LabelId id) const noexcept { return places_[id]; }

    const LabelSets& all_;
    std::uint64_t documents_ = 0;
    std::array<std::uint64_t, LabelSet::kCapacity + 1> sizes_{};
    std::vector<std::uint64_t> labels_;
    std::array<std::vector<std::uint32_t>, LabelSet::kCapacity + 1> by_size_;
    std::vector<std::uint16_t> places_;  // of labels in `pairs_`: those that the data have, so that it stays small
    std::size_t width_ = 0;
    std::vector<std::uint32_t> pairs_;
    std::vector<std::vector<LabelId>> always_with_;  // by label
};

}  // namespace synth::proportional
