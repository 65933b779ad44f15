#include "text_measures.hpp"

#include <zstd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "common/folded_words.hpp"
#include "synth/random.hpp"

namespace synth::diversity {

namespace {

/// The words of all texts as numbers: equal words have equal ones.
struct Words {
    std::vector<std::uint64_t> hashes;
    std::vector<std::size_t> ends;  ///< of the texts, in `hashes`
    [[nodiscard]] std::span<const std::uint64_t> of(std::size_t text) const {
        const std::size_t begin = text == 0 ? 0 : ends[text - 1];
        return std::span(hashes).subspan(begin, ends[text] - begin);
    }
};

std::uint64_t hash_of(std::string_view word) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return mix64(hash);
}

/// The hash of `count` words from `place` on.
std::uint64_t sequence(std::span<const std::uint64_t> words, std::size_t place, std::size_t count) {
    std::uint64_t hash = count;
    for (std::size_t i = 0; i < count; ++i) hash = mix64(hash + words[place + i]);
    return hash;
}

void append_sequences(std::span<const std::uint64_t> words, std::size_t count, std::vector<std::uint64_t>& out) {
    for (std::size_t place = 0; place + count <= words.size(); ++place) out.push_back(sequence(words, place, count));
}

void sort_and_drop_copies(std::vector<std::uint64_t>& hashes) {
    std::ranges::sort(hashes);
    const auto copies = std::ranges::unique(hashes);
    hashes.erase(copies.begin(), copies.end());
}

std::optional<double> ratio(std::size_t part, std::size_t whole) {
    if (whole == 0) return std::nullopt;
    return static_cast<double>(part) / static_cast<double>(whole);
}

std::optional<double> distinct(const Words& words, std::size_t count) {
    std::vector<std::uint64_t> all;
    for (std::size_t text = 0; text < words.ends.size(); ++text) append_sequences(words.of(text), count, all);
    const std::size_t sequences = all.size();
    sort_and_drop_copies(all);
    return ratio(all.size(), sequences);
}

/// Each text's own distinct sequences, one text after the other.
std::vector<std::uint64_t> distinct_by_text(const Words& words, std::size_t count, std::vector<std::size_t>& ends) {
    std::vector<std::uint64_t> all, own;
    ends.clear();
    for (std::size_t text = 0; text < words.ends.size(); ++text) {
        own.clear();
        append_sequences(words.of(text), count, own);
        sort_and_drop_copies(own);
        all.insert(all.end(), own.begin(), own.end());
        ends.push_back(all.size());
    }
    return all;
}

/// Calls `each(hash, texts)` for every sequence, `texts` being how many have it.
template <class Function>
void for_each_shared(std::vector<std::uint64_t> by_text, Function&& each) {
    std::ranges::sort(by_text);
    for (std::size_t i = 0; i < by_text.size();) {
        const std::size_t begin = i;
        while (i < by_text.size() && by_text[i] == by_text[begin]) ++i;
        if (i - begin > 1) each(by_text[begin], i - begin);
    }
}

std::optional<double> self_repetition(const Words& words) {
    std::vector<std::size_t> ends;
    const std::vector<std::uint64_t> by_text = distinct_by_text(words, Measures::kSharedWords, ends);
    std::vector<std::uint64_t> shared;
    for_each_shared(by_text, [&](std::uint64_t hash, std::size_t) { shared.push_back(hash); });
    double sum = 0;
    std::size_t texts = 0, begin = 0;
    for (const std::size_t end : ends) {
        if (end > begin) {
            const auto own = std::span(by_text).subspan(begin, end - begin);
            const auto met =
                std::ranges::count_if(own, [&](auto hash) { return std::ranges::binary_search(shared, hash); });
            sum += static_cast<double>(met) / static_cast<double>(own.size());
            ++texts;
        }
        begin = end;
    }
    if (texts == 0) return std::nullopt;
    return sum / static_cast<double>(texts);
}

std::vector<Phrase> phrases(const Words& words, std::span<const std::string> texts) {
    constexpr std::size_t kLeast = 3, kCandidates = 200;
    std::vector<std::size_t> ends;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> often;  // texts, hash
    for_each_shared(distinct_by_text(words, Measures::kPhraseWords, ends), [&](std::uint64_t hash, std::size_t count) {
        if (count >= kLeast) often.emplace_back(count, hash);
    });
    const std::size_t kept = std::min(often.size(), kCandidates);
    std::ranges::partial_sort(often, often.begin() + static_cast<std::ptrdiff_t>(kept), std::greater<>());
    often.resize(kept);

    // As they stand in the first text that has them; a run of them counts once.
    struct Place {
        std::uint64_t texts;
        std::size_t text, first;
    };
    std::vector<Place> places;
    for (const auto& [count, hash] : often) {
        const auto find = [&]() -> Place {
            for (std::size_t text = 0; text < words.ends.size(); ++text) {
                const auto own = words.of(text);
                for (std::size_t at = 0; at + Measures::kPhraseWords <= own.size(); ++at)
                    if (sequence(own, at, Measures::kPhraseWords) == hash) return {count, text, at};
            }
            return {0, 0, 0};
        };
        const Place place = find();
        const bool overlaps = std::ranges::any_of(places, [&](const Place& other) {
            const std::size_t apart = std::max(other.first, place.first) - std::min(other.first, place.first);
            return other.text == place.text && apart < Measures::kPhraseWords;
        });
        if (!overlaps) places.push_back(place);
        if (places.size() == Measures::kMostPhrases) break;
    }
    std::vector<Phrase> found;
    plugins::FoldedText folded;
    for (const Place& place : places) {
        plugins::fold_words(texts[place.text], folded);
        const auto& first = folded.words[place.first];
        const auto& last = folded.words[place.first + Measures::kPhraseWords - 1];
        found.push_back({texts[place.text].substr(first.begin, last.end - first.begin), place.texts});
    }
    return found;
}

std::optional<double> compression(std::span<const std::string> texts) {
    const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, 9);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, 23);
    std::string out(ZSTD_CStreamOutSize(), '\0');
    std::size_t bytes = 0, compressed = 0;
    for (std::size_t i = 0; i <= texts.size(); ++i) {
        const bool end = i == texts.size();
        ZSTD_inBuffer input{end ? nullptr : texts[i].data(), end ? 0 : texts[i].size(), 0};
        bytes += input.size;
        for (std::size_t left = 1; end ? left != 0 : input.pos < input.size;) {
            ZSTD_outBuffer output{out.data(), out.size(), 0};
            left = ZSTD_compressStream2(context.get(), &output, &input, end ? ZSTD_e_end : ZSTD_e_continue);
            if (ZSTD_isError(left) != 0) return std::nullopt;
            compressed += output.pos;
        }
    }
    return bytes == 0 ? std::nullopt : ratio(bytes, compressed);
}

}  // namespace

