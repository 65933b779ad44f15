// What a request and an answer of ordinary size cost in the provider, in CPU time.
//     ninja -C build tests/bench/openai_bench providers/openai/synth-provider-openai.so
//     TDAMM_SYNTH_BUILD_ROOT=build build/tests/bench/openai_bench

#include <cstddef>
#include <cstdio>
#include <ctime>
#include <string>

#include "support/plugin_loading.hpp"
#include "synth/provider.hpp"

namespace {

constexpr int kRounds = 20'000;

template <class Function>
void measure(const char* what, Function&& function) {
    std::size_t check = 0;
    for (int i = 0; i < kRounds / 10; ++i) check += function();
    const std::clock_t start = std::clock();
    for (int i = 0; i < kRounds; ++i) check += function();
    const double spent = static_cast<double>(std::clock() - start) * 1e6 / CLOCKS_PER_SEC;
    std::printf("%-26s %6.2f us of CPU (%zu)\n", what, spent / kRounds, check);
}

}  // namespace

int main() {
    using namespace synth;
    const auto instance = test::load<Provider>("openai");
    if (!instance) return std::fprintf(stderr, "%s\n", instance.error().message.c_str()), 1;
    const Provider& openai = instance->object();

    std::string text;
    while (text.size() < 5'000) text += "The afterglow \"faded\" as t^-1.2 over 30 days.\nRadio followed. ";
    const Prompt prompt{{{Role::system, "You write for astronomers."}, {Role::user, text}}, {3000}, 1178};
    const Request request{.prompt = &prompt};

    std::string answer =
        R"({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini-2024-07-18",)"
        R"("choices":[{"index":0,"message":{"role":"assistant","content":")";
    while (answer.size() < 10'000) answer += R"(The afterglow \"faded\" as t^-1.2 over 30 days.\nRadio followed. )";
    answer += R"(","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1500,"completion_tokens":1600,)"
              R"("prompt_tokens_details":{"cached_tokens":1024}},"service_tier":"default"})";
    const HttpResponse response{200,
                                {{"content-type", "application/json"},
                                 {"x-request-id", "req_1"},
                                 {"x-ratelimit-limit-requests", "500"},
                                 {"x-ratelimit-remaining-requests", "499"},
                                 {"x-ratelimit-reset-requests", "120ms"},
                                 {"x-ratelimit-reset-tokens", "1m30s"}},
                                answer};
    const Usage usage{{1500}, {1024}, {}, {1600}, {}};
    const Billing billing{"gpt-4o-mini-2024-07-18", "default", Billing::Mode::direct};

    measure("encode, 5 KB of prompt", [&] {
        const auto exchange = openai.encode(request);
        return std::get<HttpRequest>(*exchange).body.size();
    });
    measure("decode, 10 KB of answer", [&] { return openai.decode(request, response).completion->text.size(); });
    measure("cost", [&] { return static_cast<std::size_t>(openai.cost(usage, billing)->value); });
}
