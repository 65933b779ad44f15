// Real documents in prompts: which ones, how many, how often, how long, and what else the prompt says.

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "synth/random.hpp"
#include "unit/prompt_tdamm/strategy.hpp"

namespace synth::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class Examples : public testing::Test {
protected:
    Examples() {
        std::string name = (fs::temp_directory_path() / "examples-XXXXXX").string();
        dir_ = mkdtemp(name.data());
    }
    ~Examples() override { fs::remove_all(dir_); }

    [[nodiscard]] std::string file() const { return (dir_ / "real.jsonl").string(); }
    void add(const std::string& text, const std::string& labels) {
        std::ofstream(file(), std::ios::app | std::ios::binary)
            << R"({"full_text": ")" << text << R"(", "labels": ")" << labels << "\"}\n";
    }
    /// Documents named PREFIX0 … PREFIXn-1, each of a few sentences.
    void add_many(const std::string& prefix, const std::string& labels, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            add("<" + prefix + std::to_string(i) + "> Seen at last. It was bright for " + std::to_string(i) + " days.",
                labels);
    }
    [[nodiscard]] auto loaded(const std::string& more = {}) const {
        return load<PromptStrategy>("examples", R"({"data": ")" + file() + "\"" + more + "}");
    }
    /// Names in angle brackets, in the order in which a prompt shows them.
    static std::vector<std::string> shown(const Strategy& strategy, SampleSpec spec) {
        const std::string text = user_text(spec, {}, strategy);
        std::vector<std::string> names;
        for (std::size_t at = text.find('<'); at != text.npos; at = text.find('<', at + 1))
            names.push_back(text.substr(at + 1, text.find('>', at) - at - 1));
        return names;
    }
    static SampleSpec at(std::uint64_t index, std::initializer_list<std::string_view> names) {
        SampleSpec spec = spec_of(names, derive_seed(7, index));
        spec.index = index;
        return spec;
    }

    fs::path dir_;
};

TEST_F(Examples, StandInFrontOfWhatTdammAsksFor) {
    add_many("nova", "Novae", 3);
    add_many("radio", "Radio; Pulsars", 3);
    const auto with = loaded();
    ASSERT_TRUE(with) << with.error().message;
    const SampleSpec spec = at(5, {"Novae"});
    const Prompt plain = compose(spec);
    const Prompt prompt = compose(spec, {}, *with);
    EXPECT_EQ(prompt.messages.at(0).text, plain.messages.at(0).text) << "what is cached stays the same";
    EXPECT_EQ(prompt.output_limit, plain.output_limit);
    EXPECT_THAT(prompt.messages.at(1).text, EndsWith("\n\n" + plain.messages.at(1).text));
    EXPECT_THAT(prompt.messages.at(1).text, AllOf(HasSubstr("--- example 1, about: Novae ---\n<nova"),
                                                  HasSubstr("--- example 2, about: Novae ---")));
    EXPECT_THAT(prompt.messages.at(1).text, Not(HasSubstr("<radio")));
    EXPECT_THAT(user_text(at(5, {"Pulsars"}), {}, *with), HasSubstr("example 1, about: Radio, Pulsars ---\n<radio"));
    EXPECT_EQ(user_text(at(5, {"X-rays"}), {}, *with), user_text(at(5, {"X-rays"}))) << "no document, no example";
}

TEST_F(Examples, OfANegativeAreNegatives) {
    add_many("nova", "Novae", 3);
    add_many("sun", "Non-TDAMM", 3);
    const auto with = loaded(R"(, "count": 1)");
    ASSERT_TRUE(with) << with.error().message;
    EXPECT_THAT(shown(*with, at(0, {"Non-TDAMM"})), testing::ElementsAre(testing::StartsWith("sun")));
}

TEST_F(Examples, AreAPureFunctionOfTheSpec) {
    add_many("nova", "Novae", 30);
    const auto first = loaded();
    const auto second = loaded();
    const auto other = loaded(R"(, "seed": 1)");
    ASSERT_TRUE(first && second && other);
    std::size_t different = 0;
    for (std::uint64_t i = 40; i-- > 0;) {
        EXPECT_EQ(shown(*first, at(i, {"Novae"})), shown(*second, at(i, {"Novae"})));
        different += static_cast<std::size_t>(shown(*first, at(i, {"Novae"})) != shown(*other, at(i, {"Novae"})));
    }
    EXPECT_GT(different, 30U);
}

TEST_F(Examples, AreSpreadEvenlyOverTheSamples) {
    add_many("nova", "Novae", 20);
    const auto with = loaded();
    ASSERT_TRUE(with);
    std::map<std::string, int> used;
    for (std::uint64_t i = 0; i < 100; ++i) {
        const auto names = shown(*with, at(i, {"Novae"}));
        ASSERT_EQ(names.size(), 2U);
        EXPECT_NE(names[0], names[1]);
        for (const auto& name : names) ++used[name];
        // A round of ten samples has shown each of twenty documents.
        if (i % 10 != 9) continue;
        for (const auto& [name, times] : used) EXPECT_EQ(times, static_cast<int>(i / 10 + 1)) << name;
    }
    EXPECT_EQ(used.size(), 20U);
}

