// What the tests of the prompt strategy share: the real plugin, and specs by label name.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/plugin_loading.hpp"
#include "synth/prompt_strategy.hpp"

namespace synth::test {

using Strategy = core::Instance<PromptStrategy>;

/// The strategy with its own data and default options; loaded once.
inline const Strategy& strategy() {
    static const Strategy loaded = [] {
        auto made = load<PromptStrategy>("tdamm");
        if (!made) throw std::runtime_error(made.error().message);
        return *std::move(made);
    }();
    return loaded;
}

inline SampleSpec spec_of(std::initializer_list<std::string_view> names, std::uint64_t seed = 1,
                          const Taxonomy& classes = taxonomy()) {
    SampleSpec spec;
    spec.seed = seed;
    for (const std::string_view name : names) {
        const auto label = classes.find(name);
        if (!label) throw std::runtime_error("no label " + std::string(name));
        spec.drawn.insert(*label);
    }
    spec.labels = spec.drawn;
    spec.primary = spec.drawn[0];
    return spec;
}

inline Prompt compose(const SampleSpec& spec, std::span<const Attempt> earlier = {},
                      const Strategy& with = strategy()) {
    auto prompt = with.call([&](PromptStrategy& plugin) { return plugin.compose(spec, earlier); });
    if (!prompt) throw std::runtime_error(prompt.error().message);
    return *std::move(prompt);
}

/// The part of a prompt that belongs to the sample.
inline std::string user_text(const SampleSpec& spec, std::span<const Attempt> earlier = {},
                             const Strategy& with = strategy()) {
    return compose(spec, earlier, with).messages.at(1).text;
}

}  // namespace synth::test
