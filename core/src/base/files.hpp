// Files that appear under their name only when they are whole, and the checks that come before anything is spent.

#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "synth/result.hpp"

namespace synth::core {

/// Owns a file descriptor.
class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    ~FileDescriptor();

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// An io Error: `what` `path`: the text of `errno`.
Error io_error(std::string_view what, const std::filesystem::path& path);

Result<std::string> read_file(const std::filesystem::path& file);

/// A file in `dir` (empty: here) without a name, to be read and written: gone when it is closed, whatever happens to
/// the process.
Result<FileDescriptor> nameless_file(const std::filesystem::path& dir);

/// False, with errno, when not all of it could be written.
[[nodiscard]] bool write_all(int file, std::string_view text);

/// Makes `dir` if it is missing and proves that a file can be made in it.
Status prepare_output_dir(const std::filesystem::path& dir);

/// fsync of a file or folder.
Status sync_path(const std::filesystem::path& path);

/// A folder for half-made files inside `dir`, removed with all that is in it. Its name is ".STEM.partial." and six
/// characters, and it is locked as long as the object lives: one that is not was left by a process that was killed.
class StagingDir {
public:
    /// Removes what killed processes left of this stem, then makes a new one.
    static Result<StagingDir> make(const std::filesystem::path& dir, std::string_view stem);
    StagingDir(StagingDir&& other) noexcept;
    StagingDir& operator=(StagingDir&&) = delete;
    ~StagingDir();

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

    /// Syncs everything in it and renames it into `dir`; the names there, sorted. Only plain files and folders of plain
    /// files and folders may be there, named `stem`, a dot and something. `overwrite` false: what is there under such a
    /// name is an error, and nothing is renamed. True: a file replaces a file and a folder a folder, at once where the
    /// file system can exchange names; a folder in which there is anything that the new one lacks is an error, too,
    /// since nothing may be removed that was not made anew.
    Result<std::vector<std::filesystem::path>> publish(const std::filesystem::path& dir, std::string_view stem,
                                                       bool overwrite);

private:
    StagingDir(std::filesystem::path path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    std::filesystem::path path_;
    FileDescriptor lock_;
};

/// Writes `text` in a StagingDir of `stem`, syncs and renames it to `file`.
Status write_whole(const std::filesystem::path& file, std::string_view stem, std::string_view text);

/// An exclusive lock that lasts as long as the object: `flock` on a file of its own, which is removed with it.
class FileLock {
public:
    /// io with `busy_message` when another process has it.
    static Result<FileLock> take(const std::filesystem::path& file, std::string_view busy_message);
    /// Whether `file` looks like one that `take` made: empty, plain, private and this user's.
    static bool may_be_one(const std::filesystem::path& file);
    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&&) = delete;
    ~FileLock();

private:
    FileLock(std::filesystem::path file, FileDescriptor lock) : file_(std::move(file)), lock_(std::move(lock)) {}
    std::filesystem::path file_;
    FileDescriptor lock_;
};

/// Whether the file system is one over a network, where SQLite's WAL is unsafe.
bool is_network_filesystem(const std::filesystem::path& path);

}  // namespace synth::core
