#include "common/json_reader.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace synth::plugins {
namespace {

TEST(JsonReader, TellsMissingFromNullAndFromOtherTypes) {
    JsonParser parser;
    const auto root = parser.parse(R"({"none": null, "text": "x", "list": [null, 1], "object": {}})");
    ASSERT_TRUE(root) << root.error().message;
    EXPECT_TRUE(root->has("none"));
    EXPECT_FALSE(root->member("none"));
    EXPECT_FALSE(root->has("missing"));
    EXPECT_FALSE(root->member("missing"));
    EXPECT_TRUE(root->member("list").first());  // a null
    EXPECT_FALSE(root->member("text").first());
    EXPECT_EQ(root->member("list").text(), "");
    EXPECT_EQ(root->member("text").text(), "x");
    EXPECT_TRUE(root->member("object").members().empty());
    EXPECT_TRUE(root->member("object").is_object());
    EXPECT_FALSE(root->member("list").is_object());
}

TEST(JsonReader, NothingHasNothing) {
    const JsonView nothing;
    EXPECT_FALSE(nothing.member("a").member("b").first());
    EXPECT_FALSE(nothing.has("a"));
    EXPECT_FALSE(nothing.is_object() || nothing.is_array() || nothing.is_text());
    EXPECT_TRUE(nothing.members().empty());
    EXPECT_TRUE(nothing.elements().empty());
    EXPECT_EQ(nothing.text(), "");
    EXPECT_EQ(nothing.integer(), std::nullopt);
    EXPECT_EQ(nothing.number(), std::nullopt);
    EXPECT_EQ(nothing.truth(), std::nullopt);
    EXPECT_EQ(nothing.dump(), "");
}

TEST(JsonReader, NumbersAreWhatTheyAreWrittenAs) {
    JsonParser parser;
    const auto root = parser.parse("[12, 12.0, -9223372036854775808, 9223372036854775808, true, \"12\"]");
    ASSERT_TRUE(root) << root.error().message;
    const auto all = root->elements();
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(all[0].integer(), 12);
    EXPECT_EQ(all[0].number(), 12.0);
    EXPECT_EQ(all[1].integer(), std::nullopt);
    EXPECT_EQ(all[1].number(), 12.0);
    EXPECT_EQ(all[2].integer(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(all[3].integer(), std::nullopt);
    EXPECT_EQ(all[3].number(), 9223372036854775808.0);
    EXPECT_EQ(all[4].truth(), true);
    EXPECT_EQ(all[4].number(), std::nullopt);
    EXPECT_EQ(all[5].integer(), std::nullopt);
}

TEST(JsonReader, MembersComeAsTheyAreWritten) {
    JsonParser parser;
    const auto root = parser.parse(R"({"b": [1,  2], "a": "é", "b": 3})");
    ASSERT_TRUE(root) << root.error().message;
    std::string names;
    for (const auto& [name, value] : root->members()) names += name;
    EXPECT_EQ(names, "bab");
    EXPECT_EQ(root->member("b").dump(), "[1,2]");  // of members of the same name, the first
}

TEST(JsonReader, ReadsTextWithBytesToSpareAndWithout) {
    JsonParser parser;
    std::string text = "[\"" + std::string(100, 'x') + "\"]";
    text.shrink_to_fit();
    for (int round = 0; round < 2; ++round) {
        const auto root = parser.parse(text, text.capacity() - text.size());
        ASSERT_TRUE(root) << root.error().message;
        EXPECT_EQ(root->first().text(), std::string(100, 'x'));
        text.reserve(text.size() + JsonParser::kSpareBytes);
    }
}

TEST(JsonReader, SaysWhatCannotBeRead) {
    JsonParser parser;
    for (const char* wrong : {"", "{", "[1] 2", "\xef\xbb\xbf[]", "[\"\xff\"]", "[1e999]"}) {
        const auto root = parser.parse(wrong);
        ASSERT_FALSE(root) << wrong;
        EXPECT_EQ(root.error().code, ErrorCode::malformed) << wrong;
        EXPECT_NE(root.error().message, "") << wrong;
    }
    for (const char* path : {"/no/such/file", "/"}) {
        const auto root = parser.load(path);
        ASSERT_FALSE(root) << path;
        EXPECT_EQ(root.error().code, ErrorCode::io) << path;
    }
    EXPECT_TRUE(parser.parse("[]"));
}

}  // namespace
}  // namespace synth::plugins
