#include "support/recording_vfs.hpp"

#include <dlfcn.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "support/process.hpp"
#include "synth/random.hpp"

namespace synth::test {

namespace fs = std::filesystem;

namespace {

using Kind = DiskStep::Kind;
constexpr std::size_t kSector = 512;

/// What is recorded; there is one disk in a process.
struct Log {
    std::mutex mutex;
    std::string folder;  // with a slash at the end; empty: nothing is recorded
    std::vector<DiskStep> steps;
    std::map<std::string, std::size_t> names;
    std::size_t files = 0;

    /// The path below the folder; "." for the folder itself.
    [[nodiscard]] std::optional<std::string> below(std::string_view path) const {
        if (folder.empty()) return std::nullopt;
        if (path.starts_with(folder)) return std::string(path.substr(folder.size()));
        if (path == std::string_view(folder).substr(0, folder.size() - 1)) return ".";
        return std::nullopt;
    }

    void created(std::string_view absolute) {
        const std::lock_guard lock(mutex);
        const auto path = below(absolute);
        if (!path || names.contains(*path)) return;
        names[*path] = ++files;
        steps.push_back({.kind = Kind::create, .file = files, .path = *path});
    }
    /// `step` happens to the file of this path, if it is one of ours.
    void on_file(std::string_view absolute, DiskStep step) {
        const std::lock_guard lock(mutex);
        const auto path = below(absolute);
        if (!path || !names.contains(*path)) return;
        step.file = names[*path];
        steps.push_back(std::move(step));
    }
    void synced(int fd) {
        struct stat info{};
        std::array<char, 4096> target{};
        const auto size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target.data(), target.size());
        if (size <= 0 || ::fstat(fd, &info) != 0) return;
        const std::string_view absolute(target.data(), static_cast<std::size_t>(size));
        if (!S_ISDIR(info.st_mode)) return on_file(absolute, {.kind = Kind::sync});
        const std::lock_guard lock(mutex);
        if (auto path = below(absolute)) steps.push_back({.kind = Kind::sync_folder, .path = std::move(*path)});
    }
    void renamed(std::string_view from, std::string_view to) {
        const std::lock_guard lock(mutex);
        const auto source = below(from), target = below(to);
        if (!source || !target || !names.contains(*source)) return;
        const auto file = names.extract(*source).mapped();
        names[*target] = file;
        steps.push_back({.kind = Kind::rename, .file = file, .path = *source, .to = *target});
    }
    void unlinked(std::string_view absolute) {
        const std::lock_guard lock(mutex);
        const auto path = below(absolute);
        if (!path || names.erase(*path) == 0) return;
        steps.push_back({.kind = Kind::unlink, .path = *path});
    }
};

Log& the_log() {
    static Log log;
    return log;
}
std::atomic<int> no_sync{0}, network{0};

template <class Function>
Function* next_of(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// ------------------------------------------------------------------------------------------------------------- the VFS

/// In front of a file of the real VFS, which follows it in memory.
struct LoggedFile {
    sqlite3_file base;
    const char* path;  // lives as long as the file is open, says SQLite; null: a temporary one

    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    static LoggedFile* of(sqlite3_file* file) { return reinterpret_cast<LoggedFile*>(file); }
};

sqlite3_file* real(sqlite3_file* file) { return LoggedFile::of(file)->real(); }

/// Calls the same method of the real file.
template <auto method, class... Arguments>
int forward(sqlite3_file* file, Arguments... arguments) {
    return (real(file)->pMethods->*method)(real(file), arguments...);
}

int logged_write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
    const int code = forward<&sqlite3_io_methods::xWrite>(file, bytes, size, at);
    const char* path = LoggedFile::of(file)->path;
    if (code != SQLITE_OK || path == nullptr) return code;
    // A disk takes a long write piece by piece, and may lose its power in between.
    constexpr std::size_t kPiece = 4096;
    const std::string_view all(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
    for (std::size_t done = 0; done < all.size(); done += kPiece)
        the_log().on_file(path, {.kind = Kind::write,
                                 .at = static_cast<std::uint64_t>(at) + done,
                                 .bytes = std::string(all.substr(done, kPiece))});
    return code;
}

int logged_truncate(sqlite3_file* file, sqlite3_int64 size) {
    const int code = forward<&sqlite3_io_methods::xTruncate>(file, size);
    if (const char* path = LoggedFile::of(file)->path; code == SQLITE_OK && path != nullptr)
        the_log().on_file(path, {.kind = Kind::truncate, .at = static_cast<std::uint64_t>(size)});
    return code;
}

void forward_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }

// Version 2: shared memory, but no memory-mapped files, whose writes nobody would see.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = &forward<&sqlite3_io_methods::xClose>,
    .xRead = &forward<&sqlite3_io_methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = &logged_write,
    .xTruncate = &logged_truncate,
    .xSync = &forward<&sqlite3_io_methods::xSync, int>,
    .xFileSize = &forward<&sqlite3_io_methods::xFileSize, sqlite3_int64*>,
    .xLock = &forward<&sqlite3_io_methods::xLock, int>,
    .xUnlock = &forward<&sqlite3_io_methods::xUnlock, int>,
    .xCheckReservedLock = &forward<&sqlite3_io_methods::xCheckReservedLock, int*>,
    .xFileControl = &forward<&sqlite3_io_methods::xFileControl, int, void*>,
    .xSectorSize = &forward<&sqlite3_io_methods::xSectorSize>,
    .xDeviceCharacteristics = &forward<&sqlite3_io_methods::xDeviceCharacteristics>,
    .xShmMap = &forward<&sqlite3_io_methods::xShmMap, int, int, int, void volatile**>,
    .xShmLock = &forward<&sqlite3_io_methods::xShmLock, int, int, int>,
    .xShmBarrier = &forward_barrier,
    .xShmUnmap = &forward<&sqlite3_io_methods::xShmUnmap, int>,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

sqlite3_vfs* real_vfs = nullptr;

int logged_open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    auto* logged = new (file) LoggedFile{};
    const int code = real_vfs->xOpen(real_vfs, path, logged->real(), flags, out_flags);
    if (logged->real()->pMethods == nullptr) return code;
    logged->base.pMethods = &kMethods;
    logged->path = path;
    if (code == SQLITE_OK && path != nullptr) the_log().created(path);
    return code;
}

