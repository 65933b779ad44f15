// Composes one document: a form, and sentences about each class in turn until the length is reached. A pure function
// of its arguments.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "facts.hpp"
#include "grammar.hpp"
#include "synth/taxonomy.hpp"

namespace offline {

/// "TITLE: …", a blank line, and a body: title and body are about `target_words` words about the classes in `labels`
/// and nothing else, or about a negative category when `labels` is the negative label.
std::string compose(const Grammar& grammar, const FactBook& book, const synth::Taxonomy& taxonomy,
                    const synth::LabelSet& labels, std::uint64_t seed, std::size_t target_words);

}  // namespace offline
