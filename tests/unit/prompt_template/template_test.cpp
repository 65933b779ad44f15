// The user's own templates: what they may name, what they get, what is wrong with them, and how answers are read.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "synth/random.hpp"
#include "unit/prompt_tdamm/strategy.hpp"

namespace synth::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Two topics, one above them, and one that is none of these.
Taxonomy classes() {
    Taxonomy classes;
    classes.name = "hazards";
    classes.labels.resize(4);
    classes.labels[0] = {.code = "A",
                         .name = "Ash & <dust>",
                         .group = "Air",
                         .meaning = "Fine \"tephra\".",
                         .aliases = {"tephra"},
                         .terms = {"t1", "t2"},
                         .instruments = {"lidar"},
                         .quantities = {{"size", "mm", "2-4 (mostly)", 1.0, 9.0}, {"count", "", "few", {}, {}}},
                         .cooccurs = {{1, 2}},
                         .parents = {2},
                         .entails = {2}};
    classes.labels[1] = {.code = "B", .name = "Lava", .group = {}, .meaning = "Molten rock.", .cooccurs = {{0, 2}}};
    classes.labels[2] = {.code = "V", .name = "Volcanoes", .group = {}, .meaning = "All of them."};
    classes.labels[3] = {.code = "N", .name = "Neither", .group = {}, .meaning = "None of the others."};
    classes.negative = 3;
    classes.negative_categories = {{.id = "sport",
                                    .name = "Sport",
                                    .meaning = "Games.",
                                    .terms = {"goal"},
                                    .instruments = {},
                                    .forms = {"match report"},
                                    .quantities = {},
                                    .hard = true,
                                    .notes = "no stadium on a volcano"}};
    return classes;
}

class Template : public testing::Test {
protected:
    Template() {
        std::string name = (fs::temp_directory_path() / "template-XXXXXX").string();
        dir_ = mkdtemp(name.data());
    }
    ~Template() override { fs::remove_all(dir_); }

    void write(const std::string& file, const std::string& text) const {
        std::ofstream(dir_ / file, std::ios::binary) << text;
    }
    [[nodiscard]] auto loaded(const std::string& more = {}) const {
        return load<PromptStrategy>("template", R"({"dir": ")" + dir_.string() + "\"" + more + "}", classes_);
    }
    [[nodiscard]] SampleSpec spec(std::initializer_list<LabelId> drawn, std::uint64_t seed = 42) const {
        SampleSpec spec;
        spec.seed = seed;
        for (const LabelId label : drawn) spec.drawn.insert(label);
        spec.labels = spec.drawn;
        spec.primary = spec.drawn[0];
        return spec;
    }
    /// The user message that `text` makes of the sample.
    [[nodiscard]] std::string rendered(const std::string& text, const SampleSpec& spec,
                                       std::span<const Attempt> earlier = {}) const {
        write("user.mustache", text + "{{#labels}}{{/labels}}");
        const auto strategy = loaded(R"(, "target_words": 90)");
        if (!strategy) return strategy.error().message;
        return compose(spec, earlier, *strategy).messages.back().text;
    }

    const Taxonomy classes_ = classes();
    fs::path dir_;
};

TEST_F(Template, LoopsOverLabelsAndTheirFactsAndEscapesNothing) {
    const std::string text = rendered(
        "{{#labels}}\n[{{name}}|{{code}}|{{group}}|{{{meaning}}}|{{words}}|{{#aliases}}{{.}};{{/"
        "aliases}}{{alias_list}}]"
        "{{#instruments}}{{.}},{{/instruments}}{{^instruments}}no instruments{{/instruments}}"
        "{{#quantities}}\n{{name}}={{value}}{{#unit}} {{unit}}{{/unit}}{{#low}} {{low}}..{{high}}{{/low}} ({{typical}})"
        "{{/quantities}}\n{{/labels}}{{label_count}} {{label_words}} {{target_words}} {{taxonomy}}",
        spec({0, 1}));
    EXPECT_THAT(text, HasSubstr("[Ash & <dust>|A|Air|Fine \"tephra\".|45|tephra;tephra]lidar,\n"));
    EXPECT_THAT(text, HasSubstr("[Lava|B||Molten rock.|45|]no instruments\n"));
    EXPECT_THAT(text, testing::ContainsRegex("size=[23]\\.[0-9]+ mm 1\\.\\.9 \\(2-4 \\(mostly\\)\\)"));
    EXPECT_THAT(text, HasSubstr("\ncount= (few)")) << "no unit of what stands outside";
    EXPECT_THAT(text, testing::EndsWith("2 45 90 hazards"));
}

