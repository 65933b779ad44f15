// A file that is written from its beginning, through a buffer that users append to.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "synth/result.hpp"
#include "synth/sink.hpp"

namespace synth::sinks {

/// STEM`extension` in the staging folder.
inline std::string staged(const SinkContext& context, std::string_view extension) {
    return context.staging_dir + "/" + context.stem + std::string(extension);
}

/// An Error of the disk: cannot `what` 'path': the text of `number`, an errno.
Error disk_error(const char* what, const std::string& path, int number);

/// Errors are io and name the file.
class BufferedFile {
public:
    BufferedFile() = default;
    BufferedFile(const BufferedFile&) = delete;
    BufferedFile& operator=(const BufferedFile&) = delete;
    ~BufferedFile();

    Status open(std::string path);

    [[nodiscard]] std::string& buffer() noexcept { return buffer_; }

    /// To be called after each record: writes when enough has come together.
    Status flush_if_full() { return buffer_.size() < kBufferSize ? Status() : flush(); }

    Status close();

private:
    static constexpr std::size_t kBufferSize = std::size_t{256} * 1024;

    Status flush();
    [[nodiscard]] Error failed(const char* what) const;

    std::string path_, buffer_;
    int descriptor_ = -1;
};

}  // namespace synth::sinks
