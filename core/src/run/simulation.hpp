// A run in simulated time: how long it takes and what it costs, before anything is sent. The pacer, the circuit
// breaker, the budget, the backoff and the rules of batches are the run's own; the service is a few numbers that
// somebody expects of it. Pure and deterministic; memory grows with what is in flight only.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "config/run_config.hpp"
#include "synth/batch.hpp"
#include "synth/units.hpp"

namespace synth::core {

/// What is expected of a service.
struct ServiceModel {
    double latency_s = 0;       ///< median of a request; log-normal, as latencies of services are
    double latency_spread = 0;  ///< standard deviation of its natural logarithm
    double failure_rate = 0;    ///< of requests: fail on the service's side, cost nothing, are sent again
    double rejection_rate = 0;  ///< of answers: are paid for, do not pass the checks, are asked for again
    double turnaround_s = 0;    ///< of a batch
};

/// One request, as the plan has them on average.
struct RequestModel {
    Tokens input, output;              ///< expected usage
    Tokens input_bound, output_bound;  ///< at most: what is set aside until the answer is there
    PicoUsd cost, bound;               ///< of these
    std::uint64_t line_bytes = 0;      ///< in a batch
};

/// A first attempt, and one after an answer that was rejected.
struct WorkModel {
    RequestModel first, repair;
};

/// What a run waits for.
enum class Wait : std::uint8_t {
    window,      ///< as many requests are in flight as may be
    requests,    ///< requests a minute
    tokens,      ///< tokens a minute
    latency,     ///< the last answers, or the end of a backoff: there is nothing else to send
    service,     ///< the circuit breaker is open
    turnaround,  ///< of batches
    queue,       ///< room for queued tokens
    batches,     ///< as many batches are out as may be
};
inline constexpr std::array<std::string_view, 8> kWaits = {"window",        "requests a minute",     "tokens a minute",
                                                           "latency",       "service failing",       "turnaround",
                                                           "queued tokens", "batches at the service"};

struct SimulatedRun {
    std::uint64_t samples = 0, accepted = 0, missing = 0;  ///< missing: attempts used up, or the run had ended
    std::uint64_t requests = 0, failed = 0, rejected = 0;  ///< failed: timeouts included
    std::uint64_t timeouts = 0;                            ///< of `failed`: sent, not answered, charged in full
    std::uint64_t batches = 0;
    std::uint64_t most_in_flight = 0;  ///< requests, or lines of one batch
    std::int64_t input_tokens = 0, output_tokens = 0;
    PicoUsd cost, rejected_cost;  ///< of all; of the answers that were rejected
    double seconds = 0;
    std::array<double, kWaits.size()> waited{};  ///< seconds, by Wait
    bool budget_reached = false, given_up = false;

    /// What it waited for most.
    [[nodiscard]] Wait limit() const noexcept;
    /// Adds another shard, which runs at the same time.
    void add(const SimulatedRun& other) noexcept;
};

/// One process that makes `samples` directly. `config`: window, rates, budget, attempts and timeouts, of this process.
SimulatedRun simulate_direct(const RunConfig& config, std::uint64_t samples, const WorkModel& work,
                             const ServiceModel& service, std::uint64_t seed);

/// The same in deferred batches of at most `limits`, with `config`'s lines, queued tokens, polling and finish. `work`
/// has the prices and sizes of batches, `direct` those of the direct requests that finish it.
SimulatedRun simulate_batches(const RunConfig& config, std::uint64_t samples, const WorkModel& work,
                              const WorkModel& direct, const BatchLimits& limits, const ServiceModel& service,
                              std::uint64_t seed);

}  // namespace synth::core