TEST_F(Template, HasConditions) {
    const std::string text =
        "{{#one}}one{{/one}}{{^one}}several{{/one}}{{#negative}} about {{name}}{{#hard}}, hard{{/hard}}: {{notes}}"
        "{{/negative}}{{^negative}} on topic{{/negative}}{{#primary_only}}{{/primary_only}}";
    const std::string valid = text.substr(0, text.find("{{#primary_only"));
    EXPECT_EQ(rendered(valid, spec({0})), "one on topic");
    EXPECT_EQ(rendered(valid, spec({0, 1})), "several on topic");
    EXPECT_EQ(rendered(valid, spec({3})), "one about Sport, hard: no stadium on a volcano");
    EXPECT_THAT(rendered(text, spec({0})), HasSubstr("unknown name 'primary_only'"));
    EXPECT_EQ(rendered("{{form}}/{{negative.name}}", spec({3})), "match report/Sport");
    EXPECT_EQ(rendered("{{form}}/{{negative.name}}", spec({0})), "/");
}

TEST_F(Template, TellsParentsAndWhatStaysOut) {
    SampleSpec with_parent = spec({0});
    with_parent.labels.insert(2);
    const std::string text = "{{#parents}}under {{name}} {{/parents}}{{#neighbours}}not {{name}} {{/neighbours}}";
    EXPECT_EQ(rendered(text, with_parent), "under Volcanoes not Lava");
    EXPECT_EQ(rendered(text + "{{#classes}}{{code}}{{/classes}}", spec({1})), "not Ash & <dust> ABV");
}

TEST_F(Template, DrawsFromTheUsersListsBySeed) {
    write("lists.json", R"({"form": ["note", "page"], "audience": ["a", "b", "c", "d"]})");
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const std::string text = rendered("{{form}} for {{audience}}", spec({0}, seed));
        EXPECT_EQ(text, rendered("{{form}} for {{audience}}", spec({0}, seed)));
        seen.insert(text);
    }
    EXPECT_EQ(seen.size(), 8U);
    const std::string before = rendered("{{form}}", spec({0}));
    write("lists.json", R"({"form": ["note", "page"], "aa": ["x", "y"]})");
    EXPECT_EQ(rendered("{{form}}", spec({0})), before) << "another list changes nothing else";
}

TEST_F(Template, SpreadsTheUsersListsOverAPlan) {
    write("user.mustache", "{{form}}/{{audience}}/{{negative.name}}{{#labels}}{{/labels}}");
    write("lists.json", R"({"form": ["note", "page"], "audience": ["a", "b", "c"]})");
    const auto strategy = loaded();
    ASSERT_TRUE(strategy);
    const auto spread = strategy->object().spread();
    std::map<std::string, int> times;
    for (std::uint64_t i = 0; i < 36; ++i) {
        SampleSpec next = spec({static_cast<LabelId>(i % 2)}, derive_seed(3, i));
        next.variant = spread->next(next);
        const Prompt prompt = compose(next, {}, *strategy);
        for (const Attribute& attribute : prompt.attributes)
            ++times[std::to_string(i % 2) + " " + attribute.name + " " + attribute.value];
        EXPECT_EQ(prompt.messages.back().text, prompt.attributes[1].value + "/" + prompt.attributes[0].value + "/");
    }
    EXPECT_EQ(times.size(), 10U);
    for (const auto& [pair, count] : times)
        EXPECT_EQ(count, pair.find("form") == std::string::npos ? 6 : 9) << pair << ": not 18 in equal parts";
    SampleSpec negative = spec({3});
    negative.variant = spread->next(negative);
    const Prompt report = compose(negative, {}, *strategy);
    EXPECT_THAT(report.messages.back().text, AllOf(testing::StartsWith("match report/"), testing::EndsWith("/Sport")));
    ASSERT_EQ(report.attributes.size(), 3U);
    EXPECT_EQ(report.attributes[1], (Attribute{"form", "match report"})) << "not the user's, which it does not get";
    EXPECT_EQ(report.attributes[2], (Attribute{"category", "Sport"}));

    // More combinations than a variant can tell apart: all is drawn from the seed, as without a spread.
    std::string entries = "[\"0\"";
    for (int i = 1; i < 300; ++i) entries += ", \"" + std::to_string(i) + "\"";
    write("lists.json",
          R"({"a": )" + entries + R"(], "b": )" + entries + R"(], "c": )" + entries + R"(], "d": )" + entries + "]}");
    write("user.mustache", "{{a}} {{b}} {{c}} {{d}}{{#labels}}{{/labels}}");
    const auto many = loaded();
    ASSERT_TRUE(many);
    EXPECT_EQ(many->object().spread()->next(spec({0})), 0U);
}

