#include "config/run_file.hpp"

#include <toml++/toml.h>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/format.hpp"
#include "common/json_text.hpp"

namespace synth::core {

namespace {

class Reader {
public:
    explicit Reader(std::string file) : file_(std::move(file)) {}

    Result<Givens> read(const toml::table& table) {
        for (const auto& [key, node] : table) {
            const std::string name(key.str());
            Status read = name == "option" ? read_options(node) : read_setting(name, node);
            if (!read) return std::move(read).error();
        }
        return std::move(givens_);
    }

private:
    [[nodiscard]] std::string place(const toml::node& node, const std::string& name) const {
        return file_ + ":" + std::to_string(node.source().begin.line) + ": " + name;
    }
    [[nodiscard]] Error wrong(const toml::node& node, const std::string& name, const std::string& what) const {
        return {ErrorCode::invalid_argument, place(node, name) + ": " + what, "run_file"};
    }

    static std::optional<std::string> scalar(const toml::node& node) {
        if (const auto* text = node.as_string()) return text->get();
        if (const auto* number = node.as_integer()) return std::to_string(number->get());
        if (const auto* number = node.as_floating_point()) return plugins::json_text(nlohmann::json(number->get()));
        return std::nullopt;
    }

    Status read_setting(const std::string& name, const toml::node& node) {
        const auto settings = all_settings();
        const auto known = std::ranges::find(settings, name, &Setting::name);
        if (known == settings.end()) {
            std::vector<std::string> names{"option"};
            for (const auto& setting : settings) names.emplace_back(setting.name);
            const auto near = nearest(name, names);
            return wrong(node, name, "unknown key" + (near.empty() ? std::string() : ", did you mean '" + near + "'?"));
        }
        GivenSetting given;
        given.source = place(node, name);
        if (const auto* list = node.as_array(); list != nullptr && known->repeatable) {
            for (const auto& item : *list) {
                auto value = scalar(item);
                if (!value) return wrong(node, name, "expected a list of strings");
                given.values.push_back(std::move(*value));
            }
            if (given.values.empty()) return wrong(node, name, "the list is empty");
        } else if (auto value = scalar(node)) {
            given.values.push_back(std::move(*value));
        } else {
            return wrong(node, name,
                         known->repeatable ? "expected a string or a list of strings" : "expected one value");
        }
        givens_.settings.insert_or_assign(name, std::move(given));
        return {};
    }

    /// option.KIND.KEY = value, or option.KIND.ID.KEY = value.
    Status read_options(const toml::node& node) {
        const auto* kinds = node.as_table();
        if (kinds == nullptr) return wrong(node, "option", "expected tables [option.KIND]");
        for (const auto& [kind, options] : *kinds) {
            const auto* table = options.as_table();
            const std::string name = "option." + std::string(kind.str());
            if (table == nullptr) return wrong(options, name, "expected a table of options");
            for (const auto& [key, value] : *table) {
                const std::string inner = std::string(key.str());
                if (const auto* of_id = value.as_table()) {
                    if (inner.empty()) return wrong(value, name + ".\"\"", "no plugin has an empty name");
                    for (const auto& [inner_key, inner_value] : *of_id)
                        if (auto added = add(std::string(kind.str()), inner, std::string(inner_key.str()), inner_value);
                            !added)
                            return added;
                } else if (auto added = add(std::string(kind.str()), "", inner, value); !added) {
                    return added;
                }
            }
        }
        return {};
    }

    Status add(std::string kind, std::string id, std::string key, const toml::node& node) {
        const std::string path = kind + (id.empty() ? "" : "." + id) + "." + key, name = "option." + path;
        if (path.find('=') != std::string::npos) return wrong(node, name, "no name of an option has a '='");
        // The command line's rules for kinds hold here too.
        auto option = parse_plugin_option(path + "=");
        if (!option)
            return wrong(node, name, option.error().message.substr(std::string_view("-o =: ").size() + path.size()));
        auto value = to_json(node);
        if (!value) return wrong(node, name, "expected a string, a number, true, false, or a list of strings");
        option->value = {std::move(*value), true};
        option->source = place(node, name);
        givens_.options.push_back(std::move(*option));
        return {};
    }

