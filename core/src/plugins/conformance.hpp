// Holds a plugin to the contract of its kind: what its header promises, exercised with inputs that are made for it.

#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/registry.hpp"
#include "synth/taxonomy.hpp"

namespace synth::core {

/// One promise of the contract.
struct ConformanceCheck {
    std::string name;  ///< "the same request gives the same plan"
    bool passed = false;
    std::string detail;  ///< what went wrong; where it passed, what is worth knowing; often empty
};

/// Creates instances of `plugin`, which is usable, with completed options, and exercises them in a process of its own,
/// so that one that crashes, or has not ended after `patience`, is a check that failed. Neither keys nor settings of
/// the environment are lent: every key counts as set, so that the result is the same everywhere. Nothing is sent. io:
/// no process or no temporary folder.
Result<std::vector<ConformanceCheck>> check_conformance(const PluginInfo& plugin, const std::string& options_json,
                                                        const Taxonomy& taxonomy, std::chrono::sys_days today,
                                                        std::chrono::seconds patience = std::chrono::minutes(1));

}  // namespace synth::core
