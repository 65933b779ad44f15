// Finds the label that a spelling means: of the run's taxonomy or of another label set. Labelled data sets come in
// several spellings of the same classes, by name, by code or by path.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "synth/taxonomy.hpp"

namespace synth::plugins {

class LabelSpellings {
public:
    /// The taxonomy is borrowed.
    explicit LabelSpellings(const Taxonomy& taxonomy);

    /// Name or code to the letter; else without regard to case, hyphens, underscores and repeated space: name or code,
    /// the last part of a path ("Objects/Black Holes"), an alias. What two labels could be meant by is none.
    [[nodiscard]] std::optional<LabelId> find(std::string_view spelling) const;

    /// Whether it is a name or code to the letter.
    [[nodiscard]] bool is_exact(std::string_view spelling) const { return exact_.contains(spelling); }

    /// The name that differs in the fewest letters from `spelling`. Empty when none is near.
    [[nodiscard]] std::string_view nearest(std::string_view spelling) const;

private:
    /// Meaning of every folded spelling; nothing: of two labels.
    using Folded = std::unordered_map<std::string, std::optional<LabelId>>;

    const Taxonomy& taxonomy_;
    std::unordered_map<std::string_view, LabelId> exact_;  // names and codes of the taxonomy
    Folded names_, parts_, aliases_;
};

}  // namespace synth::plugins
