#include "duplicates/reference_index.hpp"

#include <algorithm>
#include <unordered_map>

namespace synth::duplicates {

ReferenceIndex::ReferenceIndex(std::size_t most_runs) : most_runs_(most_runs), hashes_(1024), owners_(1024) {}

std::size_t ReferenceIndex::place(std::uint64_t hash) const noexcept {
    std::size_t at = hash & (hashes_.size() - 1);
    while (hashes_[at] != 0 && hashes_[at] != hash) at = (at + 1) & (hashes_.size() - 1);
    return at;
}

/// Into a table of that size, without what is no longer kept.
void ReferenceIndex::rehash(std::size_t slots) {
    std::vector<std::uint64_t> hashes(slots);
    std::vector<std::uint32_t> owners(slots);
    hashes.swap(hashes_);
    owners.swap(owners_);
    runs_ = 0;
    for (std::size_t i = 0; i < hashes.size(); ++i) {
        if (!kept(hashes[i])) continue;
        const std::size_t at = place(hashes[i]);
        hashes_[at] = hashes[i];
        owners_[at] = owners[i];
        ++runs_;
    }
}

void ReferenceIndex::add(const std::vector<std::uint64_t>& hashes) {
    for (const std::uint64_t hash : hashes) {
        if (!kept(hash)) continue;
        std::size_t at = place(hash);
        if (hashes_[at] == hash) continue;
        if (runs_ == most_runs_) {
            mask_ = mask_ * 2 + 1;  // every other run goes
            rehash(hashes_.size());
            if (!kept(hash)) continue;
            at = place(hash);
        } else if (runs_ * 2 >= hashes_.size()) {
            rehash(hashes_.size() * 2);
            at = place(hash);
        }
        hashes_[at] = hash;
        owners_[at] = documents_;
        ++runs_;
    }
    ++documents_;
}

ReferenceIndex::Overlap ReferenceIndex::overlap(const std::vector<std::uint64_t>& hashes) const {
    std::unordered_map<std::uint32_t, std::size_t> shared;  // by document
    std::size_t looked_at = 0, found = 0;
    for (const std::uint64_t hash : hashes) {
        if (!kept(hash)) continue;
        ++looked_at;
        const std::size_t at = place(hash);
        if (hashes_[at] == 0) continue;
        ++found;
        ++shared[owners_[at]];
    }
    if (found == 0) return {};
    const auto most = std::ranges::max_element(shared, [](const auto& a, const auto& b) {
        return a.second != b.second ? a.second < b.second : a.first > b.first;
    });
    return {static_cast<double>(found) / static_cast<double>(looked_at), most->first};
}

}  // namespace synth::duplicates
