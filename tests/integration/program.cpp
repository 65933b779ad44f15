#include "integration/program.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "support/plugin_loading.hpp"

namespace synth::test {

namespace {

using Json = nlohmann::ordered_json;

SavedRecord record_of(const Json& json) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : json.items()) keys.push_back(key);
    if (keys != std::vector<std::string>{"link", "full_text", "labels"})
        throw std::runtime_error("not a record: " + json.dump().substr(0, 200));
    return {json["link"], json["full_text"], json["labels"]};
}

std::string program() {
    const char* root = std::getenv("TDAMM_SYNTH_BUILD_ROOT");
    if (root == nullptr) throw std::runtime_error("TDAMM_SYNTH_BUILD_ROOT is not set: run by meson test");
    return std::string(root) + "/tdamm-synth";
}

}  // namespace

std::vector<SavedRecord> read_records(const std::filesystem::path& path) {
    const std::string text = read_file(path);
    std::vector<SavedRecord> records;
    if (path.extension() == ".jsonl") {
        for (const auto& line : lines_of(text)) records.push_back(record_of(Json::parse(line)));
    } else {
        for (const auto& json : Json::parse(text)) records.push_back(record_of(json));
    }
    return records;
}

std::optional<double> number_at(std::string_view json, const std::string& pointer) {
    const Json whole = Json::parse(json);
    const Json::json_pointer place(pointer);
    if (!whole.contains(place) || whole[place].is_null()) return std::nullopt;
    return whole[place].get<double>();
}

double sum_at(std::string_view json, const std::string& pointer) {
    const Json whole = Json::parse(json);
    double sum = 0;
    for (const auto& count : whole.at(Json::json_pointer(pointer))) sum += count.get<double>();
    return sum;
}

bool has_value_at(std::string_view json, const std::string& pointer) {
    const Json whole = Json::parse(json);
    const Json::json_pointer place(pointer);
    return whole.contains(place) && !whole[place].is_null();
}

std::vector<std::size_t> label_counts(const std::vector<SavedRecord>& records) {
    std::vector<std::size_t> counts(taxonomy().labels.size());
    for (const auto& record : records) {
        for (const auto& label : record.labels) {
            const auto found = std::ranges::find(taxonomy().labels, label, &Label::name);
            if (found == taxonomy().labels.end()) throw std::runtime_error("not a label: " + label);
            ++counts[static_cast<std::size_t>(found - taxonomy().labels.begin())];
        }
    }
    return counts;
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

Command ProgramTest::command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program());
    Command command{.arguments = std::move(arguments),
                    .environment = {{"OPENAI_API_KEY", std::string(kKey)}, {"HOME", dir_.path()}, {"TZ", "UTC"}},
                    .directory = dir_.path()};
    for (const char* name : {"OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "TDAMM_SYNTH_PLUGIN_PATH",
                             "http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"})
        command.environment[name] = std::nullopt;
    return command;
}

Command ProgramTest::generating(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"generate"};
    const auto unless_given = [&](const std::string& option, const std::string& value) {
        if (std::ranges::find(more, option) == more.end()) arguments.insert(arguments.end(), {option, value});
    };
    unless_given("--seed", "7");
    unless_given("--run-name", "run");
    unless_given("--output-dir", "out");
    if (std::ranges::none_of(more, [](const auto& word) { return word.starts_with("provider.base_url="); }))
        arguments.insert(arguments.end(), {"-o", "provider.base_url=" + server_.base_url()});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return command(std::move(arguments));
}

Finished ProgramTest::run_resume_command(const Finished& interrupted) const {
    const auto lines = lines_of(interrupted.err);
    if (lines.empty() || lines.back().find(" resume ") == std::string::npos)
        throw std::runtime_error("no resume command at the end of: " + interrupted.err);
    Command shell = command({});
    shell.arguments = {"/bin/sh", "-c", lines.back()};
    return run(shell);
}

std::string ProgramTest::unbroken(const std::vector<std::string>& more) const {
    const FaultServer faultless(script_of(""));
    auto arguments = more;
    arguments.insert(arguments.end(), {"--output-dir", "unbroken", "-o", "provider.base_url=" + faultless.base_url()});
    const auto finished = generate(arguments);
    if (finished.exit_code != 0) throw std::runtime_error("the unbroken run failed: " + finished.err);
    return read_file(dir_ / "unbroken/run.json");
}

}  // namespace synth::test
