// What an answer that is an error means for the run, whatever the dialect that it came in.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "models.hpp"
#include "synth/types.hpp"

namespace synth::providers {

enum class Meaning : std::uint8_t {
    undecided,
    parameter,    ///< one that this model does not take
    bad_request,  ///< never to be sent again as it is
    declined,     ///< by a content policy
    no_model,
    no_endpoint,
    no_access,
    no_credit,
    wait,
    trouble,  ///< on their side
    nonsense,
};

Meaning meaning_of_status(int status) noexcept;

/// Heeds `x-should-retry`: "false" always, "true" where only the status decided.
void heed_should_retry(const HttpResponse& response, bool by_status, Meaning& meaning, Reply& reply) noexcept;

/// Who was asked, for messages.
struct Service {
    std::string_view vendor;       ///< "OpenAI"
    std::string_view endpoint;     ///< base URL
    std::string_view secret;       ///< name of the key
    std::string_view model;        ///< that was asked for
    const Model* known = nullptr;  ///< null: a model without data
};

/// Fills in error and retry_may_help. `said`: what the server said, one line. `reason`: Error::reason. For `parameter`
/// the remedy has been set, if there is one.
void explain_failure(Meaning meaning, const Service& service, const std::string& said, std::string reason,
                     Reply& reply);

/// The error of an answer that ended at its limit without any text.
Error cut_before_text(bool reasoned, Tokens limit);

/// The remedy that was learned for a parameter; null: none.
const Remedy* remedy_of(const Request& request, std::string_view parameter) noexcept;

}  // namespace synth::providers
