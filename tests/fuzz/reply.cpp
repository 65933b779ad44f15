// The openai provider's reading of replies, through the plugin's own border. Input: see http_text.hpp.

#include <chrono>
#include <stdexcept>
#include <vector>

#include "http_text.hpp"
#include "support/plugin_loading.hpp"
#include "synth/provider.hpp"

namespace {

using namespace synth;
using fuzz::require;

struct Asked {
    core::Instance<Provider> provider;
    std::string model;
};

Asked ask(std::string_view options) {
    auto provider = test::load<Provider>("openai", options);
    if (!provider) throw std::runtime_error(provider.error().message);
    auto info = provider->object().describe(std::chrono::year(2026) / 11 / 22);
    if (!info) throw std::runtime_error(info.error().message);
    return {*std::move(provider), info->model};
}

void check_usage(const Usage& usage) {
    for (const Tokens count : {usage.input, usage.cached_input, usage.cache_write, usage.output, usage.reasoning})
        require(count.count >= 0, "no count of tokens is negative");
    require(usage.cached_input + usage.cache_write <= usage.input, "cached tokens are part of the input");
    require(usage.reasoning <= usage.output, "reasoning is part of the output");
}

void check(const Asked& asked, const HttpResponse& response, const std::vector<Remedy>& remedies) {
    const Prompt prompt{{{Role::user, "Write."}}, {3000}, 1178};
    const Request request{.prompt = &prompt, .remedies = &remedies};
    const Reply reply = asked.provider.object().decode(request, response);

    require(reply.error || reply.completion, "a reply is an answer, an error, or both");
    if (!reply.error) {
        require(response.status >= 200 && response.status < 300, "only a success is accepted");
        require(!trim(reply.completion->text).empty(), "what is accepted has a text");
    } else {
        require(!reply.error->message.empty() && fuzz::is_one_line(reply.error->message), "an error is one line",
                reply.error->message);
        require(fuzz::is_one_line(reply.error->reason) && !reply.error->counted_as().empty(), "a reason is a word");
    }
    require(!reply.remedy || reply.error, "a remedy is for an error");
    for (const auto* text : {&reply.model, &reply.tier, &reply.request_id})
        require(fuzz::is_one_line(*text), "what a server names is one line", *text);
    if (!reply.usage) return;
    check_usage(*reply.usage);
    for (const auto mode : {Billing::Mode::direct, Billing::Mode::batch}) {
        const Billing billing{reply.model.empty() ? asked.model : reply.model, reply.tier, mode};
        const auto cost = asked.provider.object().cost(*reply.usage, billing);
        require(!cost || cost->value >= 0, "no cost is negative");
    }
}

struct Servers {
    Asked openai = ask("{}");
    Asked reasoning = ask(R"({"model": "gpt-6-luna"})");
    Asked local = ask(R"({"model": "llama3.2", "base_url": "http://127.0.0.1:11434/v1"})");
};

const Servers& servers() {
    static const Servers all;
    return all;
}

}  // namespace

int LLVMFuzzerInitialize(int*, char***) {
    static_cast<void>(servers());
    return 0;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const HttpResponse response = fuzz::read_response(fuzz::as_text(data, size));
    check(servers().openai, response, {});
    check(servers().reasoning, response, {{Remedy::Kind::omit_parameter, "reasoning_effort", ""}});
    check(servers().local, response, {});
    return 0;
}
