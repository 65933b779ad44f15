#include "json_text.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace synth::openai {

namespace {

constexpr std::uint64_t repeated(std::uint8_t byte) noexcept { return 0x0101010101010101ULL * byte; }

/// True when one of 8 bytes is a control character, a quote, a backslash or not ASCII. May also be true when the byte
/// after such a one is harmless; never false when one is there.
bool needs_care(std::uint64_t word) noexcept {
    const auto zero_byte = [](std::uint64_t x) { return (x - repeated(0x01)) & ~x; };
    return ((word | ((word - repeated(0x20)) & ~word) | zero_byte(word ^ repeated('"')) |
             zero_byte(word ^ repeated('\\'))) &
            repeated(0x80)) != 0;
}

/// Bytes at the start of `text` that stand for themselves, as far as they are told quickly.
std::size_t plain_run(std::string_view text) noexcept {
    std::size_t at = 0;
    for (std::uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
        std::memcpy(&word, text.data() + at, sizeof word);
        if (needs_care(word)) break;
    }
    for (; at < text.size(); ++at) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
    }
    return at;
}

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default: break;
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    out += "\\u00";
    out += kHex[static_cast<unsigned char>(c) >> 4];
    out += kHex[static_cast<unsigned char>(c) & 0xf];
}

}  // namespace

std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const unsigned second = byte(1);  // no overlong forms, no surrogates, nothing above U+10FFFF
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
        (lead == 0xf4 && second > 0x8f))
        return 0;
    return length;
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const std::size_t plain = plain_run(text);
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        std::size_t length = 1;
        if (static_cast<unsigned char>(text[0]) < 0x80) {
            append_escaped(out, text[0]);
        } else if (length = utf8_length(text); length != 0) {
            out.append(text.substr(0, length));
        } else {
            out += '?';
            length = 1;
        }
        text.remove_prefix(length);
    }
    out += '"';
}

void append_json_number(std::string& out, double number) {
    std::array<char, 32> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out.append(digits.data(), end);
}

}  // namespace synth::openai
