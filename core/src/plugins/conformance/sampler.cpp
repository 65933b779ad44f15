#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plugins/conformance/checks.hpp"
#include "synth/sampler.hpp"

namespace synth::core::conformance {

namespace {

class VectorPlan final : public PlanStream {
public:
    explicit VectorPlan(std::span<const SampleSpec> specs) : specs_(specs) {}
    Result<std::size_t> next(std::span<SampleSpec> out) override {
        if (closed) read_late = true;
        const std::size_t count = std::min(out.size(), specs_.size());
        std::ranges::copy(specs_.first(count), out.begin());
        specs_ = specs_.subspan(count);
        return count;
    }
    bool closed = false, read_late = false;

private:
    std::span<const SampleSpec> specs_;
};

using Specs = std::vector<SampleSpec>;

/// The whole plan, read in blocks of `block` that hold what an earlier use left in them.
Result<Specs> read_plan(const Instance<Sampler>& sampler, const PlanRequest& request, std::size_t block,
                        const Taxonomy& taxonomy, VectorPlan* prior = nullptr) {
    auto plan = sampler.call([&](Sampler& s) { return s.plan(request); });
    if (prior != nullptr) prior->closed = true;
    if (!plan) return std::move(plan).error();
    if (*plan == nullptr) return Error{ErrorCode::internal, "plan gave neither a stream nor an error", {}};
    SampleSpec stale;
    for (std::size_t id = 0; id < std::min<std::size_t>(taxonomy.labels.size(), 9); ++id) {
        stale.labels.insert(static_cast<LabelId>(id));
        stale.drawn.insert(static_cast<LabelId>(id));
    }
    Specs specs, buffer(block);
    for (;;) {
        std::ranges::fill(buffer, stale);
        auto got = (*plan)->next(buffer);
        if (!got) return std::move(got).error();
        if (*got > block) return Error{ErrorCode::internal, "next gave more samples than there was room for", {}};
        if (*got == 0) return specs;
        for (std::size_t i = 0; i < *got; ++i) specs.push_back(buffer[i]);
        if (specs.size() > request.samples + block) return specs;  // endless
    }
}

bool same(const Specs& a, const Specs& b) {
    return std::ranges::equal(a, b, [](const SampleSpec& x, const SampleSpec& y) {
        return x.labels == y.labels && x.drawn == y.drawn && x.primary == y.primary;
    });
}

Problem wrong_spec(const SampleSpec& spec, const PlanRequest& request, const Taxonomy& taxonomy) {
    for (const LabelSet* set : {&spec.labels, &spec.drawn})
        for (std::size_t i = 0; i < set->size(); ++i) {
            if ((*set)[i] >= taxonomy.labels.size())
                return "carries label " + number((*set)[i]) + " of " + number(taxonomy.labels.size());
            if (i > 0 && (*set)[i] <= (*set)[i - 1]) return "has a label twice, or labels out of order";
        }
    if (!spec.drawn.contains(spec.primary)) return "has a primary label that was not drawn for it";
    if (taxonomy.negative && (spec.labels.contains(*taxonomy.negative) || spec.drawn.contains(*taxonomy.negative))) {
        if (spec.labels.size() == 1 && spec.drawn.size() == 1) return {};
        return "has the label " + taxonomy[*taxonomy.negative].name + ", which is always alone, with others";
    }
    if (spec.drawn.size() < request.min_labels || spec.drawn.size() > request.max_labels)
        return "has " + number(spec.drawn.size()) + " labels, " + number(request.min_labels) + " to " +
               number(request.max_labels) + " were asked for";
    for (const LabelId label : spec.drawn)
        if (!spec.labels.contains(label)) return "does not carry " + taxonomy[label].name + ", which was drawn for it";
    for (const LabelId label : spec.labels) {
        const bool parent = std::ranges::any_of(spec.drawn, [&](LabelId own) {
            return own == label || std::ranges::find(taxonomy[own].parents, label) != taxonomy[own].parents.end();
        });
        if (!parent) return "carries " + taxonomy[label].name + ", which was neither drawn nor is a parent";
    }
    return {};
}

Problem wrong_specs(const Specs& specs, std::size_t first, const PlanRequest& request, const Taxonomy& taxonomy) {
    for (std::size_t i = 0; i < specs.size(); ++i)
        if (auto wrong = wrong_spec(specs[i], request, taxonomy); !wrong.empty())
            return "sample " + number(first + i + 1) + " of " + number(request.samples) + " " + wrong;
    return {};
}

std::string asked(const PlanRequest& request) {
    return number(request.samples) + " samples of " + number(request.min_labels) + " to " + number(request.max_labels) +
           " labels" + (request.samples_per_class > 0 ? ", " + number(request.samples_per_class) + " a class" : "");
}

}  // namespace

void check_sampler(Checks& checks) {
    Instance<Sampler> sampler, other;
    if (!checks.make(sampler, other)) return;
    const Taxonomy& taxonomy = checks.taxonomy;
    std::vector<PlanRequest> requests;
    for (const auto& [samples, least, most] :
         {std::array<std::uint32_t, 3>{1, 2, 3}, {40, 2, 3}, {97, 2, 3}, {60, 1, 1}, {300, 1, 5}, {1000, 1, 7}}) {
        PlanRequest request;
        request.seed = 11;
        request.samples = samples;
        request.min_labels = least;
        request.max_labels = most;
        requests.push_back(request);
    }
    auto& per_class = requests.emplace_back(requests[2]);
    per_class.samples_per_class = 3;
    per_class.samples = 3 * taxonomy.labels.size();

    std::vector<std::pair<PlanRequest, Specs>> plans;
    checks.run("a request is planned, or refused with a reason", [&]() -> Problem {
        std::string refusals;
        for (const auto& request : requests) {
            auto plan = read_plan(sampler, request, 256, taxonomy);
            if (plan) {
                plans.emplace_back(request, std::move(*plan));
            } else if (plan.error().code != ErrorCode::invalid_argument || !one_line(plan.error().message)) {
                return asked(request) + ": " + described(plan.error()) +
                       " (a request that cannot be satisfied is invalid_argument, with one line that says why)";
            } else {
                refusals += (refusals.empty() ? "" : "; ") + asked(request) + ": " + plan.error().message;
            }
        }
        if (plans.empty()) return "none of " + number(requests.size()) + " was planned: " + refusals;
        if (!refusals.empty()) checks.note = "refused: " + refusals;
        return {};
    });
    if (plans.empty()) return;

    checks.run("a plan has the number of samples that was asked for", [&]() -> Problem {
        for (const auto& [request, specs] : plans) {
            if (specs.size() == request.samples) continue;
            if (specs.empty() || specs.size() > request.samples)
                return asked(request) + ": gave " + (specs.empty() ? "none" : "more");
            // A goal may be reached with fewer; then that number is what it takes.
            PlanRequest fewer = request;
            fewer.samples = specs.size();
            const auto plan = read_plan(sampler, fewer, 256, taxonomy);
            if (!plan || plan->size() != specs.size())
                return asked(request) + ": gave " + number(specs.size()) + ", and " +
                       (plan ? number(plan->size()) : "none") + " when " + number(specs.size()) + " are asked for";
            checks.note = "needs fewer than asked for: " + number(specs.size());
        }
        return {};
    });
    checks.run("labels are of the taxonomy, as many as asked for, the negative one alone", [&]() -> Problem {
        for (const auto& [request, specs] : plans)
            if (auto wrong = wrong_specs(specs, 0, request, taxonomy); !wrong.empty()) return wrong;
        return {};
    });
    checks.run("samples for each class give every class as often", [&]() -> Problem {
        for (const auto& [request, specs] : plans) {
            if (request.samples_per_class == 0) continue;
            std::vector<std::uint64_t> counts(taxonomy.labels.size());
            for (const auto& spec : specs)
                if (spec.primary < counts.size()) ++counts[spec.primary];
            for (std::size_t id = 0; id < counts.size(); ++id)
                if (counts[id] != request.samples_per_class)
                    return taxonomy.labels[id].name + " is primary " + number(counts[id]) + " times, not " +
                           number(request.samples_per_class);
            return {};
        }
        checks.note = "not offered";
        return {};
    });
    checks.run("the same request gives the same plan", [&]() -> Problem {
        for (const auto& [request, specs] : plans)
            for (const auto* one : {&sampler, &other}) {
                const auto again = read_plan(*one, request, 256, taxonomy);
                if (!again) return asked(request) + ": asked again: " + described(again.error());
                if (!same(*again, specs))
                    return asked(request) + ": another plan " +
                           (one == &sampler ? "when asked again" : "from another instance");
            }
        return {};
    });
    checks.run("a plan is the same however it is read", [&]() -> Problem {
        for (const auto& [request, specs] : plans)
            for (const std::size_t block : {1U, 7U}) {
                const auto again = read_plan(sampler, request, block, taxonomy);
                if (!again || !same(*again, specs))
                    return asked(request) + ": another plan when read by " + number(block);
            }
        return {};
    });
    checks.run("a plan can be gone on from", [&]() -> Problem {
        for (const auto& [request, specs] : plans) {
            if (request.samples_per_class > 0) continue;  // as in a resume
            for (const std::size_t first : {specs.size() / 2, specs.size()}) {
                VectorPlan prior(std::span<const SampleSpec>(specs).first(first));
                PlanRequest more = request;
                more.prior = &prior;
                const auto rest = read_plan(sampler, more, 256, taxonomy, &prior);
                const std::string where = asked(request) + ", going on after " + number(first) + ": ";
                if (prior.read_late) return where + "the earlier plan was read after plan had returned";
                if (!rest) {
                    if (rest.error().code == ErrorCode::invalid_argument && one_line(rest.error().message)) {
                        checks.note = "refused: " + where + rest.error().message;
                        continue;
                    }
                    return where + described(rest.error());
                }
                // One that needs fewer samples than asked for may need another number of them after another beginning.
                const std::size_t all = first + rest->size();
                if (specs.size() == request.samples ? all != request.samples : all > request.samples)
                    return where + "gave " + number(rest->size()) + " samples instead of " +
                           number(specs.size() - first);
                if (auto wrong = wrong_specs(*rest, first, request, taxonomy); !wrong.empty()) return wrong;
            }
        }
        return {};
    });
}

}  // namespace synth::core::conformance
