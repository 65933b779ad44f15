// In how many texts of a set each run of words stands, for those that many share. Memory is bounded by lossy counting
// (Manku, Motwani 2002): what is met in more than a share `error` of the texts is kept, its count too small by that
// share of the texts at most.

#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace synth::leakage {

class PhraseCounts {
public:
    /// `error`: 0.01 keeps what 1 % of the texts share.
    explicit PhraseCounts(double error);

    /// The runs of the next text (hash_runs). Each counts once; the list is sorted.
    void add(std::vector<std::uint64_t>& hashes);
    /// In how many texts it stood, at least; 0: in few or none.
    [[nodiscard]] std::uint32_t texts_with(std::uint64_t hash) const;
    [[nodiscard]] std::uint32_t texts() const noexcept { return texts_; }
    [[nodiscard]] std::size_t kept() const noexcept { return counts_.size(); }

private:
    struct Count {
        std::uint32_t seen = 0, missed = 0;  ///< missed: at most, before it was kept
    };

    std::uint32_t window_;  ///< texts after which what is rare is forgotten
    std::uint32_t texts_ = 0;
    std::unordered_map<std::uint64_t, Count> counts_;
};

}  // namespace synth::leakage
