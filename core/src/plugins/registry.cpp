#include "plugins/registry.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include <openssl/evp.h>
#include <boost/dll/shared_library.hpp>

#include "base/format.hpp"
#include "config/options_schema.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/provider.hpp"
#include "synth/reporter.hpp"
#include "synth/sampler.hpp"
#include "synth/sink.hpp"
#include "synth/validator.hpp"

namespace synth::core {
namespace {

namespace fs = std::filesystem;
namespace dll = boost::dll;

constexpr const char* kBuildTreeFile = "tdamm-synth.build-tree";
constexpr const char* kSymbol = "synth_plugin_v1";

struct Kind {
    std::string_view name;
    std::uint32_t interface_version;
};

template <class... Interfaces>
constexpr auto kinds_of() {
    return std::array{Kind{Interfaces::kKind, Interfaces::kInterfaceVersion}...};
}
constexpr auto kKinds = kinds_of<Sampler, PromptStrategy, Provider, Validator, Sink, Reporter>();

bool is_trusted(uid_t user) {
    struct stat executable{};
    return user == 0 || user == geteuid() || (stat("/proc/self/exe", &executable) == 0 && user == executable.st_uid);
}

/// Whether a group has a member that may not be trusted with what the program loads.
bool has_other_members(gid_t group) {
    if (const ::group* entry = getgrgid(group)) {
        for (char** member = entry->gr_mem; *member != nullptr; ++member) {
            const passwd* user = getpwnam(*member);
            if (user == nullptr || !is_trusted(user->pw_uid)) return true;
        }
    }
    bool found = false;
    setpwent();
    while (const passwd* user = getpwent()) {
        if (user->pw_gid != group || is_trusted(user->pw_uid)) continue;
        found = true;
        break;
    }
    endpwent();
    return found;
}

/// Why somebody else could have written `path`; empty when nobody could.
std::string untrusted(const fs::path& path, const std::string& what) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) return what + " cannot be examined: " + std::system_category().message(errno);
    if (!is_trusted(status.st_uid))
        return what + " belongs to user " + std::to_string(status.st_uid) +
               ", who is neither root, nor you, nor the owner of this program";
    if ((status.st_mode & S_IWOTH) != 0) return what + " may be written by everybody; take it away with chmod o-w";
    if ((status.st_mode & S_IWGRP) != 0 && has_other_members(status.st_gid))
        return what + " may be written by a group with other members; take it away with chmod g-w";
    return {};
}

/// Opens a library for the rest of the process. It is never unloaded: instances, and strings of its descriptor, stay.
Result<dll::shared_library*> open_library(const fs::path& file) {
    static auto& kept = *new std::vector<std::unique_ptr<dll::shared_library>>;
    try {
        kept.push_back(
            std::make_unique<dll::shared_library>(file, dll::load_mode::rtld_now | dll::load_mode::rtld_local));
        return kept.back().get();
    } catch (const std::exception& failed) {
        // "boost::dll::… failed (dlerror system message: WHAT): …"
        std::string_view what = failed.what();
        constexpr std::string_view kBefore = "dlerror system message: ";
        if (const auto start = what.find(kBefore); start != std::string_view::npos) {
            what.remove_prefix(start + kBefore.size());
            what = what.substr(0, what.rfind("): "));
        }
        return Error{ErrorCode::invalid_argument, "cannot be loaded: " + std::string(what), {}};
    }
}