TEST_F(Template, TellsEarlierAttempts) {
    std::vector<Attempt> earlier(3);
    earlier[0] = {.number = 1, .error = ErrorCode::unavailable, .reason = "http_503"};
    earlier[1] = {.number = 2, .error = ErrorCode::malformed, .reason = "repetition", .text = "again again \xFF"};
    earlier[2].number = 3;
    earlier[2].findings = {{Severity::rejection, "too_short", "has 7 words"}, {Severity::warning, "odd", "is odd"}};
    earlier[2].text = "seven";
    const std::string text =
        "{{#attempts}}{{number}} {{reason}} {{words}} {{text}}{{#findings}} <{{code}}: {{message}}>{{/findings}}; "
        "{{/attempts}}{{^attempts}}first{{/attempts}}";
    EXPECT_EQ(rendered(text, spec({0}), earlier),
              "2 repetition 3 again again \xEF\xBF\xBD; 3 rejected 1 seven <too_short: has 7 words>;");
    EXPECT_EQ(rendered(text, spec({0})), "first");
}

TEST_F(Template, MoreRoomOnceAnAnswerWasCut) {
    write("user.mustache", "{{#labels}}{{name}}{{/labels}}");
    const auto strategy = loaded(R"(, "target_words": 100)");
    ASSERT_TRUE(strategy);
    const std::vector<Attempt> cut = {{.number = 1, .error = ErrorCode::truncated, .finish = FinishReason::length}};
    EXPECT_EQ(compose(spec({0}), {}, *strategy).output_limit.count, 375);
    EXPECT_EQ(compose(spec({0}), cut, *strategy).output_limit.count, 750);
}

TEST_F(Template, SaysWhatIsWrongWithFileAndLine) {
    const struct {
        const char *what, *text, *message;
    } cases[] = {
        {"an unknown name", "a\nb {{#labels}} {{nmae}} {{/labels}}", "line 2: unknown name 'nmae'; known here: "},
        {"a name of another scope", "{{unit}}", "line 1: unknown name 'unit'"},
        {"a part that an object lacks", "{{negative.nmae}}", "unknown name 'negative.nmae'; known here: hard, "},
        {"a path through a list", "{{labels.name}}", "only parts of one object"},
        {"a list as a value", "{{#labels}}\n{{terms}}{{/labels}}", "line 2: 'terms' is a list: {{#terms}} {{.}}"},
        {"a flag as a value", "{{one}}", "'one' is a condition: {{#one}}"},
        {"parts as a value", "{{labels}}", "'labels' has parts"},
        {"an item of nothing", "{{#labels}}{{.}}{{/labels}}", "'{{.}}' is an item"},
        {"an item where the list is empty", "{{#labels}}{{^terms}}{{.}}{{/terms}}{{/labels}}", "'{{.}}' is an item"},
        {"an open section", "x\n{{#labels}}\n\n", "line 2: '{{#labels}}' is not closed"},
        {"a stray end", "{{/labels}}", "'{{/labels}}' closes nothing"},
        {"crossed ends", "{{#labels}}{{#terms}}{{/labels}}", "'{{#terms}}' is open"},
        {"an open tag", "\n\n{{labels", "line 3: '{{' without '}}'"},
        {"an open triple", "{{{target_words}}", "'{{{' without '}}}'"},
        {"a partial", "{{> header}}", "cannot be included"},
        {"other delimiters", "{{=<% %>=}}", "the delimiters are always"},
        {"an empty name", "{{}}", "unknown name ''"},
        {"no labels", "{{target_words}} words please", "does not use 'labels'"},
        {"nothing", " \n", "is empty"},
    };
    for (const auto& [what, text, message] : cases) {
        write("user.mustache", text);
        const auto strategy = loaded();
        ASSERT_FALSE(strategy) << what;
        EXPECT_EQ(strategy.error().code, ErrorCode::invalid_argument) << what;
        EXPECT_THAT(
            strategy.error().message,
            AllOf(testing::StartsWith("prompt template: " + (dir_ / "user.mustache").string()), HasSubstr(message)))
            << what;
    }
    write("user.mustache", "{{! {{#labels}} is a comment }}\n{{#labels}}{{#negative}}{{name}}{{/negative}}{{/labels}}");
    EXPECT_TRUE(loaded());
    write("system.mustache", "{{wrong}}");
    EXPECT_THAT(loaded().error().message, HasSubstr("system.mustache line 1: unknown name 'wrong'"));
}

