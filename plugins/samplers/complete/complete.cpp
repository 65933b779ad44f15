// Sampler `complete`: exactly what a labelled data set lacks of an even or a given distribution. docs/sampling.md has
// promises and figures.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/data_source.hpp"
#include "common/nature.hpp"
#include "common/options.hpp"
#include "common/requests.hpp"
#include "goal.hpp"
#include "plan.hpp"
#include "synth/plugin.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::LabelId;
using synth::PlanRequest;
using synth::Result;
using synth::SampleSpec;
using synth::Status;
using synth::Taxonomy;
using synth::samplers::DataSource;
using synth::samplers::invalid;
using Counts = std::vector<std::uint64_t>;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    "data": {"type": "string", "description": "labelled data set that is to be completed: JSON array, JSON Lines or CSV"},
    "goal": {"type": "string", "default": "even",
      "description": "distribution of labels that data and samples together are to have: 'even', or a labelled data set that has it"},
    )" SYNTH_LABELLED_DATA_OPTIONS R"(
  },
  "additionalProperties": false
})";

/// Documents with each label.
Result<Counts> read_counts(const DataSource& source, const Taxonomy& taxonomy) {
    Counts counts(taxonomy.labels.size());
    const Status read = source.read([&](const synth::plugins::LabelledDocument& document) -> Status {
        for (const LabelId id : document.labels) ++counts[id];
        return {};
    });
    if (!read) return read.error();
    return counts;
}

class Complete final : public synth::Sampler {
public:
    static Result<std::unique_ptr<synth::Sampler>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options options(options_json);
        auto path = synth::samplers::required_file(options, "data", "the labelled data set to complete");
        if (!path) return std::move(path).error();
        auto goal = synth::samplers::required_file(options, "goal", "a goal, 'even' or a labelled data set");
        if (!goal) return std::move(goal).error();
        std::optional<DataSource> given;
        if (*goal != "even") given.emplace(host, *std::move(goal), options);
        return std::unique_ptr<synth::Sampler>(
            std::make_unique<Complete>(host.taxonomy(), DataSource(host, *std::move(path), options), std::move(given)));
    }

    Complete(const Taxonomy& taxonomy, DataSource data, std::optional<DataSource> goal)
        : taxonomy_(taxonomy), nature_(taxonomy), data_(std::move(data)), goal_(std::move(goal)) {}

    Result<std::unique_ptr<synth::PlanStream>> plan(const PlanRequest& request) const override {
        if (Status fits = synth::samplers::check(request, taxonomy_); !fits) return fits.error();
        if (Status refused = synth::samplers::refuse_samples_per_class(request, "complete"); !refused)
            return refused.error();
        if (Status read = read_files(); !read) return read.error();

        Counts have = *have_;
        const auto planned = synth::samplers::replay(request, taxonomy_, [&](const SampleSpec& sample) {
            for (const LabelId id : sample.drawn) ++have[id];
            return Status();
        });
        if (!planned) return planned.error();
        const auto missing =
            synth::complete::find_missing(taxonomy_, have, *shares_, request.min_labels, request.max_labels);
        if (!missing) return missing.error();
        const std::string what = data_.path() + (*planned > 0 ? " with the samples that are planned already" : "");
        if (missing->nothing()) return invalid(what + " lacks nothing of the goal: there is no sample to make");
        if (const std::uint64_t least = *planned + missing->least + missing->negatives; least > request.samples)
            return invalid(what + " needs at least " + std::to_string(least) +
                           " samples in all to reach the goal, not " + std::to_string(request.samples) +
                           " (--num-samples), with at most " + std::to_string(request.max_labels) + " labels each");
        return std::unique_ptr<synth::PlanStream>(std::make_unique<synth::complete::Plan>(
            taxonomy_, nature_, request, *missing, *planned, request.samples - *planned));
    }

private:
    Status read_files() const {
        if (have_) return {};
        Counts shares(taxonomy_.labels.size(), 1);
        if (goal_) {
            auto given = read_counts(*goal_, taxonomy_);
            if (!given) return std::move(given).error();
            shares = std::move(*given);
        }
        auto have = read_counts(data_, taxonomy_);
        if (!have) return std::move(have).error();
        have_ = std::move(*have);
        shares_ = std::move(shares);
        return {};
    }

    const Taxonomy& taxonomy_;
    const synth::samplers::Nature nature_;
    const DataSource data_;
    const std::optional<DataSource> goal_;         // none: even
    mutable std::optional<Counts> have_, shares_;  // read once, when first needed: called by one thread at a time
};

}  // namespace

SYNTH_PLUGIN(synth::Sampler, Complete, "complete", "1.0.0",
             "exactly what a labelled data set lacks of an even or a given distribution", kOptions);