    static std::optional<std::string> to_json(const toml::node& node) {
        if (const auto* text = node.as_string()) return plugins::json_text(nlohmann::json(text->get()));
        if (const auto* number = node.as_integer()) return plugins::json_text(nlohmann::json(number->get()));
        if (const auto* number = node.as_floating_point()) return plugins::json_text(nlohmann::json(number->get()));
        if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
        if (const auto* list = node.as_array()) {
            auto out = nlohmann::json::array();
            for (const auto& item : *list) {
                if (item.as_string() == nullptr) return std::nullopt;
                out.push_back(item.as_string()->get());
            }
            return plugins::json_text(out);
        }
        return std::nullopt;
    }

    std::string file_;
    Givens givens_;
};

}  // namespace

Result<Givens> read_run_file(const std::filesystem::path& file) {
    auto text = read_file(file);
    if (!text) return Error{ErrorCode::invalid_argument, "--config: " + text.error().message, "run_file"};
    // toml++ recurses over the parts of a dotted key, however many there are.
    constexpr std::ptrdiff_t kMostDots = 4096;
    if (std::ranges::count(*text, '.') > kMostDots)
        return Error{ErrorCode::invalid_argument,
                     file.string() + ": more than 4,096 dots: keys nest too deep for a run file", "run_file"};
    try {
        return Reader(file.string()).read(toml::parse(std::string_view(*text), file.string()));
    } catch (const toml::parse_error& wrong) {
        return Error{
            ErrorCode::invalid_argument,
            file.string() + ":" + std::to_string(wrong.source().begin.line) + ": " + std::string(wrong.description()),
            "run_file"};
    }
}

std::string to_run_file(const RunConfig& c, const std::vector<std::string>& plugin_dirs) {
    using nlohmann::json;
    // A JSON string is a TOML string, too, and so are its numbers and lists.
    const auto word = [](const json& value) { return plugins::json_text(value); };
    std::string out;
    const auto put = [&](std::string_view key, const json& value) {
        out += std::string(key) + " = " + word(value) + "\n";
    };
    const auto put_rate = [&](std::string_view key, const std::optional<double>& rate) {
        if (rate) put(key, static_cast<std::uint64_t>(*rate));
    };
    if (c.samples_per_class > 0)
        put("samples-per-class", c.samples_per_class);
    else
        put("num-samples", c.samples);
    put("min-labels", c.min_labels);
    put("max-labels", c.max_labels);
    put("taxonomy", c.taxonomy);
    put("seed", c.seed);
    if (c.shards > 0) put("shards", c.shards);
    for (const auto& [setting, kind] :
         {std::pair("provider", "provider"), {"sampler", "sampler"}, {"prompts", "prompt"}})
        if (const auto* choice = c.find(kind)) put(setting, choice->id);
    for (const char* kind : {"validator", "sink", "reporter"}) {
        json ids = json::array();
        for (const auto& choice : c.plugins)
            if (choice.kind == kind) ids.push_back(choice.id);
        if (!ids.empty()) put(kind, ids);
    }
    if (!plugin_dirs.empty()) put("plugin-dir", plugin_dirs);
    if (c.budget) put("budget", exact_usd(*c.budget));
    put("batch-size", c.batch_size);
    put("max-concurrent", c.initial_concurrent < c.max_concurrent ? json("auto") : json(c.max_concurrent));
    put_rate("rpm", c.rpm);
    put_rate("tpm", c.tpm);
    if (c.shared_limits) put("shared-limits", c.shared_limits->without_secret());
    put("max-attempts", c.max_attempts);
    put("timeout", c.timeout_s);
    if (c.first_byte_timeout_s > 0) put("first-byte-timeout", c.first_byte_timeout_s);
    put("drain-timeout", c.drain_timeout_s);
    put("give-up-after", c.give_up_after_s);
    if (c.batch) {
        put("mode", "batch");
        put("finish", c.finish_direct ? "direct" : "batch");
        if (c.batch_lines > 0) put("batch-lines", c.batch_lines);
        if (c.queued_tokens > 0) put("queued-tokens", c.queued_tokens);
        put("poll", c.poll_ms / 1000.0);
    }
    if (c.http2) put("http", "2");
    if (!c.ca_file.empty()) put("ca-file", c.ca_file);
    put("output-dir", c.output_dir);
    if (!c.name.empty()) put("run-name", c.name);
    for (const auto& choice : c.plugins) {
        const auto options = plugins::parse_json(choice.options_json);
        if (!options.is_object() || options.empty()) continue;
        out += "\n[option." + choice.kind + "." + word(choice.id) + "]\n";
        for (const auto& [key, value] : options.items()) put(word(key), value);
    }
    return out;
}

}  // namespace synth::core
