// What an answer says twice, or copies from its prompt.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace synth::prompts {

/// An open-addressing set of hashes, at most half full.
class HashSet {
public:
    explicit HashSet(std::size_t most = 0) : slots_(2 * std::bit_ceil(most | 1U)) {}
    /// Of hashes that may come more than once.
    explicit HashSet(std::span<const std::uint64_t> hashes);

    /// Whether it was there before.
    bool insert(std::uint64_t hash) { return std::exchange(slots_[slot(hash)], key(hash)) != 0; }
    [[nodiscard]] bool contains(std::uint64_t hash) const { return slots_[slot(hash)] != 0; }

private:
    static std::uint32_t key(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32U) | 1U; }
    [[nodiscard]] std::size_t slot(std::uint64_t hash) const {
        std::size_t at = hash & (slots_.size() - 1);
        while (slots_[at] != 0 && slots_[at] != key(hash)) at = (at + 1) & (slots_.size() - 1);
        return at;
    }

    std::vector<std::uint32_t> slots_;
};

/// The runs of eight words in some texts. Case and marks do not matter.
HashSet runs_in(std::span<const std::string_view> texts);

/// What Passages::share looks for.
struct PassageSet {
    explicit PassageSet(std::span<const std::string_view> texts);

    HashSet runs, anchors;
};

/// The passages of an answer: its runs of eight words, whose case and marks do not matter. In a long text of few marks
/// they are only looked at when a part of what it says, its anchors, gives reason to: 32 letters from the beginning of
/// every fourth word, chosen by what the first of them are, so that a passage that comes twice has the same anchors
/// both times. That a text gets by that repeats itself, or copies, by the bounds below, happens once in thousands.
class Passages {
public:
    /// `text` is read by the functions below.
    explicit Passages(std::string_view text);

    /// Whether most of the text says again what it said before, as small models do when they loop.
    [[nodiscard]] bool repeat();

    /// False when the text copies nothing, or hardly anything, from the texts of `set`.
    [[nodiscard]] bool share(const PassageSet& set);
    /// The same for one text, which is looked at for this answer only.
    [[nodiscard]] bool share(std::string_view text) const;

    /// Whether the text copies its prompt instead of following it: more than a tenth of its runs are in `fixed`, of the
    /// messages that are the same for many samples, or in `own`, the sample's.
    [[nodiscard]] bool echo(const HashSet& fixed, std::string_view own);

private:
    [[nodiscard]] bool share_anchors(const HashSet& anchors) const;
    void find_runs();
    [[nodiscard]] const std::vector<std::uint64_t>& first() {
        find_runs();
        return same_ ? last_ : first_;
    }

    std::string_view text_;
    std::size_t words_ = 0;               ///< in a text that has anchors
    std::vector<std::uint64_t> anchors_;  ///< of a long text of few marks, else empty

    bool found_ = false;                ///< what follows is filled in
    std::vector<std::uint64_t> last_;   ///< what is only marks counts as a word, since loops consist of them, too
    std::vector<std::uint64_t> first_;  ///< without what is only marks
    bool same_ = false;                 ///< as last_: nothing is only marks
};

}  // namespace synth::prompts