TEST_F(Template, SaysWhatIsWrongWithFoldersListsAndOptions) {
    EXPECT_THAT(loaded().error().message,
                AllOf(HasSubstr("user.mustache: cannot be read"), HasSubstr("copy-data template")));
    write("user.mustache", "{{#labels}}{{name}}{{/labels}}");
    write("lists.json", R"({"labels": ["x"]})");
    EXPECT_THAT(loaded().error().message, HasSubstr("lists.json: labels: 'labels' has a meaning"));
    write("lists.json", R"({"Form of it": ["x"]})");
    EXPECT_THAT(loaded().error().message, HasSubstr("lower case letters"));
    write("lists.json", R"({"form": []})");
    EXPECT_THAT(loaded().error().message, HasSubstr("not empty"));
    fs::remove(dir_ / "lists.json");
    EXPECT_TRUE(loaded());
    EXPECT_THAT(loaded(R"(, "text_name": "a b")").error().message, HasSubstr("option text_name: 'a b' is not a word"));
    EXPECT_THAT(loaded(R"(, "text_name": "title")").error().message, HasSubstr("as title_name is"));
    fs::remove_all(dir_);
    EXPECT_THAT(loaded().error().message, HasSubstr("is not a folder"));
}

TEST_F(Template, TakesSingleFilesInsteadOfTheFolders) {
    write("mine.txt", "Only {{#labels}}{{name}}{{/labels}}");
    const auto strategy =
        load<PromptStrategy>("template", R"({"user": ")" + (dir_ / "mine.txt").string() + "\"}", classes_);
    ASSERT_TRUE(strategy) << strategy.error().message;
    const Prompt prompt = compose(spec({1}), {}, *strategy);
    ASSERT_EQ(prompt.messages.size(), 2U);
    EXPECT_THAT(prompt.messages[0].text, HasSubstr("You write documents"));
    EXPECT_EQ(prompt.messages[1].text, "Only Lava");
}

TEST_F(Template, WithoutASystemFileThereIsNoSystemMessage) {
    write("user.mustache", "{{#labels}}{{name}}{{/labels}}");
    const auto strategy = loaded();
    ASSERT_TRUE(strategy);
    EXPECT_EQ(compose(spec({1}), {}, *strategy).messages.size(), 1U);
}

TEST_F(Template, ItsOwnTextsFitEveryLabelOfEveryTaxonomy) {
    for (const char* name : {"tdamm40", "tdamm36", "cosmos"}) {
        for (const char* format : {"plain", "tags", "json"}) {
            const auto strategy =
                load<PromptStrategy>("template", std::string(R"({"format": ")") + format + "\"}", taxonomy(name));
            ASSERT_TRUE(strategy) << strategy.error().message;
            for (const Label& label : taxonomy(name).labels) {
                const Prompt prompt = compose(spec_of({label.name}, 3, taxonomy(name)), {}, *strategy);
                EXPECT_THAT(prompt.messages[0].text, Not(HasSubstr("{{")));
                EXPECT_THAT(prompt.messages[1].text, Not(HasSubstr("{{")));
                if (taxonomy(name).find(label.name) == taxonomy(name).negative) continue;
                EXPECT_THAT(prompt.messages[1].text, HasSubstr("* " + label.name + "\n"));
                EXPECT_THAT(prompt.messages[1].text, HasSubstr(label.meaning));
            }
        }
    }
}

// --- answers

