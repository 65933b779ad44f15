// Finds, checks and loads plugins. The only code that uses Boost.DLL. Main thread only.

#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/instance.hpp"
#include "synth/result.hpp"

namespace synth::core {

/// Where plugins and data are, worked out from the path of the executable.
struct Installation {
    std::filesystem::path core_data;                  ///< taxonomies
    std::vector<std::filesystem::path> plugin_roots;  ///< searched recursively in a build tree, flat when installed
    std::filesystem::path build_root, source_root;    ///< both set in a build tree only
    std::filesystem::path shared_data;                ///< installed: PREFIX/share/tdamm-synth

    /// A build tree has the file `tdamm-synth.build-tree` (source root in its first line) beside the executable.
    static Result<Installation> locate(const std::filesystem::path& executable);
    static Result<Installation> locate();  ///< of /proc/self/exe
};

/// One file that was looked at, whether it can be used or not.
struct PluginInfo {
    std::string kind, id;  ///< from the file name when the descriptor could not be read
    std::string version, summary, options_schema;
    std::filesystem::path path;         ///< canonical
    std::filesystem::path data_dir;     ///< empty: none
    std::string refusal;                ///< why it is not usable, one line; empty: usable
    std::filesystem::path shadowed_by;  ///< an earlier plugin of the same kind and id; empty: not shadowed
    const synth_plugin_descriptor* descriptor = nullptr;  ///< lives as long as the process; null: refused
};

class Registry {
public:
    /// Looks at all candidates in search order: `plugin_dirs` (--plugin-dir), TDAMM_SYNTH_PLUGIN_PATH (colon
    /// separated), the installation. Within a folder by name. Nothing here is fatal: what is refused is listed with its
    /// reason. The first of a kind and id wins, usable or not: a broken override is never silently replaced.
    static Registry scan(std::span<const std::filesystem::path> plugin_dirs, std::string_view environment_path,
                         const Installation& installation);

    /// By kind, then id; shadowed and refused ones included.
    [[nodiscard]] std::span<const PluginInfo> plugins() const noexcept;

    /// The one of that kind and id that is not shadowed. invalid_argument: why it was refused, or the nearest names.
    [[nodiscard]] Result<const PluginInfo*> find(std::string_view kind, std::string_view id) const;

    /// Looks at one file as `scan` would.
    [[nodiscard]] static PluginInfo inspect(const std::filesystem::path& file, const Installation& installation);

    /// Creates an instance of a plugin of the kind of `Interface`. `options_json` has been through `complete_options`.
    /// The host must outlive the instance.
    template <class Interface>
    [[nodiscard]] static Result<Instance<Interface>> create(const PluginInfo& plugin, std::string_view options_json,
                                                            Host& host) {
        Result<Made> made = create_untyped(plugin, options_json, host);
        if (!made) return std::move(made).error();
        return Instance<Interface>(static_cast<Interface*>(made->object), made->destroy, plugin.id);
    }

private:
    struct Made {
        void* object;
        void (*destroy)(void*) noexcept;
    };
    static Result<Made> create_untyped(const PluginInfo& plugin, std::string_view options_json, Host& host);

    std::vector<PluginInfo> plugins_;
};

/// "sampler", "prompt", …: all kinds that this program loads.
std::vector<std::string> plugin_kinds();

/// Lower case letters, digits, '-' and '_', at least one.
bool is_plugin_id(std::string_view id);

/// SHA-256 of a file, in hexadecimal; io when it cannot be read.
Result<std::string> file_sha256(const std::filesystem::path& file);

}  // namespace synth::core
