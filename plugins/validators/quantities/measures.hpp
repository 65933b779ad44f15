// Reads numbers and units as scientific texts write them: "1.2e51 erg", "(1.2 ± 0.3) × 10^51 erg", "10⁵¹ erg",
// "0.3-10 keV", "3 erg cm^-2 s^-1", "1,000 km/s", "two" not.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace synth::quantities {

/// What a unit measures: exponents of its base units, doubled, since there is Hz^-1/2. Those that are not of length,
/// mass and so on but have to be told apart, such as magnitudes and per cent, have a place of their own.
struct Dimension {
    enum Base : std::uint8_t {
        length,
        mass,
        time,
        temperature,
        angle,
        magnetic_field,
        flux_density,
        magnitude,
        percent,
        sigma,
        count_
    };
    std::array<std::int8_t, count_> halves{};
    bool operator==(const Dimension&) const = default;
    [[nodiscard]] bool pure_number() const { return *this == Dimension{}; }
};

struct Unit {
    Dimension dimension;
    double factor = 1;     ///< in centimetres, grams, seconds, …
    std::size_t size = 0;  ///< bytes of the text; 0: none there
};

/// The unit that `text` begins with, after space: as long a product as there is.
[[nodiscard]] Unit parse_unit(std::string_view text);

struct Number {
    double value = 0;
    std::size_t size = 0;  ///< bytes of the text
};

/// The number that `text` begins with. Nothing when it begins a word ("4U 1608"), or is none.
[[nodiscard]] std::optional<Number> parse_number(std::string_view text);

/// One value or the two ends of a range, with the unit of both.
struct Measure {
    double low = 0, high = 0;
    Unit unit;
    std::size_t size = 0;  ///< bytes of the text
};

/// The measure that `text` begins with, with an unit or without.
[[nodiscard]] std::optional<Measure> parse_measure(std::string_view text);

}  // namespace synth::quantities
