// The plugins of one run, created from its configuration, with the hosts that they borrow from.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "plugins/registry.hpp"
#include "synth/host.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/provider.hpp"
#include "synth/reporter.hpp"
#include "synth/sampler.hpp"
#include "synth/sink.hpp"
#include "synth/validator.hpp"

namespace synth::core {

class Console;
class Secrets;

/// Where plugins come from and what they are lent. All of it outlives what is made with it.
struct Environment {
    const Registry* registry = nullptr;
    const Console* console = nullptr;
    const Secrets* secrets = nullptr;
    const Installation* installation = nullptr;
};

class Assembly {
public:
    Assembly(Environment environment, Taxonomy taxonomy);
    ~Assembly();
    Assembly(Assembly&&) noexcept;
    Assembly& operator=(Assembly&&) = delete;

    /// Creates the plugin of that kind that `config` names. Fills in version and hash of the choice.
    template <class Interface>
    Result<Instance<Interface>> create(PluginChoice& choice);

    [[nodiscard]] const Taxonomy& taxonomy() const noexcept { return *taxonomy_; }
    [[nodiscard]] const Environment& environment() const noexcept { return environment_; }

private:
    class PluginHost;

    Environment environment_;
    std::unique_ptr<const Taxonomy> taxonomy_;  // hosts keep a reference, so it does not move
    std::vector<std::unique_ptr<PluginHost>> hosts_;
};

}  // namespace synth::core
