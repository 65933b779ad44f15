// The options of the plugin.

#pragma once

#include <string>
#include <string_view>

#include "common/models.hpp"
#include "synth/result.hpp"

namespace synth::openai {

using namespace providers;

/// As the options schema in openai.cpp describes them.
struct Options {
    std::string preset, base_url, deployment, api_version, model, models, reasoning_effort, service_tier,
        max_tokens_parameter, auth;
    double temperature = 0, top_p = 0;
    bool allow_http = false;
};

/// `json` has been checked against the schema and is complete.
Result<Options> parse_options(std::string_view json);

}  // namespace synth::openai
