// Understands what the Messages API answers: completion, usage, limits, and what an error means.

#pragma once

#include <span>
#include <string_view>

#include "common/failure.hpp"
#include "synth/types.hpp"

namespace synth::anthropic {

/// Parameters that a request carries where the model takes them, in the order in which a refusal that names several is
/// taken to mean one.
inline constexpr std::string_view kTopP = "top_p", kTemperature = "temperature", kEffort = "output_config",
                                  kThinking = "thinking";

/// What was asked, as far as it decides the meaning of the answer.
struct Asked {
    providers::Service service;
    Tokens limit;                                ///< max_tokens
    bool thinks = false;                         ///< as far as is known
    std::span<const std::string_view> may_omit;  ///< of the parameters above, those that were sent
};

/// Any status, any body.
Reply read_reply(const Asked& asked, const HttpResponse& response);

}  // namespace synth::anthropic
