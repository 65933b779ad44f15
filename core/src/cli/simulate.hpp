// `plan --simulate`: the plan's run in simulated time, directly and in batches, for people and as JSON.

#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/context.hpp"
#include "run/simulation.hpp"

namespace synth::core {

/// What the plan knows of its requests.
struct PlannedWork {
    std::uint64_t samples = 0, words = 0;  ///< words: of a sample
    WorkModel direct;
    std::optional<WorkModel> batch;  ///< nothing: the provider has no batches
    bool priced = false;
};

struct Simulation {
    ServiceModel service;
    std::uint32_t shards = 1;
    SimulatedRun direct;
    std::optional<SimulatedRun> batch;
    /// Bytes; memory: of one process.
    std::uint64_t direct_disk = 0, direct_memory = 0, batch_disk = 0, batch_memory = 0;
    bool priced = false;
};

/// The options as they were given, checked; nothing without --simulate. A latency of 0 was not given.
Result<std::optional<ServiceModel>> read_service_model(const SimulationOptions& options);

/// Of hosted small models, for want of a measurement.
inline constexpr double kUsualTokensPerSecond = 80;
/// How long such a service takes for an answer of so many tokens.
double usual_latency(Tokens output);

/// Runs the plan: every shard, with its share of budget and rates. invalid_argument when it cannot be shared out.
Result<Simulation> simulate(const RunPlugins& plugins, const RunConfig& config, const PlannedWork& work,
                            const ServiceModel& service);

std::string simulation_text(const Simulation& simulation, const RunConfig& config);
nlohmann::ordered_json simulation_json(const Simulation& simulation);

}  // namespace synth::core
