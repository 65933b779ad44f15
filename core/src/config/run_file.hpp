// A run file: TOML with the names of the long options, and plugin options below [option.KIND] or [option.KIND.ID].

#pragma once

#include <filesystem>

#include "config/settings.hpp"

namespace synth::core {

/// io when it cannot be read; invalid_argument with file and line for bad TOML, an unknown key (with the nearest known
/// one) or a value of the wrong type.
Result<Givens> read_run_file(const std::filesystem::path& file);

/// A run file that `read_run_file` makes the same configuration of, the options of all plugins included.
std::string to_run_file(const RunConfig& config, const std::vector<std::string>& plugin_dirs);

}  // namespace synth::core
