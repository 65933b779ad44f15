#include "values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <system_error>

namespace offline {

namespace {

constexpr int kMaxDigits = 15;

constexpr std::int64_t power_of_ten(int exponent) {
    std::int64_t power = 1;
    while (exponent-- > 0) power *= 10;
    return power;
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes a number such as -1.5e-12 off the front of `text`.
std::optional<Decimal> take_number(std::string_view& text) {
    std::size_t at = 0;
    const bool negative = at < text.size() && text[at] == '-';
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    Decimal number;
    bool any = false, fraction = false;
    for (; at < text.size(); ++at) {
        if (text[at] == '.' && !fraction) {
            fraction = true;
        } else if (!is_digit(text[at])) {
            break;
        } else if (any = true; number.digits < power_of_ten(kMaxDigits)) {
            number.digits = number.digits * 10 + (text[at] - '0');
            number.exponent -= static_cast<int>(fraction);
        } else {
            number.exponent += static_cast<int>(!fraction);
        }
    }
    if (!any) return std::nullopt;
    if (at + 1 < text.size() && text[at] == 'e') {
        const char* begin = text.data() + at + 1;
        if (*begin == '+') ++begin;
        int exponent = 0;
        const auto [end, error] = std::from_chars(begin, text.data() + text.size(), exponent);
        if (error == std::errc()) {
            number.exponent += exponent;
            at = static_cast<std::size_t>(end - text.data());
        }
    }
    while (number.digits != 0 && number.digits % 10 == 0) {
        number.digits /= 10;
        ++number.exponent;
    }
    if (number.digits == 0) number.exponent = 0;
    if (negative) number.digits = -number.digits;
    text.remove_prefix(at);
    return number;
}

Decimal exact(double value) {
    std::array<char, 32> buffer{};
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    std::string_view text(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data()));
    return take_number(text).value_or(Decimal{});
}

void skip_spaces(std::string_view& text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
}

/// "0.3-10 (Chandra)", "-1.5 to +2.5": the interval at the front.
std::optional<std::pair<Decimal, Decimal>> take_interval(std::string_view text) {
    const std::optional<Decimal> first = take_number(text);
    if (!first) return std::nullopt;
    skip_spaces(text);
    if (text.starts_with("to "))
        text.remove_prefix(3);
    else if (text.starts_with("-"))
        text.remove_prefix(1);
    else
        return std::nullopt;
    skip_spaces(text);
    const std::optional<Decimal> second = take_number(text);
    if (!second) return std::nullopt;
    return std::pair{*first, *second};
}

int count_digits(std::int64_t number) {
    int count = 1;
    while (number >= 10) number /= 10, ++count;
    return count;
}

/// Of the leading digit; `value` is not zero.
int leading_exponent(Decimal value) { return value.exponent + count_digits(std::abs(value.digits)) - 1; }

/// `value` in multiples of 10^exponent, rounded down.
std::int64_t floor_to(Decimal value, int exponent) {
    if (value.exponent >= exponent) return value.digits * power_of_ten(value.exponent - exponent);
    if (exponent - value.exponent > kMaxDigits + 2) return value.digits < 0 ? -1 : 0;
    const std::int64_t step = power_of_ten(exponent - value.exponent);
    return value.digits / step - static_cast<std::int64_t>(value.digits % step < 0);
}

std::int64_t ceil_to(Decimal value, int exponent) { return -floor_to({-value.digits, value.exponent}, exponent); }

bool less(Decimal a, Decimal b) {
    if ((a.digits < 0) != (b.digits < 0) || a.digits == 0 || b.digits == 0) return a.digits < b.digits;
    const int exponent_a = leading_exponent(a), exponent_b = leading_exponent(b);
    if (exponent_a != exponent_b) return (exponent_a < exponent_b) == (a.digits > 0);
    const int exponent = std::min(a.exponent, b.exponent);
    return a.digits * power_of_ten(a.exponent - exponent) < b.digits * power_of_ten(b.exponent - exponent);
}

void append_integer(std::string& out, std::int64_t number) {
    std::array<char, 24> buffer;
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
    out.append(buffer.data(), result.ptr);
}

}  // namespace

void append(std::string& out, Decimal value, Notation notation) {
    if (value.digits < 0) {
        out += '-';
        value.digits = -value.digits;
    }
    const int digits = count_digits(value.digits);
    const int leading = value.exponent + digits - 1;
    if (value.digits != 0 && (leading < -3 || leading > 4)) {
        while (value.digits % 10 == 0 && value.digits > 9) value.digits /= 10;
        const std::size_t start = out.size();
        append_integer(out, value.digits);
        if (value.digits > 9) out.insert(start + 1, 1, '.');
        out += notation == Notation::programmer ? "e" : " × 10^";
        append_integer(out, leading);
    } else if (value.exponent >= 0) {
        append_integer(out, value.digits * power_of_ten(value.exponent));
    } else {
        const std::size_t start = out.size();
        append_integer(out, value.digits);
        const auto decimals = static_cast<std::size_t>(-value.exponent);
        const std::size_t written = out.size() - start;
        if (written <= decimals) out.insert(start, decimals + 1 - written, '0');
        out.insert(out.size() - decimals, 1, '.');
    }
}

std::optional<ValueRange> ValueRange::of(const synth::Quantity& quantity) {
    std::optional<Decimal> low, high;
    if (quantity.low) low = exact(*quantity.low);
    if (quantity.high) high = exact(*quantity.high);
    const bool counted = quantity.unit.empty() && low && high && low->exponent >= 0 && high->exponent >= 0 &&
                         leading_exponent(*high) >= 2;
    if (auto usual = take_interval(quantity.typical)) {
        auto& [first, second] = *usual;
        if (less(second, first)) std::swap(first, second);
        if (!(low && less(first, *low)) && !(high && less(*high, second)))
            if (auto range = between(first, second, counted)) return range;
    }
    if (!low || !high) return std::nullopt;
    return between(*low, *high, counted);
}

std::optional<ValueRange> ValueRange::between(Decimal low, Decimal high, bool counted) {
    if (!less(low, high)) return std::nullopt;
    ValueRange range;
    if (low.digits > 0 && leading_exponent(high) - leading_exponent(low) >= 2) {
        range.logarithmic_ = true;
        range.low_exponent_ = leading_exponent(low) - 2;
        range.high_exponent_ = leading_exponent(high) - 2;
        range.low_ = ceil_to(low, range.low_exponent_);
        range.high_ = floor_to(high, range.high_exponent_);
        if (range.high_ == 100) {  // a decade of one value would come up too often
            --range.high_exponent_;
            range.high_ = 999;
        }
        return range;
    }
    const Decimal& wider =
        low.digits == 0 || less({std::abs(low.digits), low.exponent}, {std::abs(high.digits), high.exponent}) ? high
                                                                                                              : low;
    int step = leading_exponent(wider) - 2;
    // Narrow ranges such as 2.70 to 2.75 need finer steps.
    while (floor_to(high, step) - ceil_to(low, step) < 100) --step;
    if (counted) step = std::max(step, 0);
    range.low_exponent_ = step;
    range.low_ = ceil_to(low, step);
    range.high_ = floor_to(high, step);
    if (range.low_ == 0 && range.high_ > 1) range.low_ = 1;
    return range;
}

Decimal ValueRange::draw(synth::Random& random) const {
    if (!logarithmic_) return {random.between(low_, high_), low_exponent_};
    const auto exponent = static_cast<int>(random.between(low_exponent_, high_exponent_));
    const std::int64_t first = exponent == low_exponent_ ? low_ : 100;
    const std::int64_t last = exponent == high_exponent_ ? high_ : 999;
    return {random.between(first, last), exponent};
}

std::pair<Decimal, Decimal> ValueRange::draw_two(synth::Random& random) const {
    Decimal first = draw(random), second = draw(random);
    if (less(second, first)) std::swap(first, second);
    return {first, second};
}

}  // namespace offline
