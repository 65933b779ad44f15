// Five classes for tests whose expected outputs are written out: their names do not change with the project's data.

#pragma once

#include <initializer_list>

#include "synth/taxonomy.hpp"

namespace synth::test {

inline constexpr LabelId kXRays = 0, kBlackHoles = 1, kBinaries = 2, kNovae = 3, kNone = 4;

/// X-rays are met with black holes and binaries; binaries entail black holes; novae are met with nothing.
inline Taxonomy small_taxonomy() {
    Taxonomy taxonomy;
    taxonomy.name = "small";
    const auto add = [&](const char* code, const char* name) {
        taxonomy.labels.push_back({.code = code, .name = name, .group = "Objects", .meaning = name});
    };
    add("X", "X-rays");
    add("BH", "Black Holes");
    add("BBH", "Binary Black Holes");
    add("N", "Novæ");
    add("NO", "Non-TDAMM");
    taxonomy.labels[kXRays].cooccurs = {{kBlackHoles, 5}, {kBinaries, 2}};
    taxonomy.labels[kBlackHoles].cooccurs = {{kXRays, 5}};
    taxonomy.labels[kBinaries].cooccurs = {{kXRays, 2}};
    taxonomy.labels[kBinaries].parents = {kBlackHoles};
    taxonomy.labels[kBinaries].entails = {kBlackHoles};
    taxonomy.negative = kNone;
    return taxonomy;
}

inline LabelSet labels(std::initializer_list<LabelId> ids) {
    LabelSet set;
    for (const LabelId id : ids) set.insert(id);
    return set;
}

}  // namespace synth::test
