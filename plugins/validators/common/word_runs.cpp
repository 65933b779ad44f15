#include "common/word_runs.hpp"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "synth/random.hpp"

namespace synth::validators {

// The hash of a run is a polynomial of those of its words, rolled on, then mixed.
void hash_runs(const plugins::FoldedText& text, std::size_t length, std::vector<std::uint64_t>& out) {
    constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15ULL;
    out.clear();
    const auto& words = text.words;
    if (words.empty()) return;
    out.reserve(words.size());
    length = std::min(length, words.size());
    for (const auto& word : words) {
        const auto fold = text.fold(word);
        out.push_back(XXH3_64bits(fold.data(), fold.size()));
    }
    std::uint64_t leading = 1;  // kBase ^ (length - 1)
    for (std::size_t i = 1; i < length; ++i) leading *= kBase;
    std::uint64_t run = 0;
    for (std::size_t i = 0; i + 1 < length; ++i) run = run * kBase + out[i];
    for (std::size_t i = 0; i + length <= words.size(); ++i) {
        run = run * kBase + out[i + length - 1];
        const std::uint64_t first = out[i];
        out[i] = mix64(run);
        run -= first * leading;
    }
    out.resize(words.size() - length + 1);
}

}  // namespace synth::validators
