#include "config/settings.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

#include "base/format.hpp"
#include "base/numbers.hpp"
#include "config/shard.hpp"
#include "plugins/registry.hpp"

namespace synth::core {

namespace {

constexpr std::array<std::string_view, 6> kPluginKinds = {"sampler",   "prompt", "provider",
                                                          "validator", "sink",   "reporter"};

constexpr std::string_view kWhat = "What to make", kHow = "Model and plugins", kLimits = "Limits", kFiles = "Files",
                           kParts = "In parts", kBatches = "Deferred batches";

/// What `check` looks for unless it is told; the judge costs money.
constexpr std::array<const char*, 6> kCheckedByDefault = {"length",  "style",      "coverage",
                                                          "leakage", "quantities", "duplicates"};

constexpr std::array<Setting, 36> kSettings = {{
    {"num-samples", "N", "samples in all (default 200)", kWhat, false, true},
    {"samples-per-class", "N", "N samples for each class instead, so N x number of classes in all", kWhat},
    {"min-labels", "N", "fewest labels of a sample, 1 to 7 (default 2); the negative one is always alone", kWhat},
    {"max-labels", "N", "most labels of a sample, 1 to 7 (default 3)", kWhat},
    {"taxonomy", "NAME|FILE", "the classes: tdamm40, tdamm36, cosmos, or a file (default tdamm40)", kWhat},
    {"seed", "N", "same seed, same plan, same prompts (default: random, printed)", kWhat},
    {"model", "NAME", "model to ask (default: the provider's; openai: gpt-4o-mini until its shutdown)", kHow, false,
     true},
    {"provider", "ID", "who writes: openai, anthropic, gemini, offline, or a plugin of yours (default openai)", kHow},
    {"sampler", "ID", "who plans the labels (default balanced)", kHow},
    {"prompts", "ID", "who writes the prompts (default tdamm)", kHow},
    {"validator", "ID", "checks on each document (default length)", kHow, true},
    {"sink", "ID", "output formats (default json)", kHow, true},
    {"reporter", "ID", "parts of the report (default cost, statistics)", kHow, true},
    {"plugin-dir", "DIR", "folder to search for plugins first", kHow, true, true},
    {"budget", "USD", "hard cap on this run's spending (default: none)", kLimits, false, true},
    {"batch-size", "N", "samples reported as one batch; also the default window (default 20)", kLimits},
    {"max-concurrent", "N|auto",
     "requests in flight at most; auto: grows while the server keeps up (default: the batch size)", kLimits, false,
     true},
    {"rpm", "N", "requests a minute (default: learned from the server)", kLimits, false, true},
    {"tpm", "N", "tokens a minute (default: learned from the server)", kLimits, false, true},
    {"shared-limits", "URL",
     "share rates and budget with other processes through redis://[user:password@]host[:port][/db][?prefix=NAME]",
     kLimits, false, true},
    {"max-attempts", "N", "attempts a sample; waiting for a rate limit is not one (default 3)", kLimits, false, true},
    {"timeout", "SECONDS", "for one request (default 600)", kLimits, false, true},
    {"first-byte-timeout", "SECONDS", "until an answer begins to come in (default: the timeout)", kLimits, false, true},
    {"drain-timeout", "SECONDS", "how long the first Ctrl-C waits for what is in flight (default 30)", kLimits},
    {"give-up-after", "SECONDS", "stop when no request has succeeded for so long (default 900)", kLimits, false, true},
    {"http", "1.1|2", "version of HTTP; 2 where an https server offers it (default 1.1)", kLimits, false, true},
    {"ca-file", "FILE", "certificates to trust besides the system's", kFiles, false, true},
    {"output-dir", "DIR", "made if missing (default data)", kFiles},
    {"run-name", "NAME", "stem of the files (default synthetic_training_data_llm_DATE_TIME)", kFiles},
    {"mode", "direct|batch", "ask at once, or in deferred batches: half the price, up to a day (default direct)",
     kBatches, false, true},
    {"finish", "batch|direct", "how the last few of a batch run are asked for (default batch)", kBatches, false, true},
    {"batch-lines", "N", "requests in one batch at most (default: what the service allows)", kBatches, false, true},
    {"queued-tokens", "N", "input tokens in the service's queue at most (default: until it refuses more)", kBatches,
     false, true},
    {"poll", "SECONDS", "until a batch is looked at for the first time, growing from there (default 30)", kBatches,
     false, true},
    {"shard", "I/N", "make part I of N of the plan: 2/4; or slurm, kubernetes: the number of the task (needs --seed)",
     kParts},
    {"shards", "N", "parts that the plan is split into", kParts},
}};

Error wrong(const GivenSetting& given, const std::string& what) {
    return {ErrorCode::invalid_argument, given.source + ": " + what, "setting"};
}

const GivenSetting* find(const Givens& givens, std::string_view name) {
    const auto found = givens.settings.find(name);
    return found == givens.settings.end() ? nullptr : &found->second;
}

/// Reads a whole number in [low, high] into `target` if it was given.
template <class Integer>
Status read_integer(const Givens& givens, std::string_view name, std::uint64_t low, std::uint64_t high,
                    Integer& target) {
    const auto* given = find(givens, name);
    if (given == nullptr) return {};
    const std::string& text = given->values.back();
    const auto value = parse_number<std::uint64_t>(text);
    if (!value || *value < low || *value > high)
        return wrong(
            *given, "'" + text + "' is not a whole number from " + with_thousands(low) + " to " + with_thousands(high));
    target = static_cast<Integer>(*value);
    return {};
}

Status read_rate(const Givens& givens, std::string_view name, std::optional<double>& target) {
    std::uint64_t value = 0;
    if (auto read = read_integer(givens, name, 1, kMostRate, value); !read) return read;
    if (value > 0) target = static_cast<double>(value);
    return {};
}

Status read_budget(const Givens& givens, std::optional<PicoUsd>& target) {
    const auto* given = find(givens, "budget");
    if (given == nullptr) return {};
    target = parse_usd(given->values.back());
    if (!target || target->value == 0)
        return wrong(*given, "'" + given->values.back() + "' is not an amount in US dollars above 0, such as 4.50");
    return {};
}

Status read_window(const Givens& givens, RunConfig& c) {
    constexpr std::uint32_t kAutomatic = 1000;
    const auto* given = find(givens, "max-concurrent");
    if (given == nullptr) return {};
    if (given->values.back() == "auto") {
        c.max_concurrent = std::max(kAutomatic, c.batch_size);
        c.initial_concurrent = c.batch_size;
        return {};
    }
    if (auto read = read_integer(givens, "max-concurrent", 1, kMostAtOnce, c.max_concurrent); !read) {
        auto error = read.error();
        error.message += ", nor 'auto'";
        return error;
    }
    c.initial_concurrent = c.max_concurrent;
    return {};
}

Status read_ca_file(const Givens& givens, RunConfig& c) {
    const auto* given = find(givens, "ca-file");
    if (given == nullptr) return {};
    const auto path = std::filesystem::absolute(given->values.back()).lexically_normal();
    std::ifstream in(path);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in || text.find("-----BEGIN CERTIFICATE-----") == std::string::npos)
        return wrong(*given, "'" + given->values.back() + "' is not a file with certificates in PEM form");
    c.ca_file = path.string();
    return {};
}

/// `first` or `second`, into whether it is the second.
Status read_choice(const Givens& givens, std::string_view name, std::string_view first, std::string_view second,
                   bool& target) {
    const auto* given = find(givens, name);
    if (given == nullptr) return {};
    const std::string& value = given->values.back();
    if (value != first && value != second)
        return wrong(*given,
                     "'" + value + "' is neither '" + std::string(first) + "' nor '" + std::string(second) + "'");
    target = value == second;
    return {};
}

Status read_batches(const Givens& givens, RunConfig& c) {
    for (Status read : {read_choice(givens, "mode", "direct", "batch", c.batch),
                        read_choice(givens, "finish", "batch", "direct", c.finish_direct),
                        read_integer(givens, "batch-lines", 1, kMostBatchLines, c.batch_lines),
                        read_integer(givens, "queued-tokens", 1, kMostQueuedTokens, c.queued_tokens)})
        if (!read) return read;
    const auto* given = find(givens, "poll");
    if (given == nullptr) return {};
    const std::string& text = given->values.back();
    const auto seconds = parse_number<double>(text);
    if (!seconds || !(*seconds >= 0.001 && *seconds <= double{kLongestTimeout}))
        return wrong(*given,
                     "'" + text + "' is not a number of seconds from 0.001 to " + with_thousands(kLongestTimeout));
    c.poll_ms = static_cast<std::uint32_t>(*seconds * 1000);
    return {};
}

Status read_shared_limits(const Givens& givens, RunConfig& c) {
    const auto* given = find(givens, "shared-limits");
    if (given == nullptr) return {};
    auto url = parse_redis_url(given->values.back());
    if (!url) return wrong(*given, url.error().message);
    if (!url->password.empty() && !given->source.starts_with("--"))
        return wrong(*given, "a run file has no place for a password; set " + std::string(kRedisPassword) +
                                 " in the environment or in .env");
    c.shared_limits = std::move(*url);
    return {};
}

Status read_limits(const Givens& givens, RunConfig& c) {
    for (Status read : {read_batches(givens, c), read_budget(givens, c.budget), read_rate(givens, "rpm", c.rpm),
                        read_rate(givens, "tpm", c.tpm), read_window(givens, c), read_ca_file(givens, c),
                        read_choice(givens, "http", "1.1", "2", c.http2), read_shared_limits(givens, c),
                        read_integer(givens, "max-attempts", 1, kMostAttempts, c.max_attempts),
                        read_integer(givens, "timeout", 1, kLongestTimeout, c.timeout_s),
                        read_integer(givens, "first-byte-timeout", 1, kLongestTimeout, c.first_byte_timeout_s),
                        read_integer(givens, "give-up-after", 1, kLongestPatience, c.give_up_after_s)})
        if (!read) return read;
    return {};
}

Status read_shard(const Givens& givens, RunConfig& c) {
    if (auto read = read_integer(givens, "shards", 1, kMostShards, c.shards); !read) return read;
    const auto* given = find(givens, "shard");
    if (given == nullptr) return {};
    auto shard = parse_shard(given->values.back(), c.shards, [](const char* name) -> std::optional<std::string> {
        const char* value = std::getenv(name);
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    });
    if (!shard) return wrong(*given, shard.error().message);
    c.shard = std::move(*shard);
    c.shards = c.shard.count;
    if (find(givens, "seed") == nullptr)
        return wrong(
            *given,
            "give --seed too, so that all shards make the same plan, and a task that is run again makes its own");
    return {};
}

/// The ids named for a kind; the defaults when none is.
std::vector<std::string> ids_of(const Givens& givens, std::string_view setting, std::vector<std::string> defaults) {
    const auto* given = find(givens, setting);
    return given != nullptr ? given->values : std::move(defaults);
}

/// --model is an option of the provider under a shorter name.
void add_model(const Givens& givens, std::vector<GivenPluginOption>& options) {
    const auto* model = find(givens, "model");
    if (model == nullptr) return;
    auto& option = options.emplace_back();
    option.kind = "provider";
    option.key = "model";
    option.value.text = model->values.back();
    option.source = model->source;
}

/// Finds the plugin, takes what was given for it out of `options`, and completes its options.
Result<PluginChoice> choose(const Registry& registry, std::string_view kind, const std::string& id, bool alone,
                            std::vector<GivenPluginOption>& options, std::map<std::string, GivenOption> given = {}) {
    auto plugin = registry.find(kind, id);
    if (!plugin) return std::move(plugin).error();
    std::erase_if(options, [&](const GivenPluginOption& option) {
        if (option.kind != kind || !(option.id == id || (option.id.empty() && alone))) return false;
        given.insert_or_assign(option.key, option.value);
        return true;
    });
    auto completed = complete_options(std::string(kind) + " " + id, (*plugin)->options_schema, given);
    if (!completed) return std::move(completed).error();
    PluginChoice choice;
    choice.kind = kind;
    choice.id = id;
    choice.options_json = std::move(*completed);
    return choice;
}

/// What nobody took: an option for a plugin that is not in the run.
Status none_left(const std::vector<GivenPluginOption>& options, const std::vector<PluginChoice>& plugins) {
    if (options.empty()) return {};
    const auto& left = options.front();
    std::string loaded;
    for (const auto& plugin : plugins)
        if (plugin.kind == left.kind) loaded += (loaded.empty() ? "" : ", ") + plugin.id;
    const std::string what =
        left.id.empty()
            ? "several plugins of kind " + left.kind + " are loaded (" + loaded + "), so name one: " + left.kind + "." +
                  loaded.substr(0, loaded.find(',')) + "." + left.key
            : "no " + left.kind + " '" + left.id + "' in this run" + (loaded.empty() ? "" : ", only " + loaded);
    return Error{ErrorCode::invalid_argument, left.source + ": " + what, "option"};
}

Status check_name(const GivenSetting& given) {
    const std::string& name = given.values.back();
    if (!is_stem(name)) return wrong(given, "'" + name + "' cannot be the stem of file names");
    return {};
}

}  // namespace

