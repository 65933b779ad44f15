// The settings of a run by name, as the command line and the run file give them, and how they become a RunConfig. One
// table serves help texts, run files and man page.

#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/options_schema.hpp"
#include "config/run_config.hpp"
#include "synth/result.hpp"

namespace synth::core {

class Registry;

/// One long option of the command line, and a key of the run file.
struct Setting {
    std::string_view name;     ///< "num-samples"
    std::string_view metavar;  ///< "N"
    std::string_view meaning;  ///< one or two lines, the default included
    std::string_view group;    ///< heading in the help text
    bool repeatable = false;
    bool for_resume = false;  ///< `resume` takes it too
};

/// In the order of the help text.
std::span<const Setting> all_settings();

/// A setting that was given, and where, for error messages.
struct GivenSetting {
    std::vector<std::string> values;
    std::string source;  ///< "--num-samples" or "run.toml:3: num-samples"
};

/// An option for a plugin: `-o KIND[.ID].KEY=VALUE`, or below [option] in a run file.
struct GivenPluginOption {
    std::string kind, id, key;  ///< id may be empty where one of the kind is loaded
    GivenOption value;
    std::string source;
};

struct Givens {
    std::map<std::string, GivenSetting, std::less<>> settings;
    std::vector<GivenPluginOption> options;
};

/// `text` is what stands after -o.
Result<GivenPluginOption> parse_plugin_option(std::string_view text);

/// Adds what `more` has and `givens` lacks: the command line wins over the run file.
void add_missing(Givens& givens, Givens more);

/// Checks everything and completes the options of all chosen plugins. Errors are invalid_argument with the source.
Result<RunConfig> resolve(const Givens& givens, const Registry& registry);

/// Changes a run's configuration by what `resume` was given; refuses what would break its plan.
Status resolve_resume(const Givens& givens, const Registry& registry, RunConfig& config);

/// What `check` is to do: taxonomy, validators, reporters; no sampler, prompts, provider or sinks. The folder is empty
/// when none was given.
Result<RunConfig> resolve_check(const Givens& givens, const Registry& registry);

/// The sinks that `export` was asked for; those of the run when none is named.
Result<std::vector<PluginChoice>> resolve_sinks(const Givens& givens, const Registry& registry,
                                                const RunConfig& config);

/// The reporters that `report` was asked for; those of the run when none is named.
Result<std::vector<PluginChoice>> resolve_reporters(const Givens& givens, const Registry& registry,
                                                    const RunConfig& config);

}  // namespace synth::core
