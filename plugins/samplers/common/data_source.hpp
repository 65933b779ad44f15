// Samplers that follow labelled data: which file it is, how it is read, and the label sets in it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/labelled_data_options.hpp"
#include "synth/host.hpp"
#include "synth/result.hpp"
#include "synth/taxonomy.hpp"

namespace synth::samplers {

struct LabelSetHash {
    [[nodiscard]] std::size_t operator()(const LabelSet& set) const noexcept;
};

/// Label sets, each once, with how often they are met. In the order in which they are first met.
class LabelSets {
public:
    void add(const LabelSet& set);

    [[nodiscard]] std::size_t size() const noexcept { return sets_.size(); }
    [[nodiscard]] const LabelSet& set(std::size_t i) const noexcept { return sets_[i]; }
    [[nodiscard]] std::uint64_t count(std::size_t i) const noexcept { return counts_[i]; }
    [[nodiscard]] bool contains(const LabelSet& set) const { return places_.contains(set); }
    /// Place of the set, or size().
    [[nodiscard]] std::size_t find(const LabelSet& set) const;
    [[nodiscard]] std::uint64_t documents() const noexcept { return documents_; }

private:
    std::vector<LabelSet> sets_;
    std::vector<std::uint64_t> counts_;
    std::unordered_map<LabelSet, std::size_t, LabelSetHash> places_;
    std::uint64_t documents_ = 0;
};

/// A file as the options name it; nothing is read before it is asked for.
class DataSource {
public:
    /// `given` are options with SYNTH_LABELLED_DATA_OPTIONS. The host is borrowed.
    DataSource(Host& host, std::string path, const plugins::Options& given);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Every document of the file, in order; logs what was left out or understood in another spelling.
    /// Errors of the reading, or of `each`.
    Status read(const std::function<Status(const plugins::LabelledDocument&)>& each) const;
    /// All label sets of the file; invalid_argument when it holds no document.
    Result<LabelSets> read_sets() const;

private:
    Host& host_;
    std::string path_;
    plugins::LabelledDataOptions options_;
};

/// `ids` as a set; they fit.
[[nodiscard]] LabelSet as_set(const std::vector<LabelId>& ids);

/// The required option `name`; invalid_argument that says its purpose when it was not given.
Result<std::string> required_file(const plugins::Options& given, const char* name, const char* purpose);

}  // namespace synth::samplers
