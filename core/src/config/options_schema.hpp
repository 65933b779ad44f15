// Options of plugins: the subset of JSON Schema that describes them, defaults, and one clear line for what is wrong.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"

namespace synth::core {

/// One option of a plugin. The schema is a flat object: each property has `type` (string, integer, number, boolean,
/// array of strings) and `description`, and may have `default`, `minimum`, `maximum`, `enum`.
struct OptionInfo {
    std::string name, type, description;
    std::string default_json;  ///< empty: none; the option is then absent unless given
    std::string range;         ///< "0 to 2", "one of a, b", or empty
};

/// The options of a schema, in its order; invalid_argument when it is outside the subset.
Result<std::vector<OptionInfo>> parse_options_schema(std::string_view schema);

/// Values as given, on the command line (text) or in a run file (JSON), by option name.
struct GivenOption {
    std::string text;
    bool is_json = false;  ///< `text` is JSON of the right type; else it is converted to the option's type
};

/// Checks `given` against `schema`, converts and fills in defaults: the canonical JSON object (sorted keys) that
/// `create` gets. `plugin` ("sink json") is named in errors; an unknown option names the nearest known one.
Result<std::string> complete_options(std::string_view plugin, std::string_view schema,
                                     const std::map<std::string, GivenOption>& given);

/// Completed options, back as what `complete_options` takes: to change some of them later.
Result<std::map<std::string, GivenOption>> options_as_given(std::string_view options_json);

/// "unknown X 'a', did you mean 'b'?" material: the nearest of `known` by edit distance, empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace synth::core
