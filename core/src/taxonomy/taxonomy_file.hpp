// Taxonomies from files: the built-in ones (facts once, spellings apart) and a user's own, which is one JSON file.

#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"
#include "synth/taxonomy.hpp"

namespace synth::core {

/// `name` is a built-in one ("tdamm40", "tdamm36", "cosmos") or a path. invalid_argument names the file, the place and
/// what is wrong; an unknown name lists the built-in ones.
Result<Taxonomy> load_taxonomy(std::string_view name, const std::filesystem::path& core_data);

/// A whole taxonomy as one JSON text: the format of a user's file, and what the ledger keeps.
std::string to_json(const Taxonomy& taxonomy);
Result<Taxonomy> parse_taxonomy(std::string_view json, std::string_view source_name);

/// Names of the built-in ones.
std::vector<std::string> builtin_taxonomies(const std::filesystem::path& core_data);

}  // namespace synth::core
