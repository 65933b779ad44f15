#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "config/options_schema.hpp"

namespace synth::core {
namespace {

using testing::HasSubstr;

constexpr const char* kSchema = R"({"type": "object", "properties": {
  "words":  {"type": "integer", "description": "target", "default": 1178, "minimum": 1, "maximum": 100000},
  "heat":   {"type": "number", "description": "temperature", "minimum": 0, "maximum": 2},
  "name":   {"type": "string", "description": "a name", "default": ""},
  "form":   {"type": "string", "description": "how it looks", "enum": ["short", "long"], "default": "short"},
  "pretty": {"type": "boolean", "description": "for people", "default": false},
  "tags":   {"type": "array", "items": {"type": "string"}, "description": "words"},
  "count":  {"type": "integer", "description": "any"},
  "floor":  {"type": "number", "description": "from here", "minimum": -1.5},
  "level":  {"type": "integer", "description": "one of few", "enum": [1, 2]}
}})";

GivenOption text(std::string value) { return {std::move(value), false}; }
GivenOption json(std::string value) { return {std::move(value), true}; }

TEST(OptionsSchema, ListsTheOptionsInItsOrder) {
    const auto options = parse_options_schema(kSchema);
    ASSERT_TRUE(options) << options.error().message;
    std::string list;
    for (const OptionInfo& option : *options)
        list += option.name + ":" + option.type + ":" + option.default_json + ":" + option.range + "\n";
    EXPECT_EQ(list,
              "words:integer:1178:1 to 100000\n"
              "heat:number::0 to 2\n"
              "name:string:\"\":\n"
              "form:string:\"short\":one of short, long\n"
              "pretty:boolean:false:\n"
              "tags:array::\n"
              "count:integer::\n"
              "floor:number::at least -1.5\n"
              "level:integer::one of 1, 2\n");
    EXPECT_EQ((*options)[0].description, "target");
}

TEST(OptionsSchema, MayBeEmpty) {
    for (const char* schema : {"{}", R"({"type": "object"})", R"({"properties": {}, "additionalProperties": false})"}) {
        const auto options = parse_options_schema(schema);
        ASSERT_TRUE(options) << schema;
        EXPECT_TRUE(options->empty());
    }
}

