#include "common/json_value.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/json_text.hpp"

namespace synth::plugins {

using nlohmann::json;

JsonValue JsonValue::parse(std::string_view text) {
    auto parsed = std::make_shared<const json>(parse_json(text));
    return parsed->is_discarded() ? JsonValue() : JsonValue(std::move(parsed));
}

bool JsonValue::is_null() const noexcept { return value_ && value_->is_null(); }
bool JsonValue::is_object() const noexcept { return value_ && value_->is_object(); }
bool JsonValue::is_array() const noexcept { return value_ && value_->is_array(); }
bool JsonValue::is_text() const noexcept { return value_ && value_->is_string(); }

JsonValue JsonValue::member(std::string_view name) const {
    if (!is_object()) return {};
    const auto found = value_->find(name);
    return found == value_->end() ? JsonValue() : inner(*found);
}

std::vector<std::pair<std::string_view, JsonValue>> JsonValue::members() const {
    std::vector<std::pair<std::string_view, JsonValue>> all;
    if (is_object())
        for (const auto& [name, value] : value_->get_ref<const json::object_t&>()) all.emplace_back(name, inner(value));
    return all;
}

std::vector<JsonValue> JsonValue::elements() const {
    std::vector<JsonValue> all;
    if (is_array())
        for (const json& element : *value_) all.push_back(inner(element));
    return all;
}

std::string_view JsonValue::text() const noexcept {
    return is_text() ? std::string_view(value_->get_ref<const std::string&>()) : std::string_view();
}

std::optional<std::uint64_t> JsonValue::count() const noexcept {
    return value_ && value_->is_number_unsigned() ? std::optional(value_->get<std::uint64_t>()) : std::nullopt;
}

JsonValue JsonValue::with(std::string_view name, std::string_view text) const {
    auto copy = std::make_shared<json>(*value_);
    (*copy)[std::string(name)] = text;
    return JsonValue(std::move(copy));
}

std::string JsonValue::dump() const { return json_text(*value_); }

std::string json_fault(std::string_view text) {
    try {
        static_cast<void>(parse_json_or_throw(text));
        return {};
    } catch (const json::exception& error) {
        const std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error at line …"
        return std::string(what.substr(std::min(what.find("] ") + 2, what.size())));
    }
}

}  // namespace synth::plugins
