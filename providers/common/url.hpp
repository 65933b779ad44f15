// Base URLs as people write them, checked and taken apart.

#pragma once

#include <string>
#include <string_view>

#include "synth/result.hpp"

namespace synth::providers {

struct Url {
    std::string origin;  ///< "https://api.openai.com", in lower case
    std::string host;
    std::string path;   ///< "/v1": no slash at the end; empty: none
    std::string query;  ///< "?api-version=…", or empty

    /// Takes `end` off the path when it ends so, and slashes before it.
    bool drop_path_end(std::string_view end);
};

/// invalid_argument for anything else than http and https, for credentials in the URL, and for http to another machine
/// unless `allow_http`. `named` says in the error where the URL comes from, `secret` where the key belongs.
Result<Url> parse_url(std::string_view url, bool allow_http, std::string_view named, std::string_view secret);

/// Letters, digits, '-', '_' and '.', not empty, not "." or "..": what can stand in a path as it is.
bool is_path_segment(std::string_view text) noexcept;

}  // namespace synth::providers
