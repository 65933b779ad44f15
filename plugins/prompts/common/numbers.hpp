// Numbers in prompts: decimal, drawn with integers only, so that a seed gives the same digits on every machine.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "synth/random.hpp"

namespace synth::prompts {

/// digits × 10^exponent, exactly.
struct Decimal {
    std::int64_t digits = 0;
    int exponent = 0;

    /// The shortest decimal that reads back as `value`, which must be finite.
    static Decimal of(double value);
};

/// Appends it without trailing zeros: 0.0032, 41253, 2.5e9.
void append(std::string& out, Decimal number);

/// Values of three significant digits between two bounds: uniform over the decades, linear within one, when the bounds
/// are positive and a factor of ten or more apart; else uniform.
class Draw {
public:
    /// Nothing when no such value lies between the bounds.
    static std::optional<Draw> between(double low, double high);
    [[nodiscard]] Decimal operator()(Random& random) const;

private:
    std::int64_t low_ = 0, high_ = 0;
    bool decades_ = false;
    int exponent_ = 0;  ///< of the steps, when uniform
};

/// The draw for a quantity: the range that `typical` starts with ("1.1-60", "-18 to -22", "1e-12 - 1e-9 (…)"), kept
/// within `low` and `high`. Nothing when `typical` does not start with a range of plain numbers.
std::optional<Draw> typical_draw(std::string_view typical, double low, double high);

}  // namespace synth::prompts
