// Which part of a data set a record belongs to: train, validation or test, decided as records come by, in memory that
// does not depend on how many.
//
// For each label, for label sets and for all records together it keeps how far each part is from its share, and puts a
// record where that brings them nearest to it (iterative stratification, Sechidis et al. 2011, made to work online). A
// draw from seed and index says where a record would rather go, and decides when the parts are near their shares: so a
// record that is missing, and comes with a later export, moves few others. Records behind the last one never move what
// was decided before. Integers only: the same on every machine.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "synth/taxonomy.hpp"

namespace synth::sinks {

inline constexpr std::size_t kParts = 3;
inline constexpr std::array<std::string_view, kParts> kPartNames = {"train", "validation", "test"};

class Splitter {
public:
    /// `validation` and `test` are shares, 0 or more and below 1 together.
    Splitter(std::uint64_t seed, double validation, double test, std::size_t labels);

    /// The part, 0 to kParts - 1. One whose share is 0 is never chosen.
    std::size_t assign(std::uint64_t index, const LabelSet& labels);

    /// In millionths.
    [[nodiscard]] std::int64_t share(std::size_t part) const noexcept { return shares_[part]; }

private:
    /// How many millionths of a record each part has above its share; negative: below.
    using Deviation = std::array<std::int64_t, kParts>;

    std::uint64_t seed_, assigned_ = 0;
    std::array<std::int64_t, kParts> shares_{};
    std::vector<Deviation> of_label_, of_set_;  ///< sets by hash: two may share an entry
    Deviation of_all_{};
};

}  // namespace synth::sinks
