// A sampler's plan made whole: index, seed and what the prompts spread over it, however the plan is read.

#include "run/planning.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "run/plan_blocks.hpp"
#include "synth/random.hpp"

namespace synth::core {
namespace {

using testing::HasSubstr;

using Specs = std::vector<SampleSpec>;

/// Label `index % 3`, and stale values in all that is not a sampler's to fill in.
class InTurn final : public Sampler {
public:
    Result<std::unique_ptr<PlanStream>> plan(const PlanRequest& request) const override {
        class Stream final : public PlanStream {
        public:
            Stream(std::uint64_t first, std::uint64_t end) : at_(first), end_(end) {}
            Result<std::size_t> next(std::span<SampleSpec> out) override {
                std::size_t filled = 0;
                for (; at_ < end_ && filled < out.size(); ++at_, ++filled) {
                    out[filled] = {.index = 99, .seed = 99, .labels = {}, .drawn = {}, .variant = 99};
                    out[filled].primary = static_cast<LabelId>(at_ % 3);
                    out[filled].drawn.insert(out[filled].primary);
                    out[filled].labels = out[filled].drawn;
                }
                return filled;
            }

        private:
            std::uint64_t at_, end_;
        };
        std::uint64_t first = 0;
        if (request.prior != nullptr) {  // of which it looks at the beginning alone
            SampleSpec spec;
            if (auto got = request.prior->next(std::span(&spec, 1)); !got) return std::move(got).error();
            first = kPrior;
        }
        return std::unique_ptr<PlanStream>(std::make_unique<Stream>(first, request.samples));
    }
    static constexpr std::uint64_t kPrior = 40;
};

/// Samples of which nothing was drawn.
class NothingDrawn final : public Sampler {
public:
    Result<std::unique_ptr<PlanStream>> plan(const PlanRequest&) const override {
        class Stream final : public PlanStream {
        public:
            Result<std::size_t> next(std::span<SampleSpec> out) override {
                for (auto& spec : out) spec.labels.insert(0);
                return out.size();
            }
        };
        return std::unique_ptr<PlanStream>(std::make_unique<Stream>());
    }
};

/// Its variant is the number of samples with that primary label so far, and it tells what it was shown of index and
/// seed.
class Counting final : public PromptStrategy {
public:
    Result<Prompt> compose(const SampleSpec&, std::span<const Attempt>) const override { return Prompt(); }
    Result<Draft> extract(const SampleSpec&, std::span<const Attempt>, const Completion&) const override {
        return Draft();
    }
    std::unique_ptr<PlanSpread> spread() const override {
        class Spread final : public PlanSpread {
        public:
            std::uint32_t next(const SampleSpec& spec) override {
                const bool as_stored = spec.seed == derive_seed(7, spec.index) && spec.variant == 0;
                return as_stored ? ++times_[spec.primary] : 1000;
            }

        private:
            std::vector<std::uint32_t> times_ = std::vector<std::uint32_t>(3);
        };
        return std::make_unique<Spread>();
    }
};

template <class Interface, class Implementation>
Instance<Interface> instance() {
    return {new Implementation, [](void* object) noexcept { delete static_cast<Interface*>(object); }, "test"};
}

class Planning : public testing::Test {
protected:
    Planning() { taxonomy_.labels.resize(3); }

    [[nodiscard]] std::unique_ptr<PlanStream> plan(PlanStream* prior = nullptr) const {
        PlanRequest request;
        request.seed = 7;
        request.samples = 100;
        request.prior = prior;
        auto made = make_plan(sampler_, prompts_, taxonomy_, request);
        return made ? *std::move(made) : nullptr;
    }
    static Specs read(PlanStream& plan, std::size_t block = 64) {
        Specs all, specs(block);
        for (;;) {
            const auto got = plan.next(specs);
            if (!got || *got == 0) return all;
            all.insert(all.end(), specs.begin(), specs.begin() + static_cast<std::ptrdiff_t>(*got));
        }
    }

    Taxonomy taxonomy_;
    Instance<Sampler> sampler_ = instance<Sampler, InTurn>();
    Instance<PromptStrategy> prompts_ = instance<PromptStrategy, Counting>();
};

TEST_F(Planning, IsWholeAndTheSameInBlocksPartsAndContinued) {
    const Specs whole = read(*plan());
    ASSERT_EQ(whole.size(), 100U);
    for (std::uint64_t i = 0; i < whole.size(); ++i) {
        EXPECT_EQ(whole[i].index, i);
        EXPECT_EQ(whole[i].seed, derive_seed(7, i));
        EXPECT_EQ(whole[i].variant, i / 3 + 1);
    }
    EXPECT_EQ(read(*plan(), 7), whole);

    const auto again = plan();
    PlanSlice slice(*again, 33, 20);
    EXPECT_EQ(read(slice), Specs(whole.begin() + 33, whole.begin() + 53));

    const auto begun = plan();
    PlanSlice prior(*begun, 0, InTurn::kPrior);
    EXPECT_EQ(read(*plan(&prior)), Specs(whole.begin() + InTurn::kPrior, whole.end()));
}

TEST_F(Planning, RefusesALabelThatTheTaxonomyLacks) {
    taxonomy_.labels.resize(2);
    SampleSpec spec;
    const auto third = plan();
    ASSERT_TRUE(third->next(std::span(&spec, 1)).ok());
    ASSERT_TRUE(third->next(std::span(&spec, 1)).ok());
    const auto got = third->next(std::span(&spec, 1));
    ASSERT_FALSE(got.ok());
    EXPECT_THAT(got.error().message, HasSubstr("the sampler planned a label that the taxonomy lacks"));
}

TEST_F(Planning, RefusesASampleOfWhichNothingWasDrawn) {
    sampler_ = instance<Sampler, NothingDrawn>();
    SampleSpec spec;
    const auto got = plan()->next(std::span(&spec, 1));
    ASSERT_FALSE(got.ok());
    EXPECT_THAT(got.error().message, HasSubstr("one that does not carry what was drawn"));
}

}  // namespace
}  // namespace synth::core
