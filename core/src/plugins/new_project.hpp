// `plugins new`: a plugin project of somebody's own, from the templates among the data files.

#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"

namespace synth::core {

/// Writes a project for a plugin of that kind and id into `dir`, which is made and must not be there; its files,
/// sorted. `core_data` is Installation::core_data. invalid_argument: an unknown kind, an id that is none, a `dir` that
/// is there; io: the disk, and then nothing is left in `dir`.
Result<std::vector<std::filesystem::path>> write_plugin_project(std::string_view kind, std::string_view id,
                                                                const std::filesystem::path& dir,
                                                                const std::filesystem::path& core_data);

}  // namespace synth::core
