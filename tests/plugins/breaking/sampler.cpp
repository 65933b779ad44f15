// See breaking.hpp.

#include <unistd.h>

#include <cstdlib>
#include <span>
#include <stdexcept>
#include <vector>

#include "breaking.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::LabelId;
using synth::PlanRequest;
using synth::PlanStream;
using synth::Result;
using synth::SampleSpec;
using synth::test::Breaking;

class Plan final : public PlanStream {
public:
    Plan(const synth::Taxonomy& taxonomy, const PlanRequest& request, std::uint64_t first, const Breaking& breaks)
        : taxonomy_(taxonomy), request_(request), place_(first), end_(request.samples), breaks_(breaks) {
        if (breaks_("one_short") && end_ > 1) --end_;
        if (breaks_("one_more")) ++end_;
        if (breaks_("unstable")) request_.seed += synth::test::another();
    }

    Result<std::size_t> next(std::span<SampleSpec> out) override {
        if (breaks_("throw")) throw std::runtime_error("thrown by next");
        if (breaks_("crash")) std::abort();
        if (breaks_("exit")) std::exit(0);
        while (breaks_("hang")) ::pause();
        if (breaks_("late_prior") && request_.prior != nullptr) {
            SampleSpec spec;
            if (const auto read = request_.prior->next(std::span(&spec, 1)); !read) return read.error();
        }
        std::size_t filled = 0;
        for (; filled < out.size() && place_ < end_; ++filled, ++place_) draw(out[filled], out.size());
        return filled;
    }

private:
    void draw(SampleSpec& out, std::size_t block) const {
        const std::size_t classes = taxonomy_.labels.size();
        synth::Random random(synth::derive_seed(request_.seed, breaks_("block_dependent") ? place_ + block : place_));
        out.primary = static_cast<LabelId>((breaks_("uneven_classes") ? place_ / 2 : place_) % classes);
        if (!breaks_("stale_set")) out.drawn = {};
        out.drawn.insert(out.primary);
        if (out.primary != taxonomy_.negative) {
            const auto least = static_cast<std::int64_t>(request_.min_labels),
                       most = static_cast<std::int64_t>(request_.max_labels);
            const auto size = static_cast<std::size_t>(random.between(least, most)) + (breaks_("too_many") ? 2 : 0);
            while (out.drawn.size() < size)
                if (const auto label = static_cast<LabelId>(random.below(classes));
                    label != taxonomy_.negative || breaks_("negative_in_company"))
                    out.drawn.insert(label);
        }
        out.labels = out.drawn;
        if (out.primary == taxonomy_.negative) return;
        if (breaks_("no_such_label")) out.labels.insert(static_cast<LabelId>(classes));
        if (breaks_("stranger")) out.labels.insert(static_cast<LabelId>((out.primary + 1U) % (classes - 1)));
        if (breaks_("drawn_not_carried")) out.labels = {}, out.labels.insert(out.primary);
    }

    const synth::Taxonomy& taxonomy_;
    PlanRequest request_;
    std::uint64_t place_, end_;
    Breaking breaks_;
};

class Sampler final : public synth::Sampler {
public:
    Sampler(const synth::Taxonomy& taxonomy, Breaking breaks) : taxonomy_(taxonomy), breaks_(std::move(breaks)) {}
    static Result<std::unique_ptr<synth::Sampler>> create(synth::Host& host, std::string_view options) {
        return synth::test::create_breaking<synth::Sampler, Sampler>(host, options);
    }

    Result<std::unique_ptr<PlanStream>> plan(const PlanRequest& request) const override {
        if (breaks_("wrong_refusal")) return synth::Error{synth::ErrorCode::io, "no", {}};
        if (breaks_("refuse_all")) return synth::Error{synth::ErrorCode::invalid_argument, "not today", {}};
        if (breaks_("null_stream")) return std::unique_ptr<PlanStream>();
        std::uint64_t first = 0;
        std::vector<SampleSpec> block(64);
        while (request.prior != nullptr && !breaks_("ignore_prior")) {
            const auto read = request.prior->next(block);
            if (!read) return read.error();
            if (*read == 0) break;
            first += *read;
        }
        return std::unique_ptr<PlanStream>(std::make_unique<Plan>(taxonomy_, request, first, breaks_));
    }

private:
    const synth::Taxonomy& taxonomy_;
    Breaking breaks_;
};

}  // namespace

SYNTH_PLUGIN(synth::Sampler, Sampler, "breaking", "1.0.0", "breaks what it is told to", synth::test::kBreakOptions);
