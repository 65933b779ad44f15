#include "common/numbers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

namespace synth::prompts {
namespace {

constexpr std::int64_t kPerDecade = 900;  // mantissas 100 to 999

int count_digits(std::int64_t positive) {
    int count = 1;
    while (positive >= 10) positive /= 10, ++count;
    return count;
}

/// number / 10^exponent, rounded up or down.
std::int64_t scaled(Decimal number, int exponent, bool up) {
    const bool negative = number.digits < 0;
    bool rest = false;
    for (; number.exponent > exponent; --number.exponent) number.digits *= 10;
    for (; number.exponent < exponent && (number.digits != 0 || !rest); ++number.exponent) {
        rest = rest || number.digits % 10 != 0;
        number.digits /= 10;
    }
    if (!rest || up == negative) return number.digits;
    return number.digits + (up ? 1 : -1);
}

/// Place of a positive number on a scale of kPerDecade steps a decade.
std::int64_t step_of(Decimal number, bool up) {
    const int magnitude = number.exponent + count_digits(number.digits) - 1;
    const std::int64_t mantissa = scaled(number, magnitude - 2, up);  // 1000 rounds into the next decade by itself
    return magnitude * kPerDecade + (mantissa - 100);
}

std::optional<double> take_number(std::string_view& text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

void skip_spaces(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(' '), text.size())); }

}  // namespace

Decimal Decimal::of(double value) {
    std::array<char, 40> buffer{};
    const auto end =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
    std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));  // d.ddde±xx
    const std::size_t mark = text.find('e');
    Decimal number;
    const bool negative = text.starts_with('-');
    bool fraction = false;
    for (const char c : text.substr(negative ? 1 : 0, mark - (negative ? 1 : 0))) {
        if (c == '.') {
            fraction = true;
            continue;
        }
        number.digits = number.digits * 10 + (c - '0');
        number.exponent -= static_cast<int>(fraction);
    }
    if (negative) number.digits = -number.digits;
    std::string_view exponent = text.substr(mark + 1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    int power = 0;
    std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
    number.exponent += power;
    return number;
}

void append(std::string& out, Decimal number) {
    if (number.digits == 0) {
        out += '0';
        return;
    }
    while (number.digits % 10 == 0) number.digits /= 10, ++number.exponent;
    if (number.digits < 0) out += '-';
    std::array<char, 24> buffer{};
    const auto end =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), number.digits < 0 ? -number.digits : number.digits)
            .ptr;
    const std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    const int size = static_cast<int>(digits.size());
    const int magnitude = number.exponent + size - 1;
    if (magnitude < -3 || magnitude > 5) {
        out += digits[0];
        if (size > 1) out.append(".").append(digits.substr(1));
        out.append("e").append(std::to_string(magnitude));
    } else if (number.exponent >= 0) {
        out.append(digits).append(static_cast<std::size_t>(number.exponent), '0');
    } else if (magnitude >= 0) {
        out.append(digits.substr(0, static_cast<std::size_t>(magnitude) + 1)).append(".");
        out.append(digits.substr(static_cast<std::size_t>(magnitude) + 1));
    } else {
        out.append("0.").append(static_cast<std::size_t>(-magnitude - 1), '0').append(digits);
    }
}

std::optional<Draw> Draw::between(double low, double high) {
    Draw draw;
    if (!(low < high)) return std::nullopt;
    draw.decades_ = low > 0 && high >= 10 * low;
    if (draw.decades_) {
        draw.low_ = step_of(Decimal::of(low), true);
        draw.high_ = step_of(Decimal::of(high), false);
    } else {
        const Decimal span = Decimal::of(high - low);
        draw.exponent_ = span.exponent + count_digits(span.digits) - 3;
        // What is far larger than the distance of its bounds does not fit the digits of the steps.
        if (std::max(std::abs(low), std::abs(high)) > 1e12 * (high - low)) return std::nullopt;
        draw.low_ = scaled(Decimal::of(low), draw.exponent_, true);
        draw.high_ = scaled(Decimal::of(high), draw.exponent_, false);
    }
    if (draw.low_ > draw.high_) return std::nullopt;
    return draw;
}

Decimal Draw::operator()(Random& random) const {
    const std::int64_t drawn = random.between(low_, high_);
    if (!decades_) return {drawn, exponent_};
    std::int64_t magnitude = drawn / kPerDecade;
    std::int64_t mantissa = drawn % kPerDecade;
    if (mantissa < 0) mantissa += kPerDecade, --magnitude;
    return {100 + mantissa, static_cast<int>(magnitude) - 2};
}

std::optional<Draw> typical_draw(std::string_view typical, double low, double high) {
    skip_spaces(typical);
    auto first = take_number(typical);
    if (!first) return std::nullopt;
    skip_spaces(typical);
    if (typical.starts_with("to ")) {
        typical.remove_prefix(3);
    } else if (typical.starts_with('-')) {
        typical.remove_prefix(1);
    } else {
        return std::nullopt;
    }
    skip_spaces(typical);
    auto second = take_number(typical);
    if (!second || !(typical.empty() || std::string_view(" ,;(").find(typical[0]) != std::string_view::npos))
        return std::nullopt;
    if (*second < *first) std::swap(first, second);
    return Draw::between(std::max(*first, low), std::min(*second, high));
}

}  // namespace synth::prompts
