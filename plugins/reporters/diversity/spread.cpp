#include "spread.hpp"

#include <algorithm>
#include <cmath>

namespace synth::diversity {

void Spread::add(const LabelSet& labels, std::span<const Attribute> attributes) {
    constexpr std::size_t kMostAttributes = 64;
    for (const LabelId label : labels) ++carried_[label];
    for (const Attribute& attribute : attributes) {
        if (attributes_.size() >= kMostAttributes && !attributes_.contains(attribute.name)) continue;
        Counts& counts = attributes_[attribute.name];
        ++counts.samples;
        auto value = counts.values.find(attribute.value);
        if (value == counts.values.end()) {
            if (counts.values.size() == kMostValues) {
                ++counts.other;
                continue;
            }
            value =
                counts.values.emplace(attribute.value, Value{attribute.value, 0, std::vector<std::uint64_t>(labels_)})
                    .first;
        }
        ++value->second.samples;
        for (const LabelId label : labels) ++value->second.by_label[label];
    }
}

std::vector<Spread::Report> Spread::reports() const {
    std::vector<Report> all;
    for (const auto& [name, counts] : attributes_) {
        Report& report = all.emplace_back();
        report.attribute = name;
        report.other = counts.other;
        for (const auto& [text, value] : counts.values) report.values.push_back(value);
        std::ranges::sort(report.values, [](const Value& a, const Value& b) {
            return a.samples != b.samples ? a.samples > b.samples : a.name < b.name;
        });
        const auto samples = static_cast<double>(counts.samples);
        if (report.values.size() > 1 && counts.other == 0) {
            double entropy = 0;
            for (const Value& value : report.values) {
                const double share = static_cast<double>(value.samples) / samples;
                entropy -= share * std::log(share);
            }
            report.evenness = entropy / std::log(static_cast<double>(report.values.size()));
        }
        for (std::size_t label = 0; label < labels_; ++label)
            for (std::size_t value = 0; value < report.values.size(); ++value) {
                const bool met = report.values[value].by_label[label] > 0;
                const bool expected =
                    static_cast<double>(carried_[label]) * static_cast<double>(report.values[value].samples) >= samples;
                if (!met && !expected) continue;
                ++report.pairs;
                report.met += met;
                if (!met) report.unmet.emplace_back(static_cast<LabelId>(label), value);
            }
    }
    return all;
}

}  // namespace synth::diversity
