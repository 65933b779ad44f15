// Understands what a Chat Completions server answers, in the dialects of OpenAI and of compatible servers: completion,
// usage, and what an error means.

#pragma once

#include <span>
#include <string_view>

#include "common/failure.hpp"
#include "synth/types.hpp"

namespace synth::openai {

using namespace providers;

/// What was asked, as far as it decides the meaning of the answer.
struct Asked {
    Service service;
    std::string_view limit_parameter;            ///< name under which the output limit was sent
    Tokens limit;                                ///< its value
    std::span<const std::string_view> may_omit;  ///< parameters that were sent and that the answer can do without
    std::span<const Remedy> remedies;            ///< that the request was made with
};

/// Any status, any body. What an error means is decided by its code, then its type, then the status.
Reply read_reply(const Asked& asked, const HttpResponse& response);

}  // namespace synth::openai
