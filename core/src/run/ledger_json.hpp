// What a ledger holds as JSON text: the lists in a row, which are written and read for every sample, so that no
// document tree is built, and the taxonomy.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "synth/types.hpp"

namespace synth::core {

/// One array a finding, with all its members in a fixed order; empty text for none.
[[nodiscard]] std::string findings_json(const std::vector<Finding>& findings);
/// The reverse. What is no such list, or no such finding, is left out: a ledger can be damaged.
void parse_findings(std::string_view text, std::vector<Finding>& findings);

/// An object of strings, in their order; empty text for none. Of two with one name the later one counts.
[[nodiscard]] std::string attributes_json(const std::vector<Attribute>& attributes);
void parse_attributes(std::string_view text, std::vector<Attribute>& attributes);

/// How many labels the text of a taxonomy has; 0 when it is none.
[[nodiscard]] std::size_t count_labels(std::string_view taxonomy_json);

}  // namespace synth::core
