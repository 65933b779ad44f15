#include "base/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace synth::core {

namespace fs = std::filesystem;

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
}

Error io_error(std::string_view what, const fs::path& path) {
    return Error{ErrorCode::io, std::string(what) + " " + path.string() + ": " + std::strerror(errno), "io"};
}

Result<std::string> read_file(const fs::path& file) {
    std::error_code ignored;
    if (fs::is_directory(file, ignored)) {
        errno = EISDIR;
        return io_error("cannot read", file);
    }
    std::ifstream in(file, std::ios::binary);
    if (!in) return io_error("cannot read", file);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (in.bad()) return io_error("cannot read", file);
    return text;
}

Status prepare_output_dir(const fs::path& dir) {
    std::error_code error;
    fs::create_directories(dir, error);
    if (error) {
        errno = error.value();
        return io_error("cannot make the output directory", dir);
    }
    if (!fs::is_directory(dir, error)) {
        errno = ENOTDIR;
        return io_error("cannot use the output directory", dir);
    }
    std::string probe = (dir / ".tdamm-synth.XXXXXX").string();
    const FileDescriptor made(::mkstemp(probe.data()));
    if (!made) return io_error("cannot write to the output directory", dir);
    ::unlink(probe.c_str());
    return {};
}

Status sync_path(const fs::path& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::fsync(file.get()) != 0) return io_error("cannot sync", path);
    return {};
}

Status write_whole(const fs::path& file, std::string_view text) {
    std::string temporary = file.string() + ".XXXXXX";
    const FileDescriptor out(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!out) return io_error("cannot write", file);
    const auto fail = [&] {
        auto error = io_error("cannot write", file);
        ::unlink(temporary.c_str());
        return error;
    };
    ::fchmod(out.get(), 0644);
    while (!text.empty()) {
        const auto written = ::write(out.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail();
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(out.get()) != 0 || ::rename(temporary.c_str(), file.c_str()) != 0) return fail();
    return sync_path(file.parent_path().empty() ? fs::path(".") : file.parent_path());
}

Result<StagingDir> StagingDir::make(const fs::path& dir, std::string_view stem) {
    std::string name = (dir / ("." + std::string(stem) + ".partial.XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr) return io_error("cannot make a folder in", dir);
    return StagingDir(fs::path(name));
}

StagingDir::StagingDir(StagingDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

StagingDir::~StagingDir() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::vector<fs::path>> StagingDir::publish(const fs::path& dir, std::string_view stem,
                                                  bool overwrite) {
    std::vector<fs::path> published;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(path_, error)) {
        const std::string name = entry.path().filename().string();
        if (!entry.is_regular_file() || entry.is_symlink() || !name.starts_with(std::string(stem) + "."))
            return Error{ErrorCode::internal, "a sink made '" + name + "', expected files named " + std::string(stem) + ".*",
                         "sink_file_name"};
        if (!overwrite && fs::exists(dir / name))
            return Error{ErrorCode::io, (dir / name).string() + " is there already and will not be overwritten", "exists"};
        published.push_back(dir / name);
    }
    std::ranges::sort(published);
    for (const auto& target : published) {
        const auto source = path_ / target.filename();
        if (auto synced = sync_path(source); !synced) return std::move(synced).error();
        if (::rename(source.c_str(), target.c_str()) != 0) return io_error("cannot rename into place", target);
    }
    if (auto synced = sync_path(dir); !synced) return std::move(synced).error();
    return published;
}

Result<FileLock> FileLock::take(const fs::path& file, std::string_view busy_message) {
    for (;;) {
        FileDescriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!lock) return io_error("cannot open the lock", file);
        if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) return Error{ErrorCode::io, std::string(busy_message), "locked"};
            return io_error("cannot lock", file);
        }
        // Its last owner may have removed the file between our open and our lock: then it guards nothing.
        struct stat ours {}, named {};
        if (::fstat(lock.get(), &ours) == 0 && ::stat(file.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
            ours.st_dev == named.st_dev)
            return FileLock(file, std::move(lock));
    }
}

FileLock::FileLock(FileLock&& other) noexcept : file_(std::exchange(other.file_, {})), lock_(std::move(other.lock_)) {}

FileLock::~FileLock() {
    if (!file_.empty()) ::unlink(file_.c_str());
}

bool is_network_filesystem(const fs::path& path) {
    // Numbers of statfs(2): NFS, SMB, SMB2, CIFS, AFS, Coda, Lustre, GPFS, 9P, Ceph, FUSE (sshfs and others).
    static constexpr std::array<unsigned long, 11> kNetwork = {0x6969,     0x517B,     0xFE534D42, 0xFF534D42,
                                                               0x5346414F, 0x73757245, 0x0BD00BD0, 0x47504653,
                                                               0x01021997, 0x00C36400, 0x65735546};
    struct statfs info {};
    if (::statfs(path.c_str(), &info) != 0) return false;
    return std::ranges::find(kNetwork, static_cast<unsigned long>(info.f_type) & 0xFFFFFFFFUL) != kNetwork.end();
}

}  // namespace synth::core
