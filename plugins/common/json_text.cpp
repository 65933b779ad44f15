#include "common/json_text.hpp"

#include <nlohmann/json.hpp>

namespace synth::plugins {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

template <class Json>
std::string dump(const Json& value, int indent, BadUtf8 bad) {
    return value.dump(indent, ' ', false,
                      bad == BadUtf8::replace ? Json::error_handler_t::replace : Json::error_handler_t::strict);
}

}  // namespace

json parse_json(std::string_view text) { return json::parse(text, nullptr, false); }
ordered_json parse_ordered_json(std::string_view text) { return ordered_json::parse(text, nullptr, false); }
json parse_json_or_throw(std::string_view text) { return json::parse(text); }

std::string json_text(const json& value, int indent, BadUtf8 bad) { return dump(value, indent, bad); }
std::string json_text(const ordered_json& value, int indent, BadUtf8 bad) { return dump(value, indent, bad); }

}  // namespace synth::plugins
