// Sampler `weighted`: labels at random, each the more likely the more it is short of its target. The rule of the
// original tool, without its forbidden combinations.

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "common/requests.hpp"
#include "synth/plugin.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::LabelId;
using synth::PlanRequest;
using synth::Random;
using synth::Result;
using synth::SampleSpec;
using synth::Status;
using synth::Taxonomy;

constexpr const char* kOptions = R"({"type": "object", "properties": {}, "additionalProperties": false})";

class Plan final : public synth::PlanStream {
public:
    Plan(const Taxonomy& taxonomy, const PlanRequest& request)
        : taxonomy_(taxonomy),
          samples_(request.samples),
          min_labels_(request.min_labels),
          max_labels_(request.max_labels),
          labels_(synth::samplers::drawable(taxonomy)),
          quota_(taxonomy, request.samples_per_class),
          random_(0),
          due_(labels_.size()) {}

    Status begin(const PlanRequest& request) {
        const std::uint64_t classes = taxonomy_.labels.size();
        const std::uint64_t negatives = taxonomy_.negative ? synth::samplers::divide_rounded(samples_, classes) : 0;
        // As many labels as the samples are expected to carry, the same for each, rounded up.
        const std::uint64_t twice = (samples_ - negatives) * static_cast<std::uint64_t>(min_labels_ + max_labels_);
        std::ranges::fill(due_, (twice + 2 * due_.size() - 1) / (2 * due_.size()));

        std::uint64_t negatives_done = 0;
        const auto counted = synth::samplers::replay(request, taxonomy_, [&](const SampleSpec& sample) {
            negatives_done += taxonomy_.is_negative(sample.drawn) ? 1 : 0;
            for (std::size_t i = 0; i < labels_.size(); ++i)
                if (due_[i] > 0 && sample.drawn.contains(labels_[i])) --due_[i];
            return quota_.count(sample.primary);
        });
        if (!counted) return counted.error();
        planned_ = *counted;
        negatives_due_ = negatives - std::min({negatives, negatives_done});
        random_ = Random(synth::derive_seed(synth::derive_seed(request.seed, "sampler weighted"), planned_));
        return {};
    }

    Result<std::size_t> next(std::span<SampleSpec> out) override {
        std::size_t filled = 0;
        for (; filled < out.size() && planned_ < samples_; ++filled, ++planned_) draw(out[filled]);
        return filled;
    }

private:
    void draw(SampleSpec& out) {
        out.drawn = {};
        weights_ = due_;
        if (draw_primary(out)) {
            const auto size = static_cast<std::size_t>(random_.between(min_labels_, max_labels_));
            while (out.drawn.size() < size) take(draw_label(out), out);
        }
        out.labels = out.drawn;
    }

    /// False for the negative label, which is alone.
    bool draw_primary(SampleSpec& out) {
        if (quota_.exact()) {
            out.primary = quota_.draw(random_);
            if (out.primary != taxonomy_.negative) {
                const auto at = std::ranges::lower_bound(labels_, out.primary) - labels_.begin();
                take(static_cast<std::size_t>(at), out);
                return true;
            }
        } else if (!random_.chance(std::min(negatives_due_, samples_ - planned_), samples_ - planned_)) {
            const std::size_t at = draw_label(out);
            out.primary = labels_[at];
            take(at, out);
            return true;
        } else {
            --negatives_due_;
            out.primary = *taxonomy_.negative;
        }
        out.drawn.insert(out.primary);
        return false;
    }

    /// By what they are short of; when none that the sample could take is short of anything, any.
    std::size_t draw_label(const SampleSpec& out) {
        const bool short_of_any = std::ranges::any_of(weights_, [](std::uint64_t weight) { return weight > 0; });
        if (short_of_any) return random_.weighted(weights_);
        for (;;)
            if (const std::size_t at = random_.below(labels_.size()); !out.drawn.contains(labels_[at])) return at;
    }

    void take(std::size_t at, SampleSpec& out) {
        out.drawn.insert(labels_[at]);
        weights_[at] = 0;
        if (due_[at] > 0) --due_[at];
    }

    const Taxonomy& taxonomy_;
    const std::uint64_t samples_;
    const std::int64_t min_labels_, max_labels_;
    const std::vector<LabelId> labels_;
    synth::samplers::PrimaryQuota quota_;
    Random random_;
    std::uint64_t planned_ = 0, negatives_due_ = 0;
    std::vector<std::uint64_t> due_;      // what each label is short of
    std::vector<std::uint64_t> weights_;  // the same, 0 for labels that the sample has; scratch
};

class Weighted final : public synth::Sampler {
public:
    static Result<std::unique_ptr<synth::Sampler>> create(synth::Host& host, std::string_view) {
        return std::unique_ptr<synth::Sampler>(std::make_unique<Weighted>(host.taxonomy()));
    }

    explicit Weighted(const Taxonomy& taxonomy) : taxonomy_(taxonomy) {}

    Result<std::unique_ptr<synth::PlanStream>> plan(const PlanRequest& request) const override {
        if (Status fits = synth::samplers::check(request, taxonomy_); !fits) return fits.error();
        auto plan = std::make_unique<Plan>(taxonomy_, request);
        if (Status begun = plan->begin(request); !begun) return begun.error();
        return std::unique_ptr<synth::PlanStream>(std::move(plan));
    }

private:
    const Taxonomy& taxonomy_;
};

}  // namespace

SYNTH_PLUGIN(synth::Sampler, Weighted, "weighted", "1.0.0",
             "labels at random, the likelier the more they are short of their target", kOptions);
