// What the plugin reads from JSON before a run: its options and the files with model data.

#pragma once

#include <string>
#include <string_view>

#include "models.hpp"
#include "synth/result.hpp"

namespace synth::openai {

/// As the options schema in openai.cpp describes them.
struct Options {
    std::string base_url, model, models, reasoning_effort, service_tier, max_tokens_parameter, auth;
    double temperature = 0, top_p = 0;
    bool allow_http = false;
};

/// `json` has been checked against the schema and is complete.
Result<Options> parse_options(std::string_view json);

/// Adds the models of a file to `table`. A model that is there already keeps what the file does not name, so a file may
/// hold as little as a name, a price and its date. invalid_argument names file, model and field: a misspelt field or a
/// price that is not exact would otherwise be wrong money in silence; io when the file cannot be read.
Status add_models(ModelTable& table, const std::string& path);

}  // namespace synth::openai
