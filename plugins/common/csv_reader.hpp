// Reads CSV (RFC 4180) record by record: quoted fields may hold commas, quotes and line ends. Lines may end in LF or
// CR LF; empty lines are no records.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/file_input.hpp"
#include "synth/result.hpp"

namespace synth::plugins {

class CsvReader {
public:
    /// The input is borrowed.
    explicit CsvReader(FileInput& input) : input_(input) {}

    /// The next record; false at the end of the file. malformed, naming file and line.
    Result<bool> next();

    /// Of the record read last.
    [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
    [[nodiscard]] std::string_view operator[](std::size_t field) const noexcept {
        const std::size_t begin = field == 0 ? 0 : ends_[field - 1];
        return std::string_view(text_).substr(begin, ends_[field] - begin);
    }
    [[nodiscard]] std::uint64_t line() const noexcept { return line_; }  ///< that it begins in

private:
    Status read_quoted();
    [[nodiscard]] Error malformed(std::uint64_t line, const char* what) const;

    FileInput& input_;
    std::string text_;               // fields of the record, one after the other
    std::vector<std::size_t> ends_;  // of each field in it
    std::uint64_t line_ = 0;
};

}  // namespace synth::plugins
