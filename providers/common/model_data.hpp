// Models from files: data/models.json of a provider, and the user's own.

#pragma once

#include <string>

#include "models.hpp"
#include "synth/result.hpp"

namespace synth::providers {

/// Adds the models of a file to `table`. A model that is there already keeps what the file does not name, so a file may
/// hold as little as a name, a price and its date. invalid_argument names file, model and field: a misspelt field or a
/// price that is not exact would otherwise be wrong money in silence; io when the file cannot be read.
Status add_models(ModelTable& table, const std::string& path);

/// The provider's own models, and those of the user's file where one is given.
Result<ModelTable> load_models(const std::string& data_dir, const std::string& more);

}  // namespace synth::providers
