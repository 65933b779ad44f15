#include "request_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/json_writer.hpp"
#include "common/utf8.hpp"

namespace synth::providers {

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const std::size_t run = plugins::plain_run(text);
        out.append(text.substr(0, run));
        text.remove_prefix(run);
        if (text.empty()) break;
        const std::size_t length = plugins::utf8_length(text);
        if (length == 0)
            out += '?';
        else if (length == 1)
            plugins::append_json_escape(out, text.front());
        else
            out.append(text.substr(0, length));
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    out += '"';
}

void append_json_number(std::string& out, double number) {
    std::array<char, 32> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out.append(digits.data(), end);
}

void JsonObject::key(std::string_view name) {
    json_ += json_.empty() ? '{' : ',';
    append_json_string(json_, name);
    json_ += ':';
}

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(json_, value);
    return *this;
}

JsonObject& JsonObject::number(std::string_view name, double value) {
    key(name);
    append_json_number(json_, value);
    return *this;
}

JsonObject& JsonObject::flag(std::string_view name, bool value) {
    key(name);
    json_ += value ? "true" : "false";
    return *this;
}

}  // namespace synth::providers
