#include "cli/simulate.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/format.hpp"
#include "base/numbers.hpp"
#include "config/shard.hpp"
#include "run/batch_session.hpp"
#include "run/disk_space.hpp"
#include "synth/random.hpp"

namespace synth::core {

namespace {

// What is taken for granted of a service that nobody has measured yet; the reasons stand in docs/scale.md.
constexpr double kSecondsToAnswer = 1;
constexpr double kSpread = 0.4, kFailureRate = 0.01, kRejectionRate = 0.05, kTurnaround = 86'400;
constexpr double kWidestSpread = 3, kLongest = 30 * 86'400.0;
// Of the program: docs/performance.md and docs/scale.md have the measurements.
constexpr std::uint64_t kDirectBytes = 46'000'000, kRequestBytes = 100'000, kBatchBytes = 30'000'000, kLineBytes = 200;

Error wrong(const char* option, const std::string& text, const std::string& what) {
    return {ErrorCode::invalid_argument, std::string(option) + ": '" + text + "' is not " + what, "setting"};
}

/// "8", "8s", "500ms", "90m", "12h", "2d", in seconds.
Result<double> read_time(const char* option, const std::string& text, double otherwise) {
    if (text.empty()) return otherwise;
    static constexpr std::array<std::pair<std::string_view, double>, 5> kUnits = {
        {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}}};
    std::string_view digits = text;
    double unit = 1;
    for (const auto& [name, seconds] : kUnits)
        if (digits.ends_with(name)) {
            digits.remove_suffix(name.size());
            unit = seconds;
            break;
        }
    const auto value = parse_number<double>(digits);
    if (!value || !(*value > 0 && *value * unit <= kLongest))
        return wrong(option, text, "a time above 0 and up to 30 days, such as 800ms, 8s, 90m, 12h");
    return *value * unit;
}

Result<double> read_number(const char* option, const std::string& text, double otherwise, double most,
                           const char* what) {
    if (text.empty()) return otherwise;
    const auto value = parse_number<double>(text);
    if (!value || !(*value >= 0 && *value <= most)) return wrong(option, text, what);
    return *value;
}

std::string times(std::uint64_t count, const char* one, const char* many) {
    return with_thousands(count) + " " + (count == 1 ? one : many);
}

}  // namespace

double usual_latency(Tokens output) {
    return kSecondsToAnswer + static_cast<double>(output.count) / kUsualTokensPerSecond;
}

Result<std::optional<ServiceModel>> read_service_model(const SimulationOptions& options) {
    if (!options.wanted) {
        for (const auto& [name, given] :
             {std::pair("--latency", &options.latency), std::pair("--latency-spread", &options.latency_spread),
              std::pair("--failure-rate", &options.failure_rate),
              std::pair("--rejection-rate", &options.rejection_rate), std::pair("--turnaround", &options.turnaround)})
            if (!given->empty())
                return Error{ErrorCode::invalid_argument, std::string(name) + ": only with --simulate", "setting"};
        return std::optional<ServiceModel>();
    }
    constexpr const char* kShare = "a share from 0 to 0.99, such as 0.02";
    ServiceModel model;
    for (const auto& [read, into] :
         {std::pair(read_time("--latency", options.latency, 0), &model.latency_s),
          std::pair(read_number("--latency-spread", options.latency_spread, kSpread, kWidestSpread,
                                "a number from 0 to 3, such as 0.4"),
                    &model.latency_spread),
          std::pair(read_number("--failure-rate", options.failure_rate, kFailureRate, 0.99, kShare),
                    &model.failure_rate),
          std::pair(read_number("--rejection-rate", options.rejection_rate, kRejectionRate, 0.99, kShare),
                    &model.rejection_rate),
          std::pair(read_time("--turnaround", options.turnaround, kTurnaround), &model.turnaround_s)}) {
        if (!read) return read.error();
        *into = *read;
    }
    return std::optional(model);
}

Result<Simulation> simulate(const RunPlugins& plugins, const RunConfig& config, const PlannedWork& work,
                            const ServiceModel& service) {
    Simulation made;
    made.service = service;
    made.priced = work.priced;
    made.shards = std::max(1U, config.shards);
    if (work.batch) made.batch.emplace();
    const auto* codec = batches_of(plugins.provider);
    for (std::uint32_t number = 1; number <= made.shards; ++number) {
        RunConfig own = config;
        auto samples = work.samples;
        if (config.shards > 0) {
            own.shard.number = number;
            own.shard.count = config.shards;
            if (own.name.empty()) own.name = "simulated";
            if (auto shared = take_share(own); !shared) return std::move(shared).error();
            samples = part_of(work.samples, own.shard);
        }
        const auto seed = derive_seed(config.seed, number);
        made.direct.add(simulate_direct(own, samples, work.direct, service, seed));
        if (work.batch)
            made.batch->add(simulate_batches(own, samples, *work.batch, work.direct, codec->limits(), service, seed));
    }
    const auto outputs =
        static_cast<std::uint64_t>(std::ranges::count(config.plugins, Sink::kKind, &PluginChoice::kind));
    const auto slice = (work.samples + made.shards - 1) / made.shards;
    const auto disk = [&](const SimulatedRun& run) {
        // A rejected text stays in the ledger; shards' ledgers are there once more when they are merged.
        const auto ledgers = estimated_space(run.accepted + run.rejected, work.words, 0);
        return estimated_space(run.accepted, work.words, outputs) + estimated_space(run.rejected, work.words, 0) +
               (made.shards > 1 ? ledgers : 0);
    };
    made.direct_disk = disk(made.direct);
    made.direct_memory = kDirectBytes + slice + made.direct.most_in_flight * kRequestBytes;
    if (made.batch) {
        const auto file = made.batch->most_in_flight * (work.batch->first.line_bytes + 8 * work.words);
        made.batch_disk = disk(*made.batch) + file;
        made.batch_memory = kBatchBytes + slice + made.batch->most_in_flight * kLineBytes;
    }
    return made;
}

