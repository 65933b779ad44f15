// Sink: writes the records of a run as files of some format. It writes into a staging folder; the core syncs what it
// finds there and renames it into the output folder, so an output appears under its name only when it is whole.

#pragma once

#include <cstdint>
#include <string>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

struct SinkContext {
    const Taxonomy* taxonomy = nullptr;  ///< borrowed until `finish` returns
    std::string staging_dir;             ///< absolute, exists; only this sink writes there
    std::string stem;                    ///< of every file name: "synthetic_training_data_llm_20261123_101500"
    std::uint64_t samples = 0;           ///< planned; records may be fewer
};

struct RunSummary {
    std::uint64_t records = 0;  ///< written
    std::uint64_t samples = 0;  ///< planned
};

/// Calls come as open, write*, finish; a sink is used for one output and then destroyed, also after an error.
class Sink {
public:
    static constexpr const char* kKind = "sink";
    static constexpr std::uint32_t kInterfaceVersion = 1;

    virtual ~Sink() = default;
    /// Creates `STEM.<extension>` in the staging folder: a file, several, or a folder with plain files and folders in
    /// it. The core publishes a folder as a whole; it never takes the place of one that has files which the new one
    /// lacks. Errors of the disk are io.
    virtual Status open(const SinkContext& context) = 0;
    /// In plan order.
    virtual Status write(const Record& record) = 0;
    /// Everything is written and closed; a full disk shows up here at the latest.
    virtual Status finish(const RunSummary& summary) = 0;
};

}  // namespace synth
