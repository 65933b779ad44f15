// A file that is read from its beginning through a buffer of fixed size, so that memory does not grow with it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"

namespace synth::plugins {

class FileInput {
public:
    FileInput() = default;
    FileInput(FileInput&& other) noexcept;
    FileInput& operator=(FileInput&& other) noexcept;
    ~FileInput();

    /// Skips a byte order mark. io, saying which file and why.
    static Result<FileInput> open(std::string path);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Of the next byte, from 1.
    [[nodiscard]] std::uint64_t line() const noexcept { return line_; }

    /// What has been read but not consumed; reads more when that is nothing, so that it is empty only at the end of the
    /// file. Valid until the next call.
    Result<std::string_view> peek();
    /// `count` bytes of what `peek` gave are done with.
    void consume(std::size_t count) noexcept;

    /// Appends what follows up to the next line feed, which is consumed and not appended. False at the end of the file.
    Result<bool> read_line(std::string& out);

private:
    explicit FileInput(std::string path);

    std::string path_;
    int descriptor_ = -1;
    std::vector<char> buffer_;
    std::size_t at_ = 0, end_ = 0;
    std::uint64_t line_ = 1;
};

}  // namespace synth::plugins
