// When batches leave and are looked at: what a session in batches and its simulation have in common. Pure.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "config/run_config.hpp"
#include "synth/batch.hpp"

namespace synth::core {

/// At the service at once.
inline constexpr std::size_t kMostBatchesOut = 50;

/// Requests in one batch at most.
[[nodiscard]] inline std::uint64_t most_lines(const BatchLimits& limits, const RunConfig& config) noexcept {
    return config.batch_lines > 0 ? std::min<std::uint64_t>(limits.lines, config.batch_lines) : limits.lines;
}

/// From one look at a batch to the next, when the one before came after `interval`.
[[nodiscard]] inline std::chrono::milliseconds next_interval(std::chrono::milliseconds interval) noexcept {
    constexpr double kGrowth = 1.5;
    constexpr std::chrono::milliseconds kLongest{600'000};
    return std::min(kLongest, std::chrono::duration_cast<std::chrono::milliseconds>(interval * kGrowth));
}

/// Whether what is left of a run of that many samples is so little that `--finish direct` asks for it directly.
[[nodiscard]] inline bool are_few(std::uint64_t left, std::uint64_t samples) noexcept {
    return left <= std::max<std::uint64_t>(100, samples / 100);
}

/// Samples that failed are asked for again in rounds, so that a round's failures share a file. Fresh samples are the
/// first.
class Rounds {
public:
    /// Samples failed in a batch of `round`; `failed`: those that had failed before and are not asked for again yet.
    void on_failed(std::uint32_t round, std::uint64_t failed) noexcept {
        earliest_ = failed == 0 ? round : std::min(earliest_, round);
    }
    /// Of a batch with failed samples in it.
    [[nodiscard]] std::uint32_t next() const noexcept { return earliest_ + 1; }

    /// Whether the `failed` samples are to leave: a file is full, or nothing is out that could bring more of their
    /// round.
    /// `out` has the round of each batch at the service.
    template <class Batches, class Round>
    [[nodiscard]] bool due(std::uint64_t failed, std::uint64_t most, const Batches& out, Round round) const {
        return failed > 0 && (failed >= most ||
                              std::ranges::none_of(out, [this](std::uint32_t one) { return one <= earliest_; }, round));
    }

private:
    std::uint32_t earliest_ = 1;  ///< round that one of the failed samples was in
};

}  // namespace synth::core
