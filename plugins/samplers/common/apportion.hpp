// Whole numbers in given proportions: as near to them as whole numbers can be.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace synth::samplers {

/// `total` divided in proportion to `weights`, by largest remainders, of equal ones the first: no division into whole
/// numbers is nearer. A part is at least what stands already in `least`; where that is too much, the others share what
/// is left. `weights` and `least` are of one size; `least` must not exceed `total` in all, and some weight be positive.
[[nodiscard]] std::vector<std::uint64_t> apportion(std::uint64_t total, std::span<const std::uint64_t> weights,
                                                   std::span<const std::uint64_t> least);

}  // namespace synth::samplers
