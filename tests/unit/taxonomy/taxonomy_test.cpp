#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "support/plugin_loading.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth {
namespace {

using core::load_taxonomy;
using core::parse_taxonomy;
using core::to_json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kBuiltin[] = {"tdamm40", "tdamm36", "cosmos"};

std::vector<std::string> names(const Taxonomy& taxonomy, const std::vector<LabelId>& ids) {
    std::vector<std::string> list;
    for (const LabelId id : ids) list.push_back(taxonomy[id].name);
    return list;
}
const Label& label(const Taxonomy& taxonomy, std::string_view name) { return taxonomy[*taxonomy.find(name)]; }

TEST(BuiltinTaxonomies, AreThree) {
    EXPECT_THAT(core::builtin_taxonomies(test::installation().core_data), ElementsAre("cosmos", "tdamm36", "tdamm40"));
}

TEST(BuiltinTaxonomies, SurviveTheRoundTripThroughJsonToTheLetter) {
    for (const char* name : kBuiltin) {
        const std::string text = to_json(test::taxonomy(name));
        const auto again = parse_taxonomy(text, "again");
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(to_json(*again), text);
    }
}

TEST(BuiltinTaxonomies, HoldTheLabelsOfTheirClassifiersAsTheySpellThem) {
    const Taxonomy& default_one = test::taxonomy("tdamm40");
    const Taxonomy& model = test::taxonomy("tdamm36");
    const Taxonomy& cosmos = test::taxonomy("cosmos");
    EXPECT_EQ(default_one.labels.size(), 40u);
    EXPECT_EQ(model.labels.size(), 36u);
    EXPECT_EQ(cosmos.labels.size(), 40u);
    const auto spelled = [](const Taxonomy& taxonomy, const char* code) {
        const auto id = taxonomy.find(code);
        return id ? taxonomy[*id].name : "";
    };
    struct {
        const char *code, *default_name, *model_name, *cosmos_name;
    } const cases[] = {
        {"NOT_TDAMM", "Non-TDAMM", "non-TDAMM", "NOT_TDAMM"},
        {"MMA_O_N_PWN", "Pulsar Wind Nebula", "Pulsar Wind Nebulae", "Objects/Neutron Stars/Pulsar Wind Nebula"},
        {"MMA_S_SU", "SuperNovae", "SuperNovae", "Signals/Supernovae"},
        {"MMA_O_BH_IM", "Intermediate Mass", "Intermediate Mass", "Objects/Black Holes/Intermediate mass"},
        {"MMA_M_G", "Gravitational Waves", "", "Messenger/Gravitational Waves"},
        {"MMA_M_EM_M", "Microwave", "", "Messenger/EM Radiation/Microwave"},
        {"MMA_O_BH", "Black Holes", "", "Objects/Black Holes"},
        {"MMA_O_N", "Neutron Stars", "", "Objects/Neutron Stars"},
    };
    for (const auto& one : cases) {
        EXPECT_EQ(spelled(default_one, one.code), one.default_name);
        EXPECT_EQ(spelled(model, one.code), one.model_name);
        EXPECT_EQ(spelled(cosmos, one.code), one.cosmos_name);
    }
    for (const char* name : kBuiltin) EXPECT_EQ(test::taxonomy(name).negative, test::taxonomy(name).labels.size() - 1);
}

TEST(BuiltinTaxonomies, KnowWhatEntailsWhat) {
    const Taxonomy& taxonomy = test::taxonomy();
    struct {
        const char* name;
        std::vector<std::string> parents, entails;
    } const cases[] = {
        {"Continuous", {"Gravitational Waves"}, {"Gravitational Waves"}},
        {"Active Galactic Nuclei", {"Black Holes"}, {"Black Holes"}},
        {"Binary Black Holes", {}, {"Black Holes"}},
        {"Neutron Star-Black Hole", {}, {"Black Holes", "Neutron Stars"}},
        {"Binary Pulsars", {}, {"Neutron Stars", "Pulsars"}},
        {"Pulsar Wind Nebula", {}, {"Neutron Stars", "Pulsars"}},
        {"Gamma-ray Bursts", {}, {"Gamma rays"}},
        {"Cataclysmic Variables", {}, {}},
        {"Compact Binary Inspiral", {"Gravitational Waves"}, {"Gravitational Waves"}},
    };
    for (const auto& one : cases) {
        EXPECT_EQ(names(taxonomy, label(taxonomy, one.name).parents), one.parents) << one.name;
        EXPECT_EQ(names(taxonomy, label(taxonomy, one.name).entails), one.entails) << one.name;
    }
}

TEST(BuiltinTaxonomies, DropRelationsToLabelsThatTheyLack) {
    const Taxonomy& model = test::taxonomy("tdamm36");
    EXPECT_THAT(label(model, "Continuous").parents, testing::IsEmpty());
    EXPECT_THAT(names(model, label(model, "Binary Pulsars").entails), ElementsAre("Pulsars"));
    EXPECT_GT(model.cooccurrence(*model.find("Gamma rays"), *model.find("X-rays")), 0u);
}

TEST(BuiltinTaxonomies, HaveFactsEnoughForAText) {
    for (const char* name : kBuiltin) {
        const Taxonomy& taxonomy = test::taxonomy(name);
        for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) {
            const Label& one = taxonomy.labels[i];
            EXPECT_GE(one.meaning.size(), 30u) << one.name;
            if (i == taxonomy.negative) continue;
            EXPECT_GE(one.terms.size(), 8u) << one.name;
            EXPECT_GE(one.instruments.size(), 4u) << one.name;
            EXPECT_GE(one.cooccurs.size(), 2u) << one.name;
            EXPECT_GE(one.quantities.size(), 2u) << one.name;
            for (const Quantity& quantity : one.quantities)
                EXPECT_TRUE(quantity.low && quantity.high) << one.name << ": " << quantity.name;
            for (const auto& list : {one.objects, one.instruments, one.aliases})
                for (const std::string& word : list)
                    EXPECT_TRUE(word.find('(') == std::string::npos || word.ends_with("(planned)")) << word;
        }
        EXPECT_EQ(taxonomy.negative_categories.size(), 11u);
        for (const NegativeCategory& category : taxonomy.negative_categories) {
            EXPECT_FALSE(category.meaning.empty() || category.terms.empty() || category.forms.empty()) << category.id;
            EXPECT_TRUE(!category.hard || !category.notes.empty()) << category.id;
        }
    }
}

