// The options of a plugin as its `create` receives them: the core has checked them against the plugin's schema and
// filled in the defaults, so each is of its type, and there if it was given or has a default. Asking for one that is
// not there is a bug of the plugin: std::logic_error.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace synth::plugins {

class Options {
public:
    explicit Options(std::string_view json);

    [[nodiscard]] bool has(std::string_view name) const;  ///< for those without a default

    [[nodiscard]] bool flag(std::string_view name) const;
    [[nodiscard]] double number(std::string_view name) const;
    [[nodiscard]] std::int64_t integer(std::string_view name) const;
    [[nodiscard]] std::uint64_t count(std::string_view name) const;  ///< an integer whose schema has a minimum of 0
    [[nodiscard]] std::string text(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;

private:
    template <class Value>
    [[nodiscard]] Value get(std::string_view name) const;

    std::shared_ptr<const nlohmann::json> values_;
};

}  // namespace synth::plugins