TEST(OptionsSchema, OutsideTheSubsetIsRefused) {
    const auto property = [](const std::string& body) {
        return std::string(R"({"properties": {"x": {)").append(body).append("}}}");
    };
    const std::string good = R"("description": "d", )";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "it is not valid JSON"},
        {"{", "it is not valid JSON"},
        {"[]", "the schema must be an object"},
        {R"({"properties": {"x": {"enum": )" + std::string(300'000, '['), "it nests too deep"},
        {R"({"type": "array"})", "its type must be object"},
        {R"({"type": 3})", "its type must be object"},
        {R"({"oneOf": []})", "'oneOf' is outside the subset"},
        {R"({"properties": []})", "'properties' must be an object"},
        {R"({"properties": {"x": 1}})", "property 'x' must be an object"},
        {R"({"properties": {"a.b": {"type": "string", "description": "d"}}})", "no '.', '=' or space"},
        {property(R"("type": "string")"), "property 'x': 'description' must be there"},
        {property(R"("description": "d")"), "property 'x': 'type' must be there"},
        {property(good + R"("type": "object")"), "type 'object' is none of string, integer"},
        {property(good + R"("type": "string", "pattern": "a")"), "'pattern' is outside the subset"},
        {property(good + R"("type": "array")"), "an array has \"items\""},
        {property(good + R"("type": "array", "items": {"type": "number"})"), "an array has \"items\""},
        {property(good + R"("type": "string", "items": {"type": "string"})"), "only an array has 'items'"},
        {property(good + R"("type": "string", "minimum": 1)"), "'minimum' is for numbers only"},
        {property(good + R"("type": "integer", "minimum": 1.5)"), "'minimum' is not of its type"},
        {property(good + R"("type": "integer", "minimum": 2, "maximum": 1)"), "'minimum' is above 'maximum'"},
        {property(good + R"("type": "integer", "default": "1")"), "'default' is not of its type"},
        {property(good + R"("type": "integer", "default": 3, "maximum": 2)"), "'default' must be at most 2, is '3'"},
        {property(good + R"("type": "string", "default": "c", "enum": ["a", "b"])"), "'default' must be one of a, b"},
        {property(good + R"("type": "string", "enum": [])"), "'enum' must be a list"},
        {property(good + R"("type": "string", "enum": [1])"), "'enum' is not of its type"},
    };
    for (const auto& [schema, reason] : cases) {
        const auto options = parse_options_schema(schema);
        ASSERT_FALSE(options) << schema;
        EXPECT_EQ(options.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(options.error().message, testing::StartsWith("options schema: "));
        EXPECT_THAT(options.error().message, HasSubstr(reason)) << schema;
    }
}

TEST(Options, GetTheirDefaults) {
    EXPECT_EQ(*complete_options("sink x", kSchema, {}), R"({"form":"short","name":"","pretty":false,"words":1178})");
    EXPECT_EQ(*complete_options("sink x", "{}", {}), "{}");
}

struct Case {
    const char* option;
    GivenOption given;
    std::string expected;  ///< the value as JSON, or the error without "sink x: option 'NAME' "
};

TEST(Options, AreConvertedToTheirTypes) {
    const std::vector<Case> cases = {
        {"words", text("500"), "500"},
        {"words", json("500"), "500"},
        {"words", text("100000"), "100000"},
        {"count", text("-9223372036854775808"), "-9223372036854775808"},
        {"count", text("9223372036854775807"), "9223372036854775807"},
        {"heat", text("0.8"), "0.8"},
        {"heat", text("2"), "2.0"},
        {"heat", json("2"), "2.0"},
        {"heat", json("2.0"), "2.0"},
        {"heat", text("1e-3"), "0.001"},
        {"heat", text("0"), "0.0"},
        {"floor", text("1e300"), "1e+300"},
        {"name", text(""), R"("")"},
        {"name", text("17"), R"("17")"},
        {"name", text("a \"quoted\" γ"), R"("a \"quoted\" γ")"},
        {"name", json(R"("text")"), R"("text")"},
        {"form", text("long"), R"("long")"},
        {"pretty", text("true"), "true"},
        {"pretty", json("true"), "true"},
        {"level", text("2"), "2"},
        {"tags", text("a, b c ,d"), R"(["a","b c","d"])"},
        {"tags", text("one"), R"(["one"])"},
        {"tags", text(""), "[]"},
        {"tags", text(R"(["with, comma", "b"])"), R"(["with, comma","b"])"},
        {"tags", json(R"(["a"])"), R"(["a"])"},
    };
    for (const Case& one : cases) {
        const auto done = complete_options("sink x", kSchema, {{one.option, one.given}});
        ASSERT_TRUE(done) << done.error().message;
        EXPECT_THAT(*done, HasSubstr(std::string(one.option).append("\":").append(one.expected))) << one.given.text;
    }
}

TEST(Options, OfTheWrongKindAreRefusedInOneLine) {
    const std::vector<Case> cases = {
        {"words", text("many"), "must be a whole number (1 to 100000), is 'many'"},
        {"words", text(""), "must be a whole number (1 to 100000), is ''"},
        {"words", text("12.5"), "must be a whole number (1 to 100000), is '12.5'"},
        {"words", text("0x10"), "must be a whole number (1 to 100000), is '0x10'"},
        {"words", text("5 "), "must be a whole number (1 to 100000), is '5 '"},
        {"words", text("0"), "must be 1 to 100000, is '0'"},
        {"words", text("-1"), "must be 1 to 100000, is '-1'"},
        {"words", text("100001"), "must be 1 to 100000, is '100001'"},
        {"words", json("\"5\""), "must be a whole number (1 to 100000), is '\"5\"'"},
        {"words", json("5.5"), "must be a whole number (1 to 100000), is '5.5'"},
        {"words", json("null"), "must be a whole number (1 to 100000), is 'null'"},
        {"words", json("{"), "must be a whole number (1 to 100000), is '{'"},
        {"count", text("9223372036854775808"), "must be a whole number, is '9223372036854775808'"},
        {"count", json("18446744073709551615"), "must be a whole number, is '18446744073709551615'"},
        {"heat", text("hot"), "must be a number (0 to 2), is 'hot'"},
        {"heat", text("nan"), "must be a number (0 to 2), is 'nan'"},
        {"heat", text("inf"), "must be a number (0 to 2), is 'inf'"},
        {"heat", text("1e999"), "must be a number (0 to 2), is '1e999'"},
        {"heat", text("2.0001"), "must be 0 to 2, is '2.0001'"},
        {"heat", text("-0.1"), "must be 0 to 2, is '-0.1'"},
        {"floor", text("-2"), "must be at least -1.5, is '-2.0'"},
        {"form", text("Long"), "must be one of short, long, is 'Long'"},
        {"form", json("1"), "must be a text (one of short, long), is '1'"},
        {"level", text("3"), "must be one of 1, 2, is '3'"},
        {"pretty", text("yes"), "must be true or false, is 'yes'"},
        {"pretty", json("1"), "must be true or false, is '1'"},
        {"tags", text("[1]"), "must be a list of texts, is '[1]'"},
        {"tags", text("[broken"), "must be a list of texts, is '[broken'"},
        {"tags", json("\"a\""), "must be a list of texts, is '\"a\"'"},
        {"name", text("\xff\xfe"), "is not valid UTF-8"},
        {"tags", text("a,\xff"), "is not valid UTF-8"},
    };
    for (const Case& one : cases) {
        const auto done = complete_options("sink x", kSchema, {{one.option, one.given}});
        ASSERT_FALSE(done) << one.option << " = " << one.given.text << " became " << *done;
        EXPECT_EQ(done.error().code, ErrorCode::invalid_argument);
        EXPECT_EQ(done.error().message, "sink x: option '" + std::string(one.option) + "' " + one.expected);
    }
}

TEST(Options, ThatAreUnknownNameTheNearest) {
    const auto message = [](const char* schema, const char* name) {
        return complete_options("sink x", schema, {{name, text("1")}}).error().message;
    };
    EXPECT_EQ(message(kSchema, "wrods"), "sink x: unknown option 'wrods', did you mean 'words'?");
    EXPECT_EQ(message(kSchema, "colour"),
              "sink x: unknown option 'colour', it has words, heat, name, form, pretty, tags, count, floor, level");
    EXPECT_EQ(message("{}", "words"), "sink x: unknown option 'words', it has none");
}

TEST(Nearest, TakesTheFewestEdits) {
    const std::vector<std::string> known = {"json", "jsonl", "base_url", "max-labels", "rpm"};
    const std::vector<std::pair<const char*, const char*>> cases = {
        {"jsno", "json"},
        {"josnl", "jsonl"},
        {"json", "json"},
        {"baseurl", "base_url"},
        {"max_labels", "max-labels"},
        {"maxlabel", "max-labels"},
        {"rmp", "rpm"},
        {"xyz", ""},
        {"", ""},
        {"parquet", ""},
    };
    for (const auto& [word, expected] : cases) EXPECT_EQ(nearest(word, known), expected) << word;
    EXPECT_EQ(nearest("json", {}), "");
}

}  // namespace
}  // namespace synth::core
