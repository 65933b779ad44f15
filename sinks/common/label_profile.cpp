#include "common/label_profile.hpp"

#include <algorithm>
#include <utility>

#include "common/json_value.hpp"

namespace synth::sinks {

namespace {

/// The nearest ancestors of `label` that are in `targets`, which has one entry a label of the taxonomy. An ancestor of
/// another found one is none of the nearest.
std::vector<LabelId> nearest_ancestors(const Taxonomy& taxonomy, LabelId label,
                                       const std::vector<std::optional<LabelId>>& targets) {
    const auto& parents = taxonomy[label].parents;
    std::vector<LabelId> nearest;
    for (const LabelId parent : parents) {
        const bool farther = std::ranges::any_of(parents, [&](LabelId other) {
            const auto& above = taxonomy[other].parents;
            return targets[other] && std::ranges::find(above, parent) != above.end();
        });
        if (targets[parent] && !farther) nearest.push_back(*targets[parent]);
    }
    return nearest;
}

}  // namespace

Result<LabelProfile> LabelProfile::make(std::string_view name, const Taxonomy& taxonomy) {
    LabelProfile made;
    std::vector<std::optional<LabelId>> targets(taxonomy.labels.size());
    if (name == "own") {
        made.name_ = taxonomy.name;
        made.negative_ = taxonomy.negative;
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const Label& label = taxonomy.labels[i];
            made.labels_.push_back({label.code, label.name, label.group, label.meaning});
            targets[i] = static_cast<LabelId>(i);
        }
    } else {
        const auto profile = plugins::JsonValue::parse(builtin_profile(name));
        made.name_ = profile.member("name").text();
        for (const auto& entry : profile.member("labels").elements()) {
            const auto spellings = entry.elements();
            ExportedLabel label{.code = std::string(spellings.at(0).text()),
                                .name = std::string(spellings.at(1).text())};
            const auto id = static_cast<LabelId>(made.labels_.size());
            if (label.code == profile.member("negative").text()) made.negative_ = id;
            for (std::size_t i = 0; i < targets.size(); ++i) {
                if (taxonomy.labels[i].code != label.code) continue;
                targets[i] = id;
                label.group = taxonomy.labels[i].group;
                label.meaning = taxonomy.labels[i].meaning;
            }
            made.labels_.push_back(std::move(label));
        }
        if (std::ranges::none_of(targets, [](const auto& target) { return target.has_value(); }))
            return Error{ErrorCode::invalid_argument,
                         "option 'profile': none of the codes of taxonomy '" + taxonomy.name + "' is in " + made.name_ +
                             "; leave the option out to keep the labels as they are",
                         {}};
    }
    for (std::size_t i = 0; i < targets.size(); ++i) {
        Source source{.name = taxonomy.labels[i].name, .targets = {}};
        source.exact = targets[i].has_value();
        if (source.exact)
            source.targets = {*targets[i]};
        else
            source.targets = nearest_ancestors(taxonomy, static_cast<LabelId>(i), targets);
        made.sources_.push_back(std::move(source));
    }
    return made;
}

std::optional<LabelSet> LabelProfile::map(const LabelSet& own) {
    LabelSet mapped;
    for (const LabelId label : own) {
        Source& source = sources_[label];
        if (!source.exact) ++source.records;
        for (const LabelId target : source.targets) mapped.insert(target);
    }
    if (!mapped.empty() || own.empty()) return mapped;
    ++left_out_;
    return std::nullopt;
}

std::string LabelProfile::account() const {
    const auto counted = [](std::uint64_t records) {
        return std::to_string(records) + (records == 1 ? " record" : " records");
    };
    std::string text;
    for (const Source& source : sources_) {
        if (source.records == 0) continue;
        text += text.empty() ? name_ + " lacks '" : ", '";
        text += source.name + "' (" + counted(source.records) + ", ";
        for (const LabelId& target : source.targets) {
            text += &target == source.targets.data() ? "mapped to '" : " and '";
            text += labels_[target].name + "'";
        }
        text += source.targets.empty() ? "dropped)" : ")";
    }
    if (left_out_ > 0) text += "; left out, having no other label: " + counted(left_out_);
    return text;
}

void LabelProfile::report(Host& host) const {
    if (const std::string text = account(); !text.empty()) host.log(LogLevel::warning, text);
}

}  // namespace synth::sinks