void TextSample::add(std::string_view text) {
    if (most_ == 0 || seen_++ % every_ != 0) return;
    bytes_ += text.size();
    texts_.emplace_back(text);
    while (texts_.size() > most_ || (bytes_ > most_bytes_ && texts_.size() > 1)) {
        every_ *= 2;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < texts_.size(); i += 2) std::swap(texts_[kept++], texts_[i]);
        texts_.resize(kept);
        bytes_ = 0;
        for (const std::string& each : texts_) bytes_ += each.size();
    }
}

Measures measure(std::span<const std::string> texts) {
    Measures measures;
    measures.texts = texts.size();
    Words words;
    plugins::FoldedText folded;
    for (const std::string& text : texts) {
        plugins::fold_words(text, folded);
        for (const auto& word : folded.words) words.hashes.push_back(hash_of(folded.fold(word)));
        words.ends.push_back(words.hashes.size());
    }
    measures.words = words.hashes.size();
    for (std::size_t i = 0; i < measures.distinct.size(); ++i) measures.distinct[i] = distinct(words, i + 1);
    measures.self_repetition = self_repetition(words);
    measures.phrases = phrases(words, texts);
    measures.compression = compression(texts);
    return measures;
}

std::vector<std::string> part_of(std::span<const std::string> texts, std::uint64_t all_words, std::uint64_t words) {
    std::vector<std::string> part;
    if (all_words == 0) return part;
    const double share = std::min(1.0, static_cast<double>(words) / static_cast<double>(all_words));
    double due = 0.5;  // the text nearest to each share
    for (const std::string& text : texts) {
        due += share;
        if (due < 1) continue;
        due -= 1;
        part.push_back(text);
    }
    return part;
}

}  // namespace synth::diversity
