#include "config/run_config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace synth::core {

using nlohmann::json;

namespace {

template <class List>
auto* find_choice(List& plugins, std::string_view kind, std::string_view id) {
    const auto found =
        std::ranges::find_if(plugins, [&](const auto& p) { return p.kind == kind && (id.empty() || p.id == id); });
    return found == plugins.end() ? nullptr : &*found;
}

}  // namespace

const PluginChoice* RunConfig::find(std::string_view kind, std::string_view id) const {
    return find_choice(plugins, kind, id);
}
PluginChoice* RunConfig::find(std::string_view kind, std::string_view id) { return find_choice(plugins, kind, id); }

std::string to_json(const RunConfig& c) {
    json plugins = json::array();
    for (const auto& p : c.plugins)
        plugins.push_back({{"kind", p.kind},
                           {"id", p.id},
                           {"options", json::parse(p.options_json)},
                           {"version", p.version},
                           {"sha256", p.sha256}});
    return json{{"name", c.name},
                {"output_dir", c.output_dir},
                {"seed", c.seed},
                {"samples", c.samples},
                {"samples_per_class", c.samples_per_class},
                {"min_labels", c.min_labels},
                {"max_labels", c.max_labels},
                {"batch_size", c.batch_size},
                {"max_concurrent", c.max_concurrent},
                {"initial_concurrent", c.initial_concurrent},
                {"max_attempts", c.max_attempts},
                {"timeout_s", c.timeout_s},
                {"first_byte_timeout_s", c.first_byte_timeout_s},
                {"drain_timeout_s", c.drain_timeout_s},
                {"give_up_after_s", c.give_up_after_s},
                {"budget_picousd", c.budget ? json(c.budget->value) : json()},
                {"rpm", c.rpm ? json(*c.rpm) : json()},
                {"tpm", c.tpm ? json(*c.tpm) : json()},
                {"ca_file", c.ca_file},
                {"taxonomy", c.taxonomy},
                {"plugins", plugins}}
        .dump();
}

Result<RunConfig> parse_run_config(std::string_view text) {
    try {
        const json j = json::parse(text);
        RunConfig c;
        j.at("name").get_to(c.name);
        j.at("output_dir").get_to(c.output_dir);
        j.at("seed").get_to(c.seed);
        j.at("samples").get_to(c.samples);
        j.at("samples_per_class").get_to(c.samples_per_class);
        j.at("min_labels").get_to(c.min_labels);
        j.at("max_labels").get_to(c.max_labels);
        j.at("batch_size").get_to(c.batch_size);
        j.at("max_concurrent").get_to(c.max_concurrent);
        j.at("initial_concurrent").get_to(c.initial_concurrent);
        j.at("max_attempts").get_to(c.max_attempts);
        j.at("timeout_s").get_to(c.timeout_s);
        j.at("first_byte_timeout_s").get_to(c.first_byte_timeout_s);
        j.at("drain_timeout_s").get_to(c.drain_timeout_s);
        j.at("give_up_after_s").get_to(c.give_up_after_s);
        if (!j.at("budget_picousd").is_null()) c.budget = PicoUsd{j.at("budget_picousd").get<std::int64_t>()};
        if (!j.at("rpm").is_null()) c.rpm = j.at("rpm").get<double>();
        if (!j.at("tpm").is_null()) c.tpm = j.at("tpm").get<double>();
        j.at("ca_file").get_to(c.ca_file);
        j.at("taxonomy").get_to(c.taxonomy);
        for (const auto& p : j.at("plugins"))
            c.plugins.push_back({p.at("kind").get<std::string>(), p.at("id").get<std::string>(),
                                 p.at("options").dump(), p.at("version").get<std::string>(),
                                 p.at("sha256").get<std::string>()});
        return c;
    } catch (const json::exception& wrong) {
        return Error{ErrorCode::invalid_argument,
                     std::string("the configuration in the ledger cannot be read: ") + wrong.what(), "config"};
    }
}

}  // namespace synth::core