TEST(BuiltinTaxonomies, AreSymmetricInWhatCooccurs) {
    const Taxonomy& taxonomy = test::taxonomy();
    for (LabelId a = 0; a < taxonomy.labels.size(); ++a) {
        EXPECT_TRUE(std::ranges::is_sorted(taxonomy[a].cooccurs, {}, &Cooccurrence::label));
        for (const Cooccurrence& other : taxonomy[a].cooccurs)
            EXPECT_EQ(taxonomy.cooccurrence(other.label, a), other.weight) << taxonomy[a].name;
        for (const LabelId entailed : taxonomy[a].entails)
            EXPECT_TRUE(taxonomy.cooccurrence(a, entailed) > 0 || taxonomy[a].parents.empty()) << taxonomy[a].name;
    }
}

TEST(UserTaxonomy, NeedsNamesOnly) {
    const auto taxonomy = parse_taxonomy(R"({"name": "mine", "labels": [{"name": "A"}, {"name": "B"}]})", "mine.json");
    ASSERT_TRUE(taxonomy) << taxonomy.error().message;
    EXPECT_EQ(taxonomy->name, "mine");
    EXPECT_EQ(taxonomy->labels[1].code, "B");
    EXPECT_EQ(taxonomy->negative, std::nullopt);
}

TEST(UserTaxonomy, MayTellEverythingAndIsCompletedByWhatFollows) {
    const auto taxonomy = parse_taxonomy(R"({"name": "mine", "labels": [
        {"code": "a", "name": "A", "group": "g", "meaning": "m", "aliases": ["x"], "terms": ["t"], "instruments": ["i"],
         "objects": ["o"], "quantities": [{"name": "q", "unit": "s", "typical": "1-2", "low": 1, "high": 2.5}],
         "entails": ["b"], "cooccurs": {"c": 7, "b": 2}},
        {"code": "b", "name": "B", "parents": ["c"], "confusable": ["a"]},
        {"code": "c", "name": "C", "cooccurs": {"a": 7}},
        {"code": "none", "name": "None"}],
        "negative": "none", "negative_categories": [{"id": "n", "name": "N", "hard": true, "forms": ["f"], "notes": "no"}]})",
                                         "mine.json");
    ASSERT_TRUE(taxonomy) << taxonomy.error().message;
    EXPECT_THAT((*taxonomy)[0].entails, ElementsAre(1, 2));
    EXPECT_THAT((*taxonomy)[1].entails, ElementsAre(2));
    EXPECT_EQ(taxonomy->cooccurrence(2, 0), 7u);
    EXPECT_EQ(taxonomy->cooccurrence(1, 0), 2u);
    EXPECT_EQ((*taxonomy)[0].quantities[0].high, 2.5);
    EXPECT_EQ(taxonomy->negative, 3);
    EXPECT_TRUE(taxonomy->negative_categories[0].hard);
    EXPECT_EQ(to_json(*parse_taxonomy(to_json(*taxonomy), "again")), to_json(*taxonomy));
}

