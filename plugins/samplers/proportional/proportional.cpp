// Sampler `proportional`: label sets as a given data set has them, for realism. docs/sampling.md has promises and
// figures.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/data_source.hpp"
#include "common/options.hpp"
#include "common/requests.hpp"
#include "plan.hpp"
#include "reference.hpp"
#include "synth/plugin.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::LabelSet;
using synth::PlanRequest;
using synth::Result;
using synth::SampleSpec;
using synth::Status;
using synth::Taxonomy;
using synth::proportional::Reference;
using synth::samplers::DataSource;
using synth::samplers::invalid;
using synth::samplers::LabelSets;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    "data": {"type": "string", "description": "labelled data set to follow: JSON array, JSON Lines or CSV"},
    "new_sets": {"type": "integer", "minimum": 0, "maximum": 100, "default": 20,
      "description": "percent of the samples that carry a label set which the data lack but whose labels they bring together in pairs; fewer where the data allow no more"},
    "outside": {"type": "string", "enum": ["error", "drop"], "default": "error",
      "description": "documents with fewer labels than --min-labels or more than --max-labels: drop plans as if they were not there"},
    )" SYNTH_LABELLED_DATA_OPTIONS R"(
  },
  "additionalProperties": false
})";

class Proportional final : public synth::Sampler {
public:
    static Result<std::unique_ptr<synth::Sampler>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        auto path = synth::samplers::required_file(given, "data", "a labelled data set to follow");
        if (!path) return std::move(path).error();
        return std::unique_ptr<synth::Sampler>(std::make_unique<Proportional>(
            host, DataSource(host, *std::move(path), given), static_cast<std::uint32_t>(given.count("new_sets")),
            given.text("outside") == "drop"));
    }

    Proportional(synth::Host& host, DataSource source, std::uint32_t new_sets, bool drop)
        : host_(host), source_(std::move(source)), new_sets_(new_sets), drop_(drop) {}

    Result<std::unique_ptr<synth::PlanStream>> plan(const PlanRequest& request) const override {
        const Taxonomy& taxonomy = host_.taxonomy();
        if (Status fits = synth::samplers::check(request, taxonomy); !fits) return fits.error();
        if (Status refused = synth::samplers::refuse_samples_per_class(request, "proportional"); !refused)
            return refused.error();
        if (!sets_) {
            auto sets = source_.read_sets();
            if (!sets) return std::move(sets).error();
            sets_ = std::move(*sets);
        }
        Reference reference(taxonomy, *sets_, request.min_labels, request.max_labels);
        if (Status fits = check_outside(request, reference); !fits) return fits.error();
        auto plan = std::make_unique<synth::proportional::Plan>(taxonomy, std::move(reference), request, new_sets_);
        const auto counted = synth::samplers::replay(
            request, taxonomy, [&](const SampleSpec& sample) { return plan->replay(sample), Status(); });
        if (!counted) return counted.error();
        plan->begin();
        return std::unique_ptr<synth::PlanStream>(std::move(plan));
    }

private:
    Status check_outside(const PlanRequest& request, const Reference& reference) const {
        const auto number = [](std::uint64_t value) { return std::to_string(value); };
        const std::uint64_t outside = sets_->documents() - reference.documents();
        if (outside == 0) return {};
        std::size_t least = LabelSet::kCapacity, most = 0;
        for (std::size_t i = 0; i < sets_->size(); ++i) {
            if (host_.taxonomy().is_negative(sets_->set(i))) continue;
            least = std::min(least, sets_->set(i).size());
            most = std::max(most, sets_->set(i).size());
        }
        const std::string what = number(outside) + " of " + number(sets_->documents()) + " documents of " +
                                 source_.path() + " do not have " +
                                 synth::samplers::range_text(request.min_labels, request.max_labels) + " labels";
        if (!drop_)
            return invalid(what + ": the documents have " + synth::samplers::range_text(least, most) +
                           " (--min-labels, --max-labels); or plan without them (-o sampler.outside=drop)");
        if (reference.documents() == 0) return invalid(what + ", so that none are left to follow");
        host_.log(synth::LogLevel::info, what + " and are left out");
        return {};
    }

    synth::Host& host_;
    const DataSource source_;
    const std::uint32_t new_sets_;
    const bool drop_;
    mutable std::optional<LabelSets>
        sets_;  // read once, when first needed: an instance is called by one thread at a time
};

}  // namespace

SYNTH_PLUGIN(synth::Sampler, Proportional, "proportional", "1.0.0",
             "label sets as a given data set has them: frequencies, numbers of labels and who meets whom", kOptions);
