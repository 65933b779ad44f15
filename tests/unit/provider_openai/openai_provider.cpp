#include "openai_provider.hpp"

#include <charconv>
#include <memory>
#include <stdexcept>
#include <utility>

#include "config/options_schema.hpp"
#include "support/plugin_loading.hpp"

namespace synth::test {

Result<core::Instance<Provider>> try_openai(const Given& options, const Settings& settings) {
    const auto plugin = registry().find("provider", "openai");
    if (!plugin) return plugin.error();
    std::map<std::string, core::GivenOption> given;
    for (const auto& [name, text] : options) given[name] = {text, false};
    const auto complete = core::complete_options("provider openai", (*plugin)->options_schema, given);
    if (!complete) return complete.error();
    static std::vector<std::unique_ptr<TestHost>> hosts;  // outlive every instance
    hosts.push_back(std::make_unique<TestHost>((*plugin)->data_dir.string()));
    hosts.back()->settings = settings;
    return core::Registry::create<Provider>(**plugin, *complete, *hosts.back());
}

OpenAi::OpenAi(const Given& options, const Settings& settings, std::string_view today) {
    auto made = try_openai(options, settings);
    if (!made) throw std::runtime_error(made.error().message);
    instance_ = *std::move(made);
    info_ = instance_.object().describe(day(today));
}

HttpRequest OpenAi::encode() const {
    auto exchange = instance_.object().encode(request());
    return std::get<HttpRequest>(*std::move(exchange));
}

Reply OpenAi::decode(int status, std::string body, std::vector<std::pair<std::string, std::string>> headers) const {
    return instance_.object().decode(request(), {status, std::move(headers), std::move(body)});
}

std::chrono::sys_days day(std::string_view iso) {
    const auto number = [&](std::size_t at, std::size_t length) {
        int value = 0;
        std::from_chars(iso.data() + at, iso.data() + at + length, value);
        return value;
    };
    return std::chrono::year(number(0, 4)) / number(5, 2) / number(8, 2);
}

}  // namespace synth::test
