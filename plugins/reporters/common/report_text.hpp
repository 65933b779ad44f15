// How the sections of a report look on a terminal: names in a first column, wrapped text in a second, tables of short
// cells, and figures as people write them. Nothing is wider than 100 columns.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "synth/units.hpp"

namespace synth::plugins {

/// "1,178"
std::string grouped(std::uint64_t number);
/// "1,178 words", "1 word"; `noun` in the singular.
std::string counted(std::uint64_t number, std::string_view noun);
/// About three digits: "20,113", "12.3", "0.052".
std::string figure(double number);
/// "12.5 %"
std::string percent(double share);
/// Rounded to what matters of an amount of that size: "$1,234.56", "$0.0912", "$0.000460".
std::string money(PicoUsd amount);
/// "0.42 s", "2 min 31 s", "3 h 12 min"
std::string duration(double seconds);
/// At most `width` characters, an ellipsis where some were left out.
std::string clipped(std::string_view text, std::size_t width);

/// What is appended line by line; control characters in any of it become spaces.
class ReportText {
public:
    static constexpr std::size_t kColumns = 100;

    /// `text` wrapped beside `name`; an empty name goes on below the line before.
    void row(std::string_view name, std::string_view text);

    /// Cells in as many columns as fit, to be read downwards: `left` at the left, `right` at the right edge of each.
    struct Cell {
        std::string left, right;
    };
    void table(std::string_view heading, const std::vector<Cell>& cells);

    [[nodiscard]] std::string take() && { return std::move(text_); }

private:
    void line(std::string_view text);

    std::string text_;
};

}  // namespace synth::plugins
