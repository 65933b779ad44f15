#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/files.hpp"
#include "base/format.hpp"
#include "base/secrets.hpp"
#include "support/process.hpp"

namespace synth::core {
namespace {

using testing::HasSubstr;

TEST(Format, MoneyIsExactAndReadable) {
    struct Case {
        std::int64_t pico;
        const char *exact, *shown;
    };
    for (const auto& [pico, exact, shown] :
         {Case{0, "0", "$0.00"}, Case{1, "0.000000000001", "$0.000000000001"},
          Case{1'234'500'000'000, "1.2345", "$1.23"}, Case{12'345'000'000, "0.012345", "$0.0123"},
          Case{-500'000'000'000, "-0.5", "$-0.500"}, Case{5'000'000'000'000, "5", "$5.00"}}) {
        EXPECT_EQ(exact_usd({pico}), exact);
        EXPECT_EQ(dollars({pico}), shown);
    }
}

TEST(Format, ReadsAmountsAndRefusesTheRest) {
    EXPECT_EQ(parse_usd("4.50"), PicoUsd{4'500'000'000'000});
    EXPECT_EQ(parse_usd("$0.05"), PicoUsd{50'000'000'000});
    EXPECT_EQ(parse_usd(".000000000001"), PicoUsd{1});
    EXPECT_EQ(parse_usd("9000000"), PicoUsd{9'000'000'000'000'000'000});
    for (const char* wrong : {"", ".", "-1", "1e3", "ten", "0.0000000000001", "99999999", "9999999", "1,5", "1.2.3"})
        EXPECT_EQ(parse_usd(wrong), std::nullopt) << wrong;
}

TEST(Format, TimesAndThousands) {
    EXPECT_EQ(iso_time(TimePoint(std::chrono::milliseconds(1'795'427'058'764))), "2026-11-23T09:44:18.764Z");
    EXPECT_EQ(with_thousands(999), "999");
    EXPECT_EQ(with_thousands(1'234'567), "1,234,567");
    EXPECT_EQ(duration_text(3.21), "3.2 s");
    EXPECT_EQ(duration_text(250), "4 min 10 s");
    EXPECT_EQ(duration_text(7500), "2 h 5 min");
}

Result<Secrets> load(const std::vector<const char*>& environment, const std::string& dotenv) {
    const test::TempDir dir;
    test::write_file(dir / ".env", dotenv);
    auto names = environment;
    names.push_back(nullptr);
    return Secrets::load(names.data(), dir / ".env");
}

TEST(Secrets, TheEnvironmentWinsOverTheFile) {
    auto secrets = load({"OPENAI_API_KEY=from-environment", "EMPTY_KEY="},
                        "# comment\nexport OPENAI_API_KEY=from-file\nEMPTY_KEY='kept in file'\nPLAIN = a b # note\n");
    ASSERT_TRUE(secrets.ok());
    EXPECT_EQ(secrets->value("OPENAI_API_KEY"), "from-environment");
    EXPECT_EQ(secrets->value("EMPTY_KEY"), "kept in file") << "an empty variable is not set";
    EXPECT_EQ(secrets->value("PLAIN"), "a b");
    EXPECT_EQ(secrets->value("ABSENT"), std::nullopt);
}

TEST(Secrets, RedactsLongValuesWhereverTheyStand) {
    auto secrets =
        load({"A_KEY=sk-0123456789ab", "B_TOKEN=sk-0123456789abcdef", "SHORT_KEY=abc", "HOME=/home/somebody"}, "");
    ASSERT_TRUE(secrets.ok());
    std::string text = "x sk-0123456789abcdef y sk-0123456789ab abc /home/somebody";
    secrets->redact(text);
    EXPECT_EQ(text, "x [redacted] y [redacted] abc /home/somebody");
}

TEST(Secrets, ABadLineIsNamed) {
    const auto secrets = load({}, "GOOD=1\nnot an assignment\n");
    ASSERT_FALSE(secrets.ok());
    EXPECT_EQ(secrets.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(secrets.error().message, HasSubstr(".env:2:"));
}

TEST(Files, AWholeFileOrNone) {
    const test::TempDir dir;
    ASSERT_TRUE(write_whole(dir / "a.txt", "a", "one").ok());
    ASSERT_TRUE(write_whole(dir / "a.txt", "a", "two").ok());
    EXPECT_EQ(test::read_file(dir / "a.txt"), "two");
    const auto failed = write_whole(dir / "missing/a.txt", "a", "x");
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().code, ErrorCode::io);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1) << "no temporary file is left";
}

TEST(Files, PublishesOnlyWhatBelongsToTheRun) {
    const test::TempDir dir;
    auto staging = StagingDir::make(dir.path(), "run");
    ASSERT_TRUE(staging.ok());
    test::write_file(staging->path() / "run.json", "new");
    test::write_file(dir / "run.json", "old");
    EXPECT_FALSE(staging->publish(dir.path(), "run", false).ok());
    EXPECT_EQ(test::read_file(dir / "run.json"), "old");
    EXPECT_TRUE(staging->publish(dir.path(), "run", true).ok());
    EXPECT_EQ(test::read_file(dir / "run.json"), "new");
    test::write_file(staging->path() / "other.json", "x");
    EXPECT_FALSE(staging->publish(dir.path(), "run", true).ok());
    EXPECT_FALSE(std::filesystem::exists(dir / "other.json"));
}

class PublishFolder : public testing::Test {
protected:
    static StagingDir staging_in(const std::filesystem::path& dir) {
        auto made = StagingDir::make(dir, "run");
        EXPECT_TRUE(made.ok());
        return *std::move(made);
    }
    /// A folder run.set with a file in it, and one in a folder in it.
    static void make_set(const std::filesystem::path& in, const std::string& text) {
        std::filesystem::create_directories(in / "run.set/data");
        test::write_file(in / "run.set/README.md", text);
        test::write_file(in / "run.set/data/part.jsonl", text + " part");
    }
    [[nodiscard]] std::string part() const { return test::read_file(dir_ / "run.set/data/part.jsonl"); }
    [[nodiscard]] std::ptrdiff_t entries() const {
        return std::distance(std::filesystem::directory_iterator(dir_.path()), {});
    }

    const test::TempDir dir_;
};

TEST_F(PublishFolder, AsAWhole) {
    {
        auto staging = staging_in(dir_.path());
        make_set(staging.path(), "new");
        test::write_file(staging.path() / "run.txt", "beside it");
        const auto published = staging.publish(dir_.path(), "run", false);
        ASSERT_TRUE(published.ok()) << published.error().message;
        EXPECT_THAT(*published, testing::ElementsAre(dir_ / "run.set", dir_ / "run.txt"));
    }
    EXPECT_EQ(part(), "new part");
    EXPECT_EQ(entries(), 2) << "nothing is left of the staging folder";
}

TEST_F(PublishFolder, ReplacesOnlyWhereItMay) {
    make_set(dir_.path(), "old");
    {
        auto staging = staging_in(dir_.path());
        make_set(staging.path(), "new");
        EXPECT_FALSE(staging.publish(dir_.path(), "run", false).ok());
        EXPECT_EQ(part(), "old part");
        const auto published = staging.publish(dir_.path(), "run", true);
        ASSERT_TRUE(published.ok()) << published.error().message;
        EXPECT_EQ(part(), "new part");
        EXPECT_TRUE(std::filesystem::is_empty(staging.path())) << "the old one is gone";
    }
    EXPECT_EQ(entries(), 1);
}

TEST_F(PublishFolder, NeverTakesAwayWhatTheNewOneLacks) {
    make_set(dir_.path(), "old");
    test::write_file(dir_ / "run.set/data/mine.txt", "notes");
    auto staging = staging_in(dir_.path());
    make_set(staging.path(), "new");
    test::write_file(staging.path() / "run.a", "first in order");
    const auto refused = staging.publish(dir_.path(), "run", true);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::io);
    EXPECT_EQ(refused.error().message, (dir_ / "run.set/data/mine.txt").string() +
                                           " is not part of the new run.set, which would replace the folder; move the "
                                           "folder away");
    EXPECT_EQ(part(), "old part");
    EXPECT_FALSE(std::filesystem::exists(dir_ / "run.a")) << "nothing is renamed when one thing cannot be";
}

TEST_F(PublishFolder, AFileAndAFolderDoNotReplaceEachOther) {
    test::write_file(dir_ / "run.set", "a file");
    {
        auto staging = staging_in(dir_.path());
        make_set(staging.path(), "new");
        const auto refused = staging.publish(dir_.path(), "run", true);
        ASSERT_FALSE(refused.ok());
        EXPECT_THAT(refused.error().message,
                    HasSubstr("run.set is a file, a folder of that name cannot take its place"));
    }
    EXPECT_EQ(test::read_file(dir_ / "run.set"), "a file");
    std::filesystem::remove(dir_ / "run.set");
    make_set(dir_.path(), "old");
    auto staging = staging_in(dir_.path());
    test::write_file(staging.path() / "run.set", "new");
    const auto refused = staging.publish(dir_.path(), "run", true);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("run.set is a folder, a file of that name cannot take its place"));
    EXPECT_EQ(part(), "old part");
}

TEST_F(PublishFolder, RefusesLinksAndOtherThingsInIt) {
    for (const bool pipe : {false, true}) {
        auto staging = staging_in(dir_.path());
        make_set(staging.path(), "new");
        const auto odd = staging.path() / "run.set/data/odd";
        if (pipe)
            ASSERT_EQ(::mkfifo(odd.c_str(), 0600), 0);
        else
            std::filesystem::create_symlink("/etc/hostname", odd);
        const auto refused = staging.publish(dir_.path(), "run", true);
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().code, ErrorCode::internal);
        EXPECT_THAT(refused.error().message, HasSubstr("'run.set/data/odd'"));
        EXPECT_FALSE(std::filesystem::exists(dir_ / "run.set"));
    }
}

/// From now on the kernel knows no renameat2 in this process, as on a file system that cannot exchange.
bool forbid_exchange() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST_F(PublishFolder, AlsoWhereNamesCannotBeExchanged) {
    make_set(dir_.path(), "old");
    // In a child process, because a filter stays.
    EXPECT_EXIT(
        {
            if (!forbid_exchange()) ::_exit(77);
            {
                auto staging = staging_in(dir_.path());
                make_set(staging.path(), "new");
                if (!staging.publish(dir_.path(), "run", true).ok()) ::_exit(1);
            }
            ::_exit(0);
        },
        testing::ExitedWithCode(0), "");
    EXPECT_EQ(part(), "new part");
    EXPECT_EQ(entries(), 1);
}

TEST(Files, ALockIsForOneAndLeavesNothing) {
    const test::TempDir dir;
    {
        const auto lock = FileLock::take(dir / "run.lock", "busy");
        ASSERT_TRUE(lock.ok());
        const auto second = FileLock::take(dir / "run.lock", "busy");
        ASSERT_FALSE(second.ok());
        EXPECT_EQ(second.error().reason, "locked");
        EXPECT_EQ(second.error().message, "busy");
    }
    EXPECT_FALSE(std::filesystem::exists(dir / "run.lock"));
}

}  // namespace
}  // namespace synth::core
