// A provider of an HTTP service, loaded as the program loads it, and short ways to ask it things.

#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/instance.hpp"
#include "synth/provider.hpp"

namespace synth::test {

using Given = std::map<std::string, std::string>;  ///< options as on the command line
using Settings = std::vector<std::pair<std::string, std::string>>;
using Headers = std::vector<std::pair<std::string, std::string>>;

/// An instance with options as on the command line (-o provider.KEY=VALUE). `secrets`: those that are set.
Result<core::Instance<Provider>> try_provider(std::string_view id, const Given& options = {},
                                              const Settings& settings = {}, std::vector<std::string> secrets = {});

/// The same for options that must be right.
class HttpProvider {
public:
    explicit HttpProvider(std::string_view id, const Given& options = {}, const Settings& settings = {},
                          std::string_view today = "2026-11-22", std::vector<std::string> secrets = {});

    Provider* operator->() const { return &instance_.object(); }

    /// What is sent for `prompt_`, with the remedies that were learned.
    HttpRequest encode() const;
    Reply decode(int status, std::string body, Headers headers = {}) const;
    Request request() const { return {.prompt = &prompt_, .remedies = &remedies_}; }

    Prompt prompt_{{{Role::system, "You write."}, {Role::user, "Write."}}, {3000}, 1178};
    std::vector<Remedy> remedies_;
    Result<ProviderInfo> info_ = Error{};

private:
    core::Instance<Provider> instance_;
};

/// What a decoder must take: `seeds` cut at every place and changed at random, under every kind of status. Each time
/// there must be a completion or an error with a message, and an error whenever the status is none of success.
void take_whatever_comes(const HttpProvider& provider, const std::vector<std::string>& seeds);

std::chrono::sys_days day(std::string_view iso);

}  // namespace synth::test
