#include "run/ledger_json.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace synth::core {
namespace {

TEST(LedgerJsonTest, FindingsComeBackAsTheyWere) {
    const std::vector<Finding> all = {
        {Severity::rejection, "too_short", "it has 10 words, \"few\"\n", "", 10, 100.25, "length"},
        {Severity::warning, "missing", "nothing on gamma-ray bursts — at all", "GRB", {}, {}, "coverage"}};
    std::vector<Finding> read;
    for (const auto& findings : {all, {all[1]}, std::vector<Finding>{}}) {
        parse_findings(findings_json(findings), read);
        EXPECT_EQ(read, findings);
    }
    EXPECT_EQ(findings_json({all[1]}),
              R"([["warning", "missing", "nothing on gamma-ray bursts — at all", "coverage", "GRB", null, null]])");
}

TEST(LedgerJsonTest, AttributesComeBackAsTheyWere) {
    std::vector<Attribute> read;
    for (const auto& attributes : {std::vector<Attribute>{{"form", "GCN \"circular\""}, {"angle", "a\\b\tc"}}, {}}) {
        parse_attributes(attributes_json(attributes), read);
        EXPECT_EQ(read, attributes);
    }
    parse_attributes(attributes_json({{"form", "slides"}, {"angle", "old"}, {"form", "news"}}), read);
    EXPECT_EQ(read, (std::vector<Attribute>{{"angle", "old"}, {"form", "news"}}));
    parse_attributes(attributes_json({{"form", "a\xFF\xC3z"}}), read);
    EXPECT_EQ(read, (std::vector<Attribute>{{"form", "a\uFFFD\uFFFDz"}}));
}

TEST(LedgerJsonTest, WhatIsDamagedIsLeftOut) {
    std::vector<Finding> findings = {{}};
    for (const char* text : {"", "[", "{}", "7", "[7]", "[[]]", R"([["warning","a","b","c",5,null,null]])",
                             R"([["warning","a","b","c","d",1]])"}) {
        parse_findings(text, findings);
        EXPECT_TRUE(findings.empty()) << text;
    }
    parse_findings(R"([7,["warning","a","b","c","d","e",2]])", findings);
    EXPECT_EQ(findings, (std::vector<Finding>{{Severity::warning, "a", "b", "d", {}, 2, "c"}}));

    std::vector<Attribute> attributes = {{}};
    for (const char* text : {"", "{", "[]", "null", R"({"a":7})"}) {
        parse_attributes(text, attributes);
        EXPECT_TRUE(attributes.empty()) << text;
    }

    EXPECT_EQ(count_labels(R"({"labels":[{},{},{}]})"), 3U);
    for (const char* text : {"", "[1,2]", R"({"labels":{"a":1}})", R"({"names":[1]})"})
        EXPECT_EQ(count_labels(text), 0U) << text;
}

}  // namespace
}  // namespace synth::core
