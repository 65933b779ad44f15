// `plugins`: lists, describes and checks plugins, copies their data files for editing, and starts new ones.

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "cli/context.hpp"
#include "common/json_text.hpp"
#include "config/options_schema.hpp"
#include "plugins/conformance.hpp"
#include "plugins/new_project.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::core {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;

namespace {

OrderedJson to_json(const PluginInfo& plugin) {
    const auto text = [](const std::string& value) { return value.empty() ? OrderedJson() : OrderedJson(value); };
    return {{"kind", plugin.kind},
            {"id", plugin.id},
            {"version", text(plugin.version)},
            {"summary", text(plugin.summary)},
            {"path", plugin.path.string()},
            {"data_dir", text(plugin.data_dir.string())},
            {"refused", text(plugin.refusal)},
            {"shadowed_by", text(plugin.shadowed_by.string())}};
}

std::string state_of(const PluginInfo& plugin) {
    if (!plugin.refusal.empty()) return "refused: " + plugin.refusal;
    if (!plugin.shadowed_by.empty()) return "shadowed by " + plugin.shadowed_by.string();
    return plugin.summary;
}

int list(const Context& context, bool as_json) {
    const auto plugins = context.registry->plugins();
    if (as_json) {
        OrderedJson out = OrderedJson::array();
        for (const auto& plugin : plugins) out.push_back(to_json(plugin));
        std::puts(plugins::json_text(out, 2).c_str());
        return kAllMade;
    }
    std::size_t width = 2;
    for (const auto& plugin : plugins) width = std::max(width, plugin.id.size());
    std::string out = fmt::format("{:<10} {:<{}}  {:<8} {}\n", "KIND", "ID", width, "VERSION", "WHAT IT DOES");
    for (const auto& plugin : plugins)
        out += fmt::format("{:<10} {:<{}}  {:<8} {}\n{:<{}}  {}\n", plugin.kind, plugin.id, width,
                           plugin.version.empty() ? "-" : plugin.version, state_of(plugin), "", width + 20,
                           plugin.path.string());
    out += "\n'tdamm-synth plugins ID' describes one with its options.\n";
    std::fputs(out.c_str(), stdout);
    return kAllMade;
}

int describe(const Context& context, const PluginInfo& plugin, bool as_json) {
    if (!plugin.refusal.empty())
        return context.fail({ErrorCode::invalid_argument, plugin.path.string() + ": " + plugin.refusal, {}});
    auto options = parse_options_schema(plugin.options_schema);
    if (!options) return context.fail(options.error());
    if (as_json) {
        OrderedJson out = to_json(plugin);
        OrderedJson list = OrderedJson::array();
        for (const auto& option : *options)
            list.push_back({{"name", option.name},
                            {"type", option.type},
                            {"default", option.default_json.empty() ? OrderedJson()
                                                                    : plugins::parse_ordered_json(option.default_json)},
                            {"range", option.range.empty() ? OrderedJson() : OrderedJson(option.range)},
                            {"meaning", option.description}});
        out["options"] = list;
        std::puts(plugins::json_text(out, 2).c_str());
        return kAllMade;
    }
    std::string out = fmt::format("{} {} {}\n  {}\n  {}\n", plugin.kind, plugin.id, plugin.version, plugin.summary,
                                  plugin.path.string());
    if (!plugin.data_dir.empty())
        out += fmt::format("  data files in {} ('tdamm-synth plugins copy-data {} DIR' copies them)\n",
                           plugin.data_dir.string(), plugin.id);
    out += options->empty() ? "\nNo options.\n"
                            : fmt::format("\nOptions (-o {}.KEY=VALUE, or -o {}.{}.KEY=VALUE):\n", plugin.kind,
                                          plugin.kind, plugin.id);
    for (const auto& option : *options) {
        std::string facts = option.type;
        if (!option.range.empty()) facts += ", " + option.range;
        facts += option.default_json.empty() ? ", no default" : ", default " + option.default_json;
        out += fmt::format("  {}  ({})\n      {}\n", option.name, facts, option.description);
    }
    std::fputs(out.c_str(), stdout);
    return kAllMade;
}

/// Plugins of that id; of all kinds, since ids are only unique within one. "KIND.ID" names one.
std::vector<const PluginInfo*> named(const Context& context, const std::string& word) {
    std::vector<const PluginInfo*> found;
    for (const auto& plugin : context.registry->plugins())
        if ((plugin.id == word || plugin.kind + "." + plugin.id == word) && plugin.shadowed_by.empty())
            found.push_back(&plugin);
    return found;
}

Error unknown(const Context& context, const std::string& word) {
    std::vector<std::string> ids;
    for (const auto& plugin : context.registry->plugins()) ids.push_back(plugin.id);
    const auto near = nearest(word, ids);
    return {ErrorCode::invalid_argument,
            "no plugin '" + word + "'" + (near.empty() ? "" : ", did you mean '" + near + "'?") +
                " ('tdamm-synth plugins' lists all)",
            {}};
}

int copy_data(const Context& context, const std::string& id, const fs::path& target) {
    const auto found = named(context, id);
    if (found.empty()) return context.fail(unknown(context, id));
    const auto with_data = std::ranges::find_if(found, [](const auto* plugin) { return !plugin->data_dir.empty(); });
    if (with_data == found.end())
        return context.fail({ErrorCode::invalid_argument, "plugin '" + id + "' has no data files", {}});
    std::error_code error;
    if (fs::exists(target, error) && !fs::is_empty(target, error))
        return context.fail({ErrorCode::io, target.string() + " is there already and is not an empty folder", {}});
    fs::create_directories(target, error);
    if (!error) fs::copy((*with_data)->data_dir, target, fs::copy_options::recursive, error);
    if (error) return context.fail({ErrorCode::io, "cannot copy to " + target.string() + ": " + error.message(), {}});
    for (const auto& entry : fs::recursive_directory_iterator(target))
        if (entry.is_regular_file())
            fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add, error);
    std::puts(fs::absolute(target).lexically_normal().c_str());
    return kAllMade;
}

