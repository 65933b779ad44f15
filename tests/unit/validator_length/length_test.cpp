#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "support/plugin_loading.hpp"
#include "support/process.hpp"
#include "support/small_taxonomy.hpp"
#include "synth/validator.hpp"

namespace synth {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class LengthTest : public testing::Test {
protected:
    Result<core::Instance<Validator>> load(std::string_view options) {
        return test::load<Validator>("length", options, taxonomy_);
    }

    /// Of a text with so many words, where the prompt asked for `target`.
    Verdict check(std::string_view options, std::size_t words, std::uint32_t target,
                  FinishReason finish = FinishReason::stop) {
        auto validator = load(options);
        EXPECT_TRUE(validator) << validator.error().message;
        Draft draft;
        for (std::size_t i = 0; i < words; ++i) draft.text += "word\n";
        Prompt prompt;
        prompt.target_words = target;
        const Completion completion{draft.text, finish};
        const SampleSpec spec;
        auto verdict = validator->call([&](Validator& length) {
            return length.check({.spec = &spec, .prompt = &prompt, .completion = &completion, .draft = &draft});
        });
        EXPECT_TRUE(verdict);
        EXPECT_LE(verdict->findings.size(), 1U);
        return *std::move(verdict);
    }

    Taxonomy taxonomy_ = test::small_taxonomy();
};

TEST_F(LengthTest, FindsWhatTheOptionsSay) {
    const struct {
        const char* options;
        std::size_t words;
        std::uint32_t target;
        const char* code;  ///< empty: no finding
        Severity severity;
        const char* message;
    } cases[] = {
        {"{}", 1178, 1178, "", {}, ""},
        {"{}", 1177, 1178, "too_short", Severity::warning, "the text has 1177 words, at least 1178 were asked for"},
        {"{}", 1, 0, "", {}, ""},
        {"{}", 900'000, 10, "", {}, ""},
        {R"({"min_words": 1000})", 1000, 1178, "", {}, ""},
        {R"({"min_words": 1000})", 1, 0, "too_short", Severity::warning,
         "the text has 1 word, at least 1000 were asked for"},
        {R"({"reject_short": true})", 1177, 1178, "too_short", Severity::rejection,
         "the text has 1177 words, at least 1178 were asked for"},
        {R"({"reject_short": true})", 1178, 1178, "", {}, ""},
        {R"({"max_words": 20})", 21, 10, "too_long", Severity::warning,
         "the text has 21 words, at most 20 were asked for"},
        {R"({"max_words": 20})", 20, 10, "", {}, ""},
        {R"({"tolerance": 0.1})", 900, 1000, "", {}, ""},
        {R"({"tolerance": 0.1})", 899, 1000, "too_short", Severity::warning,
         "the text has 899 words, at least 900 were asked for"},
        {R"({"max_words": 20, "reject_long": true})", 21, 10, "too_long", Severity::rejection,
         "the text has 21 words, at most 20 were asked for"},
        // A maximum below the prompt's target: no text may be both too short and too long.
        {R"({"max_words": 20})", 20, 1178, "", {}, ""},
        {R"({"max_words": 20})", 19, 1178, "too_short", Severity::warning,
         "the text has 19 words, at least 20 were asked for"},
    };
    for (const auto& one : cases) {
        SCOPED_TRACE(testing::Message() << one.options << ' ' << one.words << " of " << one.target);
        const Verdict verdict = check(one.options, one.words, one.target);
        if (std::string_view(one.code).empty()) {
            EXPECT_TRUE(verdict.findings.empty());
            continue;
        }
        ASSERT_EQ(verdict.findings.size(), 1U);
        EXPECT_EQ(verdict.findings[0].code, one.code);
        EXPECT_EQ(verdict.findings[0].severity, one.severity);
        EXPECT_EQ(verdict.findings[0].message, one.message);
        EXPECT_EQ(verdict.findings[0].value, static_cast<double>(one.words));
        EXPECT_TRUE(verdict.findings[0].limit.has_value());
    }
}

TEST_F(LengthTest, LooksAtTextsThatWereMadeElsewhere) {
    const auto validator = load("{}");
    const Draft empty, whole{.text = "a word"};
    const auto check = [&](const Draft& draft) {
        const auto verdict = validator->call([&](Validator& length) { return length.check({.draft = &draft}); });
        return verdict->findings.size();
    };
    EXPECT_EQ(check(empty), 1U);
    EXPECT_EQ(check(whole), 0U);
}

TEST_F(LengthTest, TakesTheLengthsOfAReferenceSet) {
    const test::TempDir dir;
    std::string lines;  // 1 to 101 words
    for (int words = 1; words <= 101; ++words) {
        lines += R"({"full_text": ")";
        for (int i = 0; i < words; ++i) lines += "word ";
        lines += "\"}\n";
    }
    test::write_file(dir / "reference.jsonl", lines);
    const std::string path = R"("reference": ")" + (dir / "reference.jsonl").string() + '"';
    const std::string options = "{" + path + R"(, "reject_long": true})";
    EXPECT_TRUE(check(options, 3, 0).findings.empty());
    EXPECT_TRUE(check(options, 99, 1178).findings.empty()) << "the prompt's target does not count";
    auto verdict = check(options, 2, 0);
    ASSERT_EQ(verdict.findings.size(), 1U);
    EXPECT_EQ(verdict.findings[0].message, "the text has 2 words, at least 3 are usual in the reference set");
    verdict = check(options, 100, 0);
    ASSERT_EQ(verdict.findings.size(), 1U);
    EXPECT_EQ(verdict.findings[0].code, "too_long");
    EXPECT_EQ(verdict.findings[0].severity, Severity::rejection);
    EXPECT_EQ(check("{" + path + R"(, "reference_outside": 0})", 1, 0).findings.size(), 0U);

