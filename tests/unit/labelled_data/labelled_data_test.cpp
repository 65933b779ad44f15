// Labelled data sets in every format that they come in, and what is wrong with those that are none.

#include "common/labelled_data.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/plugin_loading.hpp"
#include "support/process.hpp"
#include "support/small_taxonomy.hpp"

namespace {

using synth::LabelId;
using synth::Taxonomy;
using synth::plugins::LabelledData;
using synth::plugins::LabelledDataOptions;
using synth::plugins::LabelledDocument;
using synth::plugins::ReadingNotes;
using synth::test::kBinaries;
using synth::test::kBlackHoles;
using synth::test::kNone;
using synth::test::kXRays;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

using Labels = std::vector<std::vector<LabelId>>;

struct Read {
    Labels labels;
    std::vector<std::string> texts;  // "link|title|text"
    std::vector<std::uint64_t> rows;
    ReadingNotes notes;
    std::string error, path;
};

Read read(const std::string& content, const LabelledDataOptions& options = {}, const Taxonomy* classes = nullptr) {
    static const Taxonomy small = synth::test::small_taxonomy();
    const synth::test::TempDir dir;
    Read all;
    all.path = dir / "data";
    synth::test::write_file(all.path, content);
    auto data = LabelledData::open(all.path, classes != nullptr ? *classes : small, options);
    if (!data) return all.error = data.error().message, all;
    const synth::Status status = for_each_document(*data, [&](const LabelledDocument& document) -> synth::Status {
        all.labels.push_back(document.labels);
        all.rows.push_back(document.row);
        all.texts.push_back(std::string(document.link) + "|" + std::string(document.title) + "|" +
                            std::string(document.text));
        return {};
    });
    if (!status) all.error = status.error().message;
    all.notes = data->notes();
    return all;
}

constexpr const char* kArray = R"([
  {"link": "http://a/1", "full_text": "One } \" ] text", "labels": ["X-rays", "Black Holes"]},
  {"link": "http://a/2", "full_text": "Two", "labels": ["Non-TDAMM"], "title": "T", "metadata": {"id": 2}}
]
)";

TEST(LabelledData, ReadsAJsonArray) {
    const Read got = read(kArray, {.texts = true});
    EXPECT_EQ(got.error, "");
    EXPECT_THAT(got.labels, ElementsAre(ElementsAre(kXRays, kBlackHoles), ElementsAre(kNone)));
    EXPECT_THAT(got.texts, ElementsAre("http://a/1||One } \" ] text", "http://a/2|T|Two"));
    EXPECT_THAT(got.rows, ElementsAre(1, 2));
    EXPECT_EQ(got.notes.documents, 2U);
    EXPECT_THAT(read("[]").labels, IsEmpty());
    EXPECT_EQ(read("[]").error, "");
}

TEST(LabelledData, ReadsJsonLines) {
    const Read got =
        read("{\"url\": \"u\", \"text\": \"t\", \"labels\": [\"BH\"]}\r\n\n{\"labels\": \"X|BH\"}", {.texts = true});
    EXPECT_EQ(got.error, "");
    EXPECT_THAT(got.labels, ElementsAre(ElementsAre(kBlackHoles), ElementsAre(kXRays, kBlackHoles)));
    EXPECT_THAT(got.texts, ElementsAre("u||t", "||"));
}

TEST(LabelledData, ReadsEverySpellingOfAListInOneCell) {
    for (const char* cell : {"X-rays;Black Holes", "X-rays | Black Holes", "\"[\"\"X-rays\"\", \"\"Black Holes\"\"]\"",
                             "\"['X-rays', 'Black Holes']\"", "X;BH", ";x_rays;;black   holes;X"}) {
        const Read got = read("id,labels,text\n7," + std::string(cell) + ",Hello\n", {.texts = true});
        EXPECT_EQ(got.error, "") << cell;
        EXPECT_THAT(got.labels, ElementsAre(ElementsAre(kXRays, kBlackHoles))) << cell;
        EXPECT_THAT(got.texts, ElementsAre("7||Hello")) << cell;
    }
}

TEST(LabelledData, KeepsTheOrderOfTheFileAndEachLabelOnce) {
    EXPECT_THAT(read("labels\nBH;X;BH\n").labels, ElementsAre(ElementsAre(kBlackHoles, kXRays)));
}

