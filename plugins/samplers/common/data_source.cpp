#include "common/data_source.hpp"

#include <utility>

#include "common/requests.hpp"
#include "synth/random.hpp"

namespace synth::samplers {

using plugins::LabelledData;
using plugins::LabelledDocument;

std::size_t LabelSetHash::operator()(const LabelSet& set) const noexcept {
    std::uint64_t hash = set.size();
    for (const LabelId id : set) hash = mix64(hash * 0x9e3779b97f4a7c15ULL + id + 1);
    return static_cast<std::size_t>(hash);
}

void LabelSets::add(const LabelSet& set) {
    ++documents_;
    const auto [place, fresh] = places_.try_emplace(set, sets_.size());
    if (fresh) {
        sets_.push_back(set);
        counts_.push_back(0);
    }
    ++counts_[place->second];
}

std::size_t LabelSets::find(const LabelSet& set) const {
    const auto found = places_.find(set);
    return found == places_.end() ? size() : found->second;
}

DataSource::DataSource(Host& host, std::string path, const plugins::Options& given)
    : host_(host), path_(std::move(path)), options_(plugins::labelled_data_options(given)) {}

Status DataSource::read(const std::function<Status(const LabelledDocument&)>& each) const {
    auto data = LabelledData::open(path_, host_.taxonomy(), options_);
    if (!data) return std::move(data).error();
    if (Status done = for_each_document(*data, each); !done) return done;
    host_.log(LogLevel::info, data->notes().summary(path_));
    if (data->notes().documents == 0) return invalid(path_ + " holds no labelled document");
    return {};
}

Result<LabelSets> DataSource::read_sets() const {
    LabelSets sets;
    const Status done = read([&](const LabelledDocument& document) -> Status {
        sets.add(as_set(document.labels));
        return {};
    });
    if (!done) return done.error();
    return sets;
}

LabelSet as_set(const std::vector<LabelId>& ids) {
    LabelSet set;
    for (const LabelId id : ids) set.insert(id);
    return set;
}

Result<std::string> required_file(const plugins::Options& given, const char* name, const char* purpose) {
    if (auto file = given.has(name) ? given.text(name) : std::string(); !file.empty()) return file;
    return invalid(std::string("needs ") + purpose + ": -o sampler." + name + "=FILE");
}

}  // namespace synth::samplers
