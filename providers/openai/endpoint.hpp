// Where requests go: a base URL as people write it, checked and brought into one form.

#pragma once

#include <string>
#include <string_view>

#include "synth/result.hpp"

namespace synth::openai {

struct Endpoint {
    std::string base;      ///< "https://api.openai.com/v1": no slash at the end, no query
    std::string chat_url;  ///< where to POST; keeps a query (Azure's api-version)
    bool own = false;      ///< OpenAI's, regional ones included
};

/// Takes base URLs with and without a slash at the end, `/v1` or `/chat/completions`; one without a path gets `/v1`.
/// Errors as providers::parse_url.
Result<Endpoint> parse_endpoint(std::string_view url, bool allow_http, std::string_view named);

/// The same for Azure, where a URL without a path is a resource: with an API version requests go to the deployment's
/// own URL, without one to `/openai/v1`. invalid_argument also for a deployment that no URL can hold and for a
/// deployment's URL without a version.
Result<Endpoint> parse_azure_endpoint(std::string_view url, bool allow_http, std::string_view named,
                                      std::string_view deployment, std::string_view api_version);

}  // namespace synth::openai