TEST(LabelledData, ReadsColumnsNamedByLabels) {
    const Read got =
        read("url,X-rays,BH,score,Non-TDAMM\na,1,0,0.3,0\nb,true,1.0,1,False\nc,,no,0,1\n", {.texts = true});
    EXPECT_EQ(got.error, "");
    EXPECT_THAT(got.labels, ElementsAre(ElementsAre(kXRays), ElementsAre(kXRays, kBlackHoles), ElementsAre(kNone)));
    EXPECT_THAT(got.texts, ElementsAre("a||", "b||", "c||"));
}

TEST(LabelledData, TakesAnotherFieldForLabels) {
    EXPECT_THAT(read("tags,labels\nX,nonsense\n", {.field = "tags"}).labels, ElementsAre(ElementsAre(kXRays)));
    EXPECT_THAT(read("{\"tags\": [\"X\"]}", {.field = "tags"}).labels, ElementsAre(ElementsAre(kXRays)));
}

TEST(LabelledData, UnderstandsTheSpellingsOfTheOtherLabelSets) {
    const Taxonomy& taxonomy = synth::test::taxonomy();
    const Read got = read("labels\nPulsar Wind Nebulae\nObjects/Black Holes;MMA_M_EM_X\nNOT_TDAMM\n", {}, &taxonomy);
    EXPECT_EQ(got.error, "");
    EXPECT_THAT(got.labels, ElementsAre(ElementsAre(*taxonomy.find("Pulsar Wind Nebula")),
                                        ElementsAre(*taxonomy.find("Black Holes"), *taxonomy.find("X-rays")),
                                        ElementsAre(*taxonomy.find("Non-TDAMM"))));
    EXPECT_THAT(got.notes.respelled,
                ElementsAre("'Pulsar Wind Nebulae' as 'Pulsar Wind Nebula'", "'Objects/Black Holes' as 'Black Holes'"));
}

TEST(LabelledData, FallsBackOnTheCodesInTheMetadata) {
    const char* content = R"([{"labels": ["Röntgen", "BH"], "metadata": {"label_codes": ["X", "BH"]}}])";
    EXPECT_THAT(read(content).labels, ElementsAre(ElementsAre(kXRays, kBlackHoles)));
}

TEST(LabelledData, NamesAnUnknownLabelAndTheNearestOne) {
    EXPECT_THAT(
        read("labels\nX\nBinary Black Hole\n").error,
        EndsWith("data:3: taxonomy 'small' has no label 'Binary Black Hole', the nearest is 'Binary Black Holes': "
                 "correct it, or leave unknown labels out (unknown=skip)"));
    EXPECT_THAT(read("{\"labels\": [\"X\"]}\n{\"labels\": [\"Quarks\"]}\n").error,
                HasSubstr("data:2: taxonomy 'small' has"));
    EXPECT_THAT(read("[{\"labels\": [\"X\"]}, {\"labels\": [\"Quarks\"]}]").error,
                HasSubstr("data, document 2: taxonomy"));
    EXPECT_THAT(read("X,Quarks\n1,0\n0,1\n").error, HasSubstr("data:3: taxonomy 'small' has no label 'Quarks'"));
}

TEST(LabelledData, LeavesUnknownLabelsOutAndCountsThem) {
    const Read got = read("labels\nX;Quarks\nQuarks\nBBH\n", {.unknown = LabelledDataOptions::Unknown::skip});
    EXPECT_EQ(got.error, "");
    EXPECT_THAT(got.labels, ElementsAre(ElementsAre(kXRays), ElementsAre(kBinaries)));
    EXPECT_THAT(got.rows, ElementsAre(1, 3));
    EXPECT_EQ(got.notes.summary("f"), "f: 2 documents, 2 unknown labels left out (first " + got.path +
                                          ":2: 'Quarks'), 1 documents without labels left out");
}

TEST(LabelledData, DoesWithUnlabelledDocumentsWhatIsAsked) {
    using Unlabelled = LabelledDataOptions::Unlabelled;
    for (const char* content :
         {"labels,x\nX,\n,\n", "X,BH\n1,0\n0,0\n", "{\"labels\": [\"X\"]}\n{\"labels\": []}\n",
          "{\"labels\": [\"X\"]}\n{\"labels\": null}\n", "[{\"labels\": \"X\"}, {\"labels\": \"\"}]"}) {
        EXPECT_THAT(read(content).error, HasSubstr(": a document without labels: give it some, leave")) << content;
        const Read skipped = read(content, {.unlabelled = Unlabelled::skip});
        EXPECT_THAT(skipped.labels, ElementsAre(ElementsAre(kXRays))) << content;
        EXPECT_EQ(skipped.notes.skipped_documents, 1U) << content;
        EXPECT_THAT(read(content, {.unlabelled = Unlabelled::negative}).labels,
                    ElementsAre(ElementsAre(kXRays), ElementsAre(kNone)))
            << content;
    }
}

