// Somebody else's sampler: sample i carries the labels i and i + 1 of the taxonomy.

#include <memory>
#include <span>

#include "synth/plugin.hpp"
#include "synth/sampler.hpp"

namespace {

class InOrder final : public synth::Sampler {
public:
    static synth::Result<std::unique_ptr<synth::Sampler>> create(synth::Host&, std::string_view) {
        return std::unique_ptr<synth::Sampler>(std::make_unique<InOrder>());
    }
    synth::Result<std::unique_ptr<synth::PlanStream>> plan(const synth::PlanRequest& request) const override {
        class Stream final : public synth::PlanStream {
        public:
            explicit Stream(std::uint64_t samples) : samples_(samples) {}
            synth::Result<std::size_t> next(std::span<synth::SampleSpec> out) override {
                std::size_t made = 0;
                for (; made < out.size() && next_ < samples_; ++made, ++next_) {
                    out[made] = {};
                    out[made].primary = static_cast<synth::LabelId>(next_ % 30);
                    for (const unsigned step : {0U, 1U})
                        out[made].drawn.insert(static_cast<synth::LabelId>(out[made].primary + step));
                    out[made].labels = out[made].drawn;
                }
                return made;
            }

        private:
            std::uint64_t samples_, next_ = 0;
        };
        return std::unique_ptr<synth::PlanStream>(std::make_unique<Stream>(request.samples));
    }
};

}  // namespace

SYNTH_PLUGIN(synth::Sampler, InOrder, "in_order", "1.0.0", "labels in the order of the taxonomy",
             R"({"type": "object", "properties": {}})");
