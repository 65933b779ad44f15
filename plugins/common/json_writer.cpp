#include "common/json_writer.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "common/utf8.hpp"

namespace synth::plugins {

void append_json_escape(std::string& out, char c) {
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
    out += kDigits[static_cast<unsigned char>(c) >> 4U];
    out += kDigits[static_cast<unsigned char>(c) & 0xFU];
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const std::size_t run = plain_run(text);
        out.append(text.substr(0, run));
        text.remove_prefix(run);
        if (text.empty()) break;
        if (static_cast<unsigned char>(text.front()) < 0x80) {
            append_json_escape(out, text.front());
            text.remove_prefix(1);
            continue;
        }
        text.remove_prefix(append_sequence(out, text));
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