class TemplateAnswers : public Template {
protected:
    Result<Draft> extract(const std::string& format, std::string text, FinishReason finish = FinishReason::stop) {
        write(
            "user.mustache",
            "{{#labels}}{{name}}{{/labels}}. Say <title>the title of it</title>, {\"title\": \"the title of it\"} or\n"
            "TITLE: the title of it\nand never copy these twelve words in a row into the text of any answer at all.");
        const auto strategy = loaded(R"(, "format": ")" + format + "\"");
        if (!strategy) return strategy.error();
        return strategy->call(
            [&](PromptStrategy& plugin) { return plugin.extract(spec({0}), {}, Completion{std::move(text), finish}); });
    }
};

TEST_F(TemplateAnswers, AreReadInTheFormatThatWasAskedFor) {
    const std::string document = "Ash over Etna\n\nIt rose to 9 km.\n\nThen it fell.";
    const std::vector<std::vector<std::string>> cases = {
        {"plain", "TITLE: Ash over Etna\n\nIt rose to 9 km.\n\nThen it fell."},
        {"plain", "Sure! Here is the document you asked for:\n\n# Ash over Etna\n\nIt rose to 9 km.\n\nThen it fell."},
        {"tags", "<title>Ash over Etna</title>\n<text>\nIt rose to 9 km.\n\nThen it fell.\n</text>"},
        {"tags",
         "<think>hm</think>Here it is:\n\n<title> Ash over Etna\n</title><text>It rose to 9 km.\n\nThen it "
         "fell.</text>\n\nI hope this helps!"},
        {"tags", "<text>Ash over Etna\n\nIt rose to 9 km.\n\nThen it fell.</text>"},
        {"tags", "<title>Ash over Etna</title><text># Ash over Etna\n\nIt rose to 9 km.\n\nThen it fell.</text>"},
        {"json", R"({"title": "Ash over Etna", "text": "It rose to 9 km.\n\nThen it fell."})"},
        {"json",
         "The object:\n```json\n{\"text\": \"It rose to 9 km.\\n\\nThen it fell.\", \"title\": \"Ash over "
         "Etna\"}\n```\nDone."},
    };
    for (const auto& one : cases) {
        const auto draft = extract(one[0], one[1]);
        ASSERT_TRUE(draft) << one[1] << ": " << draft.error().message;
        EXPECT_EQ(draft->title, "Ash over Etna") << one[1];
        EXPECT_EQ(draft->text, document) << one[1];
    }
}

TEST_F(TemplateAnswers, ThatAreNoDocumentSayWhy) {
    const struct {
        const char *format, *text, *reason;
        ErrorCode code;
    } cases[] = {
        {"tags", "TITLE: Ash\n\nIt rose.", "format", ErrorCode::malformed},
        {"tags", "<title>Ash</title><text>It rose to", "format", ErrorCode::malformed},
        {"tags", "<title>Ash</title><text> </text>", "empty", ErrorCode::malformed},
        {"tags", "I'm sorry, but I can't help with that.", "refusal", ErrorCode::refused},
        {"json", "TITLE: Ash\n\nIt rose.", "format", ErrorCode::malformed},
        {"json", R"({"title": "Ash", "body": "It rose."})", "format", ErrorCode::malformed},
        {"json", R"({"title": "Ash", "text": "It rose.)", "format", ErrorCode::malformed},
        {"json", R"({"title": "Ash", "text": 5})", "format", ErrorCode::malformed},
        {"json", "I cannot assist with this request.", "refusal", ErrorCode::refused},
        {"plain", "", "empty", ErrorCode::malformed},
        {"plain", "TITLE: the title of it\n\nIt rose.", "echo", ErrorCode::malformed},
        {"tags", "<title>the title of it</title><text>It rose.</text>", "echo", ErrorCode::malformed},
        {"json", R"({"title": "the title of it", "text": "It rose."})", "echo", ErrorCode::malformed},
        {"plain", "TITLE: A\n\nAnd never copy these twelve words in a row into the text of any answer at all.", "echo",
         ErrorCode::malformed},
    };
    for (const auto& [format, text, reason, code] : cases) {
        const auto draft = extract(format, text);
        ASSERT_FALSE(draft) << text;
        EXPECT_EQ(draft.error().reason, reason) << text;
        EXPECT_EQ(draft.error().code, code) << text;
    }
    EXPECT_EQ(extract("json", R"({"title": "Ash", "text": "It )", FinishReason::length).error().reason, "cut");
}

}  // namespace
}  // namespace synth::test
