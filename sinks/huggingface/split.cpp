#include "huggingface/split.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "synth/random.hpp"

namespace synth::sinks {

namespace {

constexpr std::int64_t kOne = 1'000'000;
constexpr std::size_t kSetEntries = 1U << 14U;

/// How much the draw weighs: more lets labels stray farther from their shares, less lets a record that comes later move
/// more of the others. It grows with the records, because while there are few no label can stray at all.
constexpr std::int64_t kFullPull = 20 * kOne;
constexpr std::uint64_t kHalfPullAt = 500;

}  // namespace

Splitter::Splitter(std::uint64_t seed, double validation, double test, std::size_t labels)
    : seed_(seed), of_label_(labels), of_set_(kSetEntries) {
    shares_[1] = std::llround(validation * static_cast<double>(kOne));
    shares_[2] = std::llround(test * static_cast<double>(kOne));
    shares_[0] = kOne - shares_[1] - shares_[2];
}

std::size_t Splitter::assign(std::uint64_t index, const LabelSet& labels) {
    std::array<Deviation*, LabelSet::kCapacity + 2> strata{};
    std::size_t count = 0;
    std::uint64_t set = 0;
    for (const LabelId label : labels) {
        strata[count++] = &of_label_[label];
        set = derive_seed(set, label);
    }
    strata[count++] = &of_set_[set % kSetEntries];
    strata[count++] = &of_all_;

    const auto draw = static_cast<std::int64_t>(Random(derive_seed(seed_, index)).below(kOne));
    const std::size_t drawn = draw < shares_[0] ? 0 : draw < shares_[0] + shares_[1] ? 1 : 2;
    const auto pull =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(kFullPull) * assigned_ / (assigned_ + kHalfPullAt));

    std::size_t best = 0;
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (std::size_t part = 0; part < kParts; ++part) {
        if (shares_[part] == 0) continue;
        // What the sum of squared deviations, relative to the shares, grows by when the record goes here; the same for
        // all parts left out.
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < count; ++i) sum += 2 * ((*strata[i])[part] - shares_[part]) + kOne;
        std::int64_t cost = sum * kOne / shares_[part] / static_cast<std::int64_t>(count);
        if (part == drawn) cost -= pull;
        if (cost < least) {
            least = cost;
            best = part;
        }
    }
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t part = 0; part < kParts; ++part)
            (*strata[i])[part] += (part == best ? kOne : 0) - shares_[part];
    ++assigned_;
    return best;
}

}  // namespace synth::sinks
