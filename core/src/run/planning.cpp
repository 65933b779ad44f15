#include "run/planning.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "run/plan_blocks.hpp"
#include "synth/random.hpp"

namespace synth::core {

namespace {

/// Goes through a plan from its beginning: first that which is gone on from, as the sampler reads it, then the rest.
class WholePlan final : public PlanStream {
public:
    WholePlan(const Instance<PromptStrategy>& prompts, std::unique_ptr<PlanSpread> spread, std::uint64_t seed,
              std::size_t labels)
        : prompts_(prompts), spread_(std::move(spread)), seed_(seed), labels_(labels) {}

    /// What `next` reads from now on.
    void read_from(PlanStream& plan) { plan_ = &plan; }
    void read_from(std::unique_ptr<PlanStream> plan) {
        rest_ = std::move(plan);
        plan_ = rest_.get();
    }

    Result<std::size_t> next(std::span<SampleSpec> out) override {
        auto got = plan_->next(out);
        if (!got) return got;
        if (auto filled = fill_in(out.first(*got)); !filled) return std::move(filled).error();
        return got;
    }

private:
    Status fill_in(std::span<SampleSpec> specs) {
        for (auto& spec : specs) {
            if (!within(spec, labels_))
                return Error{ErrorCode::internal, "the sampler planned a label that the taxonomy lacks", "plan"};
            const auto carried = [&spec](LabelId label) { return spec.labels.contains(label); };
            if (spec.drawn.empty() || !std::ranges::all_of(spec.drawn, carried))
                return Error{ErrorCode::internal,
                             "the sampler planned a sample without labels, or one that does not carry what was drawn",
                             "plan"};
            spec.index = next_index_++;
            spec.seed = derive_seed(seed_, spec.index);
            spec.variant = 0;
        }
        if (!spread_) return {};
        return prompts_.call([&](PromptStrategy&) -> Status {
            for (auto& spec : specs) spec.variant = spread_->next(spec);
            return {};
        });
    }

    const Instance<PromptStrategy>& prompts_;
    std::unique_ptr<PlanSpread> spread_;
    std::uint64_t seed_;
    std::size_t labels_;
    std::uint64_t next_index_ = 0;
    std::unique_ptr<PlanStream> rest_;
    PlanStream* plan_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<PlanStream>> make_plan(const Instance<Sampler>& sampler, const Instance<PromptStrategy>& prompts,
                                              const Taxonomy& taxonomy, PlanRequest request) {
    auto spread = prompts.call([](PromptStrategy& p) -> Result<std::unique_ptr<PlanSpread>> { return p.spread(); });
    if (!spread) return std::move(spread).error();
    auto plan = std::make_unique<WholePlan>(prompts, *std::move(spread), request.seed, taxonomy.labels.size());
    if (request.prior != nullptr) {
        plan->read_from(*request.prior);
        request.prior = plan.get();
    }
    auto rest = sampler.call([&](Sampler& s) { return s.plan(request); });
    if (!rest) return std::move(rest).error();
    if (request.prior != nullptr) {  // not every sampler has to read all of it
        std::vector<SampleSpec> specs(kSpecsPerBlock);
        for (;;) {
            auto got = plan->next(specs);
            if (!got) return std::move(got).error();
            if (*got == 0) break;
        }
    }
    plan->read_from(*std::move(rest));
    return std::unique_ptr<PlanStream>(std::move(plan));
}

}  // namespace synth::core