TEST(UserTaxonomy, NamesFileAndPlaceOfWhatIsWrong) {
    const auto labels = [](const std::string& list) {
        return std::string(R"({"name": "m", "labels": [)").append(list).append("]}");
    };
    const auto first = [&](const std::string& members) {
        return labels(std::string(R"({"name": "A", )").append(members).append(R"(}, {"name": "B"})"));
    };
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "f: not valid JSON: parse error"},
        {"{", "f: not valid JSON: parse error at line 1, column 2"},
        {"\"\xff\"", "f: not valid JSON: "},
        {"[]", "f: must be an object, is array"},
        {R"({"labels": []})", "f: /labels: is empty"},
        {R"({"name": "m"})", "f: 'labels' is missing"},
        {labels(R"({"name": "A"})") + "x", "f: not valid JSON: "},
        {R"({"labels": [{"name": "A"}]})", "f: 'name' is missing"},
        {R"({"name": "m", "label": []})", "f: unknown key 'label', did you mean 'labels'?"},
        {R"({"name": "m", "name": "n", "labels": []})", "f: the key 'name' stands twice in one object"},
        {labels("1"), "f: /labels/0: must be an object, is 1"},
        {labels("{}"), "f: /labels/0: 'name' is missing"},
        {labels(R"({"name": ""})"), "f: /labels/0/name: is empty"},
        {labels(R"({"name": "A"}, {"name": "A"})"), "f: /labels/1: the code 'A' is used twice"},
        {labels(R"({"name": "A"}, {"name": "A", "code": "b"})"), "f: /labels/1: the name 'A' stands for another"},
        {labels(R"({"name": "A", "code": "x"}, {"name": "x", "code": "b"})"), "f: /labels/1: the name 'x' stands for"},
        {first(R"("colour": 1)"), "f: /labels/0: unknown key 'colour'"},
        {first(R"("alias": [])"), "f: /labels/0: unknown key 'alias', did you mean 'aliases'?"},
        {first(R"("terms": "t")"), "f: /labels/0/terms: must be an array, is string"},
        {first(R"("terms": ["t", 5])"), "f: /labels/0/terms/1: must be a string, is 5"},
        {first(R"("terms": ["t", "t"])"), "f: /labels/0/terms/1: 't' is listed twice"},
        {first(R"("quantities": [{"unit": "s"}])"), "f: /labels/0/quantities/0: 'name' is missing"},
        {first(R"("quantities": [{"name": "q", "low": "1"}])"), "f: /labels/0/quantities/0/low: must be a number, is"},
        {first(R"("quantities": [{"name": "q", "low": 2, "high": 1}])"), "f: /labels/0/quantities/0: 'low' is above"},
        {first(R"("entails": ["C"])"), "f: /labels/0/entails: unknown code 'C', did you mean 'A'?"},
        {first(R"("confusable": ["nothing alike"])"), "f: /labels/0/confusable: unknown code 'nothing alike'"},
        {first(R"("parents": ["A"])"), "f: /labels/0/parents: 'A' refers to itself"},
        {first(R"("cooccurs": ["B"])"), "f: /labels/0/cooccurs: must be an object, is array"},
        {first(R"("cooccurs": {"B": 0})"),
         "f: /labels/0/cooccurs/B: must be a whole number from 1 to 4294967295, is 0"},
        {first(R"("cooccurs": {"B": -1})"), "f: /labels/0/cooccurs/B: must be a whole number from 1"},
        {first(R"("cooccurs": {"B": 1.5})"), "f: /labels/0/cooccurs/B: must be a whole number from 1"},
        {first(R"("cooccurs": {"B": 4294967296})"), "f: /labels/0/cooccurs/B: must be a whole number from 1"},
        {first(R"("cooccurs": {"A": 1})"), "f: /labels/0/cooccurs/A: 'A' refers to itself"},
        {labels(R"({"name": "A", "cooccurs": {"B": 1}}, {"name": "B", "cooccurs": {"A": 2}})"),
         "f: /labels/1/cooccurs/A: the weight differs from the one that 'A' gives, 1"},
        {labels(R"({"name": "A", "entails": ["B"]}, {"name": "B", "parents": ["A"]})"),
         "f: /labels/0: 'A' entails itself"},
        {R"({"name": "m", "labels": [{"name": "A"}], "negative": "B"})",
         "f: /negative: 'B' is not the code of a label"},
        {R"({"name": "m", "labels": [{"name": "A"}], "negative": "A"})",
         "f: /negative: a negative label needs at least one of 'negative_categories'"},
        {R"({"name": "m", "labels": [{"name": "A"}], "negative_categories": [{"id": "i", "name": "n"}]})",
         "f: there are negative categories but no 'negative' label"},
        {R"({"name": "m", "labels": [{"name": "A"}, {"name": "B", "entails": ["A"]}], "negative": "A",
             "negative_categories": [{"id": "i", "name": "n"}]})",
         "f: /negative: 'A' is always alone"},
        {R"({"name": "m", "labels": [{"name": "A"}], "negative": "A",
             "negative_categories": [{"id": "i", "name": "n"}, {"id": "i", "name": "o"}]})",
         "f: /negative_categories/1: the id 'i' is used twice"},
        {R"({"name": "m", "labels": [{"name": "A"}], "negative": "A", "negative_categories": [{"id": "i", "name": "n", "hard": 1}]})",
         "f: /negative_categories/0/hard: must be true or false, is 1"},
    };
    for (const auto& [text, reason] : cases) {
        const auto taxonomy = parse_taxonomy(text, "f");
        ASSERT_FALSE(taxonomy) << text;
        EXPECT_EQ(taxonomy.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(taxonomy.error().message, testing::StartsWith(reason)) << text;
        EXPECT_EQ(taxonomy.error().message.find('\n'), std::string::npos) << text;
    }
}

