// `plan --slurm` and `plan --kubernetes`: the files of a job that makes a run in shards, ready to be submitted.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/context.hpp"

namespace synth::core {

enum class Cluster : std::uint8_t { slurm, kubernetes };

/// What the plan says about the run, for the job's limits.
struct JobSize {
    std::uint64_t samples = 0;
    std::uint64_t words = 0;  ///< a sample
    double seconds = 0;       ///< of the whole run, by the window of one process
};

/// Writes run file, job files and `submit` into `dir`, which must not be there or be empty; the files. `config` is the
/// whole run's, split into `config.shards`. The run file has all that decides about the run, its seed included; it is
/// read once before this returns. invalid_argument: what cannot be a job.
Result<std::vector<std::filesystem::path>> write_job_files(const Context& context, Cluster cluster,
                                                           const std::filesystem::path& dir, RunConfig config,
                                                           const std::vector<std::string>& plugin_dirs,
                                                           const ProviderInfo& info, const JobSize& size,
                                                           const std::string& image);

}  // namespace synth::core
