#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

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
    for (const auto& [pico, exact, shown] : {Case{0, "0", "$0.00"}, Case{1, "0.000000000001", "$0.000000000001"},
                                             Case{1'234'500'000'000, "1.2345", "$1.23"},
                                             Case{12'345'000'000, "0.012345", "$0.0123"},
                                             Case{-500'000'000'000, "-0.5", "$-0.500"},
                                             Case{5'000'000'000'000, "5", "$5.00"}}) {
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
    auto secrets = load({"A_KEY=sk-0123456789ab", "B_TOKEN=sk-0123456789abcdef", "SHORT_KEY=abc", "HOME=/home/somebody"}, "");
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