TEST(UserTaxonomy, HasNoMoreLabelsThanIdsCanTell) {
    std::string text = R"({"name": "m", "labels": [0)";
    for (int i = 1; i < 65536; ++i) text += ",0";
    const auto taxonomy = parse_taxonomy(text + "]}", "f");
    ASSERT_FALSE(taxonomy);
    EXPECT_EQ(taxonomy.error().message, "f: /labels: has 65536 labels, at most 65535 are possible");
}

TEST(LoadTaxonomy, TakesANameOrAPath) {
    const auto& core_data = test::installation().core_data;
    EXPECT_EQ(load_taxonomy("tdamm36", core_data)->name, "tdamm36");
    const auto file = std::filesystem::temp_directory_path() / ("taxonomy-test-" + std::to_string(getpid()) + ".json");
    std::ofstream(file) << R"({"name": "mine", "labels": [{"name": "A"}]})";
    EXPECT_EQ(load_taxonomy(file.string(), core_data)->name, "mine");
    std::ofstream(file) << "{}";
    EXPECT_EQ(load_taxonomy(file.string(), core_data).error().message, file.string() + ": 'labels' is missing");
    std::filesystem::remove(file);
    EXPECT_EQ(load_taxonomy(file.string(), core_data).error().message, file.string() + ": cannot be read");
    EXPECT_EQ(load_taxonomy("/", core_data).error().message, "/: cannot be read");
}

TEST(LoadTaxonomy, NamesTheBuiltinOnesWhenANameIsUnknown) {
    const auto& core_data = test::installation().core_data;
    EXPECT_EQ(load_taxonomy("tdam40", core_data).error().message,
              "unknown taxonomy 'tdam40', did you mean 'tdamm40'?; built-in are cosmos, tdamm36, tdamm40; your own is "
              "given as the path of its file");
    EXPECT_THAT(load_taxonomy("", core_data).error().message, HasSubstr("unknown taxonomy ''; built-in are cosmos"));
}

}  // namespace
}  // namespace synth
