// What looking for near-duplicates costs: duplicates_bench [TEXTS…], by default 1,000 10,000 100,000. Texts of 1,178
// words that are distributed as words of English are (Zipf); every hundredth is an earlier one with a tenth of its
// words changed.

#include <sys/resource.h>
#include <time.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/plugin_loading.hpp"
#include "synth/random.hpp"
#include "synth/validator.hpp"

namespace {

constexpr std::size_t kWords = 1178, kVocabulary = 50'000;

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double resident_mb() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Word number r with a probability of 1 / r, about.
std::uint64_t zipf(synth::Random& random) {
    const double u = static_cast<double>(random.below(1U << 30U)) / (1U << 30U);
    return static_cast<std::uint64_t>(std::pow(static_cast<double>(kVocabulary), u));
}

std::string text_of(std::uint64_t seed, bool changed) {
    synth::Random random(seed), change(seed + 1'000'000'007);
    std::string text;
    for (std::size_t i = 0; i < kWords; ++i) {
        std::uint64_t word = zipf(random);
        if (changed && change.below(10) == 0) word = zipf(change);
        text += 'w';
        text += std::to_string(word);
        text += ' ';
    }
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::uint64_t> sizes;
    for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
    if (sizes.empty()) sizes = {1'000, 10'000, 100'000};
    const auto validator = synth::test::load<synth::Validator>("duplicates", "{}");
    if (!validator) {
        std::fprintf(stderr, "%s\n", validator.error().message.c_str());
        return 1;
    }
    for (const std::uint64_t texts : sizes) {
        auto check = validator->object().set_check();
        if (!check || !*check) return 1;
        const double before = resident_mb();
        double spent = 0;
        std::uint64_t copies = 0, found = 0, wrong = 0;
        for (std::uint64_t i = 0; i < texts; ++i) {
            const bool copy = i >= 100 && i % 100 == 0;
            const synth::Draft draft{.text = text_of(copy ? i - 57 : i, copy)};
            synth::SampleSpec spec;
            spec.index = i;
            const synth::Review review{.spec = &spec, .draft = &draft};
            const double start = cpu_seconds();
            const auto verdict = (*check)->check(review);
            if (!verdict || !(*check)->add(review)) return 1;
            spent += cpu_seconds() - start;
            copies += static_cast<std::uint64_t>(copy);
            (copy ? found : wrong) += static_cast<std::uint64_t>(!verdict->findings.empty());
        }
        std::printf(
            "%llu texts: %.0f us of processor time a text, %.0f MB more, %llu of %llu near copies found, %llu false\n",
            static_cast<unsigned long long>(texts), spent * 1e6 / static_cast<double>(texts), resident_mb() - before,
            static_cast<unsigned long long>(found), static_cast<unsigned long long>(copies),
            static_cast<unsigned long long>(wrong));
        std::fflush(stdout);
    }
}
