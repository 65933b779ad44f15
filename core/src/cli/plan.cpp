// `plan`: what would be made, and what it would cost. Sends nothing, needs no key, writes no file.

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "cli/context.hpp"
#include "cli/finish.hpp"
#include "cli/job_files.hpp"
#include "cli/simulate.hpp"
#include "common/json_text.hpp"
#include "config/shard.hpp"
#include "run/batch_session.hpp"
#include "run/disk_space.hpp"
#include "run/pipeline.hpp"

namespace synth::core {

namespace {

constexpr std::uint64_t kPromptsComposed = 1000;
// English prose in the tokenizers of the GPT family: about 4.3 bytes a token, 1.36 tokens a word (1,178 words are about
// 1,470 to 1,790 tokens: docs/costs.md).
constexpr double kBytesPerToken = 4.3, kTokensPerWord = 1.36;

/// Sums over requests that were composed.
struct Sums {
    std::uint64_t requests = 0;
    double input = 0, output = 0, input_bound = 0, output_bound = 0, line_bytes = 0;

    void add(const Prepared& prepared, const BatchCodec* codec) {
        ++requests;
        std::size_t bytes = 0;
        for (const auto& message : prepared.prompt.messages) bytes += message.text.size();
        input += static_cast<double>(bytes) / kBytesPerToken;
        output += prepared.prompt.target_words * kTokensPerWord;
        input_bound += static_cast<double>(prepared.input_bound.count);
        output_bound += static_cast<double>(prepared.output_bound.count);
        const auto* request = std::get_if<HttpRequest>(&prepared.exchange);
        if (codec != nullptr && request != nullptr)
            line_bytes += static_cast<double>(codec->line(*request, "0123456789abcdef-1234567-1").size());
    }
    [[nodiscard]] double mean(double sum) const {
        return sum / static_cast<double>(std::max<std::uint64_t>(1, requests));
    }
};

/// An answer of half the length, as an earlier attempt.
Attempt too_short_answer(const Prepared& prepared) {
    Attempt attempt;
    for (std::uint32_t word = 0; word < prepared.prompt.target_words / 2; ++word) attempt.text += "words ";
    attempt.findings.push_back({Severity::rejection, "too_short", "the text is too short"});
    attempt.finish = FinishReason::stop;
    attempt.output_limit = prepared.prompt.output_limit;
    return attempt;
}

struct Estimate {
    std::uint64_t samples = 0;
    std::vector<std::uint64_t> counts;                                              // by label, as written
    std::map<std::size_t, std::uint64_t> sizes;                                     // drawn labels a sample → samples
    std::uint64_t words = 0;                                                        // a sample, about
    double input_tokens = 0, output_tokens = 0, input_limit = 0, output_limit = 0;  // a sample, on average
    std::optional<PicoUsd> likely, most;                                            // of the whole run
    Sums first, repair;  // of the prompts that were composed; repair: of the same after an answer that was too short
};

/// `repairs`: composes those, too.
Result<Estimate> estimate(const RunPlugins& plugins, const PlanRequest& request, bool repairs) {
    const auto& taxonomy = plugins.assembly.taxonomy();
    auto plan = plan_with(plugins, request);
    if (!plan) return std::move(plan).error();
    const std::vector<Instance<Validator>> none;
    const Pipeline pipeline(plugins.prompts, plugins.provider, none, plugins.info.model);
    Estimate e;
    e.counts.resize(taxonomy.labels.size());
    std::vector<SampleSpec> specs(1024);
    const std::uint64_t step = std::max<std::uint64_t>(1, request.samples / kPromptsComposed);
    const auto* codec = batches_of(plugins.provider);
    for (;;) {
        auto got = (*plan)->next(specs);
        if (!got) return std::move(got).error();
        if (*got == 0) break;
        for (std::size_t i = 0; i < *got; ++i) {
            Job job;
            job.spec = specs[i];
            ++e.samples;
            for (const LabelId label : job.spec.labels) ++e.counts[label];
            if (!taxonomy.is_negative(job.spec.labels)) ++e.sizes[job.spec.drawn.size()];
            if (job.spec.index % step != 0 || e.first.requests == kPromptsComposed) continue;
            auto prepared = pipeline.prepare(job, {});
            if (!prepared) return std::move(prepared).error();
            e.words = prepared->prompt.target_words;
            e.first.add(*prepared, codec);
            if (!repairs) continue;
            job.earlier.push_back(too_short_answer(*prepared));
            prepared = pipeline.prepare(job, {});
            if (!prepared) return std::move(prepared).error();
            e.repair.add(*prepared, codec);
        }
    }
    e.input_tokens = e.first.mean(e.first.input);
    e.output_tokens = e.first.mean(e.first.output);
    e.input_limit = e.first.mean(e.first.input_bound);
    e.output_limit = e.first.mean(e.first.output_bound);
    const auto whole = [&](double input, double output) -> std::optional<PicoUsd> {
        Usage usage;
        usage.input = {static_cast<std::int64_t>(input)};
        usage.output = {static_cast<std::int64_t>(output)};
        const auto one = cost_of(plugins.provider, usage, {plugins.info.model, {}});
        if (!one) return std::nullopt;
        return PicoUsd{one->value * static_cast<std::int64_t>(e.samples)};
    };
    e.likely = whole(e.input_tokens, e.output_tokens);
    e.most = whole(e.input_limit, e.output_limit);
    return e;
}

/// The same work in deferred batches.
void price_as_batches(const RunPlugins& plugins, Estimate& e) {
    const auto whole = [&](double input, double output) -> std::optional<PicoUsd> {
        Usage usage;
        usage.input = {static_cast<std::int64_t>(input)};
        usage.output = {static_cast<std::int64_t>(output)};
        const auto one = cost_of(plugins.provider, usage, {plugins.info.model, {}, Billing::Mode::batch});
        if (!one) return std::nullopt;
        return PicoUsd{one->value * static_cast<std::int64_t>(e.samples)};
    };
    e.likely = whole(e.input_tokens, e.output_tokens);
    e.most = whole(e.input_limit, e.output_limit);
}

PlannedWork planned_work(const Estimate& e, const RunPlugins& plugins) {
    const auto tokens = [](double number) { return Tokens{static_cast<std::int64_t>(number)}; };
    bool priced = true;
    const auto request = [&](const Sums& sums, Billing::Mode mode) {
        RequestModel model;
        model.input = tokens(sums.mean(sums.input));
        model.output = tokens(sums.mean(sums.output));
        model.input_bound = tokens(sums.mean(sums.input_bound));
        model.output_bound = tokens(sums.mean(sums.output_bound));
        model.line_bytes = static_cast<std::uint64_t>(sums.mean(sums.line_bytes));
        Usage usage;
        usage.input = model.input;
        usage.output = model.output;
        const Billing billing{plugins.info.model, {}, mode};
        const auto cost = cost_of(plugins.provider, usage, billing);
        const auto bound = most_cost_of(plugins.provider, model.input_bound, model.output_bound, billing);
        priced = priced && cost && bound;
        model.cost = cost.value_or(PicoUsd{});
        model.bound = bound.value_or(PicoUsd{});
        return model;
    };
    const auto work = [&](Billing::Mode mode) { return WorkModel{request(e.first, mode), request(e.repair, mode)}; };
    PlannedWork planned{e.samples, e.words, work(Billing::Mode::direct), {}, false};
    if (batches_of(plugins.provider) != nullptr) planned.batch = work(Billing::Mode::batch);
    planned.priced = priced;
    return planned;
}

/// From limits, if the user stated them, else from a usual speed of generation and the window.
double expected_seconds(const Estimate& e, const RunConfig& config) {
    const auto samples = static_cast<double>(e.samples);
    double seconds = samples * usual_latency({static_cast<std::int64_t>(e.output_tokens)}) / config.max_concurrent;
    if (config.rpm) seconds = std::max(seconds, samples / *config.rpm * 60);
    if (config.tpm) seconds = std::max(seconds, samples * (e.input_tokens + e.output_tokens) / *config.tpm * 60);
    return seconds;
}

std::uint64_t disk_space(const Estimate& e, const RunConfig& config) {
    const auto outputs = std::ranges::count(config.plugins, Sink::kKind, &PluginChoice::kind);
    return estimated_space(e.samples, e.words, static_cast<std::uint64_t>(outputs));
}

void print_text(const Estimate& e, const RunPlugins& plugins, const RunConfig& config,
                const std::optional<Simulation>& simulation) {
    const auto& taxonomy = plugins.assembly.taxonomy();
    std::string out = fmt::format("Plan of {} samples, {} classes ({}), seed {}\n\n", with_thousands(e.samples),
                                  taxonomy.labels.size(), taxonomy.name, config.seed);
    std::size_t width = 0;
    for (const auto& label : taxonomy.labels) width = std::max(width, label.name.size());
    const auto rows = (taxonomy.labels.size() + 1) / 2;
    for (std::size_t row = 0; row < rows; ++row) {
        for (const std::size_t at : {row, row + rows})
            if (at < taxonomy.labels.size())
                out += fmt::format("  {:<{}} {:>9}", taxonomy.labels[at].name, width, with_thousands(e.counts[at]));
        out += '\n';
    }
    out += "\n  labels a sample: ";
    for (bool first = true; const auto& [size, count] : e.sizes) {
        out += fmt::format("{}{} x {}", first ? "" : ", ", with_thousands(count), size);
        first = false;
    }
    out += "\n";
    if (config.shards > 0)
        out += fmt::format("\n  shards           {} of {} to {} samples", with_thousands(config.shards),
                           with_thousands(e.samples / config.shards),
                           with_thousands((e.samples + config.shards - 1) / config.shards));
    out += fmt::format("\n  disk             about {} for ledger and outputs", megabytes(disk_space(e, config)));
    const bool network = !plugins.info.endpoint.empty();
    const auto samples = static_cast<double>(e.samples);
    const auto tokens = [](double number) { return with_thousands(static_cast<std::uint64_t>(number)); };
    out += fmt::format("\n  requests         {} at least, {} at most ({} attempts a sample)\n",
                       with_thousands(e.samples), with_thousands(e.samples * config.max_attempts), config.max_attempts);
    if (network) {
        out += fmt::format("  input tokens     about {}\n", tokens(e.input_tokens * samples));
        out += fmt::format("  output tokens    about {}, at most {} without retries\n",
                           tokens(e.output_tokens * samples), tokens(e.output_limit * samples));
        out += e.likely
                   ? fmt::format("  cost             about {}, at most {} without retries ({}, prices of {})\n",
                                 dollars(*e.likely), dollars(*e.most), plugins.info.model, plugins.info.prices_as_of)
                   : fmt::format("  cost             unknown: no price for model {}\n", plugins.info.model);
        if (config.budget)
            out += fmt::format("  budget           {}{}\n", dollars(*config.budget),
                               e.most && e.most->value > config.budget->value * static_cast<std::int64_t>(e.samples)
                                   ? ": less than one request may cost, so nothing would be sent"
                               : e.likely && *e.likely > *config.budget
                                   ? ": likely to end the run before all samples are made"
                                   : "");
        if (config.batch)
            out +=
                "  duration         up to a day for the first round of batches, and for each round of what failed in "
                "it\n";
        else
            out += fmt::format("  duration         about {} with {} in flight{}\n",
                               duration_text(expected_seconds(e, config)), config.max_concurrent,
                               config.rpm || config.tpm
                                   ? ""
                                   : fmt::format(", if a request gets {:.0f} tokens a second", kUsualTokensPerSecond));
    } else {
        out += "  cost             nothing: no network, no language model\n";
    }
    if (simulation) out += simulation_text(*simulation, config);
    out += "\nNothing was sent. 'tdamm-synth generate' with the same options and --seed makes it.\n";
    std::fputs(out.c_str(), stdout);
}

void print_json(const Estimate& e, const RunPlugins& plugins, const RunConfig& config,
                const std::optional<Simulation>& simulation) {
    using json = nlohmann::ordered_json;
    const auto& taxonomy = plugins.assembly.taxonomy();
    json counts = json::object(), sizes = json::object();
    for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) counts[taxonomy.labels[i].name] = e.counts[i];
    for (const auto& [size, count] : e.sizes) sizes[std::to_string(size)] = count;
    const auto usd = [](const std::optional<PicoUsd>& money) { return money ? json(money->usd()) : json(); };
    const bool network = !plugins.info.endpoint.empty();
    const auto samples = static_cast<double>(e.samples);
    json out = {{"samples", e.samples},
                {"seed", config.seed},
                {"taxonomy", taxonomy.name},
                {"labels", {{"counts", counts}, {"per_sample", sizes}}},
                {"requests", {{"least", e.samples}, {"most", e.samples * config.max_attempts}}},
                {"model", plugins.info.model},
                {"input_tokens", static_cast<std::uint64_t>(e.input_tokens * samples)},
                {"output_tokens", static_cast<std::uint64_t>(e.output_tokens * samples)},
                {"cost_usd", {{"about", usd(e.likely)}, {"at_most_without_retries", usd(e.most)}}},
                {"prices_as_of", plugins.info.prices_as_of.empty() ? json() : json(plugins.info.prices_as_of)},
                {"shards", config.shards > 0 ? json(config.shards) : json()},
                {"disk_bytes", disk_space(e, config)},
                {"mode", config.batch ? "batch" : "direct"},
                {"seconds", network && !config.batch ? json(expected_seconds(e, config)) : json()}};
    if (simulation) out["simulation"] = simulation_json(*simulation);
    std::puts(plugins::json_text(out, 2).c_str());
}

}  // namespace

