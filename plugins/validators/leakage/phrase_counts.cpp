#include "leakage/phrase_counts.hpp"

#include <algorithm>
#include <cmath>

namespace synth::leakage {

PhraseCounts::PhraseCounts(double error) : window_(static_cast<std::uint32_t>(std::ceil(1 / error))) {}

void PhraseCounts::add(std::vector<std::uint64_t>& hashes) {
    std::ranges::sort(hashes);
    const std::uint32_t round = texts_ / window_;
    for (std::size_t i = 0; i < hashes.size(); ++i) {
        if (i > 0 && hashes[i] == hashes[i - 1]) continue;
        ++counts_.try_emplace(hashes[i], Count{0, round}).first->second.seen;
    }
    if (++texts_ % window_ != 0) return;
    std::erase_if(counts_, [&](const auto& entry) { return entry.second.seen + entry.second.missed <= round + 1; });
}

std::uint32_t PhraseCounts::texts_with(std::uint64_t hash) const {
    const auto found = counts_.find(hash);
    return found == counts_.end() ? 0 : found->second.seen;
}

}  // namespace synth::leakage
