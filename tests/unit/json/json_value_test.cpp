#include "common/json_value.hpp"

#include <string>

#include <gmock/gmock.h>

namespace synth::plugins {
namespace {

using testing::StartsWith;

TEST(JsonValue, MembersComeByNameAndTheLastOfANameCounts) {
    const auto root = JsonValue::parse(R"({"b": 1, "a": 2, "b": 3, "B": 4})");
    std::string all;
    for (const auto& [name, value] : root.members()) all += std::string(name) + value.dump();
    EXPECT_EQ(all, "B4a2b3");
    EXPECT_EQ(root.member("b").count(), 3U);
}

TEST(JsonValue, TellsMissingFromNullAndFromOtherTypes) {
    const auto root = JsonValue::parse(R"({"none": null, "text": "x", "list": ["y"]})");
    EXPECT_TRUE(root.member("none"));
    EXPECT_TRUE(root.member("none").is_null());
    EXPECT_FALSE(root.member("missing"));
    EXPECT_FALSE(root.member("missing").is_null());
    EXPECT_FALSE(root.member("text").member("x"));
    EXPECT_TRUE(root.member("text").elements().empty());
    EXPECT_EQ(root.member("list").text(), "");
    EXPECT_EQ(root.member("list").elements().at(0).text(), "y");
    EXPECT_FALSE(JsonValue().is_object());
    EXPECT_FALSE(JsonValue::parse("{"));
}

TEST(JsonValue, CountsAreWrittenAsWholeNumbers) {
    const auto root = JsonValue::parse("[0, 18446744073709551615, -1, 1.0, \"1\"]").elements();
    ASSERT_EQ(root.size(), 5U);
    EXPECT_EQ(root[0].count(), 0U);
    EXPECT_EQ(root[1].count(), 18446744073709551615U);
    for (std::size_t i = 2; i < root.size(); ++i) EXPECT_EQ(root[i].count(), std::nullopt) << i;
}

TEST(JsonValue, KeepsItsDocument) {
    const auto text = JsonValue::parse(R"([["a text that is too long to stand in a string object itself"]])")
                          .elements()
                          .at(0)
                          .elements()
                          .at(0);
    EXPECT_EQ(text.text(), "a text that is too long to stand in a string object itself");
}

TEST(JsonValue, AMemberIsSetInACopy) {
    const auto root = JsonValue::parse(R"({"b": 1, "c": [2]})");
    EXPECT_EQ(root.with("b", "x").with("a", "y").dump(), R"({"a":"y","b":"x","c":[2]})");
    EXPECT_EQ(root.dump(), R"({"b":1,"c":[2]})");
}

TEST(JsonValue, FaultsAreSaidWithTheirPlace) {
    EXPECT_THAT(json_fault("{\n  \"a\": ,\n}"), StartsWith("parse error at line 2, column 8: "));
    EXPECT_EQ(json_fault("[1e999]"), "number overflow parsing '1e999'");
    EXPECT_FALSE(JsonValue::parse("[1e999]"));
    EXPECT_EQ(json_fault("[]"), "");
}

}  // namespace
}  // namespace synth::plugins
