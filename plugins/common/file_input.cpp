#include "common/file_input.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace synth::plugins {
namespace {

constexpr std::size_t kBufferSize = std::size_t{256} * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Error failed(const std::string& path) {
    const int number = errno;
    return {ErrorCode::io, "cannot read '" + path + "': " + std::generic_category().message(number), {}};
}

}  // namespace

FileInput::FileInput(std::string path) : path_(std::move(path)), buffer_(kBufferSize) {}

FileInput::FileInput(FileInput&& other) noexcept { *this = std::move(other); }

FileInput& FileInput::operator=(FileInput&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    std::swap(buffer_, other.buffer_);
    std::swap(at_, other.at_);
    std::swap(end_, other.end_);
    std::swap(line_, other.line_);
    return *this;
}

FileInput::~FileInput() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<FileInput> FileInput::open(std::string path) {
    FileInput input(std::move(path));
    input.descriptor_ = ::open(input.path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (input.descriptor_ < 0) return failed(input.path_);
    const auto begin = input.peek();
    if (!begin) return begin.error();
    if (begin->starts_with(kByteOrderMark)) input.consume(kByteOrderMark.size());
    return input;
}

Result<std::string_view> FileInput::peek() {
    if (at_ == end_) {
        at_ = end_ = 0;
        // Three bytes at least, which a byte order mark may be.
        while (end_ < kByteOrderMark.size()) {
            const ::ssize_t got = ::read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return failed(path_);
            if (got == 0) break;
            end_ += static_cast<std::size_t>(got);
        }
    }
    return std::string_view(buffer_.data() + at_, end_ - at_);
}

void FileInput::consume(std::size_t count) noexcept {
    line_ += static_cast<std::uint64_t>(std::count(buffer_.data() + at_, buffer_.data() + at_ + count, '\n'));
    at_ += count;
}

Result<bool> FileInput::read_line(std::string& out) {
    bool any = false;
    for (;;) {
        const auto rest = peek();
        if (!rest) return rest.error();
        if (rest->empty()) return any;
        any = true;
        const std::size_t end = rest->find('\n');
        out.append(rest->substr(0, end));
        consume(end == std::string_view::npos ? rest->size() : end + 1);
        if (end != std::string_view::npos) return true;
    }
}

}  // namespace synth::plugins
