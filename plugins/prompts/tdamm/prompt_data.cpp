#include "prompt_data.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "synth/text.hpp"

namespace synth::tdamm {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

/// What is wrong with the data; stays inside this file.
struct Broken {
    Error error;
};

[[noreturn]] void fail(const std::string& where, const std::string& what) {
    throw Broken{{ErrorCode::invalid_argument, "prompt tdamm: " + where + ": " + what, {}}};
}

/// The text of a file, with exactly one line end at its end.
std::string read_text(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in || fs::is_directory(file))
        fail(file.string(), "cannot be read (" + std::string(std::strerror(errno == 0 ? EISDIR : errno)) +
                                "); 'tdamm-synth plugins copy-data tdamm DIR' makes a complete folder");
    if (!valid_utf8(text)) fail(file.string(), "is not valid UTF-8");
    while (!text.empty() && is_space(text.back())) text.pop_back();
    if (text.empty()) fail(file.string(), "is empty");
    return text += '\n';
}

TextTemplate read_template(const fs::path& file, std::initializer_list<Place> allowed,
                           std::initializer_list<Place> required) {
    Result<TextTemplate> parsed = TextTemplate::parse(read_text(file), allowed, required, file.string());
    if (!parsed) throw Broken{std::move(parsed).error()};
    return *std::move(parsed);
}

/// A value in a JSON file that knows where it stands.
class Node {
public:
    Node(const Json& value, std::string where) : value_(value), where_(std::move(where)) {}

    /// The members of an object, each of which must be in `known`.
    const Node& only(std::initializer_list<std::string_view> known) const {
        for (const auto& [key, unused] : object().items())
            if (std::ranges::find(known, key) == known.end()) fail(where_, "unknown key '" + key + "'");
        return *this;
    }
    [[nodiscard]] std::optional<Node> find(const std::string& key) const {
        const auto found = object().find(key);
        if (found == value_.end()) return std::nullopt;
        return Node(*found, where_ + ": " + key);
    }
    [[nodiscard]] Node at(const std::string& key) const {
        auto found = find(key);
        if (!found) fail(where_, "'" + key + "' is missing");
        return *std::move(found);
    }
    [[nodiscard]] std::vector<std::pair<std::string, Node>> members() const {
        std::vector<std::pair<std::string, Node>> all;
        for (const auto& [key, member] : object().items()) all.emplace_back(key, Node(member, where_ + ": " + key));
        return all;
    }
    [[nodiscard]] std::vector<Node> elements() const {
        if (!value_.is_array() || value_.empty()) fail(where_, "expected a list that is not empty");
        std::vector<Node> all;
        for (std::size_t i = 0; i < value_.size(); ++i)
            all.emplace_back(value_[i], where_ + "[" + std::to_string(i) + "]");
        return all;
    }
    [[nodiscard]] std::string text() const {
        if (!value_.is_string() || trim(value_.get_ref<const std::string&>()).empty())
            fail(where_, "expected a text that is not empty");
        auto text = value_.get<std::string>();
        if (text.find("{{") != std::string::npos) fail(where_, "places such as {{name}} have no meaning here");
        return text;
    }
    [[nodiscard]] std::vector<std::string> texts() const {
        std::vector<std::string> all;
        for (const Node& element : elements()) all.push_back(element.text());
        return all;
    }
    [[nodiscard]] std::uint32_t number(std::uint32_t low, std::uint32_t high) const {
        if (!value_.is_number_unsigned() || value_ < low || value_ > high)
            fail(where_, "expected a whole number from " + std::to_string(low) + " to " + std::to_string(high));
        return value_.get<std::uint32_t>();
    }
    /// Two numbers, the first not above the second.
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> range(std::uint32_t low, std::uint32_t high) const {
        const auto ends = elements();
        if (ends.size() != 2) fail(where_, "expected two numbers");
        const std::pair both(ends[0].number(low, high), ends[1].number(low, high));
        if (both.first > both.second) fail(where_, "the first number is above the second");
        return both;
    }

private:
    [[nodiscard]] const Json& object() const {
        if (!value_.is_object()) fail(where_, "expected an object");
        return value_;
    }

    const Json& value_;
    std::string where_;
};

Json read_json(const fs::path& file) {
    try {
        return Json::parse(read_text(file));
    } catch (const Json::parse_error& error) {
        const std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error at line …"
        fail(file.string(),
             "is not valid JSON: " + std::string(what.substr(std::min(what.find("] ") + 2, what.size()))));
    }
}

