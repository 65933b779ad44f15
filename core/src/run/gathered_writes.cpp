#include "run/gathered_writes.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace synth::core {

namespace {

// SQLite writes less than 128 KB at a time, and takes a multiple of that for nothing to write.
constexpr std::size_t kMost = std::size_t{120} << 10U;

/// In front of a file of the default VFS.
struct GatheringFile {
    sqlite3_file base{};
    std::unique_ptr<std::byte[]> memory;  // of `real`
    sqlite3_file* real = nullptr;
    std::string waiting;
    sqlite3_int64 begins = 0;  // where `waiting` belongs

    static GatheringFile& of(sqlite3_file* file) { return *reinterpret_cast<GatheringFile*>(file); }

    int flush() {
        if (waiting.empty()) return SQLITE_OK;
        const int code = real->pMethods->xWrite(real, waiting.data(), static_cast<int>(waiting.size()), begins);
        waiting.clear();  // what could not be written is the caller's to write again
        return code;
    }
};

/// Calls the same method of the real file.
template <auto method, class... Arguments>
int forward(sqlite3_file* file, Arguments... arguments) {
    auto& gathering = GatheringFile::of(file);
    return (gathering.real->pMethods->*method)(gathering.real, arguments...);
}

/// The same once the file has all that was written. Only where SQLite heeds an error: what could not be written is told
/// once.
template <auto method, class... Arguments>
int forward_flushed(sqlite3_file* file, Arguments... arguments) {
    if (const int code = GatheringFile::of(file).flush(); code != SQLITE_OK) return code;
    return forward<method>(file, arguments...);
}

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
    auto& gathering = GatheringFile::of(file);
    const std::string_view more(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
    const bool follows = gathering.begins + static_cast<sqlite3_int64>(gathering.waiting.size()) == at;
    if (!follows || gathering.waiting.size() + more.size() > kMost)
        if (const int code = gathering.flush(); code != SQLITE_OK) return code;
    if (gathering.waiting.empty()) gathering.begins = at;
    try {
        gathering.waiting += more;
    } catch (const std::bad_alloc&) {
        return SQLITE_IOERR_NOMEM;
    }
    return SQLITE_OK;
}

void barrier(sqlite3_file* file) {
    auto& gathering = GatheringFile::of(file);
    gathering.real->pMethods->xShmBarrier(gathering.real);
}

int close(sqlite3_file* file) {
    auto& gathering = GatheringFile::of(file);
    const int flushed = gathering.flush();
    const int closed = gathering.real->pMethods->xClose(gathering.real);
    gathering.~GatheringFile();
    return flushed != SQLITE_OK ? flushed : closed;
}

// Version 2: shared memory for the log, but no memory-mapped files.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = &close,
    .xRead = &forward_flushed<&sqlite3_io_methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = &write,
    .xTruncate = &forward_flushed<&sqlite3_io_methods::xTruncate, sqlite3_int64>,
    .xSync = &forward_flushed<&sqlite3_io_methods::xSync, int>,
    .xFileSize = &forward_flushed<&sqlite3_io_methods::xFileSize, sqlite3_int64*>,
    .xLock = &forward<&sqlite3_io_methods::xLock, int>,
    .xUnlock = &forward<&sqlite3_io_methods::xUnlock, int>,
    .xCheckReservedLock = &forward<&sqlite3_io_methods::xCheckReservedLock, int*>,
    .xFileControl = &forward<&sqlite3_io_methods::xFileControl, int, void*>,
    .xSectorSize = &forward<&sqlite3_io_methods::xSectorSize>,
    .xDeviceCharacteristics = &forward<&sqlite3_io_methods::xDeviceCharacteristics>,
    .xShmMap = &forward<&sqlite3_io_methods::xShmMap, int, int, int, void volatile**>,
    .xShmLock = &forward<&sqlite3_io_methods::xShmLock, int, int, int>,
    .xShmBarrier = &barrier,
    .xShmUnmap = &forward<&sqlite3_io_methods::xShmUnmap, int>,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
    file->pMethods = nullptr;  // nothing to close should this fail
    std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[static_cast<std::size_t>(vfs->szOsFile)]());
    if (!memory) return SQLITE_NOMEM;
    auto* real = reinterpret_cast<sqlite3_file*>(memory.get());
    const int code = vfs->xOpen(vfs, path, real, flags, out_flags);
    if (real->pMethods == nullptr) return code;
    auto* gathering = new (file) GatheringFile;
    gathering->memory = std::move(memory);
    gathering->real = real;
    gathering->base.pMethods = &kMethods;
    return code;
}

}  // namespace

const char* gathering_vfs() {
    static sqlite3_vfs vfs = [] {
        sqlite3_vfs made = *sqlite3_vfs_find(nullptr);  // but for xOpen its functions ask nothing of the object
        made.zName = "tdamm-synth";
        made.szOsFile = sizeof(GatheringFile);
        made.xOpen = &open;
        return made;
    }();
    static const bool registered = sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
    return registered ? vfs.zName : nullptr;
}

}  // namespace synth::core
