// What a killed process leaves is cleared up by the next one of the same stem, and nothing else is.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>

#include "base/files.hpp"
#include "support/process.hpp"

namespace synth::core {
namespace {

namespace fs = std::filesystem;

class StagingTest : public testing::Test {
protected:
    /// A staging folder whose process is gone, with a file and a folder in it.
    fs::path leave(const std::string& stem) {
        const pid_t child = ::fork();
        if (child == 0) {
            const auto staging = StagingDir::make(dir_.path(), stem);
            if (staging) {
                test::write_file(staging->path() / (stem + ".json"), "half");
                fs::create_directory(staging->path() / "deeper");
            }
            ::_exit(staging ? 0 : 1);  // no destructor runs
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
        for (const auto& entry : fs::directory_iterator(dir_.path()))
            if (entry.path().filename().string().starts_with("." + stem + ".partial.") && !seen_.contains(entry.path()))
                return *seen_.insert(entry.path()).first;
        ADD_FAILURE() << "nothing was left";
        return {};
    }

    test::TempDir dir_;
    std::set<fs::path> seen_;
};

TEST_F(StagingTest, WhatAKilledProcessLeftIsRemoved) {
    const auto first = leave("run");
    ASSERT_TRUE(fs::exists(first / "run.json"));
    const auto staging = StagingDir::make(dir_.path(), "run");
    ASSERT_TRUE(staging.ok());
    EXPECT_FALSE(fs::exists(first));
    EXPECT_TRUE(fs::exists(staging->path()));
}

TEST_F(StagingTest, WhatIsInUseOrAnothersStays) {
    const auto living = StagingDir::make(dir_.path(), "run");
    ASSERT_TRUE(living.ok());
    const auto other_run = leave("run.b"), longer = leave("run_2");
    const fs::path open_to_all = dir_ / ".run.partial.public", kept = dir_ / ".run.partial.mine-1",
                   file = dir_ / ".run.partial.abcdef";
    fs::create_directory(open_to_all);
    fs::permissions(open_to_all, fs::perms(0755));
    fs::create_directory(kept);
    fs::permissions(kept, fs::perms(0700));
    test::write_file(file, "a file of somebody");
    const fs::path target = dir_ / "target", link = dir_ / ".run.partial.linked";
    fs::create_directory(target);
    fs::permissions(target, fs::perms(0700));
    test::write_file(target / "precious", "x");
    fs::create_directory_symlink(target, link);
    ASSERT_TRUE(StagingDir::make(dir_.path(), "run").ok());
    for (const auto& path : {living->path(), other_run, longer, open_to_all, kept, file, link, target / "precious"})
        EXPECT_TRUE(fs::exists(path)) << path;
}

TEST_F(StagingTest, OnlyAnEmptyPrivateFileMayBeALock) {
    {
        const auto lock = FileLock::take(dir_ / "run.lock", "");
        EXPECT_TRUE(FileLock::may_be_one(dir_ / "run.lock"));
    }
    EXPECT_FALSE(FileLock::may_be_one(dir_ / "run.lock")) << "it is gone";
    test::write_file(dir_ / "run.lock", "");
    fs::permissions(dir_ / "run.lock", fs::perms(0644));
    EXPECT_FALSE(FileLock::may_be_one(dir_ / "run.lock"));
    test::write_file(dir_ / "run.lock", "mine");
    fs::permissions(dir_ / "run.lock", fs::perms(0600));
    EXPECT_FALSE(FileLock::may_be_one(dir_ / "run.lock"));
}

}  // namespace
}  // namespace synth::core
