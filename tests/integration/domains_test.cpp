// Other classes than the default ones: the built-in spellings, and a domain of its own from nothing but files, the one
// in docs/examples.

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "integration/program.hpp"
#include "support/plugin_loading.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class DomainsTest : public ProgramTest {
protected:
    /// How often each label is met; throws for one that is not of the taxonomy.
    static std::map<std::string, std::size_t> counts(const std::vector<SavedRecord>& records, const Taxonomy& classes) {
        std::map<std::string, std::size_t> counts;
        for (const auto& record : records)
            for (const auto& label : record.labels) {
                const auto known = std::ranges::find(classes.labels, label, &Label::name);
                if (known == classes.labels.end()) throw std::runtime_error("not a label: " + label);
                ++counts[label];
            }
        return counts;
    }

    /// The example's folder as a user has it, in `dir_`.
    [[nodiscard]] fs::path earth_hazards() const {
        const fs::path folder = fs::path(dir_.path()) / "earth-hazards";
        fs::copy(installation().source_root / "docs/examples/earth-hazards", folder, fs::copy_options::recursive);
        return folder;
    }
    [[nodiscard]] static std::vector<SavedRecord> only_records(const fs::path& folder) {
        for (const auto& entry : fs::directory_iterator(folder)) {
            const std::string name = entry.path().filename().string();
            if (name.ends_with(".json") && !name.ends_with(".report.json")) return read_records(entry.path());
        }
        throw std::runtime_error("no records in " + folder.string());
    }
};

TEST_F(DomainsTest, EverySpellingSamplesItsOwnClasses) {
    const struct {
        const char* name;
        std::size_t classes;
    } cases[] = {{"tdamm36", 36}, {"cosmos", 40}};
    for (const auto& [name, classes] : cases) {
        const auto finished = generate({"--taxonomy", name, "--samples-per-class", "2", "--run-name", name});
        ASSERT_EQ(finished.exit_code, 0) << finished.err;
        const auto made = read_records(dir_ / ("out/" + std::string(name) + ".json"));
        EXPECT_EQ(made.size(), 2 * classes);
        const auto met = counts(made, taxonomy(name));
        EXPECT_EQ(met.size(), classes) << "every class and no other";
        EXPECT_EQ(met.at(taxonomy(name).labels[*taxonomy(name).negative].name), 2U);
    }
}

TEST_F(DomainsTest, AnotherDomainNeedsOneCommandInItsFolder) {
    serve(R"("keep_bodies": true, "words": 600)");
    Command command = this->command({"generate", "--config", "run.toml", "--seed", "7"});
    command.directory = earth_hazards();
    command.environment["OPENAI_BASE_URL"] = server_.base_url();
    const auto finished = run(command);
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(finished.out + finished.err, Not(HasSubstr("TDAMM")));

    const auto classes = core::load_taxonomy((command.directory / "taxonomy.json").string(), {});
    ASSERT_TRUE(classes) << classes.error().message;
    const auto made = only_records(command.directory / "out");
    ASSERT_EQ(made.size(), 110U);
    const auto met = counts(made, *classes);
    EXPECT_EQ(met.size(), 11U) << "every class";
    EXPECT_EQ(met.at("No hazard"), 10U);
    for (const auto& record : made) EXPECT_TRUE(record.labels.size() == 1 || record.labels[0] != "No hazard");

    std::set<std::string> systems;
    std::size_t negatives = 0;
    for (const auto& request : server_.requests()) {
        EXPECT_THAT(request.body, AllOf(Not(HasSubstr("TDAMM")), Not(HasSubstr("astronom")), Not(HasSubstr("{{"))));
        const auto messages = nlohmann::json::parse(request.body).at("messages");
        ASSERT_EQ(messages.size(), 2U);
        systems.insert(messages[0].at("content").get<std::string>());
        const auto user = messages[1].at("content").get<std::string>();
        EXPECT_THAT(user, AllOf(HasSubstr("Kind of document: "), HasSubstr("about 600 words")));
        if (user.find("carries no topic of the list") != user.npos) {
            ++negatives;
            EXPECT_THAT(user, Not(HasSubstr("\n* ")));
        } else {
            EXPECT_TRUE(std::ranges::any_of(classes->labels, [&](const Label& label) {
                return user.find("* " + label.name + " (about ") != user.npos &&
                       user.find("): " + label.meaning) != user.npos;
            })) << user;
        }
    }
    EXPECT_EQ(systems.size(), 1U) << "one beginning for all, for the cache of the service";
    EXPECT_EQ(negatives, 10U);
}

TEST_F(DomainsTest, AnotherDomainWorksOffline) {
    Command command = this->command({"generate", "--config", "run.toml", "--provider", "offline"});
    command.directory = earth_hazards();
    const auto finished = run(command);
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(finished.out + finished.err, Not(HasSubstr("TDAMM")));
    for (const auto& record : only_records(command.directory / "out"))
        EXPECT_THAT(record.text, AllOf(Not(HasSubstr("TDAMM")), Not(HasSubstr("TITLE:"))));
}

TEST_F(DomainsTest, PromptsForOtherClassesAreWarnedOf) {
    const auto folder = earth_hazards();
    const auto finished = generate({"--taxonomy", (folder / "taxonomy.json").string(), "--num-samples", "3"});
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("prompts are for other classes than those of taxonomy 'earth-hazards'"));
    EXPECT_THAT(generate({"--num-samples", "3", "--run-name", "own"}).err, Not(HasSubstr("other classes")));
}

TEST_F(DomainsTest, ARunWithTemplatesGoesOnAsItBegan) {
    const auto folder = earth_hazards();
    const std::vector<std::string> options = {
        "--taxonomy", (folder / "taxonomy.json").string(),           "--prompts",     "template",
        "-o",         "prompt.dir=" + (folder / "prompts").string(), "--num-samples", "20"};
    serve(R"("rules": [{"fault": "unauthorized", "from": 9}])");
    const auto stopped = generate(options);
    ASSERT_NE(stopped.exit_code, 0);
    serve("");
    const auto resumed = run_resume_command(stopped);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(read_file(output("json")), unbroken(options));
}

}  // namespace
}  // namespace synth::test
