#include "run/ledger_json.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "common/json_reader.hpp"
#include "common/json_writer.hpp"

namespace synth::core {

using plugins::JsonView;

namespace {

/// Valid until the next call in the same thread.
JsonView parse(std::string_view text) {
    thread_local plugins::JsonParser parser;  // its buffers are the cost of a parse
    const auto root = parser.parse(text);
    return root ? *root : JsonView();
}

/// The five texts and two numbers of a finding.
std::optional<Finding> read_finding(JsonView item) {
    const auto members = item.elements();
    if (members.size() != 7) return std::nullopt;
    std::array<std::string_view, 5> texts;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (!members[i].is_text()) return std::nullopt;
        texts.at(i) = members[i].text();
    }
    return Finding{texts[0] == "rejection" ? Severity::rejection : Severity::warning,
                   std::string(texts[1]),
                   std::string(texts[2]),
                   std::string(texts[4]),
                   members[5].number(),
                   members[6].number(),
                   std::string(texts[3])};
}

}  // namespace

std::string findings_json(const std::vector<Finding>& findings) {
    if (findings.empty()) return {};
    std::string text;
    plugins::JsonWriter json(text);
    json.begin_array();
    for (const auto& f : findings) {
        json.begin_array();
        json.value(f.severity == Severity::rejection ? "rejection" : "warning");
        for (const std::string* member : {&f.code, &f.message, &f.validator, &f.label}) json.value(*member);
        json.value(f.value);
        json.value(f.limit);
        json.end_array();
    }
    json.end_array();
    return text;
}

void parse_findings(std::string_view text, std::vector<Finding>& findings) {
    findings.clear();
    if (text.empty()) return;
    for (const JsonView item : parse(text).elements())
        if (auto finding = read_finding(item)) findings.push_back(*std::move(finding));
}

std::string attributes_json(const std::vector<Attribute>& attributes) {
    if (attributes.empty()) return {};
    std::string text;
    plugins::JsonWriter json(text);
    json.begin_object();
    for (auto one = attributes.begin(); one != attributes.end(); ++one)
        if (std::none_of(one + 1, attributes.end(), [&](const auto& later) { return later.name == one->name; }))
            json.member(one->name, std::string_view(one->value));
    json.end_object();
    return text;
}

void parse_attributes(std::string_view text, std::vector<Attribute>& attributes) {
    attributes.clear();
    if (text.empty()) return;
    for (const auto& [name, member] : parse(text).members())
        if (member.is_text()) attributes.push_back({std::string(name), std::string(member.text())});
}

std::size_t count_labels(std::string_view taxonomy_json) {
    return parse(taxonomy_json).member("labels").elements().size();
}

}  // namespace synth::core
