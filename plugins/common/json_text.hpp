// JSON text, read and written. What reads and writes is most of nlohmann/json, and all of it is templates: it is
// compiled here, once, and not in every source that has a line of JSON to say. (What is read or written for each sample
// goes through simdjson and json_writer.hpp.)

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace synth::plugins {

/// The value that `text` is, or one that `is_discarded()`, and nothing else, when it is not JSON.
[[nodiscard]] nlohmann::json parse_json(std::string_view text);
[[nodiscard]] nlohmann::ordered_json parse_ordered_json(std::string_view text);

/// The same for text whose faults are worth telling: throws `nlohmann::json::parse_error`, which says what and where.
[[nodiscard]] nlohmann::json parse_json_or_throw(std::string_view text);

/// What becomes of strings that are not UTF-8.
enum class BadUtf8 : std::uint8_t {
    replace,  ///< each wrong byte becomes U+FFFD
    refuse,   ///< throws `nlohmann::json::type_error`
};

/// `value` as text: on one line, or with `indent` spaces for each level.
[[nodiscard]] std::string json_text(const nlohmann::json& value, int indent = -1, BadUtf8 bad = BadUtf8::replace);
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& value, int indent = -1,
                                    BadUtf8 bad = BadUtf8::replace);

}  // namespace synth::plugins
