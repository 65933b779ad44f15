// Units that live in types: tokens and money. Both are exact integers; rounding is for display only.

#pragma once

#include <compare>
#include <cstdint>

namespace synth {

/// A number of model tokens.
struct Tokens {
    std::int64_t count = 0;

    constexpr auto operator<=>(const Tokens&) const = default;
    constexpr Tokens& operator+=(Tokens other) noexcept {
        count += other.count;
        return *this;
    }
    constexpr Tokens& operator-=(Tokens other) noexcept {
        count -= other.count;
        return *this;
    }
    friend constexpr Tokens operator+(Tokens a, Tokens b) noexcept { return {a.count + b.count}; }
    friend constexpr Tokens operator-(Tokens a, Tokens b) noexcept { return {a.count - b.count}; }
};

/// Money in 10^-12 US dollars. A price of $0.15 per million tokens is 150,000 a token; the range is ± $9.2 million.
struct PicoUsd {
    std::int64_t value = 0;

    static constexpr std::int64_t kPerUsd = 1'000'000'000'000;

    constexpr auto operator<=>(const PicoUsd&) const = default;
    constexpr PicoUsd& operator+=(PicoUsd other) noexcept {
        value += other.value;
        return *this;
    }
    constexpr PicoUsd& operator-=(PicoUsd other) noexcept {
        value -= other.value;
        return *this;
    }
    friend constexpr PicoUsd operator+(PicoUsd a, PicoUsd b) noexcept { return {a.value + b.value}; }
    friend constexpr PicoUsd operator-(PicoUsd a, PicoUsd b) noexcept { return {a.value - b.value}; }
    friend constexpr PicoUsd operator*(Tokens n, PicoUsd each) noexcept { return {n.count * each.value}; }

    /// For display; never for arithmetic.
    [[nodiscard]] constexpr double usd() const noexcept {
        return static_cast<double>(value) / static_cast<double>(kPerUsd);
    }
};

}  // namespace synth
