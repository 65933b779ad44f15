// Wrong input is told in one line, costs nothing, and leaves nothing behind.

#include "integration/program.hpp"

namespace synth::test {
namespace {

using testing::HasSubstr;

struct WrongInput {
    std::vector<std::string> options;
    const char* told;  // in the message
    int exit_code = 2;
};

using WrongInputTest = ProgramTest;

TEST_F(WrongInputTest, IsToldInOneLineAndNothingIsSent) {
    write_file(dir_ / "broken.toml", "num-samples = = 3\n");
    write_file(dir_ / "misspelt.toml", "num-sample = 3\n");
    write_file(dir_ / "wrong_type.toml", "num-samples = \"many\"\n");
    write_file(dir_ / "a_file", "");
    const WrongInput cases[] = {
        {{"--num-sample-count", "3"}, "--num-sample-count"},
        {{"stray"}, "stray"},
        {{"--num-samples"}, "--num-samples"},
        {{"--num-samples", "0"}, "--num-samples"},
        {{"--num-samples", "-5"}, "--num-samples"},
        {{"--num-samples", "ten"}, "--num-samples"},
        {{"--num-samples", "10.5"}, "--num-samples"},
        {{"--num-samples", "99999999999999999999999"}, "--num-samples"},
        {{"--samples-per-class", "0"}, "--samples-per-class"},
        {{"--samples-per-class", "-1"}, "--samples-per-class"},
        {{"--min-labels", "0"}, "--min-labels"},
        {{"--max-labels", "8"}, "--max-labels"},
        {{"--min-labels", "4", "--max-labels", "3"}, "labels"},
        {{"--batch-size", "0"}, "--batch-size"},
        {{"--batch-size", "x"}, "--batch-size"},
        {{"--max-concurrent", "0"}, "--max-concurrent"},
        {{"--max-concurrent", "1000000000"}, "--max-concurrent"},
        {{"--max-attempts", "0"}, "--max-attempts"},
        {{"--timeout", "0"}, "--timeout"},
        {{"--seed", "lucky"}, "--seed"},
        {{"--budget", "-1"}, "--budget"},
        {{"--budget", "much"}, "--budget"},
        {{"--budget", "1", "--model", "our-own-7b"}, "our-own-7b"},
        {{"--rpm", "0"}, "--rpm"},
        {{"--tpm", "-3"}, "--tpm"},
        {{"--provider", "opnai"}, "openai"},
        {{"--sampler", "nonesuch"}, "nonesuch"},
        {{"--prompts", "nonesuch"}, "nonesuch"},
        {{"--sink", "nonesuch"}, "nonesuch"},
        {{"--reporter", "nonesuch"}, "nonesuch"},
        {{"--validator", "nonesuch"}, "nonesuch"},
        {{"--taxonomy", "nonesuch"}, "nonesuch"},
        {{"-o", "provider.temprature=0.5"}, "temperature"},
        {{"-o", "provider.temperature=hot"}, "temperature"},
        {{"-o", "provider.temperature=9"}, "temperature"},
        {{"-o", "povider.temperature=1"}, "provider"},
        {{"-o", "provider.temperature"}, "provider.temperature"},
        {{"-o", "provider.base_url=http://example.com/v1"}, "example.com"},
        {{"-o", "provider.base_url=ftp://127.0.0.1/v1"}, "ftp"},
        {{"--config", "missing.toml"}, "missing.toml"},
        {{"--config", "broken.toml"}, "broken.toml"},
        {{"--config", "misspelt.toml"}, "num-samples"},
        {{"--config", "wrong_type.toml"}, "num-samples"},
        {{"--run-name", "../elsewhere"}, "elsewhere"},
        {{"--output-dir", "a_file/below"}, "a_file", 6},
        {{"--output-dir", "a_file"}, "a_file", 6},
        {{"--output-dir", "/proc/tdamm-synth"}, "/proc/tdamm-synth", 6},
    };
    for (const auto& wrong : cases) {
        const auto finished = generate(wrong.options);
        SCOPED_TRACE(testing::PrintToString(wrong.options) + "\n" + finished.err);
        EXPECT_EQ(finished.exit_code, wrong.exit_code);
        EXPECT_THAT(lines_of(finished.err), testing::SizeIs(1));
        EXPECT_THAT(finished.err, HasSubstr(wrong.told));
        EXPECT_EQ(finished.out, "");
        EXPECT_FALSE(std::filesystem::exists(output("ledger.sqlite")));
    }
    EXPECT_TRUE(server_.requests().empty());
}

TEST_F(WrongInputTest, OfOtherCommandsIsToldToo) {
    write_file(dir_ / "not_a_ledger", "text");
    const WrongInput cases[] = {
        {{"generat"}, "generat"},
        {{}, "generate"},
        {{"resume"}, "resume"},
        {{"plan", "--num-samples", "0"}, "--num-samples"},
        {{"plugins", "nonesuch"}, "nonesuch"},
    };
    for (const auto& wrong : cases) {
        const auto finished = run_program(wrong.options);
        SCOPED_TRACE(testing::PrintToString(wrong.options) + "\n" + finished.err);
        EXPECT_EQ(finished.exit_code, wrong.exit_code);
        EXPECT_THAT(finished.err + finished.out, HasSubstr(wrong.told));
    }
    for (const char* subcommand : {"resume", "status", "export", "report"}) {
        for (const char* file : {"missing.ledger.sqlite", "not_a_ledger"}) {
            const auto finished = run_program({subcommand, file});
            SCOPED_TRACE(std::string(subcommand) + " " + file + "\n" + finished.err);
            EXPECT_THAT(finished.exit_code, testing::AnyOf(2, 6));
            EXPECT_THAT(lines_of(finished.err), testing::SizeIs(1));
            EXPECT_THAT(finished.err, HasSubstr(file));
            EXPECT_FALSE(std::filesystem::exists(dir_ / "missing.ledger.sqlite"));
        }
    }
}

TEST_F(WrongInputTest, AMissingKeyNamesTheThreeWaysOn) {
    Command command = this->command({"generate", "--num-samples", "2", "--output-dir", "out"});
    command.environment["OPENAI_API_KEY"] = std::nullopt;
    command.environment["https_proxy"] = "http://127.0.0.1:" + std::to_string(server_.port());
    const auto finished = run(command);
    EXPECT_EQ(finished.exit_code, 2);
    EXPECT_THAT(lines_of(finished.err), testing::SizeIs(1)) << finished.err;
    EXPECT_THAT(finished.err, testing::AllOf(HasSubstr("OPENAI_API_KEY"), HasSubstr("provider.base_url"),
                                             HasSubstr("--provider offline")));
    EXPECT_TRUE(server_.requests().empty());

    // A local server needs none.
    command = generating({"--num-samples", "2"});
    command.environment["OPENAI_API_KEY"] = std::nullopt;
    EXPECT_EQ(run(command).exit_code, 0);
    for (const auto& request : server_.requests()) EXPECT_FALSE(request.header("authorization"));
}

}  // namespace
}  // namespace synth::test
