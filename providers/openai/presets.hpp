// What is known about the servers that people run: -o provider.preset=NAME. Options that are given win over it.

#pragma once

#include <string_view>

namespace synth::openai {

struct Preset {
    std::string_view name;
    std::string_view base_url;         ///< empty: the user's own
    std::string_view limit_parameter;  ///< name of the output limit; empty: decided by endpoint and model
    std::string_view model;            ///< to ask for when none is given; empty: the table's default
    std::string_view model_help;       ///< how to find the name of a model; empty: none has to be given
    std::string_view secret = "OPENAI_API_KEY";
    bool needs_key = false;
    bool azure = false;  ///< key in the header `api-key`, deployments in the URL
};

/// The one of that name, which the options schema has checked; "" is a server about which nothing is said.
const Preset& preset_of(std::string_view name) noexcept;

}  // namespace synth::openai
