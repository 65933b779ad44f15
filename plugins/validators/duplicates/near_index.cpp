#include "duplicates/near_index.hpp"

#include <algorithm>
#include <limits>

#include "synth/random.hpp"

namespace synth::duplicates {
namespace {

/// One hash function each: odd multipliers, of which the upper half of the product counts.
constexpr std::array<std::uint64_t, kHashes> kMultipliers = [] {
    std::array<std::uint64_t, kHashes> made{};
    for (std::size_t i = 0; i < kHashes; ++i) made[i] = mix64(0x5EED + i) | 1;
    return made;
}();

}  // namespace

Signature signature_of(const std::vector<std::uint64_t>& hashes) noexcept {
    Signature least;
    least.fill(std::numeric_limits<std::uint32_t>::max());
    for (const std::uint64_t hash : hashes)
        for (std::size_t i = 0; i < kHashes; ++i)
            least[i] = std::min(least[i], static_cast<std::uint32_t>((hash * kMultipliers[i]) >> 32U));
    return least;
}

double similarity(const Signature& a, const Signature& b) noexcept {
    std::size_t same = 0;
    for (std::size_t i = 0; i < kHashes; ++i) same += static_cast<std::size_t>(a[i] == b[i]);
    return static_cast<double>(same) / kHashes;
}

bool NearIndex::same_band(std::size_t band, const Signature& a, const Signature& b) noexcept {
    return std::equal(a.begin() + static_cast<std::ptrdiff_t>(band * kRows),
                      a.begin() + static_cast<std::ptrdiff_t>((band + 1) * kRows),
                      b.begin() + static_cast<std::ptrdiff_t>(band * kRows));
}

/// Of the bucket of that band, or the free place where it belongs.
std::size_t NearIndex::place(std::size_t band, const Signature& signature) const {
    const auto& heads = heads_[band];
    std::uint64_t key = band;
    for (std::size_t i = band * kRows; i < (band + 1) * kRows; ++i) key = mix64(key ^ signature[i]);
    std::size_t at = key & (heads.size() - 1);
    while (heads[at] != kNone && !same_band(band, signatures_[heads[at]], signature))
        at = (at + 1) & (heads.size() - 1);
    return at;
}

/// Before a text is added: tables at least twice as large as the texts.
void NearIndex::grow() {
    constexpr std::size_t kSmallest = 1024;
    if (signatures_.size() * 2 < heads_[0].size()) return;
    const std::size_t size = std::max(kSmallest, heads_[0].size() * 2);
    for (std::size_t band = 0; band < kBands; ++band) {
        std::vector<std::uint32_t> old(size, kNone);
        old.swap(heads_[band]);
        for (const std::uint32_t head : old)
            if (head != kNone) heads_[band][place(band, signatures_[head])] = head;
    }
}

void NearIndex::add(const Signature& signature) {
    grow();
    const auto id = static_cast<std::uint32_t>(signatures_.size());
    Links& links = earlier_.emplace_back();
    for (std::size_t band = 0; band < kBands; ++band) {
        std::uint32_t& head = heads_[band][place(band, signature)];
        links[band] = head;
        head = id;
    }
    signatures_.push_back(signature);
}

std::optional<NearIndex::Match> NearIndex::nearest(const Signature& signature) const {
    if (signatures_.empty()) return std::nullopt;
    candidates_.clear();
    for (std::size_t band = 0; band < kBands; ++band) {
        int looked_at = 0;
        for (std::uint32_t id = heads_[band][place(band, signature)]; id != kNone && looked_at < kMostOfBucket;
             id = earlier_[id][band], ++looked_at)
            candidates_.push_back(id);
    }
    std::ranges::sort(candidates_);
    std::optional<Match> best;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        if (i > 0 && candidates_[i] == candidates_[i - 1]) continue;
        const double alike = similarity(signature, signatures_[candidates_[i]]);
        if (!best || alike >= best->similarity) best = {candidates_[i], alike};
    }
    return best;
}

}  // namespace synth::duplicates
