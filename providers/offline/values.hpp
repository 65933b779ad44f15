// Plausible values of a quantity, drawn and written in decimal integers only: the same on every machine, and never
// outside the range through rounding.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "synth/random.hpp"
#include "synth/taxonomy.hpp"

namespace offline {

/// digits × 10^exponent
struct Decimal {
    std::int64_t digits = 0;
    int exponent = 0;
};

enum class Notation : std::uint8_t {
    programmer,  ///< 1.5e-12
    typeset,     ///< 1.5 × 10^-12
};

void append(std::string& out, Decimal value, Notation notation);

class ValueRange {
public:
    /// The usual values where `typical` begins with an interval inside [low, high], else [low, high]. Nothing when
    /// neither says what is plausible.
    static std::optional<ValueRange> of(const synth::Quantity& quantity);

    /// Evenly over the decades where the range spans two and more, else evenly over the range; three digits.
    [[nodiscard]] Decimal draw(synth::Random& random) const;

    /// Two draws, the smaller first.
    [[nodiscard]] std::pair<Decimal, Decimal> draw_two(synth::Random& random) const;

private:
    static std::optional<ValueRange> between(Decimal low, Decimal high, bool counted);

    bool logarithmic_ = false;
    /// Logarithmic: decades, and the three-digit mantissas at which the outer ones begin and end. Else: multiples of
    /// 10^low_exponent_.
    int low_exponent_ = 0, high_exponent_ = 0;
    std::int64_t low_ = 0, high_ = 0;
};

}  // namespace offline
