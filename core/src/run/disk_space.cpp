#include "run/disk_space.hpp"

#include <sys/statvfs.h>

#include <algorithm>

namespace synth::core {

namespace {

// What SQLite's log takes before it is written back into the ledger (1,000 pages), and as much again for that.
constexpr std::uint64_t kLogBytes = std::uint64_t{4} << 20U;
constexpr std::uint64_t kBytesPerWord = 8, kLedgerRow = 2048, kOutputRow = 256;
constexpr std::chrono::milliseconds kLookEvery{100};

}  // namespace

std::optional<std::uint64_t> free_space(const std::filesystem::path& dir) {
    struct statvfs info{};
    if (::statvfs(dir.empty() ? "." : dir.c_str(), &info) != 0 || info.f_blocks == 0) return std::nullopt;
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

std::uint64_t estimated_space(std::uint64_t samples, std::uint64_t words, std::uint64_t outputs) {
    const std::uint64_t text = words * kBytesPerWord;
    return 2 * kLogBytes + samples * (text + kLedgerRow + outputs * (text + kOutputRow));
}

void DiskSpace::seen(std::uint64_t bytes) { largest_ = std::max(largest_, 2 * bytes); }

std::uint64_t DiskSpace::needed(std::uint64_t answers) const noexcept {
    // Twice: once in the log, once in the ledger when the log is written back.
    return kLogBytes + 2 * answers * largest_;
}

bool DiskSpace::has_room(std::uint64_t answers, SteadyTime now) {
    if (looked_ == SteadyTime{} || now - looked_ >= kLookEvery) {
        free_ = free_space(dir_);
        looked_ = now;
    }
    return !free_ || *free_ >= needed(answers);
}

}  // namespace synth::core
