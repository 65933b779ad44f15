#include "run/ledger_json.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <simdjson.h>

#include "common/json_writer.hpp"

namespace synth::core {

namespace dom = simdjson::dom;

namespace {

/// The element is valid until the next call in the same thread.
template <class Element>
std::optional<Element> parse(std::string_view text) {
    thread_local dom::parser parser;  // its buffers are the cost of a parse
    Element element;
    if (parser.parse(text.data(), text.size()).get(element) != simdjson::SUCCESS) return std::nullopt;
    return element;
}

/// The five texts and two numbers of a finding.
std::optional<Finding> read_finding(const dom::element& item) {
    dom::array members;
    if (item.get(members) != simdjson::SUCCESS || members.size() != 7) return std::nullopt;
    std::array<std::string_view, 5> texts;
    std::array<std::optional<double>, 2> numbers;
    std::size_t i = 0;
    for (const dom::element member : members) {
        double number = 0;
        if (i < texts.size()) {
            if (member.get(texts.at(i)) != simdjson::SUCCESS) return std::nullopt;
        } else if (member.get(number) == simdjson::SUCCESS) {
            numbers.at(i - texts.size()) = number;
        }
        ++i;
    }
    return Finding{texts[0] == "rejection" ? Severity::rejection : Severity::warning,
                   std::string(texts[1]),
                   std::string(texts[2]),
                   std::string(texts[4]),
                   numbers[0],
                   numbers[1],
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
    if (const auto list = parse<dom::array>(text))
        for (const dom::element item : *list)
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
    if (const auto object = parse<dom::object>(text))
        for (const auto& [name, member] : *object)
            if (std::string_view value; member.get(value) == simdjson::SUCCESS)
                attributes.push_back({std::string(name), std::string(value)});
}

std::size_t count_labels(std::string_view taxonomy_json) {
    const auto taxonomy = parse<dom::object>(taxonomy_json);
    dom::array labels;
    return taxonomy && taxonomy->at_key("labels").get(labels) == simdjson::SUCCESS ? labels.size() : 0;
}

}  // namespace synth::core
