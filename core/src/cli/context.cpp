#include "cli/context.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "config/options_schema.hpp"
#include "run/planning.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::core {

int exit_code_of(const Error& error) {
    switch (error.code) {
        case ErrorCode::invalid_argument: return kUsage;
        case ErrorCode::unauthorized:
        case ErrorCode::exhausted: return kRefused;
        case ErrorCode::io: return kIo;
        default: return kInternal;
    }
}

int Context::fail(const Error& error) const {
    console->log(LogLevel::error, error.message);
    return exit_code_of(error);
}

std::unique_ptr<Context> make_context(const Command& command, int& code) {
    auto context = std::make_unique<Context>();
    const auto refuse = [&](const Error& error) {
        std::fprintf(stderr, "error: %s\n", error.message.c_str());
        code = exit_code_of(error);
        return nullptr;
    };
    auto secrets = Secrets::load(environ, ".env");
    if (!secrets) return refuse(secrets.error());
    context->secrets = std::move(*secrets);
    const auto verbosity = command.quiet ? Verbosity::quiet : command.verbose ? Verbosity::verbose : Verbosity::normal;
    context->console = std::make_unique<Console>(verbosity, !command.no_progress && !command.quiet, &context->secrets);
    auto installation = Installation::locate();
    if (!installation) return refuse(installation.error());
    context->installation = std::move(*installation);
    std::vector<std::filesystem::path> dirs;
    if (const auto found = command.givens.settings.find("plugin-dir"); found != command.givens.settings.end())
        for (const auto& dir : found->second.values) {
            std::error_code ignored;
            if (!std::filesystem::is_directory(dir, ignored))
                return refuse({ErrorCode::invalid_argument, found->second.source + ": no folder " + dir, {}});
            dirs.emplace_back(std::filesystem::absolute(dir));
        }
    const auto from_environment = context->secrets.value("TDAMM_SYNTH_PLUGIN_PATH").value_or("");
    context->registry = std::make_unique<Registry>(Registry::scan(dirs, from_environment, context->installation));
    return context;
}

namespace {

/// The provider that a validator's questions go to, as the configuration has it or, in a new run, as the validator
/// wants it.
Result<Asked> make_asked(const Context& context, RunPlugins& plugins, RunConfig& config,
                         const Instance<Validator>& validator, const AskedProvider& wanted) {
    const auto known = std::ranges::find(config.plugins, validator.id(), &PluginChoice::asked_by);
    PluginChoice choice;
    if (known != config.plugins.end()) {
        choice = *known;
    } else {
        const auto* own = config.find(Provider::kKind);
        choice.kind = Provider::kKind;
        if (own == nullptr && wanted.id.empty())
            return Error{ErrorCode::invalid_argument,
                         "validator " + validator.id() + ": name the provider that it asks (-o validator." +
                             validator.id() + ".provider=ID); there is none that writes texts here",
                         "option"};
        choice.id = wanted.id.empty() ? own->id : wanted.id;
        choice.asked_by = validator.id();
        auto plugin = context.registry->find(Provider::kKind, choice.id);
        if (!plugin) return std::move(plugin).error();
        auto given = options_as_given(wanted.options_json);
        if (!given) return std::move(given).error();
        if (own != nullptr && choice.id == own->id) {  // what the validator does not say is as in the run
            auto base = options_as_given(own->options_json);
            if (!base) return std::move(base).error();
            given->merge(*base);
        }
        auto completed = complete_options("validator " + validator.id() + ": provider " + choice.id,
                                          (*plugin)->options_schema, *given);
        if (!completed) return std::move(completed).error();
        choice.options_json = std::move(*completed);
    }
    auto provider = plugins.assembly.create<Provider>(choice);
    if (!provider) return std::move(provider).error();
    auto info = provider->call([](Provider& p) { return p.describe(today()); });
    if (!info) return std::move(info).error();
    if (!info->resolved_options.empty()) choice.options_json = info->resolved_options;
    if (known != config.plugins.end())
        *known = std::move(choice);
    else
        config.plugins.push_back(std::move(choice));
    return Asked{validator.id(), std::move(*provider), std::move(*info), wanted.budget_share};
}

Result<RunPlugins> ask_providers(const Context& context, RunPlugins plugins, RunConfig& config) {
    for (const auto& validator : plugins.validators)
        if (const auto wanted = validator.object().asks()) {
            auto asked = make_asked(context, plugins, config, validator, *wanted);
            if (!asked) return std::move(asked).error();
            plugins.asked.push_back(std::move(*asked));
        }
    return plugins;
}

}  // namespace

Result<RunPlugins> assemble(const Context& context, Taxonomy taxonomy, RunConfig& config) {
    RunPlugins plugins{Assembly(context.environment(), std::move(taxonomy)), {}, {}, {}, {}, {}, {}};
    for (auto& choice : config.plugins) {
        std::optional<Error> error;
        const auto take = [&error](auto made, auto& into) {
            if (made)
                into = std::move(*made);
            else
                error = std::move(made).error();
        };
        if (choice.kind == Sampler::kKind) take(plugins.assembly.create<Sampler>(choice), plugins.sampler);
        if (choice.kind == PromptStrategy::kKind)
            take(plugins.assembly.create<PromptStrategy>(choice), plugins.prompts);
        if (choice.kind == Provider::kKind && choice.asked_by.empty())
            take(plugins.assembly.create<Provider>(choice), plugins.provider);
        if (choice.kind == Validator::kKind)
            take(plugins.assembly.create<Validator>(choice), plugins.validators.emplace_back());
        Instance<Sink> sink;
        if (choice.kind == Sink::kKind) take(plugins.assembly.create<Sink>(choice), sink);
        Instance<Reporter> reporter;
        if (choice.kind == Reporter::kKind) take(plugins.assembly.create<Reporter>(choice), reporter);
        if (error) return std::move(*error);
    }
    if (!plugins.provider) return ask_providers(context, std::move(plugins), config);
    auto info = plugins.provider.call([](Provider& p) { return p.describe(today()); });
    if (!info) return std::move(info).error();
    plugins.info = std::move(*info);
    if (!plugins.info.resolved_options.empty())
        config.find(Provider::kKind)->options_json = plugins.info.resolved_options;
    return ask_providers(context, std::move(plugins), config);
}

Result<NewRun> configure(const Context& context, const Givens& givens) {
    auto config = resolve(givens, *context.registry);
    if (!config) return std::move(config).error();
    auto taxonomy = load_taxonomy(config->taxonomy, context.installation.core_data);
    if (!taxonomy) return std::move(taxonomy).error();
    auto plugins = assemble(context, std::move(*taxonomy), *config);
    if (!plugins) return std::move(plugins).error();
    return NewRun{std::move(*config), std::move(*plugins)};
}

PlanRequest plan_request(const RunConfig& config, const Taxonomy& taxonomy) {
    PlanRequest request;
    request.seed = config.seed;
    request.samples = config.samples_per_class > 0 ? config.samples_per_class * taxonomy.labels.size() : config.samples;
    request.samples_per_class = config.samples_per_class;
    request.min_labels = config.min_labels;
    request.max_labels = config.max_labels;
    return request;
}

Result<std::unique_ptr<PlanStream>> plan_with(const RunPlugins& plugins, const PlanRequest& request) {
    return make_plan(plugins.sampler, plugins.prompts, plugins.assembly.taxonomy(), request);
}

std::chrono::sys_days today() { return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()); }

std::string shell_word(const std::string& text) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("_-./=:,@%+").find(c) != std::string_view::npos;
    };
    if (!text.empty() && std::ranges::all_of(text, plain)) return text;
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

}  // namespace synth::core