    EXPECT_THAT(load("{" + path + R"(, "min_words": 3})").error().message, HasSubstr("beside min_words"));
    EXPECT_THAT(load(R"({"reference": "/nowhere.json"})").error().message, HasSubstr("/nowhere.json"));
    test::write_file(dir / "no_text.jsonl", "{\"full_text\": \" \"}\n");
    EXPECT_THAT(load(R"({"reference": ")" + (dir / "no_text.jsonl").string() + "\"}").error().message,
                HasSubstr("holds no text"));
}

TEST_F(LengthTest, RejectsWhatIsNotAWholeText) {
    const struct {
        std::size_t words;
        FinishReason finish;
        const char* code;
    } cases[] = {
        {0, FinishReason::stop, "empty"},
        {0, FinishReason::length, "truncated"},
        {5000, FinishReason::length, "truncated"},
        {5000, FinishReason::content_filter, "content_filter"},
    };
    for (const auto& one : cases) {
        const Verdict verdict = check("{}", one.words, 1178, one.finish);
        ASSERT_EQ(verdict.findings.size(), 1U) << one.code;
        EXPECT_EQ(verdict.findings[0].severity, Severity::rejection);
        EXPECT_EQ(verdict.findings[0].code, one.code);
        EXPECT_FALSE(verdict.findings[0].message.empty());
    }
}

TEST_F(LengthTest, TakesAnswersThatDoNotSayWhyTheyEnd) {
    for (const FinishReason finish : {FinishReason::unknown, FinishReason::other})
        EXPECT_TRUE(check("{}", 10, 10, finish).findings.empty());
}

TEST_F(LengthTest, RefusesAMinimumAboveTheMaximum) {
    const auto refused = load(R"({"min_words": 30, "max_words": 20})");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(refused.error().message, HasSubstr("min_words (30) is above max_words (20)"));
}

TEST_F(LengthTest, RefusesNumbersOutOfRange) {
    EXPECT_FALSE(load(R"({"min_words": -1})"));
    EXPECT_FALSE(load(R"({"max_words": 1000001})"));
}

}  // namespace
}  // namespace synth