std::span<const Setting> all_settings() { return kSettings; }

Result<GivenPluginOption> parse_plugin_option(std::string_view text) {
    const auto bad = [&](const std::string& what) {
        return Error{ErrorCode::invalid_argument, "-o " + std::string(text) + ": " + what, "option"};
    };
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return bad("expected KIND[.ID].KEY=VALUE");
    const auto path = text.substr(0, equals);
    const auto first = path.find('.');
    const auto last = path.rfind('.');
    if (first == std::string_view::npos || first == 0 || last == first + 1 || last + 1 == path.size())
        return bad("expected KIND[.ID].KEY=VALUE");
    GivenPluginOption option;
    option.kind = path.substr(0, first);
    option.key = path.substr(last + 1);
    if (first != last) option.id = path.substr(first + 1, last - first - 1);
    if (std::ranges::find(kPluginKinds, option.kind) == kPluginKinds.end()) {
        const auto near = nearest(option.kind, {kPluginKinds.begin(), kPluginKinds.end()});
        return bad("no kind of plugin '" + option.kind + "'" + (near.empty() ? "" : ", did you mean '" + near + "'?") +
                   " (sampler, prompt, provider, validator, sink, reporter)");
    }
    option.value.text = text.substr(equals + 1);
    option.source = "-o " + std::string(path);
    return option;
}

