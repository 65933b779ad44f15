// Finds the text most like a new one among many, without looking at all of them: MinHash signatures of the runs of
// three words, in a locality-sensitive index. About a kilobyte a text, and time that does not grow with their number.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/folded_words.hpp"

namespace synth::duplicates {

/// Words of a run. Shorter ones make unrelated texts alike, longer ones let a few changed words hide a copy.
inline constexpr std::size_t kRunLength = 3;
inline constexpr std::size_t kHashes = 128;
/// Texts that share all hashes of a band are compared. 42 bands of 3: of texts that are alike by 0.57 (a tenth of the
/// words changed) one in 5,000 is not found, of those alike by 0.1 one in 24 is looked at.
inline constexpr std::size_t kRows = 3, kBands = kHashes / kRows;

using Signature = std::array<std::uint32_t, kHashes>;

/// Of the runs of a text; `hashes` from hash_runs.
[[nodiscard]] Signature signature_of(const std::vector<std::uint64_t>& hashes) noexcept;

/// Jaccard similarity of the runs, estimated; its standard error is below 0.045.
[[nodiscard]] double similarity(const Signature& a, const Signature& b) noexcept;

class NearIndex {
public:
    struct Match {
        std::uint32_t text = 0;  ///< by number of `add`
        double similarity = 0;
    };

    void add(const Signature& signature);
    /// The most similar one of those that were looked at; of equal ones the latest. Nothing: none shares a band.
    [[nodiscard]] std::optional<Match> nearest(const Signature& signature) const;
    [[nodiscard]] std::size_t size() const noexcept { return signatures_.size(); }

private:
    static constexpr std::uint32_t kNone = 0xFFFFFFFF;
    /// Texts of one bucket that are looked at, the latest first: what all texts share must not make the search
    /// quadratic.
    static constexpr int kMostOfBucket = 16;
    using Links = std::array<std::uint32_t, kBands>;

    [[nodiscard]] std::size_t place(std::size_t band, const Signature& signature) const;
    [[nodiscard]] static bool same_band(std::size_t band, const Signature& a, const Signature& b) noexcept;
    void grow();

    std::vector<Signature> signatures_;
    std::vector<Links> earlier_;                            ///< by text and band: the text before it in its bucket
    std::array<std::vector<std::uint32_t>, kBands> heads_;  ///< open addressing: the latest text of a bucket
    mutable std::vector<std::uint32_t> candidates_;
};

}  // namespace synth::duplicates
