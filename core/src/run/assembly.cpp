#include "run/assembly.hpp"

#include "base/console.hpp"
#include "base/secrets.hpp"

namespace synth::core {

class Assembly::PluginHost final : public Host {
public:
    PluginHost(const Environment& environment, const Taxonomy& taxonomy, const PluginInfo& plugin)
        : environment_(environment),
          taxonomy_(taxonomy),
          name_(plugin.kind + " " + plugin.id),
          data_dir_(plugin.data_dir) {}

    void log(LogLevel level, std::string_view message) override {
        environment_.console->log(level, name_ + ": " + std::string(message));
    }
    [[nodiscard]] bool has_secret(std::string_view name) const override {
        return environment_.secrets->value(name).has_value();
    }
    [[nodiscard]] std::string setting(std::string_view name) const override {
        return Secrets::is_secret_name(name) ? std::string{}
                                             : std::string(environment_.secrets->value(name).value_or(""));
    }
    [[nodiscard]] std::string data_dir() const override { return data_dir_; }
    [[nodiscard]] const Taxonomy& taxonomy() const override { return taxonomy_; }

private:
    Environment environment_;
    const Taxonomy& taxonomy_;
    std::string name_, data_dir_;
};

Assembly::Assembly(Environment environment, Taxonomy taxonomy)
    : environment_(environment), taxonomy_(std::make_unique<const Taxonomy>(std::move(taxonomy))) {}
Assembly::~Assembly() = default;
Assembly::Assembly(Assembly&&) noexcept = default;

template <class Interface>
Result<Instance<Interface>> Assembly::create(PluginChoice& choice) {
    auto plugin = environment_.registry->find(Interface::kKind, choice.id);
    if (!plugin) return std::move(plugin).error();
    if (choice.sha256.empty() || choice.version != (*plugin)->version) {
        auto hash = file_sha256((*plugin)->path);
        if (!hash) return std::move(hash).error();
        choice.version = (*plugin)->version;
        choice.sha256 = std::move(*hash);
    }
    hosts_.push_back(std::make_unique<PluginHost>(environment_, *taxonomy_, **plugin));
    return environment_.registry->create<Interface>(**plugin, choice.options_json, *hosts_.back());
}

template Result<Instance<Sampler>> Assembly::create<Sampler>(PluginChoice&);
template Result<Instance<PromptStrategy>> Assembly::create<PromptStrategy>(PluginChoice&);
template Result<Instance<Provider>> Assembly::create<Provider>(PluginChoice&);
template Result<Instance<Validator>> Assembly::create<Validator>(PluginChoice&);
template Result<Instance<Sink>> Assembly::create<Sink>(PluginChoice&);
template Result<Instance<Reporter>> Assembly::create<Reporter>(PluginChoice&);

}  // namespace synth::core