void add_missing(Givens& givens, Givens more) {
    givens.settings.merge(more.settings);
    // Later ones win where they meet, so the run file's go first.
    more.options.insert(more.options.end(), std::move_iterator(givens.options.begin()),
                        std::move_iterator(givens.options.end()));
    givens.options = std::move(more.options);
}

Result<RunConfig> resolve(const Givens& givens, const Registry& registry) {
    RunConfig c;
    for (Status read : {read_integer(givens, "num-samples", 1, kMostSamples, c.samples),
                        read_integer(givens, "samples-per-class", 1, kMostSamples, c.samples_per_class),
                        read_integer(givens, "min-labels", 1, kMostLabels, c.min_labels),
                        read_integer(givens, "max-labels", 1, kMostLabels, c.max_labels),
                        read_integer(givens, "batch-size", 1, kMostAtOnce, c.batch_size),
                        read_integer(givens, "drain-timeout", 0, kLongestTimeout, c.drain_timeout_s)})
        if (!read) return std::move(read).error();
    c.max_concurrent = c.initial_concurrent = c.batch_size;
    if (auto read = read_limits(givens, c); !read) return std::move(read).error();
    if (c.min_labels > c.max_labels) {
        const auto* given = find(givens, "min-labels");
        if (given == nullptr) given = find(givens, "max-labels");
        return wrong(*given, "at least " + std::to_string(c.min_labels) + " labels but at most " +
                                 std::to_string(c.max_labels) + " leaves no number of labels");
    }
    if (find(givens, "seed") == nullptr)
        c.seed = std::random_device()();
    else if (auto read = read_integer(givens, "seed", 0, std::numeric_limits<std::int64_t>::max(), c.seed); !read)
        return std::move(read).error();
    if (auto read = read_shard(givens, c); !read) return std::move(read).error();
    if (const auto* given = find(givens, "taxonomy")) c.taxonomy = given->values.back();
    c.output_dir = "data";
    if (const auto* given = find(givens, "output-dir")) {
        c.output_dir = given->values.back();
        if (c.output_dir.empty()) return wrong(*given, "an empty name is no folder");
    }
    if (const auto* given = find(givens, "run-name")) {
        if (auto good = check_name(*given); !good) return std::move(good).error();
        c.name = given->values.back();
    }

    auto options = givens.options;
    add_model(givens, options);
    const std::array<std::pair<std::string_view, std::vector<std::string>>, 6> wanted = {
        {{"sampler", ids_of(givens, "sampler", {"balanced"})},
         {"prompt", ids_of(givens, "prompts", {"tdamm"})},
         {"provider", ids_of(givens, "provider", {"openai"})},
         {"validator", ids_of(givens, "validator", {"length"})},
         {"sink", ids_of(givens, "sink", {"json"})},
         {"reporter", ids_of(givens, "reporter", {"cost", "statistics"})}}};
    for (const auto& [kind, ids] : wanted)
        for (const auto& id : ids) {
            if (c.find(kind, id) != nullptr) continue;
            auto choice = choose(registry, kind, id, ids.size() == 1, options);
            if (!choice) return std::move(choice).error();
            c.plugins.push_back(std::move(*choice));
        }
    if (auto none = none_left(options, c.plugins); !none) return std::move(none).error();
    return c;
}