TEST_F(Examples, AreSpreadForLabelsThatComeAtSteps) {
    add_many("nova", "Novae", 20);
    const auto with = loaded(R"(, "count": 1)");
    ASSERT_TRUE(with);
    std::map<std::string, int> used;
    for (std::uint64_t i = 0; i < 200; ++i) ++used[shown(*with, at(i * 40 + 3, {"Novae"})).at(0)];
    EXPECT_EQ(used.size(), 20U);
    for (const auto& [name, times] : used) EXPECT_LE(times, 25) << name << ": ten times each on average";
}

TEST_F(Examples, TakeTheLabelsOfASampleInTurn) {
    add_many("nova", "Novae", 40);
    add_many("pulsar", "Pulsars", 40);
    add_many("xray", "X-rays", 40);
    const auto with = loaded();
    ASSERT_TRUE(with);
    std::set<std::string> kinds;
    for (std::uint64_t i = 0; i < 30; ++i) {
        const auto names = shown(*with, at(i, {"Novae", "Pulsars", "X-rays"}));
        ASSERT_EQ(names.size(), 2U);
        EXPECT_NE(names[0].substr(0, 4), names[1].substr(0, 4));
        kinds.insert(names[0].substr(0, 4));
    }
    EXPECT_EQ(kinds.size(), 3U);
    EXPECT_EQ(shown(*loaded(R"(, "count": 5)"), at(1, {"Novae", "Pulsars"})).size(), 5U);
}

TEST_F(Examples, AreNoMoreThanThereAre) {
    add_many("nova", "Novae", 2);
    EXPECT_THAT(shown(*loaded(R"(, "count": 5)"), at(1, {"Novae"})), testing::UnorderedElementsAre("nova0", "nova1"));
}

TEST_F(Examples, KeepToTheirTokens) {
    std::string text = "<long> Begin.";
    for (int i = 0; i < 2000; ++i) text += " Flux " + std::to_string(i) + " \xC2\xB5Jy was measured here.";
    add(text, "Novae");
    const auto with = loaded(R"(, "count": 1, "tokens": 400)");
    ASSERT_TRUE(with);
    const std::string prompt = user_text(at(0, {"Novae"}), {}, *with);
    const std::size_t begin = prompt.find("<long>");
    const std::string example = prompt.substr(begin, prompt.find("\n--- end", begin) - begin);
    EXPECT_LE(example.size(), 1200U);
    EXPECT_GT(example.size(), 1100U);
    EXPECT_THAT(example, EndsWith(" was measured here. […]")) << "a whole sentence";
}

TEST_F(Examples, AnAnswerThatCopiesOneIsAnEcho) {
    std::string text = "The shell of the nova was resolved";
    for (int i = 0; i < 60; ++i) text += " and then in epoch " + std::to_string(i) + " it had grown";
    add(text + ".", "Novae");
    const auto with = loaded();
    ASSERT_TRUE(with);
    const auto extract = [&](const Strategy& strategy) {
        return strategy.call([&](PromptStrategy& plugin) {
            return plugin.extract(at(0, {"Novae"}), {}, Completion{"TITLE: Mine\n\n" + text + ".", FinishReason::stop});
        });
    };
    ASSERT_TRUE(extract(strategy())) << "it is no copy of what tdamm says";
    const auto draft = extract(*with);
    ASSERT_FALSE(draft);
    EXPECT_EQ(draft.error().reason, "echo");
}

TEST_F(Examples, TemplatesInDocumentsAreText) {
    add("<a> It is {{name}} and {{#terms}}.", "Novae");
    EXPECT_THAT(user_text(at(0, {"Novae"}), {}, *loaded()), HasSubstr("It is {{name}} and {{#terms}}."));
}

TEST_F(Examples, SayWhatIsWrong) {
    const auto error = [&](const std::string& options) {
        const auto made = load<PromptStrategy>("examples", options);
        return made ? "" : made.error().message;
    };
    EXPECT_THAT(error("{}"), HasSubstr("prompt examples: needs a file of real documents: -o prompt.data=FILE"));
    EXPECT_THAT(error(R"({"data": "/nowhere.json"})"), HasSubstr("/nowhere.json"));
    add("text", "Quarks");
    EXPECT_THAT(error(R"({"data": ")" + file() + "\"}"), HasSubstr("Quarks"));
    EXPECT_THAT(error(R"({"data": ")" + file() + R"(", "unknown": "skip"})"), HasSubstr("holds no labelled document"));
    fs::remove(file());
    add(" ", "Novae");
    EXPECT_THAT(error(R"({"data": ")" + file() + "\"}"), HasSubstr("holds no labelled document with a text"));
    const std::string own = (*registry().find("prompt", "examples"))->data_dir.string();
    fs::copy(own, dir_ / "own", fs::copy_options::recursive);
    std::ofstream(dir_ / "own/example.md") << "{{labels}}\n";
    EXPECT_THAT(error(R"({"data": ")" + file() + R"(", "dir": ")" + (dir_ / "own").string() + "\"}"),
                HasSubstr("example.md line 2: '{{text}}' is missing"));
    fs::remove(dir_ / "own/examples.md");
    EXPECT_THAT(error(R"({"data": ")" + file() + R"(", "dir": ")" + (dir_ / "own").string() + "\"}"),
                AllOf(HasSubstr("examples.md: cannot be read"), HasSubstr("copy-data examples")));
}

}  // namespace
}  // namespace synth::test