void register_vfs() {
    static sqlite3_vfs vfs = [] {
        real_vfs = sqlite3_vfs_find(nullptr);
        sqlite3_vfs made = *real_vfs;  // but for xOpen its functions ask nothing of the object
        made.zName = "recording";
        made.szOsFile = static_cast<int>(sizeof(LoggedFile)) + real_vfs->szOsFile;
        made.xOpen = &logged_open;
        return made;
    }();
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK) throw std::runtime_error("cannot register the recording VFS");
}

std::string folder_of(const std::string& path) {
    const auto parent = fs::path(path).parent_path();
    return parent.empty() ? "." : parent.string();
}

void put(std::string& content, std::uint64_t at, std::string_view bytes) {
    const auto end = static_cast<std::size_t>(at) + bytes.size();
    if (content.size() < end) content.resize(end);
    content.replace(static_cast<std::size_t>(at), bytes.size(), bytes);
}

void apply(std::string& content, const DiskStep& step) {
    if (step.kind == Kind::write)
        put(content, step.at, step.bytes);
    else
        content.resize(static_cast<std::size_t>(step.at));
}

void apply(std::map<std::string, std::size_t>& names, const DiskStep& step) {
    if (step.kind != Kind::create) names.erase(step.path);
    if (step.kind == Kind::create) names[step.path] = step.file;
    if (step.kind == Kind::rename) names[step.to] = step.file;
}

/// The part of a write that made it: any of the sectors that it touches, each with the chance of `eighths`.
void apply_torn(std::string& content, const DiskStep& write, Random& random, std::uint64_t eighths) {
    for (std::size_t begin = 0; begin < write.bytes.size();) {
        const auto at = static_cast<std::size_t>(write.at) + begin;
        const auto size = std::min(kSector - at % kSector, write.bytes.size() - begin);
        if (random.chance(eighths, 8)) put(content, at, std::string_view(write.bytes).substr(begin, size));
        begin += size;
    }
}

}  // namespace

Recording::Recording(const fs::path& folder) {
    register_vfs();
    Log& log = the_log();
    const std::lock_guard lock(log.mutex);
    if (!log.folder.empty()) throw std::logic_error("two recordings at once");
    log.folder = fs::canonical(folder).string() + "/";
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        const auto name = entry.path().filename().string();
        log.names[name] = ++log.files;
        log.steps.push_back({.kind = Kind::create, .file = log.files, .path = name});
        log.steps.push_back({.kind = Kind::write, .file = log.files, .bytes = read_file(entry.path())});
        log.steps.push_back({.kind = Kind::sync, .file = log.files});
    }
    log.steps.push_back({.kind = Kind::sync_folder, .path = "."});
}

