// What comes out of a ledger: the sinks' files and the report. Made afresh each time, without paying again.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "run/assembly.hpp"
#include "run/ledger.hpp"

namespace synth::core {

enum class Overwrite : bool { no, yes };

/// Streams the accepted samples through each sink in `sinks` and puts the finished files into `dir`; their paths.
/// `overwrite`: whether files of those names are this run's own; io when they are not and one is there. `lost`, if
/// given: the ledger is damaged, what can be read of it is written, and what cannot is counted (more than once for more
/// sinks).
Result<std::vector<std::filesystem::path>> write_outputs(Assembly& assembly, std::vector<PluginChoice>& sinks,
                                                         const RunConfig& config, LedgerReader& ledger,
                                                         const std::filesystem::path& dir, Overwrite overwrite,
                                                         std::uint64_t* lost = nullptr);

struct Report {
    std::string text;  ///< for a terminal
    std::string json;  ///< one object, indented
    std::string page;  ///< HTML; empty when no reporter makes one
};

/// `provider` may be empty: nothing wrote the texts. All reporters of `config` over the ledger. `exit_code`: of the
/// run; absent: not known (a report made later).
Result<Report> make_report(Assembly& assembly, RunConfig& config, LedgerReader& ledger,
                           const Instance<Provider>& provider, const ProviderInfo& info, std::optional<int> exit_code);

}  // namespace synth::core
