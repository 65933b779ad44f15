#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "spread.hpp"
#include "support/process.hpp"
#include "text_measures.hpp"
#include "unit/reporters/reporter.hpp"

namespace synth {
namespace {

using diversity::measure;
using diversity::Measures;
using diversity::Spread;
using diversity::TextSample;
using nlohmann::json;
using test::FakeRun;
using testing::AllOf;
using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;
using testing::SizeIs;

using Texts = std::vector<std::string>;

TEST(TextMeasures, DistinctSequencesAreCountedWithinTexts) {
    // Words a b a b c a: 3 of 6 distinct; pairs ab ba ab | ca: 3 of 4; threes aba bab: 2 of 2.
    const Measures measures = measure(Texts{"A b, a B", "c a"});
    EXPECT_EQ(measures.words, 6);
    EXPECT_THAT(measures.distinct[0], Optional(DoubleEq(3.0 / 6)));
    EXPECT_THAT(measures.distinct[1], Optional(DoubleEq(3.0 / 4)));
    EXPECT_THAT(measures.distinct[2], Optional(DoubleEq(1)));
}

TEST(TextMeasures, SelfRepetitionIsAcrossTextsOnly) {
    // Repeated within a text alone: nothing that another has.
    EXPECT_THAT(measure(Texts{"a b c d a b c d", "e f g h"}).self_repetition, Optional(DoubleEq(0)));
    // Of the second's two sequences of four one is in the first; the first's only one is in the second.
    EXPECT_THAT(measure(Texts{"a b c d", "a b c d e"}).self_repetition, Optional(DoubleEq((1 + 0.5) / 2)));
}

TEST(TextMeasures, PhrasesAreThoseThatManyTextsShare) {
    Texts texts;
    for (const char* end : {"one", "two", "three", "four"})
        texts.push_back(std::string("Start ") + end + ". In the realm of the high-energy Universe, " + end +
                        " stands out.");
    texts.emplace_back("Nothing of it here, and six words more.");
    const auto phrases = measure(texts).phrases;
    ASSERT_THAT(phrases, SizeIs(1));  // those that overlap it are no others
    EXPECT_EQ(phrases[0].texts, 4);
    EXPECT_THAT(phrases[0].text, HasSubstr("realm of the high"));
}

TEST(TextMeasures, CopiesCompress) {
    std::string text;
    for (int i = 0; i < 400; ++i) text += std::to_string(i * i * 7919 % 10007) + " ";
    const auto one = measure(Texts{text}).compression, four = measure(Texts(4, text)).compression;
    ASSERT_TRUE(one && four);
    EXPECT_GT(*four, *one * 3);
}

TEST(TextMeasures, WithoutTextsNothingIsKnown) {
    const Measures measures = measure(Texts{});
    EXPECT_FALSE(measures.distinct[0] || measures.compression || measures.self_repetition);
    EXPECT_FALSE(measure(Texts{"two words"}).distinct[2]);
}

TEST(TextSample, StaysEvenWhenMoreComes) {
    TextSample sample(4, 1000);
    for (int i = 0; i < 17; ++i) sample.add(std::to_string(i));
    EXPECT_EQ(sample.seen(), 17);
    EXPECT_THAT(sample.texts(), ElementsAre("0", "8", "16"));
    TextSample small(100, 30);
    for (int i = 0; i < 100; ++i) small.add("0123456789");
    EXPECT_LE(small.texts().size(), 3);
    EXPECT_GE(small.texts().size(), 1);
}

TEST(TextMeasures, APartHasAboutAsManyWords) {
    const Texts ten(10, "a b c d");
    EXPECT_THAT(diversity::part_of(ten, 40, 12), SizeIs(3));
    EXPECT_THAT(diversity::part_of(ten, 40, 40), SizeIs(10));
    EXPECT_THAT(diversity::part_of(ten, 40, 1), SizeIs(0));
}

TEST(Spread, NamesLabelsThatDidNotMeetAValue) {
    Spread spread(2);
    const auto add = [&](LabelId label, const char* form, int times) {
        for (int i = 0; i < times; ++i) spread.add(test::labels({label}), std::vector<Attribute>{{"form", form}});
    };
    add(0, "news", 4);
    add(0, "paper", 4);
    add(1, "news", 8);
    const auto reports = spread.reports();
    ASSERT_THAT(reports, SizeIs(1));
    EXPECT_EQ(reports[0].attribute, "form");
    EXPECT_EQ(reports[0].values[0].name, "news");
    EXPECT_EQ(reports[0].pairs, 4);
    EXPECT_EQ(reports[0].met, 3);
    EXPECT_THAT(reports[0].unmet, ElementsAre(std::pair<LabelId, std::size_t>{1, 1}));
    // 12 to 4 of 16: 0.811 bits.
    EXPECT_NEAR(*reports[0].evenness, 0.8113, 1e-4);
}

TEST(Spread, OneThatChanceMayHaveMissedIsNotMissing) {
    Spread spread(2);
    for (int i = 0; i < 10; ++i) spread.add(test::labels({0}), std::vector<Attribute>{{"form", "news"}});
    spread.add(test::labels({1}), std::vector<Attribute>{{"form", "paper"}});
    for (const auto& report : spread.reports()) EXPECT_THAT(report.unmet, SizeIs(0));
}

TEST(Spread, ManyValuesAreNotAllKept) {
    Spread spread(1);
    for (int i = 0; i < 1000; ++i) spread.add(test::labels({0}), std::vector<Attribute>{{"date", std::to_string(i)}});
    const auto reports = spread.reports();
    EXPECT_EQ(reports[0].values.size(), Spread::kMostValues);
    EXPECT_EQ(reports[0].other, 1000 - Spread::kMostValues);
    EXPECT_FALSE(reports[0].evenness);
}

Record& accept(FakeRun& run, const LabelSet& labels, std::string text, std::string form) {
    const auto index = run.plan_sample(labels).index;
    run.call(index, Outcome::accepted);
    Record record;
    record.index = index;
    record.text = std::move(text);
    record.labels = labels;
    record.attributes = {{"form", std::move(form)}};
    run.documents.push_back(std::move(record));
    return run.documents.back();
}

std::string filler(int words) {
    std::string text;
    for (int i = 0; i < words; ++i) text += "word" + std::to_string(i) + " ";
    return text;
}

TEST(Diversity, SaysFromWhichWordEachLabelIsVisible) {
    FakeRun run;
    accept(run, test::labels({test::kXRays}), filler(9) + "X-rays", "news");
    accept(run, test::labels({test::kXRays, test::kBinaries}), "binary black holes " + filler(400) + "X-rays", "paper");
    accept(run, test::labels({test::kNone}), filler(5), "minutes");
    const Section section = test::section_of("diversity", run);
    const json all = json::parse(section.json)["diversity"];
    EXPECT_EQ(all["every_label_in_lead"], 0.5);  // of those that have a label to show
    EXPECT_EQ(all["positions"]["X-rays"],
              json({{"texts", 2}, {"median_word", 9}, {"p90_word", 403}, {"in_lead", 1}, {"never", 0}}));
    EXPECT_EQ(all["positions"]["Binary Black Holes"]["median_word"], 0);
    EXPECT_FALSE(all["positions"].contains("Non-TDAMM"));
    EXPECT_THAT(section.text, AllOf(HasSubstr("10 / 404"), HasSubstr("50.0 % of the texts show every label")));
    // What was drawn for negatives is no form that labels lack.
    EXPECT_EQ(all["attributes"]["form"]["values"], 2);
    EXPECT_EQ(all["negative_attributes"]["form"]["counts"]["minutes"], 1);
}

TEST(Diversity, AReferenceIsComparedByAsManyWords) {
    const test::TempDir dir;
    test::write_file(dir / "real.jsonl",
                     json{{"full_text", filler(50) + "X-rays"}, {"labels", {"X-rays"}}}.dump() + "\n");
    FakeRun run;
    for (int i = 0; i < 20; ++i) accept(run, test::labels({test::kXRays}), "X-rays " + filler(25), "news");
    auto reporter =
        test::load<Reporter>("diversity", json{{"reference", (dir / "real.jsonl").string()}}.dump(), run.classes);
    ASSERT_TRUE(reporter);
    const auto section = reporter->call([&](Reporter& loaded) { return loaded.report(run); });
    ASSERT_TRUE(section) << section.error().message;
    const json all = json::parse(section->json)["diversity"];
    EXPECT_EQ(all["texts"]["texts"], 20);
    EXPECT_EQ(all["at_equal_size"]["texts"], 2);  // 27 words each, X and rays apart: the 52 of the reference
    EXPECT_EQ(all["reference"]["at_equal_size"]["texts"], 1);
    EXPECT_THAT(section->text, HasSubstr("real.jsonl, 1 document"));
}

TEST(Diversity, ALedgerThatCannotBeReadIsAnError) {
    FakeRun run;
    accept(run, test::labels({test::kXRays}), "X-rays", "news");
    run.broken = Error{ErrorCode::io, "cannot read the ledger", {}};
    EXPECT_FALSE(test::report_of("diversity", run));
}

}  // namespace
}  // namespace synth
