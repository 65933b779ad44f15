// What composing a prompt and reading an answer of ordinary size cost in the prompt strategy, in CPU time.
//     ninja -C build-test tests/bench/prompts_bench plugins/prompts/tdamm/synth-prompt-tdamm.so
//     TDAMM_SYNTH_BUILD_ROOT=build-test build-test/tests/bench/prompts_bench

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "support/plugin_loading.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/random.hpp"

namespace {

constexpr std::size_t kRounds = 20'000;

template <class Function>
void measure(const char* what, Function&& function) {
    std::size_t check = 0;
    for (std::size_t i = 0; i < kRounds / 10; ++i) check += function(i);
    const std::clock_t start = std::clock();
    for (std::size_t i = 0; i < kRounds; ++i) check += function(i);
    const double spent = static_cast<double>(std::clock() - start) * 1e6 / CLOCKS_PER_SEC;
    std::printf("%-26s %6.2f us of CPU (%zu)\n", what, spent / static_cast<double>(kRounds), check);
}

/// Words of one to eleven letters, some with a comma: different texts, because a processor learns one text by heart.
std::string document(std::uint64_t number) {
    synth::Random random(number);
    std::string text = "TITLE: Document " + std::to_string(number) + "\n\n";
    while (text.size() < 10'000) {
        for (auto letters = random.between(1, 11); letters > 0; --letters)
            text += static_cast<char>('a' + random.below(26));
        text += random.chance(1, 8) ? ", " : random.chance(1, 80) ? ".\n\n" : " ";
    }
    return text;
}

}  // namespace

int main() {
    using namespace synth;
    const auto instance = test::load<PromptStrategy>("tdamm");
    if (!instance) return std::fprintf(stderr, "%s\n", instance.error().message.c_str()), 1;
    const PromptStrategy& prompts = instance->object();

    const std::size_t labels = test::taxonomy().labels.size() - 1;
    std::vector<SampleSpec> specs(200);
    std::vector<Completion> answers(specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i) {
        SampleSpec& spec = specs[i];
        spec.index = i;
        spec.seed = derive_seed(1, i);
        for (std::size_t k = 0; k < 2 + i % 2; ++k) spec.labels.insert(static_cast<LabelId>((i * 7 + k * 11) % labels));
        spec.drawn = spec.labels;
        spec.primary = spec.drawn[0];
        answers[i].text = document(i);
        answers[i].finish = FinishReason::stop;
    }
    measure("compose",
            [&](std::size_t i) { return prompts.compose(specs[i % specs.size()], {})->messages.back().text.size(); });
    measure("extract, 10 KB of answer", [&](std::size_t i) {
        const std::size_t at = i % specs.size();
        return prompts.extract(specs[at], {}, answers[at])->text.size();
    });
}
