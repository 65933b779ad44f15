#include "common/json_writer.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstring>

namespace synth::plugins {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Length of the run of printable ASCII other than quote and backslash that `text` begins with. Eight bytes at a time:
/// the high bit of a byte of `special` says that it ends the run; what a borrow adds is above the first such byte.
std::size_t plain_run(std::string_view text) noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101, kHighBits = 0x80 * kOnes;
    const auto holds_zero = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes; };
    std::size_t at = 0;
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data() + at, sizeof bytes);
        if constexpr (std::endian::native == std::endian::big) bytes = __builtin_bswap64(bytes);
        const std::uint64_t control = (bytes - 0x20 * kOnes) & ~bytes;
        const std::uint64_t special =
            (bytes | control | holds_zero(bytes ^ ('"' * kOnes)) | holds_zero(bytes ^ ('\\' * kOnes))) & kHighBits;
        if (special != 0) return at + static_cast<std::size_t>(std::countr_zero(special)) / 8;
    }
    const auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; };
    while (at < text.size() && plain(static_cast<unsigned char>(text[at]))) ++at;
    return at;
}

struct Sequence {
    std::size_t length;  ///< of the sequence, or of its longest prefix that could have begun one
    bool well_formed;
};

/// The UTF-8 sequence that `text` begins with; its first byte is not ASCII. Unicode 15, tables 3-7 and 3-8.
Sequence utf8_sequence(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    std::size_t length = 0;
    unsigned char low = 0x80, high = 0xBF;  // of the second byte
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0) low = 0xA0;   // no overlong forms
        if (lead == 0xED) high = 0x9F;  // no surrogates
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;  // nothing above U+10FFFF
    } else {
        return {1, false};
    }
    for (std::size_t i = 1; i < length; ++i) {
        if (i == text.size() || byte(i) < low || byte(i) > high) return {i, false};
        low = 0x80;
        high = 0xBF;
    }
    return {length, true};
}

void append_escaped(std::string& out, unsigned char c) {
    switch (c) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        case '\b': out += "\\b"; return;
        case '\f': out += "\\f"; return;
        default: break;
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += "\\u00";
    out += kDigits[c >> 4U];
    out += kDigits[c & 0xFU];
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const std::size_t run = plain_run(text);
        out.append(text.substr(0, run));
        text.remove_prefix(run);
        if (text.empty()) break;
        if (const auto c = static_cast<unsigned char>(text.front()); c < 0x80) {
            append_escaped(out, c);
            text.remove_prefix(1);
            continue;
        }
        const Sequence sequence = utf8_sequence(text);
        out.append(sequence.well_formed ? text.substr(0, sequence.length) : kReplacement);
        text.remove_prefix(sequence.length);
    }
    out += '"';
}

void append_usd(std::string& out, PicoUsd amount) {
    constexpr std::size_t kDecimals = 12;
    // Unsigned, because the most negative amount has no positive counterpart.
    const bool negative = amount.value < 0;
    const std::uint64_t value =
        negative ? 0 - static_cast<std::uint64_t>(amount.value) : static_cast<std::uint64_t>(amount.value);
    constexpr auto kOne = static_cast<std::uint64_t>(PicoUsd::kPerUsd);
    if (negative) out += '-';
    out += std::to_string(value / kOne);
    if (value % kOne == 0) return;
    std::string decimals = std::to_string(value % kOne);
    decimals.insert(0, kDecimals - decimals.size(), '0');
    decimals.erase(decimals.find_last_not_of('0') + 1);
    out += '.';
    out += decimals;
}

void JsonWriter::key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ": ";
    comma_ = false;
}

void JsonWriter::value(std::string_view text) {
    separate();
    append_json_string(out_, text);
}

void JsonWriter::value(PicoUsd amount) {
    separate();
    append_usd(out_, amount);
}

void JsonWriter::value(double number) {
    if (!std::isfinite(number)) return null();
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

}  // namespace synth::plugins
