// Objects of JSON that a person wrote, read field by field: what is wrong is said with the path to it.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json_reader.hpp"
#include "synth/result.hpp"

namespace synth::providers {

/// What is wrong with a value, in words that follow its name; empty: nothing.
using Complaint = std::string;

struct Field {
    std::string_view name;
    std::function<Complaint(plugins::JsonView)> read;
};

/// Hands every member to the field of its name; the first complaint, with the path to the value, ends it. A member
/// without a field is a complaint.
Complaint read_object(plugins::JsonView value, const std::vector<Field>& fields);

// Each borrows its target.
Field text(std::string_view name, std::string& target);
Field date(std::string_view name, std::string& target);  ///< ISO
Field flag(std::string_view name, bool& target);
Field number(std::string_view name, double& target);
Field count(std::string_view name, std::int64_t& target);  ///< 0 to 10^9
/// For people and for provenance; the program has no use for it.
Field ignored(std::string_view name);

/// Options that the core has checked against the schema: whatever is wrong with them is a bug.
Status read_options(std::string_view json, const std::vector<Field>& fields);

}  // namespace synth::providers
