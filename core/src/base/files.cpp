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
#include <cstdio>
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

Result<FileDescriptor> nameless_file(const fs::path& folder) {
    const auto dir = folder.empty() ? fs::path(".") : folder;
    // Not all file systems have files without a name.
    if (FileDescriptor unnamed(::open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)); unnamed) return unnamed;
    std::string name = (dir / ".tdamm-synth.XXXXXX").string();
    FileDescriptor made(::mkostemp(name.data(), O_CLOEXEC));
    if (!made) return io_error("cannot make a file in", dir);
    ::unlink(name.c_str());
    return made;
}

bool write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(file, text.data(), text.size());
        if (written < 0 && errno != EINTR) return false;
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
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
    auto file = nameless_file(dir);
    return file ? Status() : std::move(file).error();
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
    struct stat ours{}, named{};
    if (!folder || ::fstat(folder.get(), &ours) != 0 || ours.st_uid != ::geteuid() ||
        (ours.st_mode & 07777U) != 0700U || ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0)
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

namespace {

/// Calls `visit(path below `top`, type)` for all that is in `top`, folders before what is in them; ends at its first
/// error. Symbolic links are not followed.
template <class Visit>
Status each_below(const fs::path& top, Visit&& visit) {
    std::error_code error;
    fs::recursive_directory_iterator at(top, error);
    for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
        const auto type = at->symlink_status(error).type();
        if (error) break;
        if (Status visited = visit(at->path().lexically_relative(top), type); !visited) return visited;
    }
    errno = error.value();
    return error ? Status(io_error("cannot read", top)) : Status();
}

Error not_for_publishing(const std::string& name, std::string_view stem) {
    return {ErrorCode::internal,
            "a sink made '" + name + "', expected files and folders named " + std::string(stem) + ".*, without links",
            "sink_file_name"};
}

/// That every file and folder in `source` is a plain one, and that there is room for it at `target`.
Status check_publishable(const fs::path& source, const fs::path& target, std::string_view stem, bool overwrite) {
    const std::string name = source.filename().string();
    const auto plain = [](fs::file_type type) {
        return type == fs::file_type::regular || type == fs::file_type::directory;
    };
    std::error_code ignored;
    const auto made = fs::symlink_status(source, ignored).type();
    if (!plain(made) || !name.starts_with(std::string(stem) + ".")) return not_for_publishing(name, stem);
    if (made == fs::file_type::directory) {
        auto inside = each_below(source, [&](const fs::path& below, fs::file_type type) {
            return plain(type) ? Status() : Status(not_for_publishing((name / below).string(), stem));
        });
        if (!inside) return inside;
    }
    const auto there = fs::symlink_status(target, ignored).type();
    if (there == fs::file_type::not_found) return {};
    if (!overwrite)
        return Error{ErrorCode::io, target.string() + " is there already and will not be overwritten", "exists"};
    const bool folder_there = there == fs::file_type::directory;
    if (folder_there != (made == fs::file_type::directory))
        return Error{ErrorCode::io,
                     target.string() + (folder_there ? " is a folder, a file" : " is a file, a folder") +
                         " of that name cannot take its place; move it away",
                     "exists"};
    if (!folder_there) return {};
    return each_below(target, [&](const fs::path& below, fs::file_type type) -> Status {
        if (std::error_code absent; fs::symlink_status(source / below, absent).type() == type) return {};
        return Error{ErrorCode::io,
                     (target / below).string() + " is not part of the new " + name +
                         ", which would replace the folder; move the folder away",
                     "exists"};
    });
}

/// Folders after what is in them.
Status sync_all(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) return sync_path(path);
    std::vector<fs::path> found = {path};
    auto listed = each_below(path, [&](const fs::path& below, fs::file_type) {
        found.push_back(path / below);
        return Status();
    });
    if (!listed) return listed;
    for (auto one = found.rbegin(); one != found.rend(); ++one)
        if (auto synced = sync_path(*one); !synced) return synced;
    return {};
}

/// Renames `source` to `target`. A folder that is there ends up below `source`'s folder.
Status put_in_place(const fs::path& source, const fs::path& target) {
    std::error_code ignored;
    if (!fs::is_directory(source, ignored) || !fs::exists(target, ignored)) {
        if (::rename(source.c_str(), target.c_str()) != 0) return io_error("cannot rename into place", target);
        return {};
    }
    if (::renameat2(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return io_error("cannot rename into place", target);
    // A file system without it (NFS for one): for a moment there is none of that name, and the old one is put back if
    // the new one cannot take its place.
    const fs::path old = source.parent_path() / (".old." + source.filename().string());
    if (::rename(target.c_str(), old.c_str()) != 0) return io_error("cannot rename away", target);
    if (::rename(source.c_str(), target.c_str()) == 0) return {};
    auto error = io_error("cannot rename into place", target);
    ::rename(old.c_str(), target.c_str());
    return error;
}

}  // namespace

Result<std::vector<fs::path>> StagingDir::publish(const fs::path& dir, std::string_view stem, bool overwrite) {
    std::vector<fs::path> published;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(path_, error)) {
        const fs::path target = dir / entry.path().filename();
        if (auto good = check_publishable(entry.path(), target, stem, overwrite); !good) return std::move(good).error();
        published.push_back(target);
    }
    std::ranges::sort(published);
    for (const auto& target : published)
        if (auto synced = sync_all(path_ / target.filename()); !synced) return std::move(synced).error();
    for (const auto& target : published)
        if (auto placed = put_in_place(path_ / target.filename(), target); !placed) return std::move(placed).error();
    if (auto synced = sync_path(dir); !synced) return std::move(synced).error();
    for (const auto& target : published)
        fs::remove_all(path_ / target.filename(), error);  // a folder that was replaced
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
    if (!write_all(out.get(), text)) return io_error("cannot write", file);
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
        struct stat ours{}, named{};
        if (::fstat(lock.get(), &ours) == 0 && ::stat(file.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
            ours.st_dev == named.st_dev)
            return FileLock(file, std::move(lock));
    }
}

bool FileLock::may_be_one(const fs::path& file) {
    struct stat info{};
    return ::lstat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0 &&
           info.st_uid == ::geteuid() && (info.st_mode & 077U) == 0;
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
    struct statfs info{};
    if (::statfs(path.c_str(), &info) != 0) return false;
    return std::ranges::find(kNetwork, static_cast<unsigned long>(info.f_type) & 0xFFFFFFFFUL) != kNetwork.end();
}

}  // namespace synth::core
