#include "fields.hpp"

#include <algorithm>

#include "models.hpp"

namespace synth::providers {

using plugins::JsonView;

Complaint read_object(JsonView value, const std::vector<Field>& fields) {
    if (!value.is_object()) return " is not an object";
    for (const auto& [key, member] : value.members()) {
        const auto field = std::ranges::find(fields, key, &Field::name);
        if (field == fields.end()) return " has an unknown field '" + std::string(key) + "'";
        if (Complaint complaint = field->read(member); !complaint.empty()) return "." + std::string(key) + complaint;
    }
    return {};
}

Field text(std::string_view name, std::string& target) {
    return {name, [&target](JsonView value) -> Complaint {
                if (!value.is_text()) return " is not a string";
                target = value.text();
                return {};
            }};
}

Field date(std::string_view name, std::string& target) {
    return {name, [name, &target](JsonView value) -> Complaint {
                if (Complaint complaint = text(name, target).read(value); !complaint.empty()) return complaint;
                return parse_date(target) ? "" : " is not a date such as 2027-01-14";
            }};
}

Field flag(std::string_view name, bool& target) {
    return {name, [&target](JsonView value) -> Complaint {
                const auto read = value.truth();
                target = read.value_or(target);
                return read ? "" : " is not true or false";
            }};
}

Field number(std::string_view name, double& target) {
    return {name, [&target](JsonView value) -> Complaint {
                const auto read = value.number();
                target = read.value_or(target);
                return read ? "" : " is not a number";
            }};
}

Field count(std::string_view name, std::int64_t& target) {
    return {name, [&target](JsonView value) -> Complaint {
                constexpr std::int64_t kMost = 1'000'000'000;
                target = value.integer().value_or(-1);
                return target >= 0 && target <= kMost ? "" : " is not a whole number from 0 to 1000000000";
            }};
}

Field ignored(std::string_view name) {
    return {name, [](JsonView) { return Complaint(); }};
}

Status read_options(std::string_view json, const std::vector<Field>& fields) {
    plugins::JsonParser parser;
    const auto root = parser.parse(json);
    if (!root) return Error{ErrorCode::internal, "the options are not JSON: " + root.error().message};
    const Complaint complaint = read_object(*root, fields);
    if (!complaint.empty()) return Error{ErrorCode::internal, "the options were not checked: provider" + complaint};
    return {};
}

}  // namespace synth::providers
