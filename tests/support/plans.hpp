// For tests of samplers: plans made by the real plugins, continued, counted.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/plugin_loading.hpp"
#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace synth::test {

using Specs = std::vector<SampleSpec>;

/// Gives a finished plan in small pieces.
class Replayed final : public PlanStream {
public:
    explicit Replayed(const Specs& specs) : specs_(specs) {}
    Result<std::size_t> next(std::span<SampleSpec> out) override {
        const std::size_t count = std::min({out.size(), specs_.size() - at_, std::size_t{5}});
        std::copy_n(specs_.begin() + static_cast<std::ptrdiff_t>(at_), count, out.begin());
        at_ += count;
        return count;
    }

private:
    const Specs& specs_;
    std::size_t at_ = 0;
};

/// A taxonomy of `labels` labels and, if asked for, a negative one in their midst; `density` of 10 pairs co-occur.
/// It lives as long as the process, as the host of a plugin does.
inline const Taxonomy& drawn_taxonomy(std::size_t labels, bool negative, std::uint64_t density) {
    static std::map<std::array<std::uint64_t, 3>, Taxonomy> made;
    const auto [place, fresh] = made.try_emplace({labels, negative ? 1U : 0U, density});
    Taxonomy& taxonomy = place->second;
    if (!fresh) return taxonomy;
    taxonomy.name = "small";
    taxonomy.labels.resize(labels + (negative ? 1 : 0));
    if (negative) taxonomy.negative = static_cast<LabelId>(labels / 2);
    Random random(labels);
    for (std::size_t a = 0; a < taxonomy.labels.size(); ++a) {
        taxonomy.labels[a].name = taxonomy.labels[a].code = "L" + std::to_string(a);
        for (std::size_t b = a + 1; b < taxonomy.labels.size(); ++b) {
            if (a == taxonomy.negative || b == taxonomy.negative || !random.chance(density, 10)) continue;
            const auto weight = static_cast<std::uint32_t>(1 + random.below(9));
            taxonomy.labels[a].cooccurs.push_back({static_cast<LabelId>(b), weight});
            taxonomy.labels[b].cooccurs.push_back({static_cast<LabelId>(a), weight});
        }
    }
    return taxonomy;
}

/// The plugin of that id, made once for the same options.
inline const Sampler& sampler(const std::string& id, const Taxonomy& taxonomy, const std::string& options = "{}") {
    static std::map<std::tuple<std::string, const Taxonomy*, std::string>, core::Instance<Sampler>> loaded;
    auto& instance = loaded[{id, &taxonomy, options}];
    if (!instance) {
        auto made = load<Sampler>(id, options, taxonomy);
        if (!made) throw std::runtime_error(made.error().message);
        instance = *std::move(made);
    }
    return instance.object();
}

/// `prior` and what follows it.
inline Specs planned(const Sampler& sampler, PlanRequest request, Specs prior = {}, std::size_t block = 64) {
    Replayed replayed(prior);
    if (!prior.empty()) request.prior = &replayed;
    auto stream = sampler.plan(request);
    if (!stream) throw std::runtime_error(stream.error().message);
    request.prior = nullptr;
    std::vector<SampleSpec> specs(block);
    for (;;) {
        const auto count = (*stream)->next(specs);
        if (!count) throw std::runtime_error(count.error().message);
        if (*count == 0) return prior;
        prior.insert(prior.end(), specs.begin(), specs.begin() + static_cast<std::ptrdiff_t>(*count));
    }
}

inline std::size_t distinct_sets(const Specs& specs) {
    std::set<std::vector<LabelId>> sets;
    for (const SampleSpec& spec : specs) sets.emplace(spec.drawn.begin(), spec.drawn.end());
    return sets.size();
}

inline std::uint64_t digest(const Specs& specs) {
    std::uint64_t hash = 0;
    for (const SampleSpec& spec : specs) {
        for (const LabelId id : spec.labels) hash = derive_seed(hash, id);
        hash = derive_seed(hash, 1000U + spec.primary);
    }
    return hash;
}

/// Why no such plan is made; empty when one is.
inline std::string refusal(const Sampler& sampler, PlanRequest request, const Specs& prior = {}) {
    Replayed replayed(prior);
    if (!prior.empty()) request.prior = &replayed;
    const auto plan = sampler.plan(request);
    if (plan) return {};
    if (plan.error().code != ErrorCode::invalid_argument) return "(" + std::string(name_of(plan.error().code)) + ")";
    return plan.error().message;
}

}  // namespace synth::test
