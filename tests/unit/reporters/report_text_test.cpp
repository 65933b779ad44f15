#include "reporters/common/report_text.hpp"

#include <limits>
#include <string>

#include <gmock/gmock.h>

namespace synth::plugins {
namespace {

TEST(Figures, ReadAsPeopleWriteThem) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1178), "1,178");
    EXPECT_EQ(grouped(18446744073709551615U), "18,446,744,073,709,551,615");
    EXPECT_EQ(counted(1, "answer"), "1 answer");
    EXPECT_EQ(counted(0, "answer"), "0 answers");
    EXPECT_EQ(figure(20113.4), "20,113");
    EXPECT_EQ(figure(12.34), "12.3");
    EXPECT_EQ(figure(1.234), "1.23");
    EXPECT_EQ(figure(0.0521), "0.052");
    EXPECT_EQ(percent(0.125), "12.5 %");
    EXPECT_EQ(duration(0.042), "0.04 s");
    EXPECT_EQ(duration(59.96), "60.0 s");
    EXPECT_EQ(duration(151), "2 min 31 s");
    EXPECT_EQ(duration(11'520), "3 h 12 min");
}

TEST(Figures, MoneyKeepsTheDigitsThatMatter) {
    EXPECT_EQ(money(PicoUsd{0}), "$0");
    EXPECT_EQ(money(PicoUsd{1}), "less than $0.000001");
    EXPECT_EQ(money(PicoUsd{460'400'000}), "$0.000460");
    EXPECT_EQ(money(PicoUsd{91'150'000'000}), "$0.0912");
    EXPECT_EQ(money(PicoUsd{1'234'565'000'000'000}), "$1,234.57");
    EXPECT_EQ(money(PicoUsd{std::numeric_limits<std::int64_t>::max()}), "$9,223,372.04");
}

TEST(Figures, ClippedTextStaysWholeCharacters) {
    EXPECT_EQ(clipped("Novæ", 4), "Novæ");
    EXPECT_EQ(clipped("Novæ ββ", 6), "Novæ …");
}

TEST(ReportTextTest, WrapsBesideTheName) {
    ReportText text;
    text.row("Name", "é" + std::string(88, 'a') + " bb " + std::string(95, 'c'));
    text.row("", "x");
    EXPECT_EQ(std::move(text).take(), "Name      é" + std::string(88, 'a') + "\n          bb\n          " +
                                          std::string(90, 'c') + "\n          ccccc\n          x\n");
}

TEST(ReportTextTest, TablesReadDownwards) {
    ReportText text;
    text.table("Heading", {{std::string(28, 'a'), "1"}, {"b", "22"}, {"é", "3 of 4"}, {"d", "4"}});
    EXPECT_EQ(std::move(text).take(),
              "Heading\n"
              "  aaaaaaaaaaaaaaaaaaaaaaaaaaaa      1  é                            3 of 4\n"
              "  b                                22  d                                 4\n");
}

TEST(ReportTextTest, ObeysNoControlCharacters) {
    ReportText text;
    text.row("Name", "\x1b[31mred\nline");
    EXPECT_EQ(std::move(text).take(), "Name       [31mred line\n");
}

}  // namespace
}  // namespace synth::plugins
