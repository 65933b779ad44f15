#include "common/nature.hpp"

#include <algorithm>
#include <new>

#include "synth/random.hpp"

namespace synth::samplers {

Nature::Nature(const Taxonomy& taxonomy) : members_(taxonomy.labels.size()) {
    for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) {
        const auto id = static_cast<LabelId>(i);
        if (id == taxonomy.negative) continue;
        members_[id] = static_cast<Member>(ids_.size());
        ids_.push_back(id);
    }

    const std::size_t n = size();
    weights_.resize(n * n);
    std::uint64_t sum = 0, known = 0;
    const auto raise = [&](LabelId a, LabelId b, std::uint32_t weight) {
        if (a == b || a == taxonomy.negative || b == taxonomy.negative) return;
        for (const std::size_t at : {members_[a] * n + members_[b], members_[b] * n + members_[a]})
            weights_[at] = std::max(weights_[at], weight);
    };
    for (const LabelId a : ids_)
        for (const auto& [b, weight] : taxonomy[a].cooccurs) {
            raise(a, b, weight);
            sum += weight;
            ++known;
        }
    const auto mean = static_cast<std::uint32_t>(known == 0 ? 1 : std::max<std::uint64_t>(1, sum / known));
    for (const LabelId a : ids_)
        for (const LabelId b : taxonomy[a].entails)
            if (taxonomy.cooccurrence(a, b) == 0) raise(a, b, mean);

    conflicts_.resize(n * n);
    std::ranges::transform(weights_, conflicts_.begin(),
                           [](std::uint32_t weight) { return static_cast<std::uint8_t>(weight == 0); });
    for (std::size_t i = 0; i < n; ++i) conflicts_[i * n + i] = kSelf;

    partners_.resize(n * words());
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
            if (conflicts_[i * n + j] == 0) partners_[i * words() + j / 64] |= std::uint64_t{1} << (j % 64);
}

Familiarity::Familiarity(std::size_t labels)
    : counts_(static_cast<std::uint32_t*>(std::calloc(std::size_t{1} << kBits, sizeof(std::uint32_t)))) {
    if (!counts_) throw std::bad_alloc();
    Random keys(derive_seed(0, "label set"));
    for (std::size_t i = 0; i < labels; ++i) keys_.push_back(keys.next());
}

}  // namespace synth::samplers
