// The classes of a run: how they are spelled, what they mean, how they relate, and the facts that prompts and offline
// texts draw from. Loaded once by the core from `core/data/` or the user's file; every plugin borrows it.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synth {

/// Position of a label in Taxonomy::labels. Valid for one taxonomy only.
using LabelId = std::uint16_t;

/// The labels of one sample: unique, ascending (taxonomy order), at most kCapacity. Trivially copyable.
class LabelSet {
public:
    static constexpr std::size_t kCapacity = 15;

    constexpr LabelSet() = default;

    /// Adds `label` in its place. False when it is there already or the set is full.
    constexpr bool insert(LabelId label) noexcept {
        std::size_t at = 0;
        while (at < size_ && ids_[at] < label) ++at;
        if (size_ == kCapacity || (at < size_ && ids_[at] == label)) return false;
        for (std::size_t i = size_; i > at; --i) ids_[i] = ids_[i - 1];
        ids_[at] = label;
        ++size_;
        return true;
    }
    [[nodiscard]] constexpr bool contains(LabelId label) const noexcept {
        return std::find(begin(), end(), label) != end();
    }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr LabelId operator[](std::size_t i) const noexcept { return ids_[i]; }
    [[nodiscard]] constexpr const LabelId* begin() const noexcept { return ids_.data(); }
    [[nodiscard]] constexpr const LabelId* end() const noexcept { return ids_.data() + size_; }
    [[nodiscard]] constexpr std::span<const LabelId> span() const noexcept { return {ids_.data(), size_}; }
    constexpr bool operator==(const LabelSet&) const = default;

private:
    std::array<LabelId, kCapacity> ids_{};
    std::uint16_t size_ = 0;
};

/// A measurable quantity that texts about a class state, with the range in which a value is plausible.
struct Quantity {
    std::string name;                 ///< "photon index"
    std::string unit;                 ///< "erg cm^-2 s^-1"; empty for a pure number
    std::string typical;              ///< usual values in words: "1.5-3.0"
    std::optional<double> low, high;  ///< plausible range in `unit`
};

/// How often another label is met in documents that carry this one: a weight, not a probability.
struct Cooccurrence {
    LabelId label = 0;
    std::uint32_t weight = 0;  ///< > 0
};

struct Label {
    std::string code;     ///< stable identity across spellings: "MMA_M_EM_G"
    std::string name;     ///< as this taxonomy spells it: what outputs hold
    std::string group;    ///< "Messenger", "Objects", "Signals"
    std::string meaning;  ///< one or two sentences that prevent a misreading of the bare name
    std::vector<std::string> aliases, terms, instruments, objects;
    std::vector<Quantity> quantities;
    std::vector<Cooccurrence> cooccurs;  ///< by label, ascending; symmetric
    std::vector<LabelId> parents;        ///< ancestors in this taxonomy that real documents carry as well
    std::vector<LabelId> entails;        ///< true of every document with this label, transitively; `parents` included
    std::vector<LabelId> confusable;     ///< easily mistaken for this one
};

/// A kind of document that is not about any of the classes.
struct NegativeCategory {
    std::string id;    ///< "heliophysics"
    std::string name;  ///< "Pure heliophysics / solar science"
    std::string meaning;
    std::vector<std::string> terms, instruments, forms;  ///< forms: "mission page", "space-weather bulletin", …
    std::vector<Quantity> quantities;
    bool hard = false;  ///< close to one of the classes
    std::string notes;  ///< what a writer must avoid
};

struct Taxonomy {
    std::string name;           ///< "tdamm40"
    std::vector<Label> labels;  ///< in taxonomy order
    /// The label that is always alone and means "none of the others"; none in a taxonomy without one.
    std::optional<LabelId> negative;
    std::vector<NegativeCategory> negative_categories;  ///< empty only when there is no negative label

    [[nodiscard]] const Label& operator[](LabelId id) const { return labels[id]; }
    [[nodiscard]] bool is_negative(const LabelSet& set) const noexcept {
        return negative && set.size() == 1 && set[0] == *negative;
    }
    /// By name or code, exactly.
    [[nodiscard]] std::optional<LabelId> find(std::string_view name_or_code) const noexcept {
        for (std::size_t i = 0; i < labels.size(); ++i)
            if (labels[i].name == name_or_code || labels[i].code == name_or_code) return static_cast<LabelId>(i);
        return std::nullopt;
    }
    /// Weight with which two labels meet; 0 means that nature does not bring them together.
    [[nodiscard]] std::uint32_t cooccurrence(LabelId a, LabelId b) const noexcept {
        for (const auto& other : labels[a].cooccurs)
            if (other.label == b) return other.weight;
        return 0;
    }
    /// True when a document with `set` is also, by entailment, one with `label`.
    [[nodiscard]] bool covers(const LabelSet& set, LabelId label) const noexcept {
        return std::ranges::any_of(set, [&](LabelId own) {
            return own == label || std::ranges::find(labels[own].entails, label) != labels[own].entails.end();
        });
    }
};

}  // namespace synth
