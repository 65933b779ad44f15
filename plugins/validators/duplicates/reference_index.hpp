// What a text shares with a reference set: which of its runs of eight words stand there. Memory is bounded: of a large
// set a part of the runs is kept, chosen by their hash, so that the same part is looked at in every text.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace synth::duplicates {

class ReferenceIndex {
public:
    /// Words of a run. Eight in a row are hardly ever the same by chance.
    static constexpr std::size_t kRunLength = 8;

    struct Overlap {
        double share = 0;            ///< of the text's runs that stand in the reference
        std::uint32_t document = 0;  ///< number of the reference text that most of them are of
    };

    /// `most_runs`: kept at most; 4 million take 100 MB.
    explicit ReferenceIndex(std::size_t most_runs = std::size_t{4} << 20U);

    /// The runs of the next reference text; `hashes` from hash_runs.
    void add(const std::vector<std::uint64_t>& hashes);
    [[nodiscard]] Overlap overlap(const std::vector<std::uint64_t>& hashes) const;
    [[nodiscard]] std::uint32_t documents() const noexcept { return documents_; }

private:
    [[nodiscard]] bool kept(std::uint64_t hash) const noexcept { return hash != 0 && (hash >> 40U & mask_) == 0; }
    [[nodiscard]] std::size_t place(std::uint64_t hash) const noexcept;
    void rehash(std::size_t slots);

    std::size_t most_runs_;
    std::uint64_t mask_ = 0;  ///< bits that are 0 in the hash of a run that is kept
    std::uint32_t documents_ = 0;
    std::size_t runs_ = 0;
    std::vector<std::uint64_t> hashes_;  ///< open addressing; 0: free
    std::vector<std::uint32_t> owners_;  ///< the first document with it
};

}  // namespace synth::duplicates
