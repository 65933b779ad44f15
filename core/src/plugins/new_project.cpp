#include "plugins/new_project.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/files.hpp"
#include "config/options_schema.hpp"
#include "plugins/registry.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

/// How `generate` is told to use a plugin of a kind, for the project's README.
std::string use_of(std::string_view kind, std::string_view id) {
    const std::string name(id);
    if (kind == "provider") return "--provider " + name;
    return "--provider offline --" + std::string(kind == "prompt" ? "prompts" : kind) + " " + name;
}

std::string filled_in(std::string text, std::string_view kind, std::string_view id) {
    const std::array<std::pair<std::string_view, std::string>, 3> values = {
        {{"@KIND@", std::string(kind)}, {"@ID@", std::string(id)}, {"@USE@", use_of(kind, id)}}};
    for (const auto& [name, value] : values)
        for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
            text.replace(at, name.size(), value);
    return text;
}

Status write_new(const fs::path& file, std::string_view text) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(file.c_str(), "wx"), &std::fclose);
    if (!out) return io_error("cannot make", file);
    if (std::fwrite(text.data(), 1, text.size(), out.get()) != text.size() || std::fflush(out.get()) != 0)
        return io_error("cannot write", file);
    return {};
}

Status copy_template(const fs::path& from, std::string_view kind, std::string_view id, const fs::path& dir,
                     std::vector<fs::path>& written) {
    std::error_code error;
    for (fs::directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
        auto text = read_file(at->path());
        if (!text) return std::move(text).error();
        const auto name = at->path().filename();
        const fs::path file = dir / (name == "plugin.cpp" ? fs::path(std::string(id) + ".cpp") : name);
        if (auto done = write_new(file, filled_in(std::move(*text), kind, id)); !done) return done;
        written.push_back(file);
        if (name.extension() == ".sh")
            fs::permissions(file, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                            fs::perm_options::add, error);
    }
    if (error)
        return Error{
            ErrorCode::io, "cannot copy " + from.string() + " to " + dir.string() + ": " + error.message(), {}};
    return {};
}

}  // namespace

Result<std::vector<fs::path>> write_plugin_project(std::string_view kind, std::string_view id, const fs::path& dir,
                                                   const fs::path& core_data) {
    const auto wrong = [](std::string message) { return Error{ErrorCode::invalid_argument, std::move(message), {}}; };
    const auto kinds = plugin_kinds();
    if (std::ranges::find(kinds, kind) == kinds.end()) {
        std::string list;
        for (const auto& one : kinds) list += (list.empty() ? "" : ", ") + one;
        const auto near = nearest(kind, kinds);
        return wrong("no kind of plugin '" + std::string(kind) + "'" +
                     (near.empty() ? "" : ", did you mean '" + near + "'?") + " (" + list + ")");
    }
    if (!is_plugin_id(id) || id.front() == '-')
        return wrong("'" + std::string(id) +
                     "' cannot be an id: it takes lower case letters, digits, '-' and '_', no '-' first");
    std::error_code error;
    if (fs::exists(fs::symlink_status(dir, error)))
        return wrong(dir.string() + " is there already: name a folder that is not");
    const fs::path templates = core_data / "templates";
    if (!fs::create_directories(dir, error) || error)
        return Error{ErrorCode::io, "cannot make the folder " + dir.string() + ": " + error.message(), {}};
    std::vector<fs::path> written;
    for (const fs::path& from : {templates / "common", templates / std::string(kind)})
        if (auto copied = copy_template(from, kind, id, dir, written); !copied) {
            fs::remove_all(dir, error);
            return std::move(copied).error();
        }
    std::ranges::sort(written);
    return written;
}

}  // namespace synth::core
