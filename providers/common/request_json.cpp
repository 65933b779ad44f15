#include "request_json.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace synth::providers {

namespace {

constexpr std::uint64_t repeated(std::uint8_t byte) noexcept { return 0x0101010101010101ULL * byte; }

/// How many of the first of 8 bytes stand for themselves: no control character, quote or backslash, and ASCII. Fewer
/// than that where the machine does not keep the first byte lowest.
std::size_t plain_bytes(std::uint64_t word) noexcept {
    const auto zero_byte = [](std::uint64_t x) { return (x - repeated(0x01)) & ~x; };
    const std::uint64_t marks = (word | ((word - repeated(0x20)) & ~word) | zero_byte(word ^ repeated('"')) |
                                 zero_byte(word ^ repeated('\\'))) &
                                repeated(0x80);  // a borrow may mark bytes after the first marked one, never before
    if (marks == 0) return sizeof word;
    return std::endian::native == std::endian::little ? static_cast<std::size_t>(std::countr_zero(marks)) / 8 : 0;
}

/// Writes the escape of a control character, quote or backslash (at most 6 bytes); its length.
std::size_t write_escape(char* to, char c) noexcept {
    constexpr std::string_view kFrom = "\"\\\n\r\t", kShort = "\"\\nrt", kHex = "0123456789abcdef";
    if (const std::size_t known = kFrom.find(c); known != std::string_view::npos) {
        to[0] = '\\';
        to[1] = kShort[known];
        return 2;
    }
    std::memcpy(to, "\\u00", 4);
    to[4] = kHex[static_cast<unsigned char>(c) >> 4];
    to[5] = kHex[static_cast<unsigned char>(c) & 0xf];
    return 6;
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
    std::array<char, 1024> buffer;
    std::size_t filled = 0;
    out += '"';
    while (!text.empty()) {
        constexpr std::size_t kOneStep = 16;  // a word and an escape
        if (filled + kOneStep > buffer.size()) {
            out.append(buffer.data(), filled);
            filled = 0;
        }
        if (std::uint64_t word = 0; text.size() >= sizeof word) {
            std::memcpy(&word, text.data(), sizeof word);
            std::memcpy(buffer.data() + filled, &word, sizeof word);
            const std::size_t plain = plain_bytes(word);
            filled += plain;
            text.remove_prefix(plain);
            if (plain == sizeof word) continue;
        }
        const auto c = static_cast<unsigned char>(text[0]);
        const std::size_t length = utf8_length(text);
        if (c < 0x20 || c == '"' || c == '\\') {
            filled += write_escape(buffer.data() + filled, text[0]);
        } else if (length == 0) {
            buffer[filled++] = '?';
        } else {
            std::memcpy(buffer.data() + filled, text.data(), length);
            filled += length;
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    out.append(buffer.data(), filled);
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
