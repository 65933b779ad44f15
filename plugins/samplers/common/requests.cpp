#include "common/requests.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace synth::samplers {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }

}  // namespace

Error invalid(std::string message) { return {ErrorCode::invalid_argument, std::move(message), {}}; }

Status check(const PlanRequest& request, const Taxonomy& taxonomy) {
    const std::uint64_t classes = taxonomy.labels.size(), available = classes - (taxonomy.negative ? 1 : 0);
    if (available == 0) return invalid("taxonomy '" + taxonomy.name + "' has no label that a sample could carry");
    if (request.samples == 0) return invalid("a plan of 0 samples: ask for at least 1");
    if (request.min_labels == 0) return invalid("min labels is 0: every sample carries at least 1 label");
    if (request.min_labels > request.max_labels)
        return invalid("min labels " + text(request.min_labels) + " is above max labels " + text(request.max_labels));
    if (request.max_labels > available)
        return invalid("max labels " + text(request.max_labels) + " is above the " + text(available) +
                       " labels that taxonomy '" + taxonomy.name + "' has to combine");
    if (request.max_labels > LabelSet::kCapacity)
        return invalid("max labels " + text(request.max_labels) + " is above the " + text(LabelSet::kCapacity) +
                       " labels that a sample can hold");
    if (const std::uint64_t each = request.samples_per_class; each > 0) {
        if (each > std::numeric_limits<std::uint64_t>::max() / classes)
            return invalid(text(each) + " samples for each of " + text(classes) +
                           " labels are more than can be counted");
        if (request.samples != each * classes)
            return invalid(text(each) + " samples for each of " + text(classes) + " labels are " +
                           text(each * classes) + ", not " + text(request.samples));
    }
    return {};
}

Status refuse_samples_per_class(const PlanRequest& request, const char* sampler) {
    if (request.samples_per_class == 0) return {};
    return invalid(std::string("sampler '") + sampler + "' takes its labels from data and cannot make " +
                   text(request.samples_per_class) +
                   " samples for each class: give the number of samples instead, or take the sampler 'balanced', "
                   "'weighted' or 'uniform'");
}

Status check_prior(const PlanRequest& request, const Taxonomy& taxonomy, const SampleSpec& sample,
                   std::uint64_t number) {
    if (number > request.samples)
        return invalid("the plan to go on from has more than the " + text(request.samples) +
                       " samples asked for, which include its own");
    const bool fits =
        taxonomy.is_negative(sample.drawn) || (!sample.drawn.empty() && sample.drawn.contains(sample.primary) &&
                                               std::ranges::all_of(sample.drawn, [&](LabelId id) {
                                                   return id < taxonomy.labels.size() && id != taxonomy.negative;
                                               }));
    if (fits) return {};
    return invalid("sample " + text(number) + " of the plan to go on from does not fit taxonomy '" + taxonomy.name +
                   "'");
}

std::string range_text(std::uint64_t least, std::uint64_t most) {
    return least == most ? text(least) : text(least) + " to " + text(most);
}

std::vector<LabelId> drawable(const Taxonomy& taxonomy) {
    std::vector<LabelId> ids;
    for (std::size_t i = 0; i < taxonomy.labels.size(); ++i)
        if (const auto id = static_cast<LabelId>(i); id != taxonomy.negative) ids.push_back(id);
    return ids;
}

Status check_primaries(const Taxonomy& taxonomy, LabelId primary, std::uint64_t count,
                       std::uint64_t samples_per_class) {
    if (samples_per_class == 0 || count <= samples_per_class) return {};
    return invalid("the plan to go on from has more than " + text(samples_per_class) + " samples for '" +
                   taxonomy[primary].name + "', ask for at least as many per class");
}

PrimaryQuota::PrimaryQuota(const Taxonomy& taxonomy, std::uint64_t samples_per_class)
    : taxonomy_(taxonomy), each_(samples_per_class), left_(taxonomy.labels.size(), samples_per_class) {}

Status PrimaryQuota::count(LabelId primary) {
    if (!exact()) return {};
    if (left_[primary] == 0) return check_primaries(taxonomy_, primary, each_ + 1, each_);
    --left_[primary];
    return {};
}

LabelId PrimaryQuota::draw(Random& random) {
    const std::size_t drawn = random.weighted(left_);
    --left_[drawn];
    return static_cast<LabelId>(drawn);
}

}  // namespace synth::samplers
