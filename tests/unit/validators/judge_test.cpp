#include <string>
#include <string_view>

#include "unit/validators/review.hpp"

namespace synth {
namespace {

using test::codes;
using test::LoadedValidator;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kText = "A kilonova was seen after a short burst, and strontium in its spectrum.";

TEST(JudgeValidator, AsksWithoutTheLabels) {
    LoadedValidator judge("judge", R"({"max_words": 50, "max_tokens": 77})");
    const auto verdict = judge.check(kText, {"Kilonovae"});
    EXPECT_TRUE(verdict.findings.empty());
    ASSERT_TRUE(verdict.ask);
    const Prompt& prompt = verdict.ask->prompt;
    EXPECT_EQ(prompt.output_limit, Tokens{77});
    ASSERT_EQ(prompt.messages.size(), 2U);
    EXPECT_EQ(prompt.messages[0].role, Role::system);
    EXPECT_EQ(prompt.messages[1].role, Role::user);
    EXPECT_THAT(prompt.messages[1].text,
                AllOf(HasSubstr("\nMMA_S_K: Kilonovae. "), HasSubstr("\nMMA_O_BH_STM: Stellar Mass. "), EndsWith(kText),
                      Not(HasSubstr("NOT_TDAMM")), HasSubstr("\"evidence\"")));
    EXPECT_EQ(judge.check(kText, {"Neutrinos"}).ask->prompt.messages[1].text, prompt.messages[1].text)
        << "the labels are not told";
    std::string longer;
    for (int i = 0; i < 60; ++i) longer += "word ";
    EXPECT_THAT(judge.check(longer, {"Kilonovae"}).ask->prompt.messages[1].text, EndsWith(" word […]"));
    EXPECT_FALSE(judge.check(" \n", {"Kilonovae"}).ask);
}

TEST(JudgeValidator, ComparesWhatTheAnswerNames) {
    const struct {
        const char* answer;
        std::initializer_list<const char*> labels;
        const char* found;
    } cases[] = {
        {R"({"labels": [{"code": "MMA_S_K", "evidence": "A kilonova was seen"}]})", {"Kilonovae"}, ""},
        {R"({"labels": [{"code": "MMA_S_K"}]})", {"Kilonovae", "Neutrinos"}, "judge_missed:MMA_M_N"},
        {R"({"labels": [{"code": "MMA_S_K"}, {"code": "MMA_M_N"}]})", {"Kilonovae"}, "judge_added:MMA_M_N"},
        {R"({"labels": []})", {"Kilonovae"}, "judge_missed:MMA_S_K"},
        {R"({"labels": []})", {"Non-TDAMM"}, ""},
        {R"({"labels": null})", {"Non-TDAMM"}, ""},
        {R"({"labels": [{"code": "NOT_TDAMM"}]})", {"Non-TDAMM"}, ""},
        {R"({"labels": ["MMA_M_N"]})", {"Non-TDAMM"}, "judge_added:MMA_M_N"},
        // What entails a label shows it, and what a label entails is not another one.
        {R"({"labels": ["MMA_O_BI_BBH"]})", {"Black Holes"}, "judge_added:MMA_O_BI_BBH"},
        {R"({"labels": ["MMA_O_BH", "MMA_O_BI_BBH"]})", {"Binary Black Holes"}, ""},
        // As models answer.
        {"```json\n{\"labels\": [\"Kilonovae\"]}\n```", {"Kilonovae"}, ""},
        {"Here is my {answer}: {\"Labels\": [{\"Label\": \"kilonovae\"}]} I hope it helps.", {"Kilonovae"}, ""},
        {R"(["MMA_S_K"])", {"Kilonovae"}, ""},
        {R"([{"name": "Kilonovae", "quote": "x"}])", {"Kilonovae"}, ""},
        {R"({"labels": "MMA_S_K"})", {"Kilonovae"}, ""},
        {R"({"code": "MMA_S_K: Kilonovae", "evidence": "x"})", {"Kilonovae"}, ""},
        {R"({"labels": ["MMA_S_K", "MMA_S_K", "Quarks", 7, {}]})", {"Kilonovae"}, ""},
        // No answers.
        {"", {"Kilonovae"}, "judge_unusable"},
        {"I cannot tell.", {"Kilonovae"}, "judge_unusable"},
        {"{\"labels\": [\"MMA_S_K\"", {"Kilonovae"}, "judge_unusable"},
        {R"({"labels": ["Quarks"]})", {"Kilonovae"}, "judge_unusable"},
        {R"({"verdict": true})", {"Kilonovae"}, "judge_unusable"},
        {"{{{{[[[[", {"Kilonovae"}, "judge_unusable"},
    };
    LoadedValidator judge("judge");
    for (const auto& one : cases) {
        const Completion answer{one.answer, FinishReason::stop};
        const auto verdict = judge.check(kText, one.labels, &answer);
        EXPECT_FALSE(verdict.ask) << one.answer;
        EXPECT_EQ(codes(verdict), one.found) << one.answer;
    }
}

TEST(JudgeValidator, DoesWhatTheOptionsSay) {
    const Completion answer{
        R"({"labels": [{"code": "MMA_S_SU", "evidence": "STRONTIUM in its"}, {"code": "MMA_M_N", "evidence": "made up"}, "MMA_S_K"]})",
        FinishReason::stop};
    LoadedValidator judge("judge", R"({"judge_missed": "off", "judge_added": "reject", "record_agreement": true})");
    const auto verdict = judge.check(kText, {"Kilonovae", "Exoplanets"}, &answer);
    ASSERT_EQ(codes(verdict), "judge_agreed:MMA_S_K !judge_added:MMA_S_SU !judge_added:MMA_M_N");
    EXPECT_EQ(
        verdict.findings[1].message,
        "a reader takes the text to be about SuperNovae as well (\"STRONTIUM in its\"), which it is not to be: leave "
        "that out");
    EXPECT_THAT(verdict.findings[2].message, Not(HasSubstr("made up"))) << "evidence that is none";
    const Completion none;
    LoadedValidator strict("judge", R"({"judge_unusable": "reject"})");
    EXPECT_EQ(codes(strict.check(kText, {"Kilonovae"}, &none)), "!judge_unusable");
}

TEST(JudgeValidator, NamesItsProvider) {
    LoadedValidator own("judge");
    auto asked = own.object().asks();
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->id, "");
    EXPECT_EQ(asked->options_json, "{}");
    EXPECT_EQ(asked->budget_share, 0.25);
    LoadedValidator other(
        "judge", R"({"provider": "openai", "model": "m", "base_url": "http://localhost:1/v1", "budget_share": 0.5,
                                       "provider_options": "{\"temperature\": 0}"})");
    asked = other.object().asks();
    EXPECT_EQ(asked->id, "openai");
    EXPECT_EQ(asked->options_json, R"({"base_url":"http://localhost:1/v1","model":"m","temperature":0})");
    EXPECT_EQ(asked->budget_share, 0.5);
    const auto refused = test::load<Validator>("judge", R"({"provider_options": "temperature=0"})");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("provider_options is no JSON object"));
}

}  // namespace
}  // namespace synth
