// The data folder: another one is used, and what is wrong with it is said with file and place.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <gmock/gmock.h>

#include "strategy.hpp"

namespace synth::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A copy of the plugin's data, removed at the end.
class TdammData : public testing::Test {
protected:
    TdammData() {
        std::string name = (fs::temp_directory_path() / "tdamm-data-XXXXXX").string();
        dir_ = mkdtemp(name.data());
        const auto plugin = registry().find("prompt", "tdamm");
        fs::copy((*plugin)->data_dir, dir_, fs::copy_options::recursive);
    }
    ~TdammData() override { fs::remove_all(dir_); }

    void write(const std::string& file, const std::string& text) const {
        std::ofstream(dir_ / file, std::ios::binary) << text;
    }
    [[nodiscard]] auto loaded(const Taxonomy& classes = taxonomy()) const {
        return load<PromptStrategy>("tdamm", R"({"target_words": 90, "dir": ")" + dir_.string() + "\"}", classes);
    }

    fs::path dir_;
};

TEST_F(TdammData, IsReplacedAsAWholeAndWordForWord) {
    Taxonomy classes;
    classes.name = "two";
    classes.labels.resize(2);
    classes.labels[0] = {.code = "A",
                         .name = "Alpha",
                         .group = {},
                         .meaning = "The first.",
                         .terms = {"t1"},
                         .quantities = {{"size", "m", "2-4 (mostly)", 1.0, 9.0}, {"count", "", "few", {}, {}}},
                         .confusable = {1}};
    classes.labels[1] = {.code = "B", .name = "Beta", .group = {}, .meaning = "The second."};
    write("guidelines.md", "rules\n\n\n");
    write("document.md",
          "{{form}}|{{structure}}|{{angle}}|{{target_words}}\n{{labels}}\n{{#one}}\nalone\n{{/one}}\n{{#few}}\nfew\n"
          "{{/few}}\n{{#lookalikes}}not:\n{{lookalikes}}{{/lookalikes}}");
    write("label.md", "{{name}}={{ meaning }}{{#objects}} objects{{/objects}}\n{{quantities}}");
    write("quantity.md", "{{name}} {{value}}{{unit}} {{low}}..{{high}}");
    write("forms.json",
          R"({"draw": {"terms": 1, "instruments": 1, "objects": 1, "quantities": 2}, "years": [2024, 2024],
                            "angles": ["side"], "forms": [{"name": "note", "system": "writer", "structure": "short"}]})");
    const auto strategy = loaded(classes);
    ASSERT_TRUE(strategy) << strategy.error().message;
    SampleSpec spec;
    spec.seed = 42;
    spec.drawn.insert(0);
    spec.labels = spec.drawn;
    const Prompt prompt = compose(spec, {}, *strategy);
    EXPECT_EQ(prompt.messages.at(0).text, "rules\n\nwriter");
    // The value is the same on every machine.
    EXPECT_EQ(prompt.messages.at(1).text,
              "note|short|side|90\nAlpha=The first.\nsize 2.04m 1..9\ncount  ..\nalone\nnot:\n- Beta: The second.\n");
}

