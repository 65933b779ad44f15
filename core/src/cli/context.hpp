// What every subcommand needs: the console, keys, plugins; and a run's plugins once its configuration is known.

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/console.hpp"
#include "base/secrets.hpp"
#include "cli/commands.hpp"
#include "run/asked.hpp"
#include "run/assembly.hpp"

namespace synth::core {

/// Made once, at the start of a subcommand; nothing in it moves.
struct Context {
    Secrets secrets;
    std::unique_ptr<Console> console;
    Installation installation;
    std::unique_ptr<Registry> registry;

    [[nodiscard]] Environment environment() const { return {registry.get(), console.get(), &secrets, &installation}; }
    /// Prints the error as one line; the exit code that goes with it.
    int fail(const Error& error) const;
};

/// Prints what is wrong and returns nothing when the context cannot be made; `code` is then the exit code.
std::unique_ptr<Context> make_context(const Command& command, int& code);

/// The exit code of an error that ends a subcommand before or after a run.
int exit_code_of(const Error& error);

/// The plugins that make a run's samples.
struct RunPlugins {
    Assembly assembly;
    Instance<Sampler> sampler;
    Instance<PromptStrategy> prompts;
    Instance<Provider> provider;
    std::vector<Instance<Validator>> validators;
    ProviderInfo info;
    std::vector<Asked> asked;
};

/// Creates them (those that the configuration names: a check has none that write texts), and sinks and reporters once
/// to see that they can be. The provider's own resolved options go into `config`. Pure towards the outside: nothing is
/// sent.
Result<RunPlugins> assemble(const Context& context, Taxonomy taxonomy, RunConfig& config);

/// What `generate` and `plan` begin with.
struct NewRun {
    RunConfig config;
    RunPlugins plugins;
};

/// From what the user gave to checked settings and plugins; nothing is sent or written.
Result<NewRun> configure(const Context& context, const Givens& givens);

/// The plan that a configuration asks for, from the start.
PlanRequest plan_request(const RunConfig& config, const Taxonomy& taxonomy);

/// That plan, or what follows one. `plugins` outlives the stream.
Result<std::unique_ptr<PlanStream>> plan_with(const RunPlugins& plugins, const PlanRequest& request);

/// Today, UTC.
std::chrono::sys_days today();

/// Quoted where a shell would split it.
std::string shell_word(const std::string& text);

}  // namespace synth::core
