// The project's own generator: the same seed gives the same draws on every machine and compiler, which the standard
// distributions do not promise. Integer arithmetic only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace synth {

/// SplitMix64's output function (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
}

/// An independent seed for part `index` of what `seed` governs.
[[nodiscard]] constexpr std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t index) noexcept {
    return mix64(mix64(seed + 0x9e3779b97f4a7c15ULL) + (index + 1) * 0x9e3779b97f4a7c15ULL);
}

/// An independent seed for the part of that name (FNV-1a).
[[nodiscard]] constexpr std::uint64_t derive_seed(std::uint64_t seed, std::string_view name) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return derive_seed(seed, hash);
}

/// SplitMix64. Cheap to make: one a sample, seeded with SampleSpec::seed.
class Random {
public:
    explicit constexpr Random(std::uint64_t seed) noexcept : state_(seed) {}

    [[nodiscard]] constexpr std::uint64_t next() noexcept { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }

    /// A uniform draw from [0, bound), without bias (Lemire 2019: multiply, reject). `bound` > 0.
    [[nodiscard]] constexpr std::uint64_t below(std::uint64_t bound) noexcept {
        __extension__ using Wide = unsigned __int128;
        Wide product = static_cast<Wide>(next()) * bound;
        if (auto low = static_cast<std::uint64_t>(product); low < bound) {
            const std::uint64_t threshold = (0 - bound) % bound;
            while (low < threshold) {
                product = static_cast<Wide>(next()) * bound;
                low = static_cast<std::uint64_t>(product);
            }
        }
        return static_cast<std::uint64_t>(product >> 64U);
    }

    /// A uniform draw from [low, high], both included. `low` <= `high`.
    [[nodiscard]] constexpr std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
        return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
    }

    /// True with probability `numerator` / `denominator`.
    [[nodiscard]] constexpr bool chance(std::uint64_t numerator, std::uint64_t denominator) noexcept {
        return below(denominator) < numerator;
    }

    /// An index drawn with the given integer weights; their sum must be positive.
    [[nodiscard]] constexpr std::size_t weighted(std::span<const std::uint64_t> weights) noexcept {
        std::uint64_t sum = 0;
        for (const auto weight : weights) sum += weight;
        std::uint64_t draw = below(sum);
        std::size_t index = 0;
        while (draw >= weights[index]) draw -= weights[index++];
        return index;
    }

    /// Fisher-Yates.
    template <class T>
    constexpr void shuffle(std::span<T> items) noexcept {
        for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
    }

private:
    std::uint64_t state_;
};

}  // namespace synth
