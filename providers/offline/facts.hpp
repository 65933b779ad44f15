// The taxonomy's facts as they read inside a sentence, and which other classes each of them names: a text about
// neutron stars must not mention the "black hole mass" of a neutron star-black hole binary.

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "synth/result.hpp"
#include "synth/taxonomy.hpp"
#include "values.hpp"

namespace offline {

struct Fact {
    std::string text;                   ///< "the photon index"
    std::string bare;                   ///< "photon index"
    std::vector<synth::LabelId> names;  ///< classes whose names or aliases occur in it
    std::string unit;                   ///< of a quantity; empty: a pure number
    std::optional<ValueRange> values;   ///< of a quantity
};

/// What can be said about a class or a negative category. Topics are never empty.
struct Facts {
    std::vector<Fact> topics, terms, instruments, future, objects, quantities;
};

struct FactBook {
    std::vector<Facts> labels;      ///< by LabelId
    std::vector<Facts> categories;  ///< as Taxonomy::negative_categories
};

/// Facts of `taxonomy` in the wording of topics.txt and nouns.txt in `folder`.
synth::Result<FactBook> read_facts(const synth::Taxonomy& taxonomy, const std::filesystem::path& folder);

}  // namespace offline