Result<RunConfig> resolve_check(const Givens& givens, const Registry& registry) {
    RunConfig c;
    c.max_attempts = 1;  // nothing is written again
    if (const auto* given = find(givens, "taxonomy")) c.taxonomy = given->values.back();
    if (const auto* given = find(givens, "output-dir")) c.output_dir = given->values.back();
    if (const auto* given = find(givens, "run-name")) {
        if (auto good = check_name(*given); !good) return std::move(good).error();
        c.name = given->values.back();
    }
    if (auto read = read_limits(givens, c); !read) return std::move(read).error();
    auto options = givens.options;
    const std::array<std::pair<std::string_view, std::vector<std::string>>, 2> wanted = {
        {{"validator", ids_of(givens, "validator", {kCheckedByDefault.begin(), kCheckedByDefault.end()})},
         {"reporter", ids_of(givens, "reporter", {"statistics"})}}};
    for (const auto& [kind, ids] : wanted)
        for (const auto& id : ids) {
            if (c.find(kind, id) != nullptr) continue;
            auto choice = choose(registry, kind, id, ids.size() == 1, options);
            if (!choice) return std::move(choice).error();
            c.plugins.push_back(std::move(*choice));
        }
    if (auto none = none_left(options, c.plugins); !none) return std::move(none).error();
    return c;
}

