#include "common/options.hpp"

#include <stdexcept>

#include <nlohmann/json.hpp>

#include "common/json_text.hpp"

namespace synth::plugins {

Options::Options(std::string_view json) : values_(std::make_shared<const nlohmann::json>(parse_json_or_throw(json))) {}

template <class Value>
Value Options::get(std::string_view name) const {
    const auto value = values_->find(name);
    if (value == values_->end()) throw std::logic_error("option '" + std::string(name) + "' is not there");
    return value->get<Value>();
}

bool Options::has(std::string_view name) const { return values_->contains(name); }

bool Options::flag(std::string_view name) const { return get<bool>(name); }
double Options::number(std::string_view name) const { return get<double>(name); }
std::int64_t Options::integer(std::string_view name) const { return get<std::int64_t>(name); }
std::uint64_t Options::count(std::string_view name) const { return get<std::uint64_t>(name); }
std::string Options::text(std::string_view name) const { return get<std::string>(name); }
std::vector<std::string> Options::texts(std::string_view name) const { return get<std::vector<std::string>>(name); }

}  // namespace synth::plugins
