#include "common/facts.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace synth::prompts {

std::vector<QuantityFact> quantity_facts(const std::vector<Quantity>& quantities) {
    std::vector<QuantityFact> facts;
    for (const Quantity& quantity : quantities) {
        QuantityFact fact{quantity.name, quantity.unit, quantity.typical, {}, {}, {}};
        if (quantity.low && quantity.high) {
            append(fact.low, Decimal::of(*quantity.low));
            append(fact.high, Decimal::of(*quantity.high));
            fact.draw = typical_draw(quantity.typical, *quantity.low, *quantity.high);
        }
        facts.push_back(std::move(fact));
    }
    return facts;
}

std::vector<std::uint32_t> draw_places(Random& random, std::size_t size, std::size_t count) {
    std::vector<std::uint32_t> places(size);
    std::iota(places.begin(), places.end(), 0U);
    count = std::min(count, size);
    for (std::size_t i = 0; i < count; ++i) std::swap(places[i], places[i + random.below(size - i)]);
    places.resize(count);
    return places;
}

void append_item(std::string& list, std::string_view item) { list.append(list.empty() ? "" : ", ").append(item); }

}  // namespace synth::prompts
