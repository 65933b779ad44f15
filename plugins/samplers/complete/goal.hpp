// How many samples of which labels take a data set to a goal: the fewest that do.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "synth/result.hpp"
#include "synth/taxonomy.hpp"

namespace synth::complete {

/// What is still to be made. Samples with the labels can be put together exactly: no label is in more of them than
/// there are, and their numbers of labels are within the limits.
struct Missing {
    std::vector<std::uint64_t> labels;  ///< samples to carry each label, those with the negative one included
    std::uint64_t negatives = 0;        ///< samples of the negative label, which is alone
    std::uint64_t least = 0, most = 0;  ///< other samples: any number from the one to the other will do
    std::uint64_t slots = 0;            ///< labels of the other samples, in all

    [[nodiscard]] bool nothing() const noexcept { return negatives == 0 && slots == 0; }
};

/// `have`: documents with each label. `shares`: of each label among all labels, in any unit. The goal is the smallest
/// in these proportions that no label is beyond and that can be reached exactly; in the end every label is within one
/// of it. Of limits that leave gaps (2 labels each, an odd number in all), up to max_labels - 1 labels are left one
/// short. invalid_argument, naming the label, when no number of samples reaches a goal.
Result<Missing> find_missing(const Taxonomy& taxonomy, std::span<const std::uint64_t> have,
                             std::span<const std::uint64_t> shares, std::uint32_t min_labels, std::uint32_t max_labels);

}  // namespace synth::complete
