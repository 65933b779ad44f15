// A sampler that takes classes in turn and adds others at random. A whole plugin, to change.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "synth/plugin.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::LabelId;
using synth::PlanRequest;
using synth::Result;
using synth::SampleSpec;

// No options: `create` gets {}. docs/plugin-authoring.md says how to have some.
constexpr const char* kOptions = R"({"type": "object", "properties": {}})";

/// Every sample follows from the seed and its place alone, so a plan can be gone on from at any place.
class Plan final : public synth::PlanStream {
public:
    Plan(const synth::Taxonomy& taxonomy, const PlanRequest& request, std::uint64_t first)
        : taxonomy_(taxonomy),
          seed_(synth::derive_seed(request.seed, "sampler @ID@")),
          samples_(request.samples),
          min_labels_(request.min_labels),
          max_labels_(request.max_labels),
          place_(first) {
        for (std::size_t id = 0; id < taxonomy.labels.size(); ++id)
            if (static_cast<LabelId>(id) != taxonomy.negative) drawable_.push_back(static_cast<LabelId>(id));
    }

    Result<std::size_t> next(std::span<SampleSpec> out) override {
        std::size_t filled = 0;
        for (; filled < out.size() && place_ < samples_; ++filled) draw(out[filled]);
        return filled;
    }

private:
    void draw(SampleSpec& out) {
        // Not <random>: its distributions differ from one standard library to the next.
        synth::Random random(synth::derive_seed(seed_, place_));
        out.primary = static_cast<LabelId>(place_ % taxonomy_.labels.size());
        ++place_;
        out.drawn = {};
        out.drawn.insert(out.primary);
        if (out.primary != taxonomy_.negative) {  // the negative label is always alone
            const auto size = static_cast<std::size_t>(random.between(min_labels_, max_labels_));
            while (out.drawn.size() < size) out.drawn.insert(drawable_[random.below(drawable_.size())]);
        }
        out.labels = out.drawn;
    }

    const synth::Taxonomy& taxonomy_;
    const std::uint64_t seed_, samples_;
    const std::int64_t min_labels_, max_labels_;
    std::vector<LabelId> drawable_;
    std::uint64_t place_;
};

class Plugin final : public synth::Sampler {
public:
    explicit Plugin(const synth::Taxonomy& taxonomy) : taxonomy_(taxonomy) {}

    static Result<std::unique_ptr<synth::Sampler>> create(synth::Host& host, std::string_view /*options_json*/) {
        return std::unique_ptr<synth::Sampler>(std::make_unique<Plugin>(host.taxonomy()));
    }

    Result<std::unique_ptr<synth::PlanStream>> plan(const PlanRequest& request) const override {
        const std::size_t available = taxonomy_.labels.size() - (taxonomy_.negative ? 1 : 0);
        if (request.max_labels > available || request.max_labels > synth::LabelSet::kCapacity)
            return Error{ErrorCode::invalid_argument,
                         "max labels " + std::to_string(request.max_labels) + " is more than a sample can carry",
                         {}};
        // The samples of `prior` stand: only how many they are matters here.
        std::uint64_t first = 0;
        std::vector<SampleSpec> block(256);
        while (request.prior != nullptr) {
            const Result<std::size_t> read = request.prior->next(block);
            if (!read) return read.error();
            if (*read == 0) break;
            first += *read;
        }
        return std::unique_ptr<synth::PlanStream>(std::make_unique<Plan>(taxonomy_, request, first));
    }

private:
    const synth::Taxonomy& taxonomy_;
};

}  // namespace

SYNTH_PLUGIN(synth::Sampler, Plugin, "@ID@", "1.0.0", "takes classes in turn and adds others at random", kOptions);
