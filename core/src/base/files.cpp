#include "base/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
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
    // A file without a name, where the file system has that: nothing is left of it whatever happens.
    if (const FileDescriptor unnamed(::open(dir.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)); unnamed) return {};
    std::string probe = (dir / ".tdamm-synth.XXXXXX").string();
    const FileDescriptor made(::mkostemp(probe.data(), O_CLOEXEC));
    if (!made) return io_error("cannot write to the output directory", dir);
    ::unlink(probe.c_str());
    return {};
}

Status sync_path(const fs::path& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::fsync(file.get()) != 0) return io_error("cannot sync", path);
    return {};
}

namespace {

constexpr std::string_view kPartial = ".partial.";

/// Whether `name` can be that of a StagingDir of `stem`.
bool is_staging_name(std::string_view name, std::string_view stem) {
    const auto begin = 1 + stem.size() + kPartial.size();
    return name.size() == begin + 6 && name.front() == '.' && name.substr(1, stem.size()) == stem &&
           name.substr(1 + stem.size(), kPartial.size()) == kPartial &&
           std::ranges::all_of(name.substr(begin), [](unsigned char c) { return std::isalnum(c) != 0; });
}

/// The folder, locked; nothing when it is another's, not a folder, gone, or somebody holds it.
FileDescriptor lock_staging(const fs::path& path) {
    FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat ours {}, named {};
    if (!folder || ::fstat(folder.get(), &ours) != 0 || ours.st_uid != ::geteuid() || (ours.st_mode & 07777U) != 0700U ||
        ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0)
        return {};
    if (::lstat(path.c_str(), &named) != 0 || named.st_ino != ours.st_ino || named.st_dev != ours.st_dev) return {};
    return folder;
}

/// Removes the staging folders of processes that were killed. What cannot be locked is left where it is.
void remove_stale(const fs::path& dir, std::string_view stem) {
    std::error_code ignored;
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(dir, ignored))
        if (is_staging_name(entry.path().filename().string(), stem)) found.push_back(entry.path());
    for (const auto& path : found)
        if (const auto stale = lock_staging(path)) fs::remove_all(path, ignored);
}

}  // namespace

Result<StagingDir> StagingDir::make(const fs::path& dir, std::string_view stem) {
    remove_stale(dir, stem);
    for (int attempt = 0;; ++attempt) {
        std::string name = (dir / ("." + std::string(stem) + std::string(kPartial) + "XXXXXX")).string();
        if (::mkdtemp(name.data()) == nullptr) return io_error("cannot make a folder in", dir);
        if (auto lock = lock_staging(name)) return StagingDir(std::move(name), std::move(lock));
        // Somebody who clears up may have been faster than the lock; and where folders cannot be locked at all (some
        // network file systems) nobody clears up.
        if (std::error_code ignored; fs::exists(name, ignored) && attempt > 2) return StagingDir(std::move(name), {});
        ::rmdir(name.c_str());
    }
}

StagingDir::StagingDir(StagingDir&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

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

Status write_whole(const fs::path& file, std::string_view stem, std::string_view text) {
    const auto dir = file.parent_path().empty() ? fs::path(".") : file.parent_path();
    const auto staging = StagingDir::make(dir, stem);
    if (!staging) return staging.error();
    const auto partial = staging->path() / file.filename();
    const FileDescriptor out(::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!out) return io_error("cannot write", file);
    ::fchmod(out.get(), 0644);
    while (!text.empty()) {
        const auto written = ::write(out.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return io_error("cannot write", file);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(out.get()) != 0 || ::rename(partial.c_str(), file.c_str()) != 0) return io_error("cannot write", file);
    return sync_path(dir);
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

bool FileLock::may_be_one(const fs::path& file) {
    struct stat info {};
    return ::lstat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0 && info.st_uid == ::geteuid() &&
           (info.st_mode & 077U) == 0;
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
