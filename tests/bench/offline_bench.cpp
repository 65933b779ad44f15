// How many documents a second the offline provider composes on one core: offline_bench [DOCUMENTS [WORDS]]

#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "support/plugin_loading.hpp"
#include "synth/provider.hpp"
#include "synth/random.hpp"

namespace {

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t documents = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000;
    const auto& taxonomy = synth::test::taxonomy();
    const auto provider = synth::test::load<synth::Provider>("offline");
    if (!provider) {
        std::fprintf(stderr, "%s\n", provider.error().message.c_str());
        return 1;
    }
    synth::Prompt prompt;
    prompt.target_words = argc > 2 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 1'178;
    std::size_t bytes = 0;
    const double start = cpu_seconds();
    for (std::uint64_t i = 0; i < documents; ++i) {
        synth::SampleSpec spec;
        spec.index = i;
        spec.seed = synth::derive_seed(1, i);
        for (std::uint64_t k = 0; k < 2 + i % 2; ++k)
            spec.labels.insert(static_cast<synth::LabelId>((i * 7 + k * 11) % (taxonomy.labels.size() - 1)));
        synth::Request request;
        request.spec = &spec;
        request.prompt = &prompt;
        const auto exchange = provider->object().encode(request);
        if (!exchange) return 1;
        bytes += std::get<synth::Reply>(*exchange).completion->text.size();
    }
    const double seconds = cpu_seconds() - start;
    std::printf("%llu documents of %u words: %.0f a second of processor time, %.1f µs and %.0f bytes each\n",
                static_cast<unsigned long long>(documents), prompt.target_words,
                static_cast<double>(documents) / seconds, seconds / static_cast<double>(documents) * 1e6,
                static_cast<double>(bytes) / static_cast<double>(documents));
}
