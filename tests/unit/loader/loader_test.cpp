#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <pwd.h>

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

/// A folder of its own, that nobody else may write, gone at the end.
class ScratchFolder {
public:
    ScratchFolder() {
        std::string pattern = (fs::temp_directory_path() / "loader-test-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        path_ = fs::canonical(pattern);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder() { fs::remove_all(path_); }

    fs::path operator/(const fs::path& name) const { return path_ / name; }
    [[nodiscard]] const fs::path& path() const { return path_; }

    /// A copy of a fixture, in `folder` below this one.
    fs::path add(const std::string& name, const fs::path& folder = {}) const {
        fs::create_directories(path_ / folder);
        const fs::path file = path_ / folder / fixture(name).filename();
        fs::copy_file(fixture(name), file);
        return file;
    }
    fs::path write(const fs::path& name, const std::string& text) const {
        fs::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name) << text;
        return path_ / name;
    }

private:
    fs::path path_;
};

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
    testing::Values(
        Refusal{"wrong-magic", "magic number"}, Refusal{"short-descriptor", "its descriptor has"},
        Refusal{"wrong-abi", "'libc++;cxx11=1;debug=0'"}, Refusal{"wrong-layout", "SDK layout 4711"},
        Refusal{"unknown-kind", "unknown kind 'taster'; kinds are sampler, prompt, provider"},
        Refusal{"other-kind", "must be named synth-sampler-other-kind.so"},
        Refusal{"wrong-interface", "version 99 of the sink interface, this program has 1"},
        Refusal{"wrong-name", "must be named synth-sink-right-name.so"}, Refusal{"bad-id", "has the id 'Bad.Id'"},
        Refusal{"broken-schema", "options schema: it is not valid JSON"},
        Refusal{"unsupported-schema", "'oneOf' is outside the subset"}, Refusal{"null-text", "lacks a text"},
        Refusal{"null-create", "lacks create or destroy"}, Refusal{"other-symbol", "does not export synth_plugin_v1"},
        Refusal{"undefined-symbol", "undefined symbol: _Z15defined_nowherev"}, Refusal{"not-there", "No such file"}),
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

TEST(Loader, SaysThatACreateGaveNeitherInstanceNorReason) {
    test::TestHost host;
    const auto nothing = Registry::create<Sink>(inspect(fixture("null-instance")), "{}", host);
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().message, "sink null-instance: could not be created and gave no reason");
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

TEST(Loader, TakesALargerDescriptorOfALaterSdk) { EXPECT_EQ(inspect(fixture("larger-descriptor")).refusal, ""); }

TEST(Loader, RefusesAFileThatIsNoLibrary) {
    const ScratchFolder folder;
    EXPECT_THAT(inspect(folder.write("synth-sink-text.so", std::string(4096, 'x'))).refusal,
                testing::AllOf(HasSubstr("cannot be loaded: "), HasSubstr("invalid ELF header")));
    fs::create_directory(folder / "synth-sink-folder.so");
    EXPECT_EQ(inspect(folder / "synth-sink-folder.so").refusal, "is not a regular file");
}

TEST(Loader, RefusesADanglingLinkAndFollowsASoundOne) {
    const ScratchFolder folder;
    fs::create_symlink("nowhere", folder / "synth-sink-dangling.so");
    EXPECT_THAT(inspect(folder / "synth-sink-dangling.so").refusal, HasSubstr("cannot be found"));
    fs::create_symlink(fixture("good"), folder / "synth-sink-good.so");
    const PluginInfo linked = inspect(folder / "synth-sink-good.so");
    EXPECT_EQ(linked.refusal, "");
    EXPECT_EQ(linked.path, fs::canonical(fixture("good")));
}

TEST(Loader, RefusesWhatOthersMayWrite) {
    const ScratchFolder folder;
    const fs::path file = folder.add("good");
    ASSERT_EQ(chmod(file.c_str(), 0757), 0);
    EXPECT_EQ(inspect(file).refusal, "the file may be written by everybody; take it away with chmod o-w");
    ASSERT_EQ(chmod(file.c_str(), 0755), 0);
    EXPECT_EQ(inspect(file).refusal, "");
    ASSERT_EQ(chmod(folder.path().c_str(), 0777), 0);
    EXPECT_THAT(inspect(file).refusal,
                HasSubstr("the folder " + folder.path().string() + " may be written by everybody"));
    const ScratchFolder safe;
    fs::create_symlink(file, safe / "synth-sink-good.so");
    EXPECT_THAT(inspect(safe / "synth-sink-good.so").refusal, HasSubstr("the folder " + folder.path().string()));
}

TEST(Loader, RefusesFilesOfOtherUsersAndGroups) {
    const passwd* daemon = getpwnam("daemon");
    if (geteuid() != 0 || daemon == nullptr) GTEST_SKIP() << "only root can give files away";
    const uid_t user = daemon->pw_uid;
    const gid_t group = daemon->pw_gid;
    const ScratchFolder folder;
    const fs::path file = folder.add("good");
    ASSERT_EQ(chmod(file.c_str(), 0775), 0);
    EXPECT_EQ(inspect(file).refusal, "") << "a group without other members is no danger";
    ASSERT_EQ(chown(file.c_str(), 0, group), 0);
    EXPECT_EQ(inspect(file).refusal,
              "the file may be written by a group with other members; take it away with chmod g-w");
    ASSERT_EQ(chmod(file.c_str(), 0755), 0);
    EXPECT_EQ(inspect(file).refusal, "");
    ASSERT_EQ(chown(file.c_str(), user, 0), 0);
    EXPECT_THAT(inspect(file).refusal, HasSubstr("the file belongs to user " + std::to_string(user)));
}

std::vector<std::string> listed(const Registry& registry) {
    std::vector<std::string> lines;
    for (const PluginInfo& plugin : registry.plugins())
        lines.push_back(
            plugin.path.parent_path().filename().string() + "/" + plugin.kind + "-" + plugin.id +
            (plugin.shadowed_by.empty() ? "" : " shadowed by " + plugin.shadowed_by.parent_path().filename().string()) +
            (plugin.refusal.empty() ? "" : " refused"));
    return lines;
}

TEST(Registry, LetsTheFirstOfTheSearchOrderWin) {
    const ScratchFolder folder;
    for (const char* place : {"first", "second", "third", "installed"}) folder.add("good", place);
    folder.add("larger-descriptor", "third");
    folder.write("first/notes.txt", "not a candidate");
    core::Installation installation;
    installation.plugin_roots = {folder / "installed"};
    const std::vector dirs = {folder / "first", folder / "missing"};
    const std::string environment = ":" + (folder / "second").string() + ":" + (folder / "third").string();
    const Registry registry = Registry::scan(dirs, environment, installation);
    EXPECT_THAT(listed(registry),
                testing::ElementsAre("first/sink-good", "second/sink-good shadowed by first",
                                     "third/sink-good shadowed by first", "installed/sink-good shadowed by first",
                                     "third/sink-larger-descriptor"));
    EXPECT_EQ((*registry.find("sink", "good"))->path, folder / "first/synth-sink-good.so");
}

TEST(Registry, ListsAFileOnceHoweverOftenItIsFound) {
    const ScratchFolder folder;
    folder.add("good", "one");
    const std::vector dirs = {folder / "one", folder / "one/../one"};
    EXPECT_THAT(listed(Registry::scan(dirs, {}, {})), testing::ElementsAre("one/sink-good"));
}

TEST(Registry, DoesNotHideAPluginBehindALinkOfAnotherName) {
    const ScratchFolder folder;
    const fs::path file = folder.add("good");
    fs::create_symlink(file, folder / "synth-sink-a.so");
    const std::vector dirs = {folder.path()};
    const Registry registry = Registry::scan(dirs, {}, {});
    EXPECT_TRUE(registry.find("sink", "good"));
    EXPECT_THAT(registry.find("sink", "a").error().message, HasSubstr("its file must be named synth-sink-good.so"));
}

TEST(Registry, NeverReplacesABrokenOverrideSilently) {
    const ScratchFolder folder;
    const fs::path broken = folder.write("mine/synth-sink-good.so", "broken");
    folder.add("good", "installed");
    const std::vector dirs = {folder / "mine", folder / "installed"};
    const Registry registry = Registry::scan(dirs, {}, {});
    EXPECT_THAT(listed(registry),
                testing::ElementsAre("mine/sink-good refused", "installed/sink-good shadowed by mine"));
    const auto found = registry.find("sink", "good");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(found.error().message, testing::StartsWith("sink 'good' cannot be used: " + broken.string() + ": "));
}

TEST(Registry, SearchesABuildTreeInDepthAndAnInstallationFlat) {
    const ScratchFolder folder;
    folder.add("good", "deep/er");
    core::Installation installation;
    installation.plugin_roots = {folder.path()};
    EXPECT_THAT(listed(Registry::scan({}, {}, installation)), testing::IsEmpty());
    installation.build_root = folder.path();
    EXPECT_THAT(listed(Registry::scan({}, {}, installation)), testing::ElementsAre("er/sink-good"));
}

TEST(Registry, NamesTheNearestOrAllWhenAnIdIsUnknown) {
    const ScratchFolder folder;
    folder.add("good");
    folder.add("larger-descriptor");
    const std::vector dirs = {folder.path()};
    const Registry registry = Registry::scan(dirs, {}, {});
    EXPECT_EQ(registry.find("sink", "godo").error().message, "unknown sink 'godo', did you mean 'good'?");
    EXPECT_EQ(registry.find("sink", "parquet").error().message,
              "unknown sink 'parquet'; there is good, larger-descriptor");
    EXPECT_EQ(registry.find("sampler", "good").error().message, "unknown sampler 'good'; no sampler plugin was found");
}

TEST(Registry, FindsTheDataOfAPlugin) {
    const ScratchFolder folder;
    const fs::path file = folder.add("good", "build/sinks/good");
    core::Installation installation;
    const auto data_dir = [&] { return Registry::inspect(file, installation).data_dir; };
    EXPECT_EQ(data_dir(), "");

    installation.shared_data = folder / "share";
    fs::create_directories(folder / "share/plugins/sink-good");
    EXPECT_EQ(data_dir(), folder / "share/plugins/sink-good");

    installation.build_root = folder / "build";
    installation.source_root = folder / "source";
    fs::create_directories(folder / "source/sinks/good/data");
    EXPECT_EQ(data_dir(), folder / "source/sinks/good/data");

    fs::create_directories(folder / "build/sinks/good/synth-sink-good.data");
    EXPECT_EQ(data_dir(), folder / "build/sinks/good/synth-sink-good.data");
}

TEST(Installation, IsABuildTreeWhenItsFileIsBesideTheProgram) {
    const ScratchFolder folder;
    folder.write("build/tdamm-synth.build-tree", "/the/sources\n");
    const auto found = core::Installation::locate(folder / "build/tdamm-synth");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->build_root, folder / "build");
    EXPECT_EQ(found->source_root, "/the/sources");
    EXPECT_EQ(found->core_data, "/the/sources/core/data");
    EXPECT_THAT(found->plugin_roots,
                testing::ElementsAre(folder / "build/plugins", folder / "build/providers", folder / "build/sinks"));
    folder.write("build/tdamm-synth.build-tree", "");
    EXPECT_THAT(core::Installation::locate(folder / "build/tdamm-synth").error().message, HasSubstr("run meson setup"));
}

