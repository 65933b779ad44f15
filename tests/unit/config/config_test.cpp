#include <gmock/gmock.h>

#include <tuple>

#include "config/run_file.hpp"
#include "config/settings.hpp"
#include "config/shard.hpp"
#include "support/plugin_loading.hpp"
#include "support/process.hpp"

namespace synth::core {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Givens given(std::map<std::string, std::string> settings, const std::vector<std::string>& options = {}) {
    Givens givens;
    for (const auto& [name, value] : settings) givens.settings[name] = {{value}, "--" + name};
    for (const auto& text : options) {
        auto option = parse_plugin_option(text);
        EXPECT_TRUE(option.ok()) << option.error().message;
        givens.options.push_back(*option);
    }
    return givens;
}

Result<RunConfig> resolved(const Givens& givens) { return resolve(givens, test::registry()); }

TEST(Settings, DefaultsAreThoseOfTheContract) {
    const auto config = resolved({});
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->samples, 200U);
    EXPECT_EQ(config->min_labels, 2U);
    EXPECT_EQ(config->max_labels, 3U);
    EXPECT_EQ(config->batch_size, 20U);
    EXPECT_EQ(config->max_concurrent, 20U);
    EXPECT_EQ(config->max_attempts, 3U);
    EXPECT_EQ(config->output_dir, "data");
    for (const auto& [kind, id] :
         {std::pair("sampler", "balanced"), std::pair("prompt", "tdamm"), std::pair("provider", "openai"),
          std::pair("validator", "length"), std::pair("sink", "json"), std::pair("reporter", "cost"),
          std::pair("reporter", "statistics")})
        EXPECT_NE(config->find(kind, id), nullptr) << kind << " " << id;
}

TEST(Settings, TheWindowFollowsTheBatch) {
    EXPECT_EQ(resolved(given({{"batch-size", "50"}}))->max_concurrent, 50U);
    EXPECT_EQ(resolved(given({{"batch-size", "50"}, {"max-concurrent", "7"}}))->max_concurrent, 7U);
}

