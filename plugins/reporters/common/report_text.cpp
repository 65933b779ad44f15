#include "reporters/common/report_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace synth::plugins {

namespace {

constexpr std::size_t kNameWidth = 10;

constexpr bool continues(char byte) noexcept { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// Characters, not bytes: of a UTF-8 text every code point counts as one column.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) { return !continues(byte); }));
}

/// Bytes of the first `columns` characters.
std::size_t prefix_bytes(std::string_view text, std::size_t columns) {
    std::size_t at = 0;
    for (; at < text.size(); ++at)
        if (!continues(text[at]) && columns-- == 0) break;
    return at;
}

std::string padded(std::string_view text, std::size_t columns) {
    std::string out(text);
    out.append(columns - std::min(columns, width(text)), ' ');
    return out;
}

std::string with_decimals(double number, int decimals) {
    std::array<char, 400> text{};
    std::snprintf(text.data(), text.size(), "%.*f", decimals, number);
    return text.data();
}

}  // namespace

std::string grouped(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
    return digits;
}

std::string counted(std::uint64_t number, std::string_view noun) {
    return grouped(number) + ' ' + std::string(noun) + (number == 1 ? "" : "s");
}

std::string figure(double number) {
    if (number >= 100 && number < 1e18) return grouped(static_cast<std::uint64_t>(std::llround(number)));
    return with_decimals(number, number >= 10 ? 1 : number >= 1 ? 2 : 3);
}

std::string percent(double share) { return with_decimals(share * 100, 1) + " %"; }

std::string money(PicoUsd amount) {
    constexpr std::int64_t kOne = PicoUsd::kPerUsd;
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(amount.value, 0));
    if (value == 0) return "$0";
    if (value < kOne / 1'000'000) return "less than $0.000001";
    const int decimals = value >= kOne ? 2 : value >= kOne / 100 ? 4 : 6;
    std::uint64_t scale = 1;
    for (int i = 0; i < decimals; ++i) scale *= 10;
    const std::uint64_t unit = kOne / scale;
    const std::uint64_t rounded = value / unit + (value % unit >= unit / 2 ? 1 : 0);
    std::string fraction = std::to_string(rounded % scale);
    fraction.insert(0, static_cast<std::size_t>(decimals) - fraction.size(), '0');
    return '$' + grouped(rounded / scale) + '.' + fraction;
}

std::string duration(double seconds) {
    if (seconds < 60) return with_decimals(seconds, seconds < 10 ? 2 : 1) + " s";
    const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
    if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
    return grouped(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

std::string clipped(std::string_view text, std::size_t columns) {
    if (width(text) <= columns) return std::string(text);
    return std::string(text.substr(0, prefix_bytes(text, columns - 1))) + "…";
}

void ReportText::row(std::string_view name, std::string_view text) {
    constexpr std::size_t kTextWidth = kColumns - kNameWidth;
    std::string lead = padded(name, kNameWidth);
    do {
        std::size_t end = prefix_bytes(text, kTextWidth);
        if (end < text.size() && text[end] != ' ') {
            const std::size_t space = text.substr(0, end).rfind(' ');
            if (space != std::string_view::npos && space > 0) end = space;
        }
        line(lead + std::string(text.substr(0, end)));
        text.remove_prefix(end);
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        lead.assign(kNameWidth, ' ');
    } while (!text.empty());
}

void ReportText::table(std::string_view heading, const std::vector<Cell>& cells) {
    constexpr std::size_t kIndent = 2, kGap = 2;
    std::size_t left = 0, right = 0;
    for (const Cell& cell : cells) {
        left = std::max(left, width(cell.left));
        right = std::max(right, width(cell.right));
    }
    right = std::min(right, kColumns / 2);
    left = std::min(left, kColumns - kIndent - 1 - right);
    const std::size_t columns = std::max<std::size_t>(1, (kColumns - kIndent + kGap) / (left + 1 + right + kGap));
    const std::size_t rows = (cells.size() + columns - 1) / columns;
    line(heading);
    for (std::size_t r = 0; r < rows; ++r) {
        std::string text;
        for (std::size_t i = r; i < cells.size(); i += rows) {
            text.append(i == r ? kIndent : kGap, ' ');
            text += padded(clipped(cells[i].left, left), left + 1 + right - std::min(right, width(cells[i].right)));
            text += clipped(cells[i].right, right);
        }
        line(text);
    }
}

void ReportText::line(std::string_view text) {
    const std::size_t begin = text_.size();
    text_ += text;
    // Messages of servers are shown, escape sequences in them are not obeyed.
    std::replace_if(
        text_.begin() + static_cast<std::ptrdiff_t>(begin), text_.end(),
        [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
    text_.erase(text_.find_last_not_of(' ') + 1);
    text_ += '\n';
}

}  // namespace synth::plugins
