// Options schemas as foreign plugins bring them, and options for them. Input: the schema, then after a NUL or a line
// "---" one NAME=VALUE a line, NAME:=JSON for values as run files give them.

#include "config/options_schema.hpp"

#include "target.hpp"

namespace {

using namespace synth;
using fuzz::require;

std::string_view take_schema(std::string_view& text) {
    const std::size_t nul = text.find('\0'), line = text.find("\n---\n");
    const std::size_t end = std::min(nul, line);
    const std::string_view schema = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + (end == nul ? 1 : 5));
    return schema;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = fuzz::as_text(data, size);
    const std::string schema(take_schema(text));
    const auto options = core::parse_options_schema(schema);
    const auto defaults = core::complete_options("sink x", schema, {});
    require(options.ok() == defaults.ok(), "a schema that is accepted has defaults", schema);
    if (!options) {
        require(!options.error().message.empty(), "what is wrong is said");
        return 0;
    }
    std::map<std::string, core::GivenOption> given;
    while (!text.empty()) {
        std::string_view value = fuzz::take(text, '\n');
        std::string_view name = fuzz::take(value, '=');
        const bool is_json = name.ends_with(':');
        if (is_json) name.remove_suffix(1);
        given.insert_or_assign(std::string(name), core::GivenOption{std::string(value), is_json});
    }
    for (const auto& values : {std::map<std::string, core::GivenOption>(), given}) {
        const auto completed = core::complete_options("sink x", schema, values);
        if (!completed) continue;
        const auto back = core::options_as_given(*completed);
        require(back.ok(), "completed options are an object", *completed);
        const auto again = core::complete_options("sink x", schema, *back);
        require(again.ok(), "completed options are complete", *completed);
        require(*again == *completed, "completed options stay as they are", *completed);
    }
    return 0;
}
