// What people see of a running session: one live view on a terminal, a line a batch elsewhere.

#pragma once

#include <functional>

#include "base/console.hpp"
#include "run/session.hpp"

namespace synth::core {

/// Draws snapshots. The console outlives the function.
std::function<void(const Snapshot&)> make_progress(const Console& console);

}  // namespace synth::core