/// Why a descriptor does not fit this program; empty when it does. Reads nothing before what tells that it may.
std::string misfit(const synth_plugin_descriptor& plugin, const std::string& file_name) {
    if (plugin.magic != kPluginMagic) return std::string(kSymbol) + " does not begin with the magic number of a plugin";
    if (plugin.struct_size < sizeof(synth_plugin_descriptor))
        return "its descriptor has " + std::to_string(plugin.struct_size) + " bytes, this program needs " +
               std::to_string(sizeof(synth_plugin_descriptor)) + "; build it with this SDK";
    for (const char* text :
         {plugin.abi_tag, plugin.kind, plugin.id, plugin.version, plugin.summary, plugin.options_schema})
        if (text == nullptr) return "its descriptor lacks a text";
    if (plugin.create == nullptr || plugin.destroy == nullptr) return "its descriptor lacks create or destroy";
    if (std::string_view(plugin.abi_tag) != kAbiTag)
        return "was built for '" + std::string(plugin.abi_tag) + "', this program for '" + kAbiTag +
               "'; build it with the same standard library and settings";
    if (plugin.sdk_layout != kSdkLayout)
        return "was built with SDK layout " + std::to_string(plugin.sdk_layout) + ", this program has " +
               std::to_string(kSdkLayout) + "; build it with this SDK";
    const std::string kind = plugin.kind;
    const auto known = std::ranges::find(kKinds, plugin.kind, &Kind::name);
    if (known == kKinds.end()) {
        std::string list;
        for (const Kind& one : kKinds) list.append(list.empty() ? "" : ", ").append(one.name);
        return "is of unknown kind '" + kind + "'; kinds are " + list;
    }
    if (plugin.interface_version != known->interface_version)
        return "has version " + std::to_string(plugin.interface_version) + " of the " + kind +
               " interface, this program has " + std::to_string(known->interface_version) + "; build it with this SDK";
    const std::string id = plugin.id;
    if (!is_plugin_id(id)) return "has the id '" + id + "'; an id has lower case letters, digits, '-' and '_' only";
    const std::string expected = "synth-" + kind + "-" + id + ".so";
    if (file_name != expected) return "says that it is " + kind + " " + id + "; its file must be named " + expected;
    const auto options = parse_options_schema(plugin.options_schema);
    return options ? std::string() : options.error().message;
}

fs::path find_data_dir(const PluginInfo& plugin, const Installation& installation) {
    const fs::path folder = plugin.path.parent_path();
    std::vector<fs::path> candidates = {folder / ("synth-" + plugin.kind + "-" + plugin.id + ".data")};
    if (!installation.build_root.empty()) {
        const fs::path inside = folder.lexically_relative(installation.build_root);
        if (!inside.empty() && *inside.begin() != "..")
            candidates.push_back(installation.source_root / inside / "data");
    }
    if (!installation.shared_data.empty())
        candidates.push_back(installation.shared_data / "plugins" / (plugin.kind + "-" + plugin.id));
    std::error_code ignored;
    for (const fs::path& candidate : candidates)
        if (fs::is_directory(candidate, ignored)) return candidate;
    return {};
}

bool is_candidate(const fs::path& file) {
    const std::string name = file.filename().string();
    return name.starts_with("synth-") && name.ends_with(".so");
}

/// The candidates of a folder by name; none when it cannot be read.
template <class Iterator>
std::vector<fs::path> candidates_in(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (Iterator at(folder, error), end; !error && at != end; at.increment(error))
        if (is_candidate(at->path())) files.push_back(at->path());
    std::ranges::sort(files);
    return files;
}

}  // namespace

Result<Installation> Installation::locate(const fs::path& executable) {
    std::error_code ignored;
    const fs::path folder = fs::weakly_canonical(executable, ignored).parent_path();
    Installation found;
    const fs::path marker = folder / kBuildTreeFile;
    if (fs::exists(marker, ignored)) {
        std::string source_root;
        std::ifstream in(marker);
        if (!std::getline(in, source_root) || source_root.empty())
            return Error{ErrorCode::io, marker.string() + ": cannot be read; run meson setup again", {}};
        found.build_root = folder;
        found.source_root = source_root;
        found.core_data = found.source_root / "core" / "data";
        for (const char* part : {"plugins", "providers", "sinks"}) found.plugin_roots.push_back(folder / part);
        return found;
    }
    const fs::path prefix = (folder / fs::path("/").lexically_relative("/" SYNTH_BIN_DIR)).lexically_normal();
    found.shared_data = (prefix / SYNTH_DATA_DIR).lexically_normal();
    found.core_data = found.shared_data / "data";
    found.plugin_roots = {(prefix / SYNTH_PLUGIN_DIR).lexically_normal()};
    if (!fs::is_directory(found.core_data, ignored))
        return Error{ErrorCode::io,
                     "the data files are missing: there is neither " + marker.string() + " (a build tree) nor " +
                         found.core_data.string() + " (an installation); install again",
                     {}};
    return found;
}

