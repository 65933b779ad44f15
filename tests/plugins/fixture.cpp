// A sink that does nothing, as small as a plugin can be. Each fixture is this file with one thing changed by a macro
// (see meson.build), so that a refusal can have one reason only.

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "synth/plugin.hpp"
#include "synth/sink.hpp"

#ifndef FIXTURE_MAGIC
#define FIXTURE_MAGIC synth::kPluginMagic
#endif
#ifndef FIXTURE_SIZE
#define FIXTURE_SIZE sizeof(synth_plugin_descriptor)
#endif
#ifndef FIXTURE_ABI
#define FIXTURE_ABI synth::kAbiTag
#endif
#ifndef FIXTURE_LAYOUT
#define FIXTURE_LAYOUT synth::kSdkLayout
#endif
#ifndef FIXTURE_KIND
#define FIXTURE_KIND synth::Sink::kKind
#endif
#ifndef FIXTURE_INTERFACE
#define FIXTURE_INTERFACE synth::Sink::kInterfaceVersion
#endif
#ifndef FIXTURE_ID
#define FIXTURE_ID FIXTURE_NAME
#endif
#ifndef FIXTURE_SCHEMA
#define FIXTURE_SCHEMA kSchema
#endif
#ifndef FIXTURE_CREATE
#define FIXTURE_CREATE (&synth::detail::create_plugin<synth::Sink, FixtureSink>)
#endif

#ifdef FIXTURE_UNDEFINED
void defined_nowhere();
#endif

namespace {

[[maybe_unused]] constexpr const char* kSchema = R"({"type": "object", "properties": {"create":
    {"type": "string", "description": "what create does", "enum": ["work", "fail", "throw"], "default": "work"}}})";
[[maybe_unused]] constexpr const char* kNestedSchema = R"({"type": "object", "oneOf": []})";

struct Unrelated {
    virtual ~Unrelated() = default;
    long padding = 0;
};

// Sink is the second base, so that its address is not that of the object: `create` must hand out the interface.
class FixtureSink final : public Unrelated, public synth::Sink {
public:
    static synth::Result<std::unique_ptr<synth::Sink>> create(synth::Host& host, std::string_view options) {
        if (options == R"({"create":"fail"})") return synth::Error{synth::ErrorCode::io, "the disk is full", {}};
        if (options == R"({"create":"throw"})") throw std::runtime_error("thrown by create");
        host.log(synth::LogLevel::info, "created with " + std::string(options));
        return std::unique_ptr<synth::Sink>(std::make_unique<FixtureSink>());
    }
    synth::Status open(const synth::SinkContext& context) override {
#ifdef FIXTURE_UNDEFINED
        defined_nowhere();
#endif
        if (context.stem == "fail") return synth::Error{synth::ErrorCode::io, "opened as sink", {}};
        return {};
    }
    synth::Status write(const synth::Record&) override { throw std::runtime_error("thrown by write"); }
    synth::Status finish(const synth::RunSummary&) override { throw 42; }
};

[[maybe_unused]] void* create_nothing(synth::Host*, const char*, std::size_t, synth_fail_fn, void*) noexcept {
    return nullptr;
}

}  // namespace

#ifndef FIXTURE_SYMBOL
#define FIXTURE_SYMBOL synth_plugin_v1
#endif

extern "C" __attribute__((visibility("default"))) const synth_plugin_descriptor FIXTURE_SYMBOL;
const synth_plugin_descriptor FIXTURE_SYMBOL = {
    FIXTURE_MAGIC,  FIXTURE_SIZE,      FIXTURE_ABI,    FIXTURE_LAYOUT,
    FIXTURE_KIND,   FIXTURE_INTERFACE, FIXTURE_ID,     "1.2.3",
    "does nothing", FIXTURE_SCHEMA,    FIXTURE_CREATE, &synth::detail::destroy_plugin<synth::Sink>};