int run_plan(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    auto service = read_service_model(command.simulation);
    if (!service) return context->fail(service.error());
    auto run = configure(*context, command.givens);
    if (!run) return context->fail(run.error());
    auto* config = &run->config;
    auto* plugins = &run->plugins;
    if (*service && plugins->info.endpoint.empty())
        return context->fail({ErrorCode::invalid_argument,
                              "--simulate: provider " + config->find(Provider::kKind)->id +
                                  " asks no service, so there is nothing to wait or pay for",
                              "simulate"});
    for (const auto& notice : plugins->info.notices) context->console->log(LogLevel::warning, notice);
    if (auto able = check_mode(*config, *plugins, nullptr); !able) return context->fail(able.error());
    auto made = estimate(*plugins, plan_request(*config, plugins->assembly.taxonomy()), service->has_value());
    if (!made) return context->fail(made.error());
    std::optional<Simulation> simulation;
    if (auto& model = *service) {
        const auto work = planned_work(*made, *plugins);
        if (model->latency_s == 0) model->latency_s = usual_latency(work.direct.first.output);
        auto simulated = simulate(*plugins, *config, work, *model);
        if (!simulated) return context->fail(simulated.error());
        simulation = std::move(*simulated);
    }
    if (config->batch) price_as_batches(*plugins, *made);
    if (command.json)
        print_json(*made, *plugins, *config, simulation);
    else
        print_text(*made, *plugins, *config, simulation);
    if (!command.image.empty() && command.kubernetes_dir.empty())
        return context->fail(
            {ErrorCode::invalid_argument, "--image: only a Kubernetes job has one: --kubernetes DIR", "job"});
    std::vector<std::string> plugin_dirs;
    if (const auto given = command.givens.settings.find("plugin-dir"); given != command.givens.settings.end())
        for (const auto& dir : given->second.values)
            plugin_dirs.push_back(std::filesystem::absolute(dir).lexically_normal().string());
    for (const auto& [cluster, dir] :
         {std::pair(Cluster::slurm, command.slurm_dir), std::pair(Cluster::kubernetes, command.kubernetes_dir)}) {
        if (dir.empty()) continue;
        const auto image = command.image.empty() ? std::string("tdamm-synth:" TDAMM_SYNTH_VERSION) : command.image;
        const auto files = write_job_files(*context, cluster, dir, *config, plugin_dirs, plugins->info,
                                           {made->samples, made->words, expected_seconds(*made, *config)}, image);
        if (!files) return context->fail(files.error());
        for (const auto& file : *files) context->console->log(LogLevel::info, "wrote " + file.string());
        context->console->log(LogLevel::info,
                              "submit it: " + shell_word((std::filesystem::path(dir) / "submit").string()));
    }
    return kAllMade;
}

}  // namespace synth::core
