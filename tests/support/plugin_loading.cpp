#include "support/plugin_loading.hpp"

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/options_schema.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/provider.hpp"
#include "synth/reporter.hpp"
#include "synth/sampler.hpp"
#include "synth/sink.hpp"
#include "synth/validator.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::test {
namespace {

/// The value, or an exception that ends the test program: without it no test of it means anything.
template <class T>
T need(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return *std::move(result);
}

Result<std::string> complete(const core::PluginInfo& plugin, std::string_view options_json) {
    std::map<std::string, core::GivenOption> given;
    const auto options = nlohmann::json::parse(options_json, nullptr, false);
    if (!options.is_object()) return Error{ErrorCode::invalid_argument, "the options are not a JSON object", {}};
    for (const auto& option : options.items()) given[option.key()] = {option.value().dump(), true};
    return core::complete_options(plugin.kind + " " + plugin.id, plugin.options_schema, given);
}

}  // namespace

const Taxonomy& taxonomy(std::string_view name) {
    static std::mutex guard;
    static std::map<std::string, Taxonomy, std::less<>> loaded;
    const std::lock_guard lock(guard);
    const auto found = loaded.find(name);
    if (found != loaded.end()) return found->second;
    return loaded.emplace(name, need(core::load_taxonomy(name, installation().core_data))).first->second;
}

TestHost::TestHost(std::string data_dir, const Taxonomy& classes)
    : data_dir_(std::move(data_dir)), taxonomy_(classes) {}

void TestHost::log(LogLevel, std::string_view message) { lines.emplace_back(message); }

bool TestHost::has_secret(std::string_view name) const {
    for (const std::string& secret : secrets)
        if (secret == name) return true;
    return false;
}

std::string TestHost::setting(std::string_view name) const {
    for (const auto& [key, value] : settings)
        if (key == name) return value;
    return {};
}

const core::Installation& installation() {
    static const core::Installation found = [] {
        const char* build_root = std::getenv("TDAMM_SYNTH_BUILD_ROOT");
        if (build_root == nullptr)
            throw std::runtime_error("run me through meson test: TDAMM_SYNTH_BUILD_ROOT is not set");
        return need(core::Installation::locate(std::filesystem::path(build_root) / "tdamm-synth"));
    }();
    return found;
}

const core::Registry& registry() {
    static const core::Registry found = core::Registry::scan({}, {}, installation());
    return found;
}

template <class Interface>
Result<core::Instance<Interface>> load(std::string_view id, std::string_view options_json, const Taxonomy& classes) {
    const auto plugin = registry().find(Interface::kKind, id);
    if (!plugin) return plugin.error();
    const auto options = complete(**plugin, options_json);
    if (!options) return options.error();
    static std::vector<std::unique_ptr<TestHost>> hosts;
    hosts.push_back(std::make_unique<TestHost>((*plugin)->data_dir.string(), classes));
    return core::Registry::create<Interface>(**plugin, *options, *hosts.back());
}

template Result<core::Instance<Sampler>> load(std::string_view, std::string_view, const Taxonomy&);
template Result<core::Instance<PromptStrategy>> load(std::string_view, std::string_view, const Taxonomy&);
template Result<core::Instance<Provider>> load(std::string_view, std::string_view, const Taxonomy&);
template Result<core::Instance<Validator>> load(std::string_view, std::string_view, const Taxonomy&);
template Result<core::Instance<Sink>> load(std::string_view, std::string_view, const Taxonomy&);
template Result<core::Instance<Reporter>> load(std::string_view, std::string_view, const Taxonomy&);

}  // namespace synth::test