void read_forms(const fs::path& file, const std::string& guidelines, PromptData& data) {
    const Json json = read_json(file);
    const Node root(json, file.string());
    root.only({"draw", "years", "angles", "forms"});
    const Node draw = root.at("draw").only({"terms", "instruments", "objects", "quantities"});
    data.draw = {draw.at("terms").number(0, 50), draw.at("instruments").number(0, 50), draw.at("objects").number(0, 50),
                 draw.at("quantities").number(0, 50)};
    const auto [first, last] = root.at("years").range(1900, 2999);
    data.first_year = static_cast<int>(first);
    data.last_year = static_cast<int>(last);
    data.angles = root.at("angles").texts();
    for (const Node& form : root.at("forms").elements()) {
        form.only({"name", "codes", "system", "structure"});
        const auto codes = form.find("codes");
        data.forms.push_back({form.at("name").text(), codes ? codes->texts() : std::vector<std::string>(),
                              guidelines + "\n" + form.at("system").text(), form.at("structure").text()});
    }
    if (std::ranges::none_of(data.forms, [](const Form& form) { return form.codes.empty(); }))
        fail(file.string(), "forms: one of them must be without 'codes', for labels that no other form fits");
}

void read_families(const fs::path& file, PromptData& data) {
    const Json json = read_json(file);
    const Node root(json, file.string());
    for (const Node& family : root.only({"families"}).at("families").elements()) {
        family.only({"name", "codes", "requirement"});
        data.families.push_back({family.at("codes").texts(), family.at("requirement").text()});
    }
}

void read_negatives(const fs::path& file, const std::string& guidelines, PromptData& data) {
    const Json json = read_json(file);
    const Node root(json, file.string());
    root.only({"default", "forms"});
    const auto read_form = [&](const Node& node) {
        NegativeForm form{guidelines + "\n" + node.at("system").text(), node.at("structure").text(), {}};
        if (const auto words = node.find("words")) {
            const auto [low, high] = words->range(10, 20'000);
            form.words = NegativeForm::Words{low, high};
        }
        return form;
    };
    data.negative_default = read_form(root.at("default").only({"name", "system", "structure", "words"}));
    data.negative_name = root.at("default").at("name").text();
    for (const auto& [name, form] : root.at("forms").members())
        data.negative_forms.emplace(name, read_form(form.only({"system", "structure", "words"})));
}

void read_phrases(const fs::path& file, PromptData& data) {
    const Json json = read_json(file);
    const Node root(json, file.string());
    root.only({"affirmations", "announcements", "requests", "closings", "refusals", "turn_ends", "turn_begins"});
    data.phrases = {root.at("affirmations").texts(), root.at("announcements").texts(), root.at("requests").texts(),
                    root.at("closings").texts(),     root.at("refusals").texts(),      root.at("turn_ends").texts(),
                    root.at("turn_begins").texts()};
}

void read_repairs(const fs::path& dir, PromptData& data) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(dir, error)) {
        if (entry.path().extension() != ".md") continue;
        data.repairs.emplace(entry.path().stem().string(),
                             read_template(entry.path(), {Place::findings, Place::target_words, Place::words}, {}));
    }
    if (error) fail(dir.string(), "cannot be read (" + error.message() + ")");
    for (const char* name : {"malformed", "refused", "rejected", "truncated"})
        if (!data.repairs.contains(name)) static_cast<void>(read_text(dir / (std::string(name) + ".md")));
}

}  // namespace

Result<Options> parse_options(std::string_view json) {
    try {
        const Json options = Json::parse(json);
        return Options{options.at("dir").get<std::string>(), options.at("target_words").get<std::uint32_t>()};
    } catch (const Json::exception& error) {
        return Error{ErrorCode::invalid_argument, std::string("prompt tdamm: options: ") + error.what(), {}};
    }
}

Result<PromptData> load_prompt_data(const fs::path& dir) {
    try {
        if (!fs::is_directory(dir)) fail(dir.string(), "is not a folder");
        PromptData data;
        using enum Place;
        data.document =
            read_template(dir / "document.md",
                          {angle, date, few, form, label_count, label_words, labels, least_words, lookalikes, many,
                           neighbours, one, parents, requirements, structure, target_words},
                          {form, labels, structure, target_words});
        data.label = read_template(
            dir / "label.md", {instruments, label_words, meaning, name, objects, quantities, terms}, {meaning, name});
        data.quantity = read_template(dir / "quantity.md", {high, low, name, typical, unit, value}, {name, unit});
        data.negative = read_template(
            dir / "negative.md",
            {avoid, category, date, form, hard, instruments, meaning, quantities, structure, target_words, terms},
            {category, form, structure, target_words});
        const std::string guidelines = read_text(dir / "guidelines.md");
        read_forms(dir / "forms.json", guidelines, data);
        read_negatives(dir / "negatives.json", guidelines, data);
        read_families(dir / "families.json", data);
        read_phrases(dir / "answers.json", data);
        read_repairs(dir / "repair", data);
        return data;
    } catch (Broken& broken) {
        return std::move(broken.error);
    }
}

std::optional<Draft> draft_from_json(std::string_view text) {
    const Json answer = Json::parse(text, nullptr, false);
    if (!answer.is_object()) return std::nullopt;
    const auto text_of = [&](const char* key) {
        const auto found = answer.find(key);
        return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    for (const char* key : {"text", "full_text", "document", "content", "body"})
        if (std::string document = text_of(key); !document.empty()) return Draft{text_of("title"), std::move(document)};
    return std::nullopt;
}

}  // namespace synth::tdamm
