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
/// invalid_argument for anything else than http and https, for credentials in the URL, and for http to another machine
/// unless `allow_http`. `named` says in the error where the URL comes from.
Result<Endpoint> parse_endpoint(std::string_view url, bool allow_http, std::string_view named);

}  // namespace synth::openai
