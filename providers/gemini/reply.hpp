// Understands what generateContent answers: completion, usage, waiting times, and what an error means.

#pragma once

#include <span>
#include <string_view>

#include "common/failure.hpp"
#include "synth/types.hpp"

namespace synth::gemini {

/// Parameters that a request carries where the model takes them.
inline constexpr std::string_view kTemperature = "temperature", kTopP = "topP", kThinking = "thinkingConfig";

/// What was asked, as far as it decides the meaning of the answer.
struct Asked {
    providers::Service service;
    Tokens limit;                                ///< maxOutputTokens
    bool thinks = false;                         ///< as far as is known
    std::span<const std::string_view> may_omit;  ///< of the parameters above, those that were sent
};

/// Any status, any body.
Reply read_reply(const Asked& asked, const HttpResponse& response);

}  // namespace synth::gemini