TEST_F(TdammData, SaysWhatIsWrongAndWhere) {
    const struct {
        const char* what;
        std::function<void()> harm;
        std::string file, message;
    } cases[] = {
        {"no folder", [&] { fs::remove_all(dir_); }, dir_.string(), "is not a folder"},
        {"a missing text", [&] { fs::remove(dir_ / "label.md"); }, "label.md", "cannot be read"},
        {"a missing table", [&] { fs::remove(dir_ / "forms.json"); }, "forms.json", "copy-data tdamm"},
        {"no repairs", [&] { fs::remove_all(dir_ / "repair"); }, "repair", "cannot be read"},
        {"a missing repair", [&] { fs::remove(dir_ / "repair/refused.md"); }, "refused.md", "cannot be read"},
        {"an empty text", [&] { write("guidelines.md", " \n"); }, "guidelines.md", "is empty"},
        {"not UTF-8", [&] { write("document.md", "\xFF"); }, "document.md", "UTF-8"},
        {"an unknown place", [&] { write("label.md", "{{name}} {{meaning}}\n{{term}}\n"); }, "label.md line 2",
         "unknown place '{{term}}'"},
        {"a place of another file", [&] { write("repair/refused.md", "{{labels}}"); }, "refused.md line 1",
         "this file may use: findings, target_words, words"},
        {"a missing place", [&] { write("label.md", "{{meaning}}"); }, "label.md", "'{{name}}' is missing"},
        {"an open tag", [&] { write("label.md", "{{name}}\n{{meaning"); }, "label.md line 2", "'{{' without '}}'"},
        {"an open part", [&] { write("label.md", "{{name}} {{meaning}} {{#terms}}"); }, "label.md", "is not closed"},
        {"a stray end", [&] { write("label.md", "{{name}} {{/terms}} {{meaning}}"); }, "label.md", "closes nothing"},
        {"broken JSON", [&] { write("families.json", "{\"families\": [}"); }, "families.json", "line 1"},
        {"a misspelt key", [&] { write("families.json", R"({"familys": []})"); }, "families.json", "'familys'"},
        {"an empty list", [&] { write("families.json", R"({"families": []})"); }, "families.json: families",
         "not empty"},
        {"a wrong type",
         [&] { write("families.json", R"({"families": [{"name": "x", "codes": ["a", 3], "requirement": "r"}]})"); },
         "families.json: families[0]: codes[1]", "expected a text"},
        {"a missing key", [&] { write("families.json", R"({"families": [{"name": "x", "codes": ["a"]}]})"); },
         "families.json: families[0]", "'requirement' is missing"},
        {"a place in a table",
         [&] { write("families.json", R"({"families": [{"name": "x", "codes": ["a"], "requirement": "{{form}}"}]})"); },
         "requirement", "no meaning here"},
        {"forms for some labels only",
         [&] {
             write("forms.json", R"({"draw": {"terms": 1, "instruments": 1, "objects": 1, "quantities": 1},
                                     "years": [2024, 2024], "angles": ["a"],
                                     "forms": [{"name": "n", "codes": ["X"], "system": "s", "structure": "t"}]})");
         },
         "forms.json", "without 'codes'"},
        {"a range upside down",
         [&] {
             write("negatives.json", R"({"default": {"name": "p", "system": "s", "structure": "t"},
                                         "forms": {"x": {"system": "s", "structure": "t", "words": [90, 50]}}})");
         },
         "negatives.json: forms: x: words", "above the second"},
        {"a length that is no length",
         [&] {
             write("negatives.json", R"({"default": {"name": "p", "system": "s", "structure": "t"},
                                         "forms": {"x": {"system": "s", "structure": "t", "words": [-1, 50]}}})");
         },
         "words[0]", "from 10 to 20000"},
        {"no phrases", [&] { write("answers.json", "[]"); }, "answers.json", "expected an object"},
    };
    for (const auto& [what, harm, file, message] : cases) {
        harm();
        const auto strategy = loaded();
        ASSERT_FALSE(strategy) << what;
        EXPECT_EQ(strategy.error().code, ErrorCode::invalid_argument) << what;
        EXPECT_THAT(strategy.error().message, HasSubstr(file)) << what;
        EXPECT_THAT(strategy.error().message, HasSubstr(message)) << what;
        EXPECT_THAT(strategy.error().message, testing::StartsWith("prompt tdamm: " + dir_.string())) << what;
        fs::remove_all(dir_);
        fs::copy((*registry().find("prompt", "tdamm"))->data_dir, dir_, fs::copy_options::recursive);
    }
}

TEST_F(TdammData, ALeadNeedsItsPlace) {
    const auto strategy = [&] {
        return load<PromptStrategy>("tdamm", R"({"lead_words": 350, "dir": ")" + dir_.string() + "\"}");
    };
    EXPECT_TRUE(strategy());
    write("document.md", "{{form}} {{structure}} {{labels}} {{target_words}}\n");
    const auto without = strategy();
    ASSERT_FALSE(without);
    EXPECT_THAT(without.error().message, testing::HasSubstr("'{{lead_words}}' in document.md"));
    EXPECT_TRUE(loaded());
}

}  // namespace
}  // namespace synth::test