Status resolve_resume(const Givens& givens, const Registry& registry, RunConfig& config) {
    for (const auto& [name, given] : givens.settings) {
        const auto known = std::ranges::find(kSettings, name, &Setting::name);
        if (known == kSettings.end() || !known->for_resume)
            return wrong(
                given,
                "a run that has begun keeps this as it was; resume changes only the number of samples, budget, "
                "attempts, window, rates, timeouts, batches, the model and options of the provider");
    }
    std::uint64_t samples = config.samples;
    if (auto read = read_integer(givens, "num-samples", 1, kMostSamples, samples); !read) return read;
    if (samples < config.samples)
        return wrong(*find(givens, "num-samples"), "the run has " + with_thousands(config.samples) +
                                                       " samples planned, a resume can only add to them");
    config.samples = samples;
    if (auto read = read_limits(givens, config); !read) return read;

    auto options = givens.options;
    for (const auto& option : options)
        if (option.kind != "provider")
            return Error{ErrorCode::invalid_argument, option.source + ": resume changes options of the provider only",
                         "option"};
    add_model(givens, options);
    if (options.empty()) return {};
    auto* provider = config.find("provider");
    auto kept = options_as_given(provider->options_json);
    if (!kept) return std::move(kept).error();
    auto choice = choose(registry, "provider", provider->id, true, options, std::move(*kept));
    if (!choice) return std::move(choice).error();
    *provider = std::move(*choice);
    return none_left(options, config.plugins);
}

namespace {

/// The plugins of `kind` that a finished run is to go through; those that it had when none is named.
Result<std::vector<PluginChoice>> resolve_again(const Givens& givens, const Registry& registry, const RunConfig& config,
                                                const std::string& kind) {
    auto options = givens.options;
    std::vector<PluginChoice> chosen;
    std::vector<std::string> ids;
    if (const auto* named = find(givens, kind)) {
        ids = named->values;
    } else {
        for (const auto& plugin : config.plugins)
            if (plugin.kind == kind) ids.push_back(plugin.id);
    }
    for (const auto& id : ids) {
        std::map<std::string, GivenOption> kept;
        if (const auto* before = config.find(kind, id)) {
            auto given = options_as_given(before->options_json);
            if (!given) return std::move(given).error();
            kept = std::move(*given);
        }
        auto choice = choose(registry, kind, id, ids.size() == 1, options, std::move(kept));
        if (!choice) return std::move(choice).error();
        chosen.push_back(std::move(*choice));
    }
    if (auto none = none_left(options, chosen); !none) return std::move(none).error();
    return chosen;
}

}  // namespace

Result<std::vector<PluginChoice>> resolve_sinks(const Givens& givens, const Registry& registry,
                                                const RunConfig& config) {
    return resolve_again(givens, registry, config, "sink");
}

Result<std::vector<PluginChoice>> resolve_reporters(const Givens& givens, const Registry& registry,
                                                    const RunConfig& config) {
    return resolve_again(givens, registry, config, "reporter");
}

}  // namespace synth::core