int new_project(const Context& context, const std::vector<std::string>& words) {
    if (words.size() != 3 && words.size() != 4)
        return context.fail(
            {ErrorCode::invalid_argument, "new takes a kind, an id, and a folder to make (default: the id)", {}});
    fs::path dir = words.back();
    if (!dir.has_filename()) dir = dir.parent_path();  // DIR/
    const auto files = write_plugin_project(words[1], words[2], dir, context.installation.core_data);
    if (!files) return context.fail(files.error());
    for (const auto& file : *files) std::puts(file.c_str());
    const std::string build = shell_word((dir / "build").string());
    context.console->log(LogLevel::info, "build and test it: meson setup " + build + " " + shell_word(dir.string()) +
                                             " && meson compile -C " + build + " && meson test -C " + build);
    return kAllMade;
}

/// The options that were given for this plugin, completed.
Result<std::string> options_of(const PluginInfo& plugin, const std::vector<GivenPluginOption>& options) {
    std::map<std::string, GivenOption> given;
    for (const auto& option : options) {
        if (option.kind != plugin.kind || (!option.id.empty() && option.id != plugin.id))
            return Error{ErrorCode::invalid_argument, option.source + ": this is " + plugin.kind + " " + plugin.id,
                         "option"};
        given.insert_or_assign(option.key, option.value);
    }
    return complete_options(plugin.kind + " " + plugin.id, plugin.options_schema, given);
}

int check_plugin(const Context& context, const Command& command) {
    const auto plugin = Registry::inspect(command.check_file, context.installation);
    if (!plugin.refusal.empty()) {
        if (!command.json)
            return context.fail({ErrorCode::invalid_argument, command.check_file + ": " + plugin.refusal, {}});
        std::puts(plugins::json_text(to_json(plugin), 2).c_str());
        return kUsage;
    }
    const auto options = options_of(plugin, command.givens.options);
    if (!options) return context.fail(options.error());
    const auto taxonomy = load_taxonomy("tdamm40", context.installation.core_data);
    if (!taxonomy) return context.fail(taxonomy.error());
    const auto checks = check_conformance(plugin, *options, *taxonomy, today());
    if (!checks) return context.fail(checks.error());
    const auto failed = std::ranges::count(*checks, false, &ConformanceCheck::passed);
    if (command.json) {
        OrderedJson out = to_json(plugin);
        out["checks"] = OrderedJson::array();
        for (const auto& check : *checks)
            out["checks"].push_back({{"name", check.name},
                                     {"passed", check.passed},
                                     {"detail", check.detail.empty() ? OrderedJson() : OrderedJson(check.detail)}});
        std::puts(plugins::json_text(out, 2).c_str());
        return failed == 0 ? kAllMade : kUsage;
    }
    std::string out =
        fmt::format("{}: usable, {} {} {}\n", plugin.path.string(), plugin.kind, plugin.id, plugin.version);
    for (const auto& check : *checks)
        out += fmt::format("  {}  {}{}{}\n", check.passed ? "pass" : "FAIL", check.name,
                           check.detail.empty() ? "" : ": ", check.detail);
    std::fputs(out.c_str(), stdout);
    if (failed == 0) return kAllMade;
    return context.fail({ErrorCode::invalid_argument,
                         fmt::format("{}: {} of {} checks failed", command.check_file, failed, checks->size()),
                         {}});
}

}  // namespace

int run_plugins(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    if (!command.check_file.empty()) return check_plugin(*context, command);
    if (command.list_names) {
        for (const auto& plugin : context->registry->plugins())
            std::printf("%s %s\n", plugin.kind.c_str(), plugin.id.c_str());
        return kAllMade;
    }
    if (!command.givens.options.empty())
        return context->fail(
            {ErrorCode::invalid_argument, command.givens.options.front().source + ": only --check takes options", {}});
    if (command.words.empty()) return list(*context, command.json);
    if (command.words[0] == "new") return new_project(*context, command.words);
    if (command.words[0] == "copy-data") {
        if (command.words.size() != 3)
            return context->fail({ErrorCode::invalid_argument, "copy-data takes the id of a plugin and a folder", {}});
        return copy_data(*context, command.words[1], command.words[2]);
    }
    if (command.words.size() > 1)
        return context->fail({ErrorCode::invalid_argument, "unexpected '" + command.words[1] + "' after the id", {}});
    const auto found = named(*context, command.words[0]);
    if (found.empty()) return context->fail(unknown(*context, command.words[0]));
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (i > 0) std::puts("");
        if (const int failed = describe(*context, *found[i], command.json); failed != kAllMade) return failed;
    }
    return kAllMade;
}

}  // namespace synth::core
