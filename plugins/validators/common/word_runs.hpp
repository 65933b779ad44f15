// Runs of words as numbers, so that texts can be compared by what they share: "of the host galaxy" is four words of
// one run of four, two of three.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/folded_words.hpp"

namespace synth::validators {

/// A hash of every run of `length` words, in order, repeated ones too. A shorter text is one run.
void hash_runs(const plugins::FoldedText& text, std::size_t length, std::vector<std::uint64_t>& out);

}  // namespace synth::validators
