// Room on the disk of a run: looked at before answers are asked for that could not be kept.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "run/pacing.hpp"

namespace synth::core {

/// Bytes that this user may still write below `dir`; nothing: the system does not say.
std::optional<std::uint64_t> free_space(const std::filesystem::path& dir);

/// What a run of that many samples will take up, ledger and one output included; texts of `words` words.
std::uint64_t estimated_space(std::uint64_t samples, std::uint64_t words, std::uint64_t outputs);

/// Whether what is on its way will fit. Asks the system ten times a second at most.
class DiskSpace {
public:
    explicit DiskSpace(std::filesystem::path dir) : dir_(std::move(dir)) {}

    /// Keeps the largest answer in mind: the next may be as large.
    void seen(std::uint64_t bytes);

    /// Room for `answers` more, whatever they hold? Those in flight and not yet durable count.
    [[nodiscard]] bool has_room(std::uint64_t answers, SteadyTime now);

    [[nodiscard]] std::uint64_t free() const noexcept { return free_.value_or(0); }
    [[nodiscard]] std::uint64_t needed(std::uint64_t answers) const noexcept;
    [[nodiscard]] const std::filesystem::path& dir() const noexcept { return dir_; }

private:
    std::filesystem::path dir_;
    std::uint64_t largest_ = 32 * 1024;
    std::optional<std::uint64_t> free_;
    SteadyTime looked_{};
};

}  // namespace synth::core
