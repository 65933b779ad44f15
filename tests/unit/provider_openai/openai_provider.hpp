// The plugin `openai`, and short ways to ask it things.

#pragma once

#include "support/http_provider.hpp"

namespace synth::test {

inline Result<core::Instance<Provider>> try_openai(const Given& options = {}, const Settings& settings = {}) {
    return try_provider("openai", options, settings);
}

class OpenAi : public HttpProvider {
public:
    explicit OpenAi(const Given& options = {}, const Settings& settings = {}, std::string_view today = "2026-11-22")
        : HttpProvider("openai", options, settings, today) {}
};

}  // namespace synth::test