Recording::~Recording() {
    Log& log = the_log();
    const std::lock_guard lock(log.mutex);
    log.folder.clear();
    log.steps.clear();
    log.names.clear();
}

std::size_t Recording::steps() const {
    const std::lock_guard lock(the_log().mutex);
    return the_log().steps.size();
}

std::vector<DiskStep> Recording::take() {
    const std::lock_guard lock(the_log().mutex);
    return std::exchange(the_log().steps, {});
}

void Disk::happen(const DiskStep& step) {
    switch (step.kind) {
        case Kind::create: contents_[step.file]; [[fallthrough]];
        case Kind::rename:
        case Kind::unlink: names_since_.push_back(&step); break;
        case Kind::write:
        case Kind::truncate: contents_.at(step.file).since.push_back(&step); break;
        case Kind::sync: {
            Content& content = contents_.at(step.file);
            for (const auto* change : content.since) apply(content.synced, *change);
            content.since.clear();
            break;
        }
        case Kind::sync_folder: {
            // A rename is durable when the folder of the new name is.
            const auto durable = [&](const DiskStep* change) {
                return folder_of(change->kind == Kind::rename ? change->to : change->path) == step.path;
            };
            for (const auto* change : names_since_)
                if (durable(change)) {
                    apply(names_, *change);
                    // What became of the file's old name elsewhere is settled with it.
                    if (change->kind == Kind::rename)
                        std::erase_if(names_since_, [&](const DiskStep* other) {
                            return other != change && other->kind == Kind::create && other->file == change->file;
                        });
                }
            std::erase_if(names_since_, durable);
            break;
        }
    }
}

Files Disk::after_power_loss(Kept kept, std::uint64_t seed) const {
    Random random(seed);
    auto names = names_;
    const auto renames = kept == Kept::none  ? 0
                         : kept == Kept::all ? names_since_.size()
                                             : static_cast<std::size_t>(random.below(names_since_.size() + 1));
    for (std::size_t i = 0; i < renames; ++i) apply(names, *names_since_[i]);
    Files files;
    for (const auto& [name, number] : names) {
        const Content& content = contents_.at(number);
        std::string& bytes = files[name] = content.synced;
        const auto eighths = std::array<std::uint64_t, 3>{1, 4, 7}[random.below(3)];
        for (const auto* change : content.since) {
            if (kept == Kept::all)
                apply(bytes, *change);
            else if (kept == Kept::some && change->kind == Kind::write)
                apply_torn(bytes, *change, random, eighths);
            else if (kept == Kept::some && random.chance(1, 2))
                apply(bytes, *change);
        }
    }
    return files;
}

NoSync::NoSync() { ++no_sync; }
NoSync::~NoSync() { --no_sync; }
NetworkFilesystem::NetworkFilesystem() { ++network; }
NetworkFilesystem::~NetworkFilesystem() { --network; }

}  // namespace synth::test

// ------------------------------------------------------------------------------------------------------ before libc's

using namespace synth::test;

extern "C" {

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
int fsync(int fd) {
    static auto* const next = next_of<int(int)>("fsync");
    const int failed = no_sync > 0 ? 0 : next(fd);
    if (failed == 0) the_log().synced(fd);
    return failed;
}

int fdatasync(int fd) {
    static auto* const next = next_of<int(int)>("fdatasync");
    const int failed = no_sync > 0 ? 0 : next(fd);
    if (failed == 0) the_log().synced(fd);
    return failed;
}

int rename(const char* from, const char* to) noexcept {
    static auto* const next = next_of<int(const char*, const char*)>("rename");
    const int failed = next(from, to);
    if (failed == 0) the_log().renamed(from, to);
    return failed;
}

int unlink(const char* path) noexcept {
    static auto* const next = next_of<int(const char*)>("unlink");
    const int failed = next(path);
    if (failed == 0) the_log().unlinked(path);
    return failed;
}

int statfs(const char* path, struct statfs* info) noexcept {
    static auto* const next = next_of<int(const char*, struct statfs*)>("statfs64");
    const int failed = next(path, info);
    if (failed == 0 && network > 0) info->f_type = 0x6969;  // NFS
    return failed;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
}