TEST(LabelledData, ReadsTextsAloneWhereLabelsAreNotLookedAt) {
    const LabelledDataOptions options{.texts = true, .labels = false};
    for (const char* content : {R"([{"full_text": "one"}, {"full_text": "two", "labels": ["Quarks"]}])",
                                "{\"text\": \"one\"}\n{\"text\": \"two\", \"labels\": 7}\n", "text\none\ntwo\n"}) {
        const Read all = read(content, options);
        EXPECT_EQ(all.error, "") << content;
        EXPECT_THAT(all.texts, ElementsAre("||one", "||two")) << content;
        EXPECT_THAT(all.labels, ElementsAre(IsEmpty(), IsEmpty())) << content;
    }
}

TEST(LabelledData, SaysWhatIsWrongAndWhere) {
    std::string many = "labels\n";
    for (int i = 0; i < 16; ++i) many += (i == 0 ? "L" : ";L") + std::to_string(i);
    static const Taxonomy large = [] {
        Taxonomy taxonomy;
        for (int i = 0; i < 20; ++i)
            taxonomy.labels.push_back({.code = "L" + std::to_string(i), .name = "L" + std::to_string(i)});
        return taxonomy;
    }();
    EXPECT_THAT(read(many, {}, &large).error, EndsWith("data:2: 16 labels, a document has at most 15"));
    for (const auto& [content, why] : std::vector<std::pair<std::string, std::string>>{
             {"", " is empty: a JSON array, JSON Lines or CSV is needed"},
             {" \n", " is empty: a JSON array, JSON Lines or CSV is needed"},
             {"labels\nX;Non-TDAMM\n", "data:2: 'Non-TDAMM' stands beside other labels; it is always alone"},
             {"a,b\n1,2\n",
              "data:1: neither a column 'labels' nor one that is named by a label of taxonomy 'small'; the "
              "columns are 'a', 'b'"},
             {"a,labels\n1\n", "data:2: 1 fields, the header has 2"},
             {"X,BH\n1,2\n", "data:2: column 'BH' is '2', not 1 or 0"},
             {"labels\n\"['X'\"\n", "data:2: labels are no list of quoted names: '['X''"},
             {"labels\n[1]\n", "data:2: labels are no list of quoted names: '[1]'"},
             {"{\"labels\": [\"X\"]}\n{\"labels\": [\n", "data:2: not JSON: "},
             {"{\"labels\": [\"X\"]}\n[1]\n", "data:2: not a JSON object"},
             {"{\"x\": 1}\n", "data:1: no 'labels'"},
             {"{\"labels\": 1}\n", "data:1: 'labels' is neither a list nor text"},
             {"{\"labels\": [0, 1]}\n", "data:1: 'labels' holds something that is not text"},
             {"[{\"labels\": \"X\"}", " ends after 1 documents, within its JSON array: it was cut"},
             {"[{\"labels\": \"X\"},", " ends after 1 documents, within its JSON array: it was cut"},
             {"[{\"labels\": \"X\"}, {\"labels\": \"B", " ends after 1 documents, within its JSON array: it was cut"},
             {"[{\"labels\": \"X\"} {\"labels\": \"X\"}]", "data, document 2: no comma before it in the JSON array"},
             {"[\"X\"]", "data, document 1: not a JSON object"},
             {"[{\"labels\" \"X\"}]", "data, document 1: not JSON: "},
             {"[{\"labels\": \"X\"}] x", ": text after the end of the JSON array"},
         }) {
        const Read got = read(content);
        EXPECT_THAT(got.error, HasSubstr(why)) << content;
        EXPECT_THAT(got.error, HasSubstr(got.path)) << content;
    }
    EXPECT_EQ(LabelledData::open("/no/such", large).error().message,
              "cannot read '/no/such': No such file or directory");
}

TEST(LabelledData, ReadsDocumentsThatAreLongerThanAnyBuffer) {
    const std::string text(700'000, 'x');
    std::string array = "[", lines;
    for (int i = 0; i < 3; ++i) {
        const std::string one = "{\"text\": \"" + text + "\\\"}\", \"labels\": [\"X\"]}";
        array += (i == 0 ? "" : ",") + one;
        lines += one + "\n";
    }
    for (const std::string& content : {array + "]", lines}) {
        const Read got = read(content, {.texts = true});
        EXPECT_EQ(got.error, "");
        ASSERT_EQ(got.texts.size(), 3U);
        EXPECT_EQ(got.texts[2], "||" + text + "\"}");
    }
}

}  // namespace
