// Plugins that keep the contract of their kind until the option `break` names the promise that they are to break, so
// that a check can fail for one reason only.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "synth/plugin.hpp"

namespace synth::test {

inline constexpr const char* kBreakOptions =
    R"({"type": "object", "properties": {"break": {"type": "string", "default": "", "description": "what to break"}}})";

class Breaking {
public:
    explicit Breaking(std::string_view options_json) {
        constexpr std::string_view kBefore = R"({"break":")";
        if (options_json.starts_with(kBefore))
            what_ = options_json.substr(kBefore.size(), options_json.size() - kBefore.size() - 2);
    }
    [[nodiscard]] bool operator()(std::string_view promise) const { return what_ == promise; }

private:
    std::string what_;
};

/// Another number at every call, in all instances together.
inline std::uint64_t another() {
    static std::uint64_t calls = 0;
    return ++calls;
}

/// What `create` of all of them does.
template <class Interface, class Implementation>
Result<std::unique_ptr<Interface>> create_breaking(Host& host, std::string_view options_json) {
    return std::unique_ptr<Interface>(std::make_unique<Implementation>(host.taxonomy(), Breaking(options_json)));
}

}  // namespace synth::test
