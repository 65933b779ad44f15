// The binary contract: a plugin is a shared library `synth-KIND-ID.so` that exports one constant, `synth_plugin_v1`,
// and links to nothing of ours. SYNTH_PLUGIN writes it; see docs/plugin-authoring.md.

#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>

#include "synth/host.hpp"
#include "synth/result.hpp"

namespace synth {

inline constexpr std::uint32_t kPluginMagic = 0x53594e31;  // "SYN1"

/// One number for the layout of all types in this SDK that cross the border. Raised with any change to them.
inline constexpr std::uint32_t kSdkLayout = 6;

#if defined(_LIBCPP_VERSION)
#define SYNTH_ABI_LIBRARY "libc++"
#elif defined(__GLIBCXX__)
#define SYNTH_ABI_LIBRARY "libstdc++"
#else
#error "an unknown C++ standard library: plugins and program must agree on one"
#endif
#if defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
#define SYNTH_ABI_STRING "0"
#else
#define SYNTH_ABI_STRING "1"
#endif
#if defined(_GLIBCXX_DEBUG)
#define SYNTH_ABI_DEBUG "1"
#else
#define SYNTH_ABI_DEBUG "0"
#endif

/// Program and plugin must agree on it to the letter.
inline constexpr const char* kAbiTag = SYNTH_ABI_LIBRARY ";cxx11=" SYNTH_ABI_STRING ";debug=" SYNTH_ABI_DEBUG;

}  // namespace synth

extern "C" {

/// Receives the reason why `create` returned null: an ErrorCode and a line of text.
using synth_fail_fn = void (*)(void* context, int code, const char* message);

/// Only ever grows at its end; `struct_size` says how much of it a plugin has.
struct synth_plugin_descriptor {
    std::uint32_t magic;
    std::uint32_t struct_size;
    const char* abi_tag;
    std::uint32_t sdk_layout;
    const char* kind;
    std::uint32_t interface_version;
    const char* id;  ///< lower case letters, digits, '-' and '_'; the file is synth-KIND-ID.so
    const char* version;
    const char* summary;         ///< one line
    const char* options_schema;  ///< JSON Schema of one flat object; see docs/plugin-authoring.md
    /// A pointer to the interface of `kind` (not to the implementation: they may differ), or null after `fail`.
    /// `options_json` is validated against the schema and has all defaults filled in.
    void* (*create)(synth::Host* host, const char* options_json, std::size_t options_size, synth_fail_fn fail,
                    void* fail_context) noexcept;
    void (*destroy)(void* instance) noexcept;
};
}

namespace synth::detail {

template <class Interface, class Implementation>
void* create_plugin(Host* host, const char* options, std::size_t size, synth_fail_fn fail, void* context) noexcept {
    try {
        Result<std::unique_ptr<Interface>> made = Implementation::create(*host, std::string_view(options, size));
        if (made) return static_cast<void*>((*made).release());
        fail(context, static_cast<int>(made.error().code), made.error().message.c_str());
    } catch (const std::exception& stray) {
        fail(context, static_cast<int>(ErrorCode::internal), stray.what());
    } catch (...) {
        fail(context, static_cast<int>(ErrorCode::internal), "an exception that is not a std::exception");
    }
    return nullptr;
}

template <class Interface>
void destroy_plugin(void* instance) noexcept {
    delete static_cast<Interface*>(instance);
}

}  // namespace synth::detail

/// Exports `Implementation` as a plugin of kind `Interface` (synth::Sampler, synth::Sink, …). It needs
///     static synth::Result<std::unique_ptr<Interface>> create(synth::Host&, std::string_view options_json);
#define SYNTH_PLUGIN(Interface, Implementation, plugin_id, plugin_version, plugin_summary, schema)               \
    extern "C" __attribute__((visibility("default"))) const synth_plugin_descriptor synth_plugin_v1;             \
    const synth_plugin_descriptor synth_plugin_v1 = {::synth::kPluginMagic,                                      \
                                                     sizeof(synth_plugin_descriptor),                            \
                                                     ::synth::kAbiTag,                                           \
                                                     ::synth::kSdkLayout,                                        \
                                                     Interface::kKind,                                           \
                                                     Interface::kInterfaceVersion,                               \
                                                     plugin_id,                                                  \
                                                     plugin_version,                                             \
                                                     plugin_summary,                                             \
                                                     schema,                                                     \
                                                     &::synth::detail::create_plugin<Interface, Implementation>, \
                                                     &::synth::detail::destroy_plugin<Interface>}
