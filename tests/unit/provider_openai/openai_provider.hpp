// The real plugin, loaded as the program loads it, and short ways to ask it things.

#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/instance.hpp"
#include "synth/provider.hpp"

namespace synth::test {

using Given = std::map<std::string, std::string>;  ///< options as on the command line
using Settings = std::vector<std::pair<std::string, std::string>>;

/// An instance with options as on the command line (-o provider.KEY=VALUE).
Result<core::Instance<Provider>> try_openai(const Given& options = {}, const Settings& settings = {});

/// The same for options that must be right.
class OpenAi {
public:
    explicit OpenAi(const Given& options = {}, const Settings& settings = {}, std::string_view today = "2026-11-22");

    Provider* operator->() const { return &instance_.object(); }

    /// What is sent for `prompt_`, with the remedies that were learned.
    HttpRequest encode() const;
    Reply decode(int status, std::string body, std::vector<std::pair<std::string, std::string>> headers = {}) const;
    Request request() const { return {.prompt = &prompt_, .remedies = &remedies_}; }

    Prompt prompt_{{{Role::system, "You write."}, {Role::user, "Write."}}, {3000}, 1178};
    std::vector<Remedy> remedies_;
    Result<ProviderInfo> info_ = Error{};

private:
    core::Instance<Provider> instance_;
};

std::chrono::sys_days day(std::string_view iso);

}  // namespace synth::test
