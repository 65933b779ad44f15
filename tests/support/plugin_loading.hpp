// Loads the real plugins of the build tree, the way the program does, for tests of their contracts.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugins/registry.hpp"
#include "synth/host.hpp"

namespace synth::test {

/// A built-in taxonomy, loaded once.
const Taxonomy& taxonomy(std::string_view name = "tdamm40");

/// Collects what is logged; secrets and settings are what a test puts in.
class TestHost final : public Host {
public:
    explicit TestHost(std::string data_dir = {}, const Taxonomy& classes = synth::test::taxonomy());
    void log(LogLevel level, std::string_view message) override;
    bool has_secret(std::string_view name) const override;
    std::string setting(std::string_view name) const override;
    std::string data_dir() const override { return data_dir_; }
    const Taxonomy& taxonomy() const override { return taxonomy_; }

    std::vector<std::string> lines, secrets;
    std::vector<std::pair<std::string, std::string>> settings;

private:
    std::string data_dir_;
    const Taxonomy& taxonomy_;
};

/// The registry of the build tree that the test runs in (environment TDAMM_SYNTH_BUILD_ROOT, set by meson).
const core::Registry& registry();
const core::Installation& installation();

/// Options as a JSON object, e.g. R"({"target_words": 500})"; checked and completed as the program does.
/// The host of the instance is a TestHost with the plugin's data folder; it lives as long as the process.
template <class Interface>
Result<core::Instance<Interface>> load(std::string_view id, std::string_view options_json = "{}",
                                       const Taxonomy& classes = taxonomy());

}  // namespace synth::test
