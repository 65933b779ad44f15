#include "common/utf8.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace synth::plugins {

namespace {

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

}  // namespace

std::size_t utf8_length(std::string_view text) noexcept {
    if (static_cast<unsigned char>(text.front()) < 0x80) return 1;
    const Sequence sequence = utf8_sequence(text);
    return sequence.well_formed ? sequence.length : 0;
}

std::size_t plain_run(std::string_view text) noexcept {
    // Bytes, of which the compiler looks at all at once. As signed numbers, what is not ASCII is below zero.
    using Sixteen [[gnu::vector_size(16)]] = signed char;
    std::size_t at = 0;
    for (; at + sizeof(Sixteen) <= text.size(); at += sizeof(Sixteen)) {
        Sixteen bytes;
        std::memcpy(&bytes, text.data() + at, sizeof bytes);
        const auto special = (bytes < 0x20) | (bytes == '"') | (bytes == '\\');
        auto [first, second] = std::bit_cast<std::array<std::uint64_t, 2>>(special);
        if ((first | second) == 0) continue;
        if constexpr (std::endian::native == std::endian::big) {
            first = __builtin_bswap64(first);
            second = __builtin_bswap64(second);
        }
        return at + static_cast<std::size_t>(first != 0 ? std::countr_zero(first) : 64 + std::countr_zero(second)) / 8;
    }
    const auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; };
    while (at < text.size() && plain(static_cast<unsigned char>(text[at]))) ++at;
    return at;
}

std::size_t append_sequence(std::string& out, std::string_view text) {
    const Sequence sequence = utf8_sequence(text);
    out.append(sequence.well_formed ? text.substr(0, sequence.length) : kReplacement);
    return sequence.length;
}

void append_text(std::string& out, std::string_view text, char doubled) {
    while (!text.empty()) {
        const std::size_t run = plain_run(text);
        out.append(text.substr(0, run));
        text.remove_prefix(run);
        if (text.empty()) return;
        const char c = text.front();
        if (static_cast<unsigned char>(c) >= 0x80) {
            text.remove_prefix(append_sequence(out, text));
            continue;
        }
        if (c == '\0')
            out += kReplacement;
        else
            out.append(c == doubled ? 2 : 1, c);
        text.remove_prefix(1);
    }
}

}  // namespace synth::plugins
