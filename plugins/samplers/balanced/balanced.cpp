// Sampler `balanced`: exactly even counts of labels, of labels a sample and of negative samples in every prefix; within
// that, labels that meet in nature, and sets that are not yet familiar. docs/sampling.md has the promises and figures.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/nature.hpp"
#include "common/options.hpp"
#include "common/requests.hpp"
#include "plan.hpp"
#include "synth/plugin.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::LabelId;
using synth::LabelSet;
using synth::Result;
using synth::Status;
using synth::Taxonomy;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    "add_parents": {
      "type": "boolean",
      "default": false,
      "description": "give every sample the parents of its labels as well, the way real documents carry them; the balance and the label limits hold for the labels without them"
    }
  },
  "additionalProperties": false
})";

class Balanced final : public synth::Sampler {
public:
    static Result<std::unique_ptr<synth::Sampler>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        return std::unique_ptr<synth::Sampler>(std::make_unique<Balanced>(host.taxonomy(), given.flag("add_parents")));
    }

    Balanced(const Taxonomy& taxonomy, bool add_parents)
        : taxonomy_(taxonomy), nature_(taxonomy), add_parents_(add_parents) {}

    Result<std::unique_ptr<synth::PlanStream>> plan(const synth::PlanRequest& request) const override {
        if (const Status fits = check(request); !fits) return fits.error();
        auto plan = std::make_unique<synth::balanced::Plan>(
            taxonomy_, nature_,
            synth::balanced::Rules{request.seed, request.samples, request.samples_per_class, request.min_labels,
                                   request.max_labels, add_parents_});
        const auto replayed = synth::samplers::replay(
            request, taxonomy_, [&](const synth::SampleSpec& sample) { return plan->replay(sample); });
        if (!replayed) return replayed.error();
        plan->begin();
        return std::unique_ptr<synth::PlanStream>(std::move(plan));
    }

private:
    Status check(const synth::PlanRequest& request) const {
        if (const Status fits = synth::samplers::check(request, taxonomy_); !fits) return fits;
        const auto number = [](std::uint64_t value) { return std::to_string(value); };
        if (const std::size_t parents = add_parents_ ? most_parents(request.max_labels) : 0;
            request.max_labels + parents > LabelSet::kCapacity)
            return synth::samplers::invalid("max labels " + number(request.max_labels) + " with up to " +
                                            number(parents) + " parents is above the " + number(LabelSet::kCapacity) +
                                            " labels that a sample can hold: lower max labels or turn add_parents off");
        return {};
    }

    /// The most parents that could be added to a sample of that many labels.
    std::size_t most_parents(std::size_t labels) const {
        std::vector<std::size_t> counts;
        std::vector<LabelId> all;
        for (const auto& label : taxonomy_.labels) {
            counts.push_back(label.parents.size());
            all.insert(all.end(), label.parents.begin(), label.parents.end());
        }
        std::ranges::sort(counts, std::greater<>{});
        counts.resize(std::min(labels, counts.size()));
        std::ranges::sort(all);
        const auto repeated = std::ranges::unique(all);
        std::size_t most = 0;
        for (const std::size_t count : counts) most += count;
        return std::min(most, static_cast<std::size_t>(repeated.begin() - all.begin()));
    }

    const Taxonomy& taxonomy_;
    const synth::samplers::Nature nature_;
    const bool add_parents_;
};

}  // namespace

SYNTH_PLUGIN(synth::Sampler, Balanced, "balanced", "1.0.0",
             "exactly even labels, met as in nature, in sets that repeat as little as possible", kOptions);
