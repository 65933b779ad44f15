#include "common/json_writer.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "synth/random.hpp"

namespace synth::plugins {
namespace {

std::string as_json(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

std::string as_usd(std::int64_t picodollars) {
    std::string out;
    append_usd(out, PicoUsd{picodollars});
    return out;
}

TEST(JsonString, EscapesWhatJsonDemandsAndNothingElse) {
    using namespace std::string_view_literals;
    EXPECT_EQ(as_json(""), R"("")");
    EXPECT_EQ(as_json("a \"b\" \\ /c"), R"("a \"b\" \\ /c")");
    EXPECT_EQ(as_json("\b\f\n\r\t"), R"("\b\f\n\r\t")");
    EXPECT_EQ(as_json("\0\x01\x1f\x7f"sv), "\"\\u0000\\u0001\\u001f\x7f\"");
    EXPECT_EQ(as_json("10⁵¹ erg, λ = 5 µm, 🔭"), "\"10⁵¹ erg, λ = 5 µm, 🔭\"");
}

TEST(JsonString, ReplacesEachIllFormedSequenceOnce) {
    const std::string bad = "\xEF\xBF\xBD";
    const struct {
        const char* given;
        std::string expected;
    } cases[] = {
        {"a\xFFz", "a" + bad + "z"},
        {"\x80", bad},
        {"\xC0\xAF", bad + bad},                      // overlong
        {"\xE0\x80\x80", bad + bad + bad},            // overlong
        {"\xED\xA0\x80", bad + bad + bad},            // surrogate
        {"\xF4\x90\x80\x80", bad + bad + bad + bad},  // above U+10FFFF
        {"\xF0\x9F\x94x", bad + "x"},                 // cut short
        {"\xE2\x82", bad},                            // cut short at the end
        {"\xC3\xA9\xC3", "é" + bad},
    };
    for (const auto& one : cases) EXPECT_EQ(as_json(one.given), '"' + one.expected + '"');
}

TEST(JsonString, AgreesWithAnotherWriterOnRandomBytes) {
    Random random(1);
    // Mostly text, so that runs of all lengths around the block size are met.
    for (int i = 0; i < 20'000; ++i) {
        std::string text(random.below(100), 'x');
        for (std::uint64_t n = random.below(5); n > 0 && !text.empty(); --n)
            text[random.below(text.size())] = static_cast<char>(random.below(256));
        for (std::uint64_t n = random.below(4); n > 0; --n)
            text.insert(random.below(text.size() + 1), "\xF0\x9F\x94\xAD");
        ASSERT_EQ(as_json(text), nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
}

TEST(Usd, IsExactToTheLastDigit) {
    EXPECT_EQ(as_usd(0), "0");
    EXPECT_EQ(as_usd(1), "0.000000000001");
    EXPECT_EQ(as_usd(123'456'000), "0.000123456");
    EXPECT_EQ(as_usd(12'500'000'000'000), "12.5");
    EXPECT_EQ(as_usd(1'000'000'000'000), "1");
    EXPECT_EQ(as_usd(-250'000'000'000), "-0.25");
    EXPECT_EQ(as_usd(std::numeric_limits<std::int64_t>::max()), "9223372.036854775807");
    EXPECT_EQ(as_usd(std::numeric_limits<std::int64_t>::min()), "-9223372.036854775808");
}

TEST(JsonWriter, SeparatesMembersAndElements) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.member("text", "é");
    json.member("truth", true);
    json.member("number", std::uint64_t{18446744073709551615U});
    json.member("share", 0.125);
    json.member("price", PicoUsd{1'500'000'000'000});
    json.member("unknown", std::optional<PicoUsd>());
    json.member("endless", std::numeric_limits<double>::infinity());
    json.key("list");
    json.begin_array();
    json.begin_object();
    json.end_object();
    json.value(Tokens{-3});
    json.begin_array();
    json.end_array();
    json.end_array();
    json.member("last", "");
    json.end_object();
    EXPECT_EQ(out, R"({"text": "é", "truth": true, "number": 18446744073709551615, "share": 0.125, "price": 1.5, )"
                   R"("unknown": null, "endless": null, "list": [{}, -3, []], "last": ""})");
}

}  // namespace
}  // namespace synth::plugins
