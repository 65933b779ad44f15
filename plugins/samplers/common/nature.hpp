// Which labels meet in nature: the co-occurrence weights of the taxonomy, laid out for drawing, and how often every
// label set has been drawn already. Labels are numbered here from 0 without the negative one.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "synth/taxonomy.hpp"

namespace synth::samplers {

/// A label that may be drawn: its place among them, in taxonomy order.
using Member = std::uint16_t;

class Nature {
public:
    explicit Nature(const Taxonomy& taxonomy);

    [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
    [[nodiscard]] LabelId id(Member member) const noexcept { return ids_[member]; }
    /// `id` must not be the negative label.
    [[nodiscard]] Member member(LabelId id) const noexcept { return members_[id]; }

    /// Weights with which `member` meets all others; 0: nature does not bring the two together. A label and one that it
    /// entails always meet.
    [[nodiscard]] std::span<const std::uint32_t> weights(Member member) const noexcept {
        return std::span(weights_).subspan(member * size(), size());
    }
    /// For all others: 1 where the weight is 0, 0 where it is not; kSelf for `member` itself.
    [[nodiscard]] std::span<const std::uint8_t> conflicts(Member member) const noexcept {
        return std::span(conflicts_).subspan(member * size(), size());
    }
    /// Those with a weight, as a set of bits.
    [[nodiscard]] std::span<const std::uint64_t> partners(Member member) const noexcept {
        return std::span(partners_).subspan(member * words(), words());
    }
    [[nodiscard]] std::size_t words() const noexcept { return (size() + 63) / 64; }
    /// More than all conflicts of a sample: no label is in one twice.
    static constexpr std::uint8_t kSelf = 100;

private:
    std::vector<LabelId> ids_;
    std::vector<Member> members_;
    std::vector<std::uint32_t> weights_;
    std::vector<std::uint8_t> conflicts_;
    std::vector<std::uint64_t> partners_;
};

/// Counts label sets in memory that does not grow: sets whose hashes collide are counted together, which only makes
/// them look more familiar than they are.
class Familiarity {
public:
    explicit Familiarity(std::size_t labels);

    /// A set's hash is the sum of its labels' keys, so that it follows a change of one label.
    [[nodiscard]] std::uint64_t key(Member member) const noexcept { return keys_[member]; }
    [[nodiscard]] std::uint32_t& count(std::uint64_t hash) noexcept { return counts_[hash >> (64U - kBits)]; }

private:
    static constexpr unsigned kBits = 20;  // 4 MiB

    struct Free {
        void operator()(std::uint32_t* counts) const noexcept { std::free(counts); }
    };

    std::vector<std::uint64_t> keys_;
    std::unique_ptr<std::uint32_t[], Free> counts_;  // zeros of the system: a plan of few samples touches few of them
};

}  // namespace synth::samplers
