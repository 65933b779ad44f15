#include "common/buffered_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace synth::sinks {

Error disk_error(const char* what, const std::string& path, int number) {
    return {ErrorCode::io,
            std::string("cannot ") + what + " '" + path + "': " + std::generic_category().message(number),
            {}};
}

BufferedFile::~BufferedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Status BufferedFile::open(std::string path) {
    path_ = std::move(path);
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) return failed("create");
    buffer_.reserve(kBufferSize + kBufferSize / 4);
    return {};
}

Status BufferedFile::close() {
    if (Status flushed = flush(); !flushed) return flushed;
    // After EINTR the descriptor is closed on Linux all the same.
    if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) return failed("write");
    return {};
}

Status BufferedFile::flush() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
        const ::ssize_t written = ::write(descriptor_, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed("write");
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
    return {};
}

Error BufferedFile::failed(const char* what) const { return disk_error(what, path_, errno); }

}  // namespace synth::sinks