Result<Installation> Installation::locate() {
    std::error_code error;
    const fs::path executable = fs::read_symlink("/proc/self/exe", error);
    if (error) return Error{ErrorCode::io, "/proc/self/exe: " + error.message(), {}};
    return locate(executable);
}

PluginInfo Registry::inspect(const fs::path& file, const Installation& installation) {
    PluginInfo info;
    const std::string name = file.filename().string();
    if (is_candidate(file)) {
        const std::string stem = name.substr(6, name.size() - 9);  // between "synth-" and ".so"
        const auto dash = stem.find('-');
        info.kind = stem.substr(0, dash);
        if (dash != std::string::npos) info.id = stem.substr(dash + 1);
    }
    info.path = file;
    const auto refuse = [&info](std::string reason) {
        info.refusal = std::move(reason);
        return std::move(info);
    };

    std::error_code error;
    const fs::path canonical = fs::canonical(file, error);
    if (error) return refuse("cannot be found: " + error.message());
    info.path = canonical;
    if (!fs::is_regular_file(canonical, error)) return refuse("is not a regular file");
    for (const auto& [path, what] : {std::pair{canonical, std::string("the file")},
                                     {canonical.parent_path(), "the folder " + canonical.parent_path().string()}})
        if (std::string reason = untrusted(path, what); !reason.empty()) return refuse(std::move(reason));

    const auto library = open_library(canonical);
    if (!library) return refuse(library.error().message);
    if (!(*library)->has(kSymbol)) return refuse(std::string("does not export ") + kSymbol + ": it is no plugin");
    const auto& descriptor = (*library)->get<const synth_plugin_descriptor>(kSymbol);
    if (std::string reason = misfit(descriptor, name); !reason.empty()) return refuse(std::move(reason));

    info.kind = descriptor.kind;
    info.id = descriptor.id;
    info.version = descriptor.version;
    info.summary = descriptor.summary;
    info.options_schema = descriptor.options_schema;
    info.data_dir = find_data_dir(info, installation);
    info.descriptor = &descriptor;
    return info;
}

Registry Registry::scan(std::span<const fs::path> plugin_dirs, std::string_view environment_path,
                        const Installation& installation) {
    std::vector<fs::path> files;
    const auto add = [&files](std::vector<fs::path> found) { files.insert(files.end(), found.begin(), found.end()); };
    for (const fs::path& folder : plugin_dirs) add(candidates_in<fs::directory_iterator>(folder));
    while (!environment_path.empty()) {
        const std::size_t colon = std::min(environment_path.find(':'), environment_path.size());
        if (colon > 0) add(candidates_in<fs::directory_iterator>(environment_path.substr(0, colon)));
        environment_path.remove_prefix(std::min(colon + 1, environment_path.size()));
    }
    for (const fs::path& root : installation.plugin_roots)
        add(installation.build_root.empty() ? candidates_in<fs::directory_iterator>(root)
                                            : candidates_in<fs::recursive_directory_iterator>(root));

    Registry registry;
    const auto name = [](const PluginInfo& plugin) {
        return std::pair<std::string, std::string>(plugin.kind, plugin.id);
    };
    std::set<std::pair<fs::path, fs::path>> seen;  // file and the name that it was found under
    for (const fs::path& file : files) {
        PluginInfo info = inspect(fs::absolute(file), installation);
        if (!seen.emplace(info.path, file.filename()).second) continue;
        const auto earlier = std::ranges::find_if(registry.plugins_, [&](const PluginInfo& other) {
            return other.kind == info.kind && other.id == info.id && other.shadowed_by.empty();
        });
        if (earlier != registry.plugins_.end()) info.shadowed_by = earlier->path;
        const auto place = std::ranges::upper_bound(registry.plugins_, name(info), {}, name);
        registry.plugins_.insert(place, std::move(info));
    }
    return registry;
}

