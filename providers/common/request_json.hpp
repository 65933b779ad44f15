// Text as JSON, written by hand because every request is: no tree, no copy but the one into the body.

#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace synth::providers {

/// Appends `text` as a JSON string with its quotes. A byte that is not UTF-8 becomes '?', one for one, so that the body
/// is always valid and the number of bytes stays a bound for the number of tokens.
void append_json_string(std::string& out, std::string_view text);

/// In the shortest form that reads back the same: 0.8.
void append_json_number(std::string& out, double number);

/// A flat object, member by member.
class JsonObject {
public:
    JsonObject& text(std::string_view name, std::string_view value);
    JsonObject& number(std::string_view name, double value);
    JsonObject& flag(std::string_view name, bool value);
    [[nodiscard]] std::string take() && { return std::move(json_ += json_.empty() ? "{}" : "}"); }

private:
    void key(std::string_view name);

    std::string json_;
};

}  // namespace synth::providers
