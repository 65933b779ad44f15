#include "reply_json.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "json_text.hpp"

namespace synth::providers {

namespace dom = simdjson::dom;

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

std::string repaired(std::string_view body) {
    constexpr std::string_view kMark = "\xef\xbb\xbf";
    if (body.starts_with(kMark)) body.remove_prefix(kMark.size());
    const auto surrogate = [&](std::size_t at, std::string_view third) {  // "\uD8" to "\uDB", or "\uDC" to "\uDF"
        return at + 6 <= body.size() && body[at] == '\\' && body[at + 1] == 'u' && (body[at + 2] | 0x20) == 'd' &&
               third.find(static_cast<char>(std::tolower(static_cast<unsigned char>(body[at + 3])))) !=
                   std::string_view::npos;
    };
    std::string out;
    out.reserve(body.size() + 16);
    for (std::size_t at = 0; at < body.size();) {
        std::size_t length = utf8_length(body.substr(at));
        if (body[at] == '\\') {
            const bool high = surrogate(at, "89ab");
            if (high && surrogate(at + 6, "cdef")) {
                length = 12;
            } else if (high || surrogate(at, "cdef")) {
                out += kReplacement;
                at += 6;
                continue;
            } else {
                length = std::min<std::size_t>(2, body.size() - at);
                if (length == 2 && static_cast<unsigned char>(body[at + 1]) >= 0x80) length = 1;
            }
        }
        if (length == 0) {
            out += kReplacement;
            ++at;
        } else {
            out += body.substr(at, length);
            at += length;
        }
    }
    return out;
}

}  // namespace

Json parse_body(const std::string& body) {
    thread_local dom::parser parser;  // its buffers are the cost of a parse; a thread has one reply in hand at a time
    dom::element parsed;
    auto failed = parser.parse(body).get(parsed);
    if (failed == simdjson::UTF8_ERROR || failed == simdjson::STRING_ERROR || body.starts_with("\xef\xbb\xbf"))
        failed = parser.parse(repaired(body)).get(parsed);
    if (failed != simdjson::SUCCESS || !(parsed.is_object() || parsed.is_array())) return std::nullopt;
    return parsed;
}

Json member(const Json& object, std::string_view name) {
    dom::element value;
    if (!object || !object->is_object() || (*object)[name].get(value) != simdjson::SUCCESS || value.is_null())
        return std::nullopt;
    return value;
}

std::string_view text_of(const Json& value) {
    std::string_view text;
    return value && value->get(text) == simdjson::SUCCESS ? text : std::string_view();
}

Json first_of(const Json& value) {
    dom::array array;
    if (!value || value->get(array) != simdjson::SUCCESS || array.begin() == array.end()) return std::nullopt;
    return *array.begin();
}

std::optional<Tokens> count_of(const Json& value) {
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    std::int64_t count = 0;
    double number = 0;
    if (!value) return std::nullopt;
    if (value->get(count) != simdjson::SUCCESS) {
        if (value->get(number) != simdjson::SUCCESS || !(number >= 0 && number <= double(kMost))) return std::nullopt;
        count = static_cast<std::int64_t>(number);
    }
    if (count < 0 || count > kMost) return std::nullopt;
    return Tokens{count};
}

std::string join_parts(const Json& parts, std::string_view name) {
    std::string text;
    dom::array array;
    if (parts && parts->get(array) == simdjson::SUCCESS)
        for (const dom::element part : array) text += text_of(member(part, name));
    return text;
}

}  // namespace synth::providers
