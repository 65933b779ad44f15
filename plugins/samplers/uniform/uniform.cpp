// Sampler `uniform`: the number of labels uniform, the labels uniform, without regard to nature or balance. The
// baseline that other samplers are compared with.

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

/// Every sample is drawn from the seed and its place alone, but for primaries that are to be exact.
class Plan final : public synth::PlanStream {
public:
    Plan(const Taxonomy& taxonomy, const PlanRequest& request)
        : taxonomy_(taxonomy),
          seed_(synth::derive_seed(request.seed, "sampler uniform")),
          samples_(request.samples),
          min_labels_(request.min_labels),
          max_labels_(request.max_labels),
          labels_(synth::samplers::drawable(taxonomy)),
          quota_(taxonomy, request.samples_per_class) {}

    Status begin(const PlanRequest& request) {
        const auto counted = synth::samplers::replay(
            request, taxonomy_, [&](const SampleSpec& sample) { return quota_.count(sample.primary); });
        if (!counted) return counted.error();
        planned_ = *counted;
        return {};
    }

    Result<std::size_t> next(std::span<SampleSpec> out) override {
        std::size_t filled = 0;
        for (; filled < out.size() && planned_ < samples_; ++filled) draw(out[filled]);
        return filled;
    }

private:
    void draw(SampleSpec& out) {
        Random random(synth::derive_seed(seed_, planned_++));
        out.drawn = {};
        if (quota_.exact())
            out.primary = quota_.draw(random);
        else if (taxonomy_.negative && random.chance(1, taxonomy_.labels.size()))
            out.primary = *taxonomy_.negative;
        else
            out.primary = labels_[random.below(labels_.size())];
        out.drawn.insert(out.primary);
        if (out.primary != taxonomy_.negative) {
            const auto size = static_cast<std::size_t>(random.between(min_labels_, max_labels_));
            while (out.drawn.size() < size) out.drawn.insert(labels_[random.below(labels_.size())]);
        }
        out.labels = out.drawn;
    }

    const Taxonomy& taxonomy_;
    const std::uint64_t seed_, samples_;
    const std::int64_t min_labels_, max_labels_;
    const std::vector<LabelId> labels_;
    synth::samplers::PrimaryQuota quota_;
    std::uint64_t planned_ = 0;
};

class Uniform final : public synth::Sampler {
public:
    static Result<std::unique_ptr<synth::Sampler>> create(synth::Host& host, std::string_view) {
        return std::unique_ptr<synth::Sampler>(std::make_unique<Uniform>(host.taxonomy()));
    }

    explicit Uniform(const Taxonomy& taxonomy) : taxonomy_(taxonomy) {}

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

SYNTH_PLUGIN(synth::Sampler, Uniform, "uniform", "1.0.0",
             "labels and their number uniform at random: the baseline to compare with", kOptions);
