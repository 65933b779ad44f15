#include "support/http_provider.hpp"

#include <charconv>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>

#include <gtest/gtest.h>

#include "config/options_schema.hpp"
#include "support/plugin_loading.hpp"

namespace synth::test {

Result<core::Instance<Provider>> try_provider(std::string_view id, const Given& options, const Settings& settings,
                                              std::vector<std::string> secrets) {
    const auto plugin = registry().find("provider", id);
    if (!plugin) return plugin.error();
    std::map<std::string, core::GivenOption> given;
    for (const auto& [name, text] : options) given[name] = {text, false};
    const auto complete = core::complete_options("provider " + std::string(id), (*plugin)->options_schema, given);
    if (!complete) return complete.error();
    static std::vector<std::unique_ptr<TestHost>> hosts;  // outlive every instance
    hosts.push_back(std::make_unique<TestHost>((*plugin)->data_dir.string()));
    hosts.back()->settings = settings;
    hosts.back()->secrets = std::move(secrets);
    return core::Registry::create<Provider>(**plugin, *complete, *hosts.back());
}

HttpProvider::HttpProvider(std::string_view id, const Given& options, const Settings& settings, std::string_view today,
                           std::vector<std::string> secrets) {
    auto made = try_provider(id, options, settings, std::move(secrets));
    if (!made) throw std::runtime_error(made.error().message);
    instance_ = *std::move(made);
    info_ = instance_.object().describe(day(today));
}

HttpRequest HttpProvider::encode() const {
    auto exchange = instance_.object().encode(request());
    return std::get<HttpRequest>(*std::move(exchange));
}

Reply HttpProvider::decode(int status, std::string body, Headers headers) const {
    return instance_.object().decode(request(), {status, std::move(headers), std::move(body)});
}

void take_whatever_comes(const HttpProvider& provider, const std::vector<std::string>& seeds) {
    std::uint64_t state = 7;
    const auto draw = [&](std::size_t below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::size_t>(state >> 33) % below;
    };
    const int statuses[] = {200, 400, 404, 429, 503};
    const auto check = [&](const std::string& body) {
        for (const int status : statuses) {
            const Reply reply = provider.decode(status, body);
            EXPECT_TRUE(reply.completion || reply.error);
            EXPECT_TRUE(status == 200 || reply.error);
            EXPECT_FALSE(reply.error && reply.error->message.empty());
        }
    };
    for (const std::string& seed : seeds) {
        for (std::size_t length = 0; length <= seed.size(); ++length) check(seed.substr(0, length));
        for (int round = 0; round < 1500; ++round) {
            std::string body = seed;
            for (std::size_t changes = 1 + draw(4); changes > 0; --changes) {
                const std::size_t at = draw(body.size());
                switch (draw(4)) {
                    case 0: body[at] = static_cast<char>(draw(256)); break;
                    case 1: body[at] = "{}[]\",:\\u0"[draw(10)]; break;
                    case 2: body.erase(at, 1 + draw(8)); break;
                    default: body.insert(at, body.substr(draw(body.size()), draw(20))); break;
                }
                if (body.empty()) body.assign(1, '{');
            }
            check(body);
        }
    }
    check(std::string(100'000, '['));
    check(std::string(100'000, '\\'));
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
