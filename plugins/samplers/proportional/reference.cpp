#include "reference.hpp"

#include <algorithm>

namespace synth::proportional {

Reference::Reference(const Taxonomy& taxonomy, const LabelSets& all, std::uint32_t min_labels, std::uint32_t max_labels)
    : all_(all),
      labels_(taxonomy.labels.size()),
      places_(taxonomy.labels.size()),
      always_with_(taxonomy.labels.size()) {
    for (std::size_t i = 0; i < all.size(); ++i) {
        const LabelSet& set = all.set(i);
        const bool negative = taxonomy.is_negative(set);
        const std::size_t size = negative ? 0 : set.size();
        if (!negative && (size < min_labels || size > max_labels)) continue;
        documents_ += all.count(i);
        sizes_[size] += all.count(i);
        by_size_[size].push_back(static_cast<std::uint32_t>(i));
        if (negative) continue;
        for (const LabelId id : set) {
            if (labels_[id] == 0) places_[id] = static_cast<std::uint16_t>(width_++);
            labels_[id] += all.count(i);
        }
    }
    pairs_.resize(width_ * width_);
    for (std::size_t size = 1; size < by_size_.size(); ++size)
        for (const std::uint32_t i : by_size_[size])
            for (const LabelId a : all.set(i))
                for (const LabelId b : all.set(i))
                    pairs_[place(a) * width_ + place(b)] += static_cast<std::uint32_t>(all.count(i));
    for (std::size_t a = 0; a < labels_.size(); ++a)
        for (std::size_t b = 0; b < labels_.size(); ++b) {
            const auto first = static_cast<LabelId>(a), second = static_cast<LabelId>(b);
            if (a != b && labels_[a] > 0 && labels_[b] > 0 && pairs(first, second) == labels_[a])
                always_with_[a].push_back(second);
        }
}

bool Reference::plausible(const LabelSet& set) const {
    if (set.size() == 1) return all_.contains(set);
    for (const LabelId a : set) {
        for (const LabelId b : set)
            if (a < b && pairs(a, b) == 0) return false;
        for (const LabelId b : always_with_[a])
            if (!set.contains(b)) return false;
    }
    return true;
}

}  // namespace synth::proportional
