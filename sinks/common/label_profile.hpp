// How an export spells the labels: as the run's own taxonomy does, or as one of the built-in ones does whatever the run
// was made with. Classes are told apart by code, which is the same in all of them.
//
// The rule for a label whose code the profile lacks: its nearest ancestors that the profile has take its place; without
// any it is dropped. A record that is left without a label is left out, since "no label" would be a statement that
// nobody made. Both are counted and said at the end.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "synth/host.hpp"
#include "synth/result.hpp"
#include "synth/taxonomy.hpp"

/// A property for a sink's options schema.
#define SYNTH_SINK_PROFILE_OPTION                                                                 \
    R"("profile": {"type": "string", "enum": ["own", "tdamm40", "tdamm36", "cosmos"], )"          \
    R"("default": "own", "description": "spell the labels as this taxonomy does; what it lacks )" \
    R"(is mapped to an ancestor or dropped, and counted"})"

namespace synth::sinks {

/// The JSON text of a built-in taxonomy (codes in order, and how each is spelled); empty for another name.
std::string_view builtin_profile(std::string_view name);

struct ExportedLabel {
    std::string code, name;
    std::string group, meaning;  ///< as the run's taxonomy has them; empty for a class that it lacks
};

class LabelProfile {
public:
    /// `name` is "own" or a built-in taxonomy. invalid_argument when that one has none of the taxonomy's codes.
    static Result<LabelProfile> make(std::string_view name, const Taxonomy& taxonomy);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }  ///< of the taxonomy that spells
    [[nodiscard]] const std::vector<ExportedLabel>& labels() const noexcept { return labels_; }  ///< in its order
    [[nodiscard]] std::optional<LabelId> negative() const noexcept { return negative_; }

    /// The labels of a record, as positions in `labels()`; nothing when the record is to be left out. Counts.
    std::optional<LabelSet> map(const LabelSet& own);

    /// What was mapped, dropped and left out so far, one line; empty when nothing was.
    [[nodiscard]] std::string account() const;
    /// Logs `account()`.
    void report(Host& host) const;

private:
    std::string name_;
    std::vector<ExportedLabel> labels_;
    std::optional<LabelId> negative_;

    struct Source {
        std::string name;
        std::vector<LabelId> targets;  ///< empty: dropped
        bool exact = true;             ///< its own code
        std::uint64_t records = 0;     ///< counted when it is not exact
    };
    std::vector<Source> sources_;  ///< by label of the run's taxonomy
    std::uint64_t left_out_ = 0;
};

}  // namespace synth::sinks
