#include "common/data_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "common/json_text.hpp"
#include "synth/text.hpp"

namespace synth::prompts {

using Json = nlohmann::json;
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

DataFile::DataFile(const fs::path& file) : where_(file.string()) {
    try {
        json_ = std::make_unique<const Json>(plugins::parse_json_or_throw(read_text(file)));
    } catch (const Json::parse_error& error) {
        const std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error at line …"
        fail(where_, "is not valid JSON: " + std::string(what.substr(std::min(what.find("] ") + 2, what.size()))));
    }
}
DataFile::~DataFile() = default;

const Node& Node::only(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, unused] : object().items())
        if (std::ranges::find(known, key) == known.end()) fail(where_, "unknown key '" + key + "'");
    return *this;
}

std::optional<Node> Node::find(const std::string& key) const {
    const auto found = object().find(key);
    if (found == value_.end()) return std::nullopt;
    return Node(*found, where_ + ": " + key);
}

Node Node::at(const std::string& key) const {
    auto found = find(key);
    if (!found) fail(where_, "'" + key + "' is missing");
    return *std::move(found);
}

std::vector<std::pair<std::string, Node>> Node::members() const {
    std::vector<std::pair<std::string, Node>> all;
    for (const auto& [key, member] : object().items()) all.emplace_back(key, Node(member, where_ + ": " + key));
    return all;
}

std::vector<Node> Node::elements() const {
    if (!value_.is_array() || value_.empty()) fail(where_, "expected a list that is not empty");
    std::vector<Node> all;
    for (std::size_t i = 0; i < value_.size(); ++i) all.emplace_back(value_[i], where_ + "[" + std::to_string(i) + "]");
    return all;
}

std::string Node::text() const {
    if (!value_.is_string() || trim(value_.get_ref<const std::string&>()).empty())
        fail(where_, "expected a text that is not empty");
    auto text = value_.get<std::string>();
    if (text.find("{{") != std::string::npos) fail(where_, "places such as {{name}} have no meaning here");
    return text;
}

std::vector<std::string> Node::texts() const {
    std::vector<std::string> all;
    for (const Node& element : elements()) all.push_back(element.text());
    return all;
}

std::uint32_t Node::number(std::uint32_t low, std::uint32_t high) const {
    if (!value_.is_number_unsigned() || value_ < low || value_ > high)
        fail(where_, "expected a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return value_.get<std::uint32_t>();
}

std::pair<std::uint32_t, std::uint32_t> Node::range(std::uint32_t low, std::uint32_t high) const {
    const auto ends = elements();
    if (ends.size() != 2) fail(where_, "expected two numbers");
    const std::pair both(ends[0].number(low, high), ends[1].number(low, high));
    if (both.first > both.second) fail(where_, "the first number is above the second");
    return both;
}

const Json& Node::object() const {
    if (!value_.is_object()) fail(where_, "expected an object");
    return value_;
}

AnswerPhrases read_phrases(const fs::path& file) {
    const DataFile source(file);
    const Node root = source.root();
    root.only({"affirmations", "announcements", "requests", "closings", "refusals", "turn_ends", "turn_begins"});
    return {root.at("affirmations").texts(), root.at("announcements").texts(), root.at("requests").texts(),
            root.at("closings").texts(),     root.at("refusals").texts(),      root.at("turn_ends").texts(),
            root.at("turn_begins").texts()};
}

std::optional<Draft> draft_from_json(std::string_view text, const std::string& title_field,
                                     std::span<const std::string> text_fields) {
    const Json answer = plugins::parse_json(text);
    if (!answer.is_object()) return std::nullopt;
    const auto text_of = [&](const std::string& key) {
        const auto found = answer.find(key);
        return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    for (const std::string& key : text_fields)
        if (std::string document = text_of(key); !document.empty())
            return Draft{text_of(title_field), std::move(document)};
    return std::nullopt;
}

}  // namespace synth::prompts