std::string simulation_text(const Simulation& simulation, const RunConfig& config) {
    const auto& model = simulation.service;
    std::string out = fmt::format(
        "\n  simulated        answers in {} (median; spread {:g}), {:g} % fail, {:g} % are rejected",
        duration_text(model.latency_s), model.latency_spread, 100 * model.failure_rate, 100 * model.rejection_rate);
    if (simulation.batch) out += fmt::format("; batches are back after {}", duration_text(model.turnaround_s));
    if (simulation.shards > 1) out += fmt::format("; {} at the same time", times(simulation.shards, "shard", "shards"));
    out += "\n\n";
    std::vector<std::array<std::string, 3>> rows;
    const auto row = [&](const char* name, auto&& tell) {
        rows.push_back({name, tell(simulation.direct), simulation.batch ? tell(*simulation.batch) : std::string()});
    };
    rows.push_back({"", "direct", simulation.batch ? "in batches" : ""});
    row("duration", [](const SimulatedRun& run) { return duration_text(run.seconds); });
    row("waits for", [&](const SimulatedRun& run) {
        double all = 0;
        for (const double seconds : run.waited) all += seconds;
        const auto limit = static_cast<std::size_t>(run.limit());
        std::string name(kWaits.at(limit));
        if (run.limit() == Wait::window) name += " of " + with_thousands(config.max_concurrent);
        return fmt::format("{} ({:.0f} %)", name, all > 0 ? 100 * run.waited.at(limit) / all : 0);
    });
    row("requests", [](const SimulatedRun& run) {
        return with_thousands(run.requests) + (run.batches > 0 ? " in " + times(run.batches, "batch", "batches") : "");
    });
    row("input tokens",
        [](const SimulatedRun& run) { return with_thousands(static_cast<std::uint64_t>(run.input_tokens)); });
    row("output tokens",
        [](const SimulatedRun& run) { return with_thousands(static_cast<std::uint64_t>(run.output_tokens)); });
    row("cost", [&](const SimulatedRun& run) { return simulation.priced ? dollars(run.cost) : "unknown"; });
    row("failed, sent again", [](const SimulatedRun& run) {
        return with_thousands(run.failed) +
               (run.timeouts > 0 ? ", " + with_thousands(run.timeouts) + " by timeout" : "");
    });
    row("rejected, paid for", [&](const SimulatedRun& run) {
        return with_thousands(run.rejected) + (simulation.priced ? ", " + dollars(run.rejected_cost) : "");
    });
    row("samples missing", [](const SimulatedRun& run) {
        return with_thousands(run.missing) + (run.budget_reached ? ", the budget is reached"
                                              : run.given_up     ? ", the service is given up"
                                                                 : "");
    });
    rows.push_back({"disk", "about " + megabytes(simulation.direct_disk),
                    simulation.batch ? "about " + megabytes(simulation.batch_disk) : ""});
    rows.push_back({simulation.shards > 1 ? "memory of a shard" : "memory",
                    "about " + megabytes(simulation.direct_memory),
                    simulation.batch ? "about " + megabytes(simulation.batch_memory) : ""});
    std::size_t width = 0;
    for (const auto& each : rows) width = std::max(width, each[1].size());
    for (const auto& [name, direct, batch] : rows)
        out += batch.empty() ? fmt::format("  {:<19}{}\n", name, direct)
                             : fmt::format("  {:<19}{:<{}}   {}\n", name, direct, width, batch);
    return out;
}

nlohmann::ordered_json simulation_json(const Simulation& simulation) {
    using json = nlohmann::ordered_json;
    const auto usd = [&](PicoUsd money) { return simulation.priced ? json(money.usd()) : json(); };
    const auto one = [&](const SimulatedRun& run, std::uint64_t disk, std::uint64_t memory) {
        json waited = json::object();
        for (std::size_t i = 0; i < kWaits.size(); ++i)
            if (run.waited.at(i) > 0) waited[std::string(kWaits.at(i))] = run.waited.at(i);
        return json{{"seconds", run.seconds},
                    {"waits_for", kWaits.at(static_cast<std::size_t>(run.limit()))},
                    {"waited_seconds", waited},
                    {"accepted", run.accepted},
                    {"missing", run.missing},
                    {"requests", run.requests},
                    {"failed", run.failed},
                    {"timeouts", run.timeouts},
                    {"rejected", run.rejected},
                    {"batches", run.batches > 0 ? json(run.batches) : json()},
                    {"most_in_flight", run.most_in_flight},
                    {"input_tokens", run.input_tokens},
                    {"output_tokens", run.output_tokens},
                    {"cost_usd", usd(run.cost)},
                    {"rejected_usd", usd(run.rejected_cost)},
                    {"budget_reached", run.budget_reached},
                    {"given_up", run.given_up},
                    {"disk_bytes", disk},
                    {"memory_bytes", memory}};
    };
    const auto& model = simulation.service;
    return {
        {"latency_seconds", model.latency_s},
        {"latency_spread", model.latency_spread},
        {"failure_rate", model.failure_rate},
        {"rejection_rate", model.rejection_rate},
        {"turnaround_seconds", model.turnaround_s},
        {"shards", simulation.shards},
        {"direct", one(simulation.direct, simulation.direct_disk, simulation.direct_memory)},
        {"batch", simulation.batch ? one(*simulation.batch, simulation.batch_disk, simulation.batch_memory) : json()}};
}

}  // namespace synth::core
