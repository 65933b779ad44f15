#include "common/data_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "synth/text.hpp"

namespace synth::prompts {

using plugins::JsonValue;
namespace fs = std::filesystem;

void fail(const std::string& where, const std::string& what) { throw Broken{where + ": " + what}; }

Error error_of(const Broken& broken, std::string_view plugin) {
    std::string advice;
    if (broken.missing)
        advice = "; 'tdamm-synth plugins copy-data " + std::string(plugin) + " DIR' makes a complete folder";
    return {ErrorCode::invalid_argument, broken.message + advice, {}};
}

std::string read_text(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in || fs::is_directory(file))
        throw Broken{file.string() + ": cannot be read (" + std::strerror(errno == 0 ? EISDIR : errno) + ")", true};
    if (!valid_utf8(text)) fail(file.string(), "is not valid UTF-8");
    while (!text.empty() && is_space(text.back())) text.pop_back();
    if (text.empty()) fail(file.string(), "is empty");
    return text += '\n';
}

Node read_json(const fs::path& file) {
    const std::string text = read_text(file);
    JsonValue root = JsonValue::parse(text);
    if (!root) fail(file.string(), "is not valid JSON: " + plugins::json_fault(text));
    return {std::move(root), file.string()};
}

const Node& Node::only(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, unused] : object().members())
        if (std::ranges::find(known, key) == known.end()) fail(where_, "unknown key '" + std::string(key) + "'");
    return *this;
}

std::optional<Node> Node::find(const std::string& key) const {
    JsonValue found = object().member(key);
    if (!found) return std::nullopt;
    return Node(std::move(found), where_ + ": " + key);
}

Node Node::at(const std::string& key) const {
    auto found = find(key);
    if (!found) fail(where_, "'" + key + "' is missing");
    return *std::move(found);
}

std::vector<std::pair<std::string, Node>> Node::members() const {
    std::vector<std::pair<std::string, Node>> all;
    for (const auto& [name, member] : object().members()) {
        const std::string key(name);
        all.emplace_back(key, Node(member, where_ + ": " + key));
    }
    return all;
}

std::vector<Node> Node::elements() const {
    std::vector<Node> all;
    for (JsonValue& element : value_.elements())
        all.emplace_back(std::move(element), where_ + "[" + std::to_string(all.size()) + "]");
    if (all.empty()) fail(where_, "expected a list that is not empty");
    return all;
}

std::string Node::text() const {
    const std::string_view text = value_.text();
    if (trim(text).empty()) fail(where_, "expected a text that is not empty");
    if (text.find("{{") != std::string_view::npos) fail(where_, "places such as {{name}} have no meaning here");
    return std::string(text);
}

std::vector<std::string> Node::texts() const {
    std::vector<std::string> all;
    for (const Node& element : elements()) all.push_back(element.text());
    return all;
}

std::uint32_t Node::number(std::uint32_t low, std::uint32_t high) const {
    const auto number = value_.count();
    if (!number || *number < low || *number > high)
        fail(where_, "expected a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return static_cast<std::uint32_t>(*number);
}

std::pair<std::uint32_t, std::uint32_t> Node::range(std::uint32_t low, std::uint32_t high) const {
    const auto ends = elements();
    if (ends.size() != 2) fail(where_, "expected two numbers");
    const std::pair both(ends[0].number(low, high), ends[1].number(low, high));
    if (both.first > both.second) fail(where_, "the first number is above the second");
    return both;
}

const JsonValue& Node::object() const {
    if (!value_.is_object()) fail(where_, "expected an object");
    return value_;
}

AnswerPhrases read_phrases(const fs::path& file) {
    const Node root = read_json(file);
    root.only({"affirmations", "announcements", "requests", "closings", "refusals", "turn_ends", "turn_begins"});
    return {root.at("affirmations").texts(), root.at("announcements").texts(), root.at("requests").texts(),
            root.at("closings").texts(),     root.at("refusals").texts(),      root.at("turn_ends").texts(),
            root.at("turn_begins").texts()};
}

std::optional<Draft> draft_from_json(std::string_view text, const std::string& title_field,
                                     std::span<const std::string> text_fields) {
    const JsonValue answer = JsonValue::parse(text);
    if (!answer.is_object()) return std::nullopt;
    for (const std::string& key : text_fields)
        if (const std::string_view document = answer.member(key).text(); !document.empty())
            return Draft{std::string(answer.member(title_field).text()), std::string(document)};
    return std::nullopt;
}

}  // namespace synth::prompts
