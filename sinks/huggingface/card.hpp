// README.md of a data set folder: front matter that the hub and `datasets` read, and what a person needs to know of
// texts that nobody wrote.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/label_profile.hpp"
#include "huggingface/split.hpp"
#include "synth/types.hpp"

namespace synth::sinks {

/// The run's seed, of which the core made that of a sample (synth/random.hpp).
std::uint64_t run_seed_of(std::uint64_t sample_seed, std::uint64_t index) noexcept;

/// What is counted of the records as they come by.
class CardFacts {
public:
    explicit CardFacts(std::size_t labels) : of_label(labels) {}
    void add(const Record& record, const LabelSet& labels, std::size_t part);

    using Counts = std::array<std::uint64_t, kParts>;
    Counts records{}, bytes{};                    ///< bytes of the lines, uncompressed
    std::vector<Counts> of_label;                 ///< in the order of the profile
    std::map<std::string, std::uint64_t> models;  ///< at most kModels, records of each
    std::uint64_t of_other_models = 0;
    std::string provider;
    std::optional<std::uint64_t> seed;  ///< of the run, where all records agree on one
    TimePoint first{}, last{};          ///< sent, received

    static constexpr std::size_t kModels = 20;

private:
    bool any_ = false;
};

struct CardSettings {
    std::string name, language, license;  ///< license may be empty
    std::array<double, kParts> shares{};
    std::uint64_t split_seed = 0;
    bool metadata = false;
    std::string_view extension;  ///< of the part files
    std::uint64_t planned = 0;
};

std::string card(const CardFacts& facts, const CardSettings& settings, const LabelProfile& profile);

}  // namespace synth::sinks