TEST(Installation, IsFoundRelativeToTheProgram) {
    const ScratchFolder folder;
    fs::create_directories(folder / "opt/share/tdamm-synth/data");
    fs::create_directories(folder / "opt/bin");
    fs::create_symlink(folder / "opt/bin/tdamm-synth", folder / "link");
    folder.write("opt/bin/tdamm-synth", "");
    for (const fs::path& executable : {folder / "opt/bin/tdamm-synth", folder / "link"}) {
        const auto found = core::Installation::locate(executable);
        ASSERT_TRUE(found) << found.error().message;
        EXPECT_EQ(found->shared_data, folder / "opt/share/tdamm-synth");
        EXPECT_EQ(found->core_data, folder / "opt/share/tdamm-synth/data");
        ASSERT_EQ(found->plugin_roots.size(), 1u);
        EXPECT_THAT(found->plugin_roots[0].string(), testing::AllOf(testing::StartsWith((folder / "opt/lib").string()),
                                                                    testing::EndsWith("/tdamm-synth/plugins")));
        EXPECT_TRUE(found->build_root.empty());
    }
}

TEST(Installation, SaysWhatIsMissing) {
    const ScratchFolder folder;
    const auto found = core::Installation::locate(folder / "bin/tdamm-synth");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::io);
    EXPECT_THAT(found.error().message, HasSubstr((folder / "share/tdamm-synth/data").string()));
}

