#include "fields.hpp"

#include <algorithm>

#include "models.hpp"

namespace synth::providers {

namespace dom = simdjson::dom;

Complaint read_object(dom::element element, const std::vector<Field>& fields) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) return " is not an object";
    for (const auto& [key, value] : object) {
        const auto field = std::ranges::find(fields, key, &Field::name);
        if (field == fields.end()) return " has an unknown field '" + std::string(key) + "'";
        if (Complaint complaint = field->read(value); !complaint.empty()) return "." + std::string(key) + complaint;
    }
    return {};
}

Field text(std::string_view name, std::string& target) {
    return {name, [&target](dom::element value) -> Complaint {
                std::string_view read;
                if (value.get(read) != simdjson::SUCCESS) return " is not a string";
                target = read;
                return {};
            }};
}

Field date(std::string_view name, std::string& target) {
    return {name, [name, &target](dom::element value) -> Complaint {
                if (Complaint complaint = text(name, target).read(value); !complaint.empty()) return complaint;
                return parse_date(target) ? "" : " is not a date such as 2027-01-14";
            }};
}

Field flag(std::string_view name, bool& target) {
    return {name, [&target](dom::element value) -> Complaint {
                return value.get(target) == simdjson::SUCCESS ? "" : " is not true or false";
            }};
}

Field number(std::string_view name, double& target) {
    return {name, [&target](dom::element value) -> Complaint {
                return value.get(target) == simdjson::SUCCESS ? "" : " is not a number";
            }};
}

Field count(std::string_view name, std::int64_t& target) {
    return {name, [&target](dom::element value) -> Complaint {
                constexpr std::int64_t kMost = 1'000'000'000;
                return value.get(target) == simdjson::SUCCESS && target >= 0 && target <= kMost
                           ? ""
                           : " is not a whole number from 0 to 1000000000";
            }};
}

Field ignored(std::string_view name) {
    return {name, [](dom::element) { return Complaint(); }};
}

Status read_options(std::string_view json, const std::vector<Field>& fields) {
    dom::parser parser;
    dom::element root;
    if (const auto error = parser.parse(json.data(), json.size()).get(root); error != simdjson::SUCCESS)
        return Error{ErrorCode::internal, std::string("the options are not JSON: ") + simdjson::error_message(error)};
    const Complaint complaint = read_object(root, fields);
    if (!complaint.empty()) return Error{ErrorCode::internal, "the options were not checked: provider" + complaint};
    return {};
}

}  // namespace synth::providers
