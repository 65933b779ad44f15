// The facts of a class as prompts state them, and which of them a sample gets.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/numbers.hpp"
#include "synth/random.hpp"
#include "synth/taxonomy.hpp"

namespace synth::prompts {

/// A quantity as the prompt states it. Borrows from the taxonomy.
struct QuantityFact {
    std::string_view name, unit, typical;
    std::string low, high;     ///< empty: not known
    std::optional<Draw> draw;  ///< of the value to suggest; needs a plausible range
};
std::vector<QuantityFact> quantity_facts(const std::vector<Quantity>& quantities);

/// Up to `count` different places of `size`, in the order drawn.
std::vector<std::uint32_t> draw_places(Random& random, std::size_t size, std::size_t count);

/// Appends to a list with commas.
void append_item(std::string& list, std::string_view item);

}  // namespace synth::prompts