TEST(Settings, WrongValuesAreOneLineThatNamesThem) {
    const std::pair<std::map<std::string, std::string>, const char*> cases[] = {
        {{{"num-samples", "0"}}, "--num-samples: '0' is not a whole number from 1 to"},
        {{{"num-samples", "-3"}}, "'-3'"},
        {{{"num-samples", "many"}}, "'many'"},
        {{{"num-samples", "1.5"}}, "'1.5'"},
        {{{"num-samples", "99999999999999999999"}}, "99999999999999999999"},
        {{{"max-labels", "8"}}, "from 1 to 7"},
        {{{"min-labels", "3"}, {"max-labels", "2"}}, "at least 3 labels but at most 2"},
        {{{"budget", "-1"}}, "--budget"},
        {{{"budget", "0"}}, "above 0"},
        {{{"provider", "opneai"}}, "openai"},
        {{{"run-name", "../x"}}, "cannot be the stem"},
        {{{"rpm", "0"}}, "--rpm"}};
    for (const auto& [settings, expected] : cases) {
        const auto config = resolved(given(settings));
        ASSERT_FALSE(config.ok()) << expected;
        EXPECT_EQ(config.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(config.error().message, AllOf(HasSubstr(expected), testing::Not(HasSubstr("\n"))));
    }
}

TEST(Settings, OptionsReachTheirPlugin) {
    const auto config = resolved(given({{"model", "m"}}, {"provider.base_url=http://127.0.0.1:1/v1",
                                                          "sink.metadata=true", "provider.openai.temperature=0.5"}));
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_THAT(config->find("provider")->options_json,
                AllOf(HasSubstr(R"("model":"m")"), HasSubstr("0.5"), HasSubstr("127.0.0.1")));
    EXPECT_THAT(config->find("sink")->options_json, HasSubstr("true"));
}

TEST(Settings, OptionsForNobodyAreRefused) {
    const std::pair<std::string, const char*> cases[] = {
        {"reporter.x=1", "several plugins of kind reporter"},
        {"sink.jsonl.metadata=true", "no sink 'jsonl' in this run, only json"},
        {"provider.temprature=1", "temperature"},
        {"provider.temperature=warm", "temperature"}};
    for (const auto& [option, expected] : cases) {
        const auto config = resolved(given({}, {option}));
        ASSERT_FALSE(config.ok()) << option;
        EXPECT_THAT(config.error().message, HasSubstr(expected));
    }
    for (const char* wrong : {"nonsense", "provider=1", ".x=1", "provider.=1", "provider..x=1", "sinks.json.x=1"})
        EXPECT_FALSE(parse_plugin_option(wrong).ok()) << wrong;
}

TEST(Settings, TheConfigurationSurvivesTheLedger) {
    auto config = resolved(given({{"budget", "1.5"}, {"rpm", "60"}, {"seed", "9"}}));
    const auto back = parse_run_config(to_json(*config));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(to_json(*back), to_json(*config));
    EXPECT_EQ(back->budget, PicoUsd{1'500'000'000'000});
    EXPECT_FALSE(parse_run_config("{}").ok());
    EXPECT_FALSE(parse_run_config("no json").ok());
}

TEST(Settings, AConfigurationFromALedgerIsHeldToTheSameLimits) {
    const std::string kept = to_json(*resolved(given({{"budget", "1.5"}, {"seed", "9"}, {"run-name", "run"}})));
    ASSERT_TRUE(parse_run_config(kept).ok());
    const std::string nested = R"("options":{"a":)" + std::string(300'000, '[') + std::string(300'000, ']') + ",";
    const std::tuple<const char*, const char*, const char*> cases[] = {
        {R"("name":"run")", R"("name":"../run")", "'name'"},
        {R"("options":{)", nested.c_str(), "nests too deep"},
        {R"("max_concurrent":20)", R"("max_concurrent":0)", "'max_concurrent'"},
        {R"("timeout_s":600)", R"("timeout_s":1e300)", "'timeout_s'"},
        {R"("max_attempts":3)", R"("max_attempts":-3)", "'max_attempts'"},
        {R"("min_labels":2)", R"("min_labels":4)", "'max_labels'"},
        {R"("rpm":null)", R"("rpm":-1)", "'rpm'"},
        {R"("budget_picousd":1500000000000)", R"("budget_picousd":1.5)", "'budget_picousd'"}};
    for (const auto& [before, after, named] : cases) {
        std::string damaged = kept;
        ASSERT_NE(damaged.find(before), std::string::npos) << before << " in " << kept;
        damaged.replace(damaged.find(before), std::string_view(before).size(), after);
        const auto config = parse_run_config(damaged);
        ASSERT_FALSE(config.ok()) << after;
        EXPECT_THAT(config.error().message, HasSubstr(named));
    }
}

TEST(Settings, ResumeRefusesWhatWouldBreakThePlan) {
    auto config = resolved({});
    EXPECT_TRUE(resolve_resume(given({{"num-samples", "300"}, {"budget", "2"}, {"model", "gpt-4.1"}}), test::registry(),
                               *config)
                    .ok());
    EXPECT_EQ(config->samples, 300U);
    EXPECT_THAT(config->find("provider")->options_json, HasSubstr("gpt-4.1"));
    for (const auto& bad :
         {given({{"num-samples", "100"}}), given({{"seed", "1"}}), given({}, {"sampler.add_parents=true"})})
        EXPECT_FALSE(resolve_resume(bad, test::registry(), *config).ok());
}

class RunFileTest : public testing::Test {
protected:
    Result<Givens> read(const std::string& text) {
        test::write_file(dir_ / "run.toml", text);
        return read_run_file(dir_ / "run.toml");
    }
    test::TempDir dir_;
};

TEST_F(RunFileTest, SaysWhatTheCommandLineSays) {
    auto givens = read(
        "num-samples = 30\nbudget = 1.5\nsink = [\"json\", \"jsonl\"]\n[option.sink.json]\nmetadata = true\n"
        "[option.provider]\nbase_url = \"http://127.0.0.1:1\"\ntemperature = 1.0\n");
    ASSERT_TRUE(givens.ok()) << givens.error().message;
    const auto config = resolved(*givens);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->samples, 30U);
    EXPECT_NE(config->find("sink", "jsonl"), nullptr);
    EXPECT_THAT(config->find("sink", "json")->options_json, HasSubstr("true"));
}

TEST_F(RunFileTest, WhatIsWrongIsNamedWithFileAndLine) {
    const std::pair<std::string, const char*> cases[] = {
        {"seed = 1\nnum-sample = 3\n", "run.toml:2: num-sample: unknown key, did you mean 'num-samples'?"},
        {"num-samples = [1]\n", "run.toml:1: num-samples: expected one value"},
        {"num-samples = \n", "run.toml:"},
        {"sink = [1.5, true]\n", "run.toml:1: sink"},
        {"[option.sinks]\nx = 1\n", "sinks"},
        {"option = 3\n", "expected tables"},
        {"[option.sink]\n\"metadata=\" = true\n", "run.toml:2: option.sink.metadata=: no name of an option has a '='"},
        {"[option.sink.\"\"]\nx = true\n", R"(run.toml:1: option.sink."": no plugin has an empty name)"},
        {"[option.\"a: b\"]\nx = true\n", "run.toml:2: option.a: b.x: no kind of plugin 'a: b'"},
        {"[option.sink]\nx = 2020-01-01\n", "run.toml:2: option.sink.x"}};
    for (const auto& [text, expected] : cases) {
        const auto givens = read(text);
        ASSERT_FALSE(givens.ok()) << text;
        EXPECT_EQ(givens.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(givens.error().message, HasSubstr(expected));
    }
    std::string deep;
    for (int i = 0; i < 500'000; ++i) deep += "a.";
    const auto refused = read(deep + "b = 1\n");
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("nest too deep"));
    EXPECT_FALSE(read_run_file(dir_ / "missing.toml").ok());
    EXPECT_FALSE(read_run_file(dir_.path()).ok());
}

TEST(RunFile, WrittenOneMakesTheSameConfiguration) {
    auto givens = given({{"seed", "5"},
                         {"num-samples", "77"},
                         {"budget", "0.000001"},
                         {"rpm", "600"},
                         {"max-concurrent", "auto"},
                         {"run-name", "a \"name\" with \\ \u00e9"},
                         {"first-byte-timeout", "9"},
                         {"taxonomy", "tdamm36"}},
                        {"provider.temperature=0.25", "sink.json.metadata=true", "prompt.target_words=300"});
    givens.settings["sink"] = {{"json", "csv"}, "--sink"};
    const auto config = resolved(givens);
    ASSERT_TRUE(config.ok()) << config.error().message;
    const test::TempDir dir;
    test::write_file(dir / "run.toml", to_run_file(*config, {}));
    const auto read = read_run_file(dir / "run.toml");
    ASSERT_TRUE(read.ok()) << read.error().message << test::read_file(dir / "run.toml");
    const auto again = resolved(*read);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(to_json(*again), to_json(*config));
}

std::optional<std::string> nowhere(const char*) { return std::nullopt; }

TEST(Shards, AreNamedByNumberOrByTheSchedulersTask) {
    const auto task = [](const char* name) -> std::optional<std::string> {
        return std::string(name) == "SLURM_ARRAY_TASK_ID" ? "3" : "0";
    };
    struct Case {
        const char* text;
        std::uint32_t shards, number, count;
    };
    for (const auto& [text, shards, number, count] :
         {Case{"2/4", 0, 2, 4}, Case{"4/4", 4, 4, 4}, Case{"slurm", 3, 3, 3}, Case{"slurm/5", 0, 3, 5},
          Case{"kubernetes", 2, 1, 2}}) {
        const auto shard = parse_shard(text, shards, task);
        ASSERT_TRUE(shard.ok()) << text << ": " << shard.error().message;
        EXPECT_EQ(shard->number, number) << text;
        EXPECT_EQ(shard->count, count) << text;
    }
    for (const char* wrong :
         {"", "/", "2", "2/", "/4", "0/4", "5/4", "2/0", "2/4/4", "-1/4", "2/4x", "slurm/", "pbs/4", "2/100001"})
        EXPECT_FALSE(parse_shard(wrong, 0, nowhere).ok()) << wrong;
    EXPECT_FALSE(parse_shard("slurm", 2, task).ok()) << "task 3 of 2";
    EXPECT_FALSE(parse_shard("slurm/4", 0, nowhere).ok());
}

TEST(Shards, PartsAddUpAndDifferByOneAtMost) {
    for (const std::uint64_t whole : {0ULL, 1ULL, 7ULL, 1000ULL, 100'000'000ULL, 18'446'744'073'709'551'615ULL})
        for (const std::uint32_t count : {1U, 2U, 3U, 7U, 100'000U}) {
            std::uint64_t sum = 0, least = whole, most = 0;
            Shard shard;
            shard.count = count;
            for (shard.number = 1; shard.number <= count; ++shard.number) {
                EXPECT_EQ(part_begin(whole, shard.number, count), sum);
                const auto part = part_of(whole, shard);
                sum += part;
                least = std::min(least, part);
                most = std::max(most, part);
            }
            EXPECT_EQ(sum, whole);
            EXPECT_LE(most - least, 1U) << whole << " / " << count;
        }
}

TEST(Shards, TakeTheirShareToThePicodollar) {
    std::int64_t budget = 0;
    double rpm = 0, tpm = 0;
    std::vector<RunConfig> shards;
    for (std::uint32_t number = 1; number <= 7; ++number) {
        auto config = *resolved(given({{"budget", "0.10"}, {"rpm", "1000"}, {"tpm", "99999"}, {"run-name", "run"}}));
        config.shard.number = number;
        config.shard.count = 7;
        ASSERT_TRUE(take_share(config).ok());
        budget += config.budget->value;
        rpm += *config.rpm;
        tpm += *config.tpm;
        const auto name = parse_shard_name(config.name);
        ASSERT_TRUE(name) << config.name;
        EXPECT_EQ(name->first, "run");
        EXPECT_EQ(name->second.number, number);
        EXPECT_EQ(name->second.count, 7U);
        const auto kept = parse_run_config(to_json(config));
        ASSERT_TRUE(kept.ok()) << kept.error().message;
        EXPECT_EQ(kept->shard.number, number);
        shards.push_back(std::move(config));
    }
    EXPECT_EQ(budget, 100'000'000'000);
    EXPECT_EQ(rpm, 1000);
    EXPECT_EQ(tpm, 99999);
    const auto whole = whole_of(shards, "run");
    EXPECT_EQ(whole.budget->value, budget);
    EXPECT_EQ(whole.rpm, 1000);
    EXPECT_EQ(whole.max_concurrent, 140U);
    EXPECT_FALSE(whole.shard);
}

TEST(Shards, SayWhatTheyDisagreeOn) {
    const auto first = *resolved(given({{"seed", "1"}}));
    EXPECT_EQ(disagreement(first, first), "");
    EXPECT_EQ(disagreement(
                  first, *resolved(given({{"seed", "1"}, {"max-concurrent", "3"}, {"timeout", "9"}, {"budget", "1"}}))),
              "");
    EXPECT_EQ(disagreement(first, *resolved(given({{"seed", "2"}}))), "seed");
    EXPECT_EQ(disagreement(first, *resolved(given({{"seed", "1"}, {"num-samples", "9"}, {"max-labels", "4"}}))),
              "number of samples, number of labels");
    EXPECT_THAT(disagreement(first, *resolved(given({{"seed", "1"}}, {"provider.temperature=0.3"}))),
                HasSubstr("options of provider openai"));
    EXPECT_THAT(disagreement(first, *resolved(given({{"seed", "1"}, {"sampler", "uniform"}}))),
                HasSubstr("sampler uniform (only in one)"));
    auto other = first;
    other.find("prompt")->sha256 = "another";
    EXPECT_EQ(disagreement(first, other), "build of prompt tdamm");
}

TEST(RedisUrl, IsReadAndPassedOnWithoutItsPassword) {
    struct Case {
        const char* text;
        const char* place;
        const char* without_secret;
        const char* user;
        const char* password;
    };
    for (const auto& [text, place, without_secret, user, password] :
         {Case{"redis://limits.example.com", "limits.example.com:6379", "redis://limits.example.com:6379", "", ""},
          Case{"redis://:a%2Fb@h:7000/3?prefix=sky", "h:7000", "redis://h:7000/3?prefix=sky", "", "a/b"},
          Case{"redis://m%65:p:q@r/@[::1]:7000/", "[::1]:7000", "redis://me@[::1]:7000", "me", "p:q@r/"},
          Case{"redis://a%40b@h", "h:6379", "redis://a%40b@h:6379", "a@b", ""}}) {
        const auto url = parse_redis_url(text);
        ASSERT_TRUE(url.ok()) << text << ": " << url.error().message;
        EXPECT_EQ(url->place(), place);
        EXPECT_EQ(url->without_secret(), without_secret);
        EXPECT_EQ(url->user, user);
        EXPECT_EQ(url->password, password);
        EXPECT_EQ(parse_redis_url(url->without_secret())->without_secret(), without_secret);
    }
    for (const char* text :
         {"", "http://h", "rediss://:hunter2@h", "redis://", "redis://:hunter2@", "redis://u:@h", "redis://u:%zz@h",
          "redis://h:0", "redis://h:65536", "redis://h:hunter2", "redis://h/hunter2", "redis://h/-1", "redis://[::1",
          "redis://[::1]hunter2", "redis://h?hunter2", "redis://h?prefix=", "redis://h?prefix=hunter2%"}) {
        const auto url = parse_redis_url(text);
        ASSERT_FALSE(url.ok()) << text;
        EXPECT_EQ(url.error().code, ErrorCode::invalid_argument) << text;
        EXPECT_THAT(url.error().message, Not(HasSubstr("hunter2"))) << text;
    }
}

TEST(RedisUrl, IsNotStored) {
    const auto config = *resolved(given({{"shared-limits", "redis://:hunter2@h"}, {"seed", "1"}}));
    ASSERT_TRUE(config.shared_limits);
    EXPECT_EQ(config.shared_limits->password, "hunter2");
    EXPECT_THAT(to_json(config), Not(HasSubstr("hunter2")));
    EXPECT_THAT(to_run_file(config, {}),
                AllOf(Not(HasSubstr("hunter2")), HasSubstr("shared-limits = \"redis://h:6379\"")));
}

}  // namespace
}  // namespace synth::core