std::vector<std::string> exported_symbols(const fs::path& file) {
    std::vector<std::string> names;
    FILE* output = popen(("nm -D --defined-only --format=posix '" + file.string() + "'").c_str(), "r");
    std::array<char, 4096> line{};
    while (output != nullptr && fgets(line.data(), static_cast<int>(line.size()), output) != nullptr) {
        const std::string text = line.data();
        names.push_back(text.substr(0, text.find(' ')));
    }
    EXPECT_EQ(pclose(output), 0) << "nm failed for " << file;
    return names;
}

TEST(Plugins, ExportOneSymbolOnly) {
    std::vector<fs::path> files = {fixture("good")};
    for (const PluginInfo& plugin : test::registry().plugins()) files.push_back(plugin.path);
    for (const fs::path& file : files)
        EXPECT_THAT(exported_symbols(file), testing::ElementsAre("synth_plugin_v1")) << file;
}

TEST(Plugins, OfTheBuildTreeAreAllUsable) {
    for (const PluginInfo& plugin : test::registry().plugins()) EXPECT_EQ(plugin.refusal, "") << plugin.path;
}

TEST(FileSha256, IsThatOfTheContent) {
    const ScratchFolder folder;
    EXPECT_EQ(*core::file_sha256(folder.write("empty", "")),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(*core::file_sha256(folder.write("abc", "abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(*core::file_sha256(folder.write("million", std::string(1'000'000, 'a'))),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    EXPECT_EQ(core::file_sha256(folder / "none").error().code, ErrorCode::io);
    EXPECT_EQ(core::file_sha256(folder.path()).error().code, ErrorCode::io);
}

}  // namespace
}  // namespace synth
