#include "reply_json.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "common/utf8.hpp"

namespace synth::providers {

namespace {

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
        std::size_t length = plugins::utf8_length(body.substr(at));
        if (body[at] == '\\') {
            const bool high = surrogate(at, "89ab");
            if (high && surrogate(at + 6, "cdef")) {
                length = 12;
            } else if (high || surrogate(at, "cdef")) {
                out += plugins::kReplacement;
                at += 6;
                continue;
            } else {
                length = std::min<std::size_t>(2, body.size() - at);
                if (length == 2 && static_cast<unsigned char>(body[at + 1]) >= 0x80) length = 1;
            }
        }
        if (length == 0) {
            out += plugins::kReplacement;
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
    thread_local plugins::JsonParser
        parser;  // its buffers are the cost of a parse; a thread has one reply in hand at a time
    auto root = parser.parse(body, body.capacity() - body.size());
    if (!root) root = parser.parse(repaired(body));
    return root && (root->is_object() || root->is_array()) ? *root : Json();
}

std::optional<Tokens> count_of(Json value) {
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    auto count = value.integer();
    if (!count) {
        const auto number = value.number();
        if (!number || !(*number >= 0 && *number <= double(kMost))) return std::nullopt;
        count = static_cast<std::int64_t>(*number);
    }
    if (*count < 0 || *count > kMost) return std::nullopt;
    return Tokens{*count};
}

std::string join_parts(Json parts, std::string_view name) {
    std::string text;
    for (const Json part : parts.elements()) text += part.member(name).text();
    return text;
}

}  // namespace synth::providers