std::span<const PluginInfo> Registry::plugins() const noexcept { return plugins_; }

Result<const PluginInfo*> Registry::find(std::string_view kind, std::string_view id) const {
    const std::string what = std::string(kind) + " " + in_quotes(id);
    std::vector<std::string> usable;
    for (const PluginInfo& plugin : plugins_) {
        if (plugin.kind != kind || !plugin.shadowed_by.empty()) continue;
        if (plugin.refusal.empty()) usable.push_back(plugin.id);
        if (plugin.id != id) continue;
        if (plugin.refusal.empty()) return &plugin;
        return Error{ErrorCode::invalid_argument,
                     what + " cannot be used: " + plugin.path.string() + ": " + plugin.refusal, "plugin_refused"};
    }
    std::string message = "unknown " + what;
    if (const std::string near = nearest(id, usable); !near.empty())
        message += ", did you mean " + in_quotes(near) + "?";
    else if (usable.empty())
        message += "; no " + std::string(kind) + " plugin was found";
    else
        for (const std::string& one : usable) message += (&one == usable.data() ? "; there is " : ", ") + one;
    return Error{ErrorCode::invalid_argument, message, "unknown_plugin"};
}

Result<Registry::Made> Registry::create_untyped(const PluginInfo& plugin, std::string_view options_json, Host& host) {
    const std::string name = plugin.kind + " " + plugin.id;
    if (plugin.descriptor == nullptr)
        return Error{ErrorCode::invalid_argument, name + ": " + plugin.path.string() + ": " + plugin.refusal,
                     "plugin_refused"};
    std::optional<Error> reason;
    const auto fail = [](void* context, int code, const char* message) {
        const bool known = code >= 0 && code <= static_cast<int>(ErrorCode::internal);
        static_cast<std::optional<Error>*>(context)->emplace(
            Error{known ? static_cast<ErrorCode>(code) : ErrorCode::internal, message, {}});
    };
    void* object = plugin.descriptor->create(&host, options_json.data(), options_json.size(), fail, &reason);
    if (object != nullptr) return Made{object, plugin.descriptor->destroy};
    if (!reason) reason = Error{ErrorCode::internal, "could not be created and gave no reason", {}};
    reason->message.insert(0, name + ": ");
    return *std::move(reason);
}

std::vector<std::string> plugin_kinds() {
    std::vector<std::string> names;
    for (const Kind& kind : kKinds) names.emplace_back(kind.name);
    return names;
}

bool is_plugin_id(std::string_view id) {
    return !id.empty() && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

Result<std::string> file_sha256(const fs::path& file) {
    const auto failed = [&](const char* why) { return Error{ErrorCode::io, file.string() + ": " + why, {}}; };
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) return failed("SHA-256 is missing");
    std::ifstream in(file, std::ios::binary);
    std::array<char, 1 << 16> block{};
    do {
        in.read(block.data(), block.size());
        EVP_DigestUpdate(context.get(), block.data(), static_cast<std::size_t>(in.gcount()));
    } while (in);
    if (!in.eof()) return failed("cannot be read");
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context.get(), digest.data(), &size);
    std::string hexadecimal;
    for (unsigned i = 0; i < size; ++i) {
        hexadecimal += "0123456789abcdef"[digest[i] >> 4];
        hexadecimal += "0123456789abcdef"[digest[i] & 15];
    }
    return hexadecimal;
}

}  // namespace synth::core
