// A disk that can lose its power: logs what SQLite and the core do to the files below a folder and tells what may be
// left of them after any prefix of it.
//
// SQLite's writes, truncates and newly made files are seen by a VFS over the default one, which becomes the default of
// the process. fsync, fdatasync, rename and unlink are defined by this file, before libc, because the core calls them
// too and because SQLite syncs folders inside its VFS. The `-shm` file is made behind the VFS and is thus never on the
// disk.
//
// What a power loss leaves: of every file what was there at its last sync, and of each write since then any of its
// sectors of 512 bytes; a truncate since then happened or not; a hole reads as zeros. Names follow an ordered prefix of
// what was done to names since the last sync of their folder; syncing a file does not make its name durable.

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace synth::test {

/// One step of the log. Paths are relative to the recorded folder.
struct DiskStep {
    enum class Kind : std::uint8_t { create, write, truncate, sync, rename, unlink, sync_folder };
    Kind kind;
    std::size_t file = 0;  ///< a number that stays when it is renamed
    std::string path, to;  ///< of names and folders; `to`: of rename
    std::uint64_t at = 0;  ///< offset of write, size of truncate
    std::string bytes;     ///< of write
};

/// Records while it lives; one at a time. Any thread may write meanwhile. Files that are in the folder already are its
/// first steps, synced.
class Recording {
public:
    explicit Recording(const std::filesystem::path& folder);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

    [[nodiscard]] std::size_t steps() const;  ///< so far
    [[nodiscard]] std::vector<DiskStep> take();
};

using Files = std::map<std::string, std::string>;  ///< path and bytes

/// A disk to which the steps of a recording happen one by one.
class Disk {
public:
    enum class Kept : std::uint8_t { none, all, some };  ///< of what was not synced

    void happen(const DiskStep& step);
    /// What a power loss leaves now; `seed` picks it where some of it stays.
    [[nodiscard]] Files after_power_loss(Kept kept, std::uint64_t seed = 0) const;

private:
    struct Content {
        std::string synced;
        std::vector<const DiskStep*> since;
    };
    std::map<std::size_t, Content> contents_;
    std::map<std::string, std::size_t> names_;  // synced
    std::vector<const DiskStep*> names_since_;
};

/// While it lives fsync and fdatasync return at once: for tests that make thousands of files which nobody keeps.
class NoSync {
public:
    NoSync();
    ~NoSync();
    NoSync(const NoSync&) = delete;
    NoSync& operator=(const NoSync&) = delete;
};

/// While it lives every folder is on NFS, as far as statfs says.
class NetworkFilesystem {
public:
    NetworkFilesystem();
    ~NetworkFilesystem();
    NetworkFilesystem(const NetworkFilesystem&) = delete;
    NetworkFilesystem& operator=(const NetworkFilesystem&) = delete;
};

}  // namespace synth::test
