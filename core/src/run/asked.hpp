// A provider that answers a validator's questions: beside the one that writes the texts, with its own model, prices,
// limits and part of the budget.

#pragma once

#include <string>

#include "plugins/instance.hpp"
#include "synth/provider.hpp"

namespace synth::core {

struct Asked {
    std::string validator;  ///< id: whose questions, and the role of the calls
    Instance<Provider> provider;
    ProviderInfo info;
    double budget_share = 1;  ///< of the run's budget, at most
};

}  // namespace synth::core
