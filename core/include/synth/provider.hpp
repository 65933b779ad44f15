// Provider: a codec between a Request and a service's HTTP interface. No sockets, no threads, no sleeping, no keys:
// HTTP, TLS, timeouts, retries, pacing, redaction and recording are written once, in the core.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

/// Either a request for the core to send, or a Reply that needed no network (offline).
using Exchange = std::variant<HttpRequest, Reply>;

/// A model that the provider knows, for cost estimates and advice.
struct ModelInfo {
    std::string name;
    std::string prices_as_of;  ///< ISO date; empty: no price known
    std::string shutdown;      ///< ISO date; empty: none announced
    std::string replacement;   ///< official; empty: none named
    bool batch = false;        ///< has a price for deferred batches
};

/// What a configured provider will talk to.
struct ProviderInfo {
    std::string model;                 ///< that will be asked for; empty: none (offline)
    std::string endpoint;              ///< "https://api.openai.com/v1"; empty: no network
    std::string secret;                ///< name of the key that must be set; empty: none is needed
    std::string secret_help;           ///< what a user without the key can do, one line
    std::string prices_as_of;          ///< ISO date of the model's price; empty: the price is unknown
    std::vector<std::string> notices;  ///< one line each, shown once: near shutdown, no language model, …
    /// Options that make this same provider again whatever the environment and the date say: the ledger keeps them.
    /// A JSON object like the one that `create` got; empty: the options as they were given.
    std::string resolved_options;
    std::string disclaimer;  ///< for reports and metadata: "no language model wrote these texts"; may be empty
};

/// Error::reason of an `unavailable` server that is still loading its model: it is waited for, which is no attempt.
inline constexpr std::string_view kLoading = "loading";

class Provider {
public:
    static constexpr const char* kKind = "provider";
    static constexpr std::uint32_t kInterfaceVersion = 1;

    virtual ~Provider() = default;

    /// Called once before anything is sent; an Error stops the run (a model past its shutdown date at its own
    /// endpoint, for one). Pure: the date comes in.
    virtual Result<ProviderInfo> describe(std::chrono::sys_days today) const = 0;

    /// Upper bounds of what a request can be billed for, reasoning included. Budget and token pacing reserve them.
    virtual Tokens input_bound(const Request& request) const = 0;
    virtual Tokens output_bound(const Request& request) const = 0;

    virtual Result<Exchange> encode(const Request& request) const = 0;

    /// Any status, any body; never throws, never fails: what cannot be read is a Reply with a malformed error.
    virtual Reply decode(const Request& request, const HttpResponse& response) const = 0;

    /// Nothing when the price is not known. A model name without a price of its own is priced as the model that it is
    /// a dated version of.
    virtual std::optional<PicoUsd> cost(const Usage& usage, const Billing& billing) const = 0;

    /// Models that could do the same work; may be empty.
    virtual std::span<const ModelInfo> models() const { return {}; }

    /// Interfaces to come, by id; null when not offered.
    virtual const void* extension(std::string_view id) const { return static_cast<void>(id), nullptr; }
};

}  // namespace synth
