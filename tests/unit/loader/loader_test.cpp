#include <cstdlib>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>

#include "plugins/registry.hpp"
#include "support/plugin_loading.hpp"
#include "synth/sink.hpp"

namespace synth {
namespace {

namespace fs = std::filesystem;
using core::PluginInfo;
using core::Registry;
using testing::HasSubstr;

fs::path fixture(const std::string& name) {
    return fs::path(std::getenv("SYNTH_FIXTURES")) / ("synth-sink-" + name + ".so");
}
PluginInfo inspect(const fs::path& file) { return Registry::inspect(file, test::installation()); }

TEST(Loader, AcceptsAPluginAndSaysWhatItIs) {
    const PluginInfo good = inspect(fixture("good"));
    EXPECT_EQ(good.refusal, "");
    EXPECT_EQ(good.kind, "sink");
    EXPECT_EQ(good.id, "good");
    EXPECT_EQ(good.version, "1.2.3");
    EXPECT_EQ(good.summary, "does nothing");
}

struct Refusal {
    const char* fixture;
    const char* reason;
};
class Refusals : public testing::TestWithParam<Refusal> {};

TEST_P(Refusals, AreOneLineThatSaysWhy) {
    const PluginInfo refused = inspect(fixture(GetParam().fixture));
    EXPECT_THAT(refused.refusal, HasSubstr(GetParam().reason));
    EXPECT_EQ(refused.refusal.find('\n'), std::string::npos);
    EXPECT_EQ(refused.descriptor, nullptr);
    EXPECT_EQ(refused.kind, "sink");
    EXPECT_EQ(refused.id, GetParam().fixture);
}

INSTANTIATE_TEST_SUITE_P(
    EveryReason, Refusals,
    testing::Values(Refusal{"wrong-magic", "magic number"}, Refusal{"short-descriptor", "its descriptor has"},
                    Refusal{"wrong-abi", "'libc++;cxx11=1;debug=0'"}, Refusal{"wrong-layout", "SDK layout 4711"},
                    Refusal{"unknown-kind", "unknown kind 'taster'; kinds are sampler, prompt, provider"},
                    Refusal{"other-kind", "must be named synth-sampler-other-kind.so"},
                    Refusal{"wrong-interface", "version 99 of the sink interface, this program has 1"},
                    Refusal{"wrong-name", "must be named synth-sink-right-name.so"},
                    Refusal{"broken-schema", "options schema: it is not valid JSON"},
                    Refusal{"unsupported-schema", "'oneOf' is outside the subset"},
                    Refusal{"null-text", "lacks a text"}, Refusal{"null-create", "lacks create or destroy"},
                    Refusal{"other-symbol", "does not export synth_plugin_v1"},
                    Refusal{"undefined-symbol", "undefined symbol: _Z15defined_nowherev"},
                    Refusal{"not-there", "No such file"}),
    [](const auto& suite) {
        std::string name = suite.param.fixture;
        std::erase(name, '-');
        return name;
    });

Result<core::Instance<Sink>> create(const char* options, test::TestHost& host) {
    return Registry::create<Sink>(inspect(fixture("good")), options, host);
}

TEST(Loader, CallsTheInterfaceOfAnImplementationWithSeveralBases) {
    test::TestHost host;
    const auto sink = create(R"({"create":"work"})", host);
    ASSERT_TRUE(sink) << sink.error().message;
    EXPECT_THAT(host.lines, testing::ElementsAre(R"(created with {"create":"work"})"));
    const Status opened = sink->call([](Sink& one) {
        SinkContext context;
        context.stem = "fail";
        return one.open(context);
    });
    EXPECT_EQ(opened.error().message, "opened as sink");
}

TEST(Loader, NamesThePluginInWhatItsCreateReports) {
    test::TestHost host;
    const auto failed = create(R"({"create":"fail"})", host);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::io);
    EXPECT_EQ(failed.error().message, "sink good: the disk is full");
    const auto threw = create(R"({"create":"throw"})", host);
    ASSERT_FALSE(threw);
    EXPECT_EQ(threw.error().code, ErrorCode::internal);
    EXPECT_EQ(threw.error().message, "sink good: thrown by create");
}

TEST(Loader, TurnsStrayExceptionsOfAPluginIntoErrorsThatNameIt) {
    test::TestHost host;
    const auto sink = create(R"({"create":"work"})", host);
    ASSERT_TRUE(sink);
    const Status known = sink->call([](Sink& one) { return one.write({}); });
    EXPECT_EQ(known.error().code, ErrorCode::internal);
    EXPECT_EQ(known.error().message, "sink good threw an exception: thrown by write");
    const Status unknown = sink->call([](Sink& one) { return one.finish({}); });
    EXPECT_EQ(unknown.error().message, "sink good threw an exception");
}

}  // namespace
}  // namespace synth
