#include "run/gathered_writes.hpp"

#include <sqlite3.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include <gmock/gmock.h>

#include "support/process.hpp"

namespace synth::core {
namespace {

namespace fs = std::filesystem;

/// A database file, opened as SQLite does.
class GatheredWrites : public ::testing::Test {
protected:
    void SetUp() override {
        vfs_ = sqlite3_vfs_find(gathering_vfs());
        ASSERT_NE(vfs_, nullptr);
        memory_ = std::make_unique<char[]>(static_cast<std::size_t>(vfs_->szOsFile));
        file_ = reinterpret_cast<sqlite3_file*>(memory_.get());
        ASSERT_EQ(vfs_->xOpen(vfs_, path_.c_str(), file_,
                              SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB, nullptr),
                  SQLITE_OK);
    }
    void TearDown() override { file_->pMethods->xClose(file_); }

    int write(const std::string& bytes, sqlite3_int64 at) {
        return file_->pMethods->xWrite(file_, bytes.data(), static_cast<int>(bytes.size()), at);
    }

    test::TempDir dir_;
    const fs::path path_ = dir_.path() / "file";
    sqlite3_vfs* vfs_ = nullptr;
    std::unique_ptr<char[]> memory_;
    sqlite3_file* file_ = nullptr;
};

TEST_F(GatheredWrites, ReachTheFileWithTheSyncAndAreReadBackBefore) {
    const std::string page(4096, 'a'), next(4096, 'b');
    ASSERT_EQ(write(page, 0), SQLITE_OK);
    ASSERT_EQ(write(next, 4096), SQLITE_OK);
    EXPECT_EQ(fs::file_size(path_), 0U);
    std::string back(4096, ' ');
    ASSERT_EQ(file_->pMethods->xRead(file_, back.data(), 4096, 4096), SQLITE_OK);
    EXPECT_EQ(back, next);

    ASSERT_EQ(write(page, 8192), SQLITE_OK);
    ASSERT_EQ(write(next, 0), SQLITE_OK);  // does not follow
    ASSERT_EQ(file_->pMethods->xSync(file_, SQLITE_SYNC_NORMAL), SQLITE_OK);
    EXPECT_EQ(fs::file_size(path_), 12'288U);
    ASSERT_EQ(file_->pMethods->xRead(file_, back.data(), 4096, 0), SQLITE_OK);
    EXPECT_EQ(back, next);
}

// A call whose result SQLite takes for a number, or does not look at, must not be the one that finds the disk full.
TEST_F(GatheredWrites, TellOfAFullDiskWhereSqliteListens) {
    const int sector = file_->pMethods->xSectorSize(file_);
    const int device = file_->pMethods->xDeviceCharacteristics(file_);
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);

    EXPECT_EQ(write(std::string(4096, 'a'), 0), SQLITE_OK);
    EXPECT_EQ(file_->pMethods->xSectorSize(file_), sector);
    EXPECT_EQ(file_->pMethods->xDeviceCharacteristics(file_), device);
    EXPECT_EQ(file_->pMethods->xFileControl(file_, SQLITE_FCNTL_CKPT_DONE, nullptr), SQLITE_NOTFOUND);
    EXPECT_NE(file_->pMethods->xSync(file_, SQLITE_SYNC_NORMAL), SQLITE_OK);

    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(write(std::string(4096, 'a'), 0), SQLITE_OK);
    EXPECT_EQ(file_->pMethods->xSync(file_, SQLITE_SYNC_NORMAL), SQLITE_OK);
    EXPECT_EQ(fs::file_size(path_), 4096U);
}

}  // namespace
}  // namespace synth::core
