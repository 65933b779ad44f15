#include "common/passages.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>

#include "synth/random.hpp"

namespace synth::prompts {
namespace {

constexpr std::size_t kRun = 8;  // words that are compared together
constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15ULL;
constexpr std::uint64_t kOnlyMarks = 1;  // the hash of "---" and its like

/// What a byte is in a word whose case and marks do not matter. Without branches: it is done for many bytes at a time.
constexpr unsigned char kMark = 0, kSpace = 1;
constexpr unsigned char folded_byte(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    const auto small = static_cast<unsigned char>(byte | (static_cast<unsigned char>(byte - 'A') < 26 ? 0x20 : 0));
    const bool word =
        (static_cast<unsigned char>(small - 'a') < 26) | (static_cast<unsigned char>(byte - '0') < 10) | (byte >= 0x80);
    const bool space = (byte == ' ') | (static_cast<unsigned char>(byte - '\t') < 5);
    return word ? small : space ? kSpace : kMark;
}

/// Eight letters as one number, the first one lowest.
std::uint64_t eight_at(const unsigned char* at) noexcept {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, sizeof eight);
    if constexpr (std::endian::native == std::endian::big) eight = __builtin_bswap64(eight);
    return eight;
}

constexpr std::uint64_t kEach = 0x0101010101010101U, kHighest = kEach * 0x80U;
constexpr std::size_t kPiece = 16;  // letters that are hashed together

/// The highest bit of each byte that is not zero.
std::uint64_t other_than_zero(std::uint64_t eight) noexcept {
    return (((eight & ~kHighest) + ~kHighest) | eight) & kHighest;
}
/// The letters of a piece that belong to a word of so many bytes.
constexpr auto kWithin = [] {
    std::array<std::array<std::uint64_t, 2>, kPiece> within{};
    for (std::size_t size = 0; size < kPiece; ++size)
        for (std::size_t i = 0; i < size; ++i) within[size][i / 8] |= std::uint64_t{0xFF} << i % 8 * 8;
    return within;
}();

std::uint64_t hash_piece(std::uint64_t before, std::uint64_t first, std::uint64_t second) noexcept {
    const std::uint64_t hash = (before + first) * kBase ^ std::rotl(second * 0xC2B2AE3D27D4EB4FU, 32);
    return hash ^ hash >> 29U;  // runs_of mixes it
}

/// The hash of some letters; the marks between them do not count.
std::uint64_t hash_letters(std::span<const unsigned char> word) noexcept {
    std::array<unsigned char, kPiece> piece{};
    std::size_t letters = 0;
    std::uint64_t hash = 0;
    for (const unsigned char c : word) {
        if (c == kMark) continue;
        if (letters == kPiece) {
            hash = hash_piece(hash, eight_at(piece.data()), eight_at(piece.data() + 8));
            piece = {};
            letters = 0;
        }
        piece[letters++] = c;
    }
    return letters == 0 ? kOnlyMarks : hash_piece(hash, eight_at(piece.data()), eight_at(piece.data() + 8));
}

/// The hash of a word; a piece can be read from its place, whatever its size.
std::uint64_t hash_word(std::span<const unsigned char> word) noexcept {
    // Most words are shorter than a piece, and what marks they have stand at their end, where they count as nothing.
    if (word.size() >= kPiece) return hash_letters(word);
    const std::uint64_t first = eight_at(word.data()) & kWithin[word.size()][0];
    const std::uint64_t second = eight_at(word.data() + 8) & kWithin[word.size()][1];
    const std::uint64_t low = other_than_zero(first), high = other_than_zero(second);
    const std::uint64_t mark_then_letter = ((~low & low >> 8U) | (~high & high >> 8U)) & kHighest;
    const bool inside = (mark_then_letter | (~low >> 56U & high & 0x80U) | (~low & 0x80U)) != 0;
    return inside ? hash_letters(word) : hash_piece(0, first, second);
}

/// A text whose case and marks do not matter, in blocks of bytes of which each has a bit in a number, the first one
/// lowest.
class FoldedText {
public:
    static constexpr std::size_t kBlock = 64;
    static constexpr std::size_t kBeyond = 32;  // bytes that can be read behind the last block

    explicit FoldedText(std::string_view text)
        : size_((text.size() / kBlock + 1) * kBlock),  // the last block ends in a space
          bytes_(std::make_unique_for_overwrite<unsigned char[]>(size_ + kBeyond)) {
        unsigned char* const bytes = bytes_.get();  // what is written cannot be this pointer
        for (std::size_t i = 0; i < text.size(); ++i) bytes[i] = folded_byte(text[i]);
        std::memset(bytes + text.size(), kSpace, size_ + kBeyond - text.size());
    }

    /// Of whole blocks.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const unsigned char* at(std::size_t place) const noexcept { return bytes_.get() + place; }
    /// The spaces of the block that begins at `place`.
    [[nodiscard]] std::uint64_t spaces(std::size_t place) const noexcept {
        constexpr Sixteen kBits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
        std::uint64_t spaces = 0;
        for (std::size_t i = 0; i < kBlock; i += sizeof(Sixteen)) {
            const auto [low, high] = sums((sixteen_at(place + i) == kSpace) & kBits);
            spaces |= (low | high << 8U) << i;
        }
        return spaces;
    }
    /// How many marks there are in that block.
    [[nodiscard]] std::size_t marks(std::size_t place) const noexcept {
        Sixteen marks{};
        for (std::size_t i = 0; i < kBlock; i += sizeof(Sixteen))
            marks -= sixteen_at(place + i) == kMark;  // true is -1
        const auto [low, high] = sums(marks);
        return low + high;
    }

private:
    using Sixteen [[gnu::vector_size(16)]] = unsigned char;  // letters, of which the compiler looks at all at once

    [[nodiscard]] Sixteen sixteen_at(std::size_t place) const noexcept {
        Sixteen sixteen;
        std::memcpy(&sixteen, at(place), sizeof sixteen);
        return sixteen;
    }
    /// Of the first eight and of the others, which are less than 256 each.
    static std::array<std::uint64_t, 2> sums(Sixteen sixteen) noexcept {
        auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(sixteen);
        for (auto& half : halves) half = half * kEach >> 56U;
        return halves;
    }

    std::size_t size_;
    std::unique_ptr<unsigned char[]> bytes_;
};

/// Hashes of the words without case and marks. Where words end is found first, so that none waits for the one before.
std::vector<std::uint64_t> word_hashes(std::string_view text) {
    const FoldedText folded(text);
    std::vector<std::uint64_t> words;
    words.reserve(text.size() / 5);
    std::size_t begin = 0;
    for (std::size_t block = 0; block < folded.size(); block += FoldedText::kBlock) {
        for (std::uint64_t spaces = folded.spaces(block); spaces != 0; spaces &= spaces - 1) {
            const std::size_t end = block + static_cast<std::size_t>(std::countr_zero(spaces));
            if (end != begin) words.push_back(hash_word({folded.at(begin), end - begin}));
            begin = end + 1;
        }
    }
    return words;
}

/// The hash of every kRun words in a row.
std::vector<std::uint64_t> runs_of(std::span<const std::uint64_t> words) {
    constexpr std::uint64_t kOldest = [] {
        std::uint64_t power = 1;
        for (std::size_t i = 1; i < kRun; ++i) power *= kBase;
        return power;
    }();
    if (words.size() < kRun) return {};
    std::vector<std::uint64_t> runs(words.size() - kRun + 1);
    std::uint64_t run = 0;
    for (std::size_t i = 0; i < kRun - 1; ++i) run = run * kBase + words[i];
    for (std::size_t i = 0; i < runs.size(); ++i) {
        run = run * kBase + words[i + kRun - 1];
        runs[i] = mix64(run);
        run -= words[i] * kOldest;
    }
    return runs;
}

struct Anchors {
    std::vector<std::uint64_t> hashes;
    std::size_t words = 0;  // that they were chosen from
    std::size_t marks = 0;  // in the text
};

Anchors anchors_of(std::string_view text) {
    const FoldedText folded(text);
    // What is not chosen is written, too, and then written over: no branch depends on a choice.
    const auto places = std::make_unique_for_overwrite<std::uint32_t[]>(text.size() / 2 + 2);
    std::size_t words = 0, marks = 0, chosen = 0;
    std::uint64_t space_before = 1;
    for (std::size_t block = 0; block < folded.size(); block += FoldedText::kBlock) {
        const std::uint64_t spaces = folded.spaces(block);
        std::uint64_t begins = ~spaces & (spaces << 1U | space_before);
        space_before = spaces >> 63U;
        marks += folded.marks(block);
        for (; begins != 0; begins &= begins - 1, ++words) {
            const std::size_t word = block + static_cast<std::size_t>(std::countr_zero(begins));
            places[chosen] = static_cast<std::uint32_t>(word);
            chosen += eight_at(folded.at(word)) * kBase >> 62U == 0 ? 1 : 0;
        }
    }
    std::vector<std::uint64_t> hashes(chosen);
    for (std::size_t i = 0; i < chosen; ++i) {
        const unsigned char* word = folded.at(places[i]);
        const std::uint64_t half = hash_piece(0, eight_at(word), eight_at(word + 8));
        hashes[i] = mix64(hash_piece(half, eight_at(word + 16), eight_at(word + 24)));
    }
    return {std::move(hashes), words, marks};
}

std::size_t count_repeated(std::span<const std::uint64_t> hashes) {
    HashSet seen(hashes.size());
    return static_cast<std::size_t>(
        std::ranges::count_if(hashes, [&](std::uint64_t hash) { return seen.insert(hash); }));
}

}  // namespace

HashSet::HashSet(std::span<const std::uint64_t> hashes) {
    // What comes twice would make the set larger than the cache.
    *this = HashSet(hashes.size() - count_repeated(hashes));
    for (const std::uint64_t hash : hashes) insert(hash);
}

HashSet runs_in(std::span<const std::string_view> texts) {
    std::vector<std::uint64_t> all;
    for (const std::string_view text : texts) {
        auto words = word_hashes(text);
        std::erase(words, kOnlyMarks);
        std::ranges::copy(runs_of(words), std::back_inserter(all));
    }
    return HashSet(all);
}

namespace {

HashSet anchors_in(std::span<const std::string_view> texts) {
    std::vector<std::uint64_t> all;
    for (const std::string_view text : texts) std::ranges::copy(anchors_of(text).hashes, std::back_inserter(all));
    return HashSet(all);
}

}  // namespace

PassageSet::PassageSet(std::span<const std::string_view> texts) : runs(runs_in(texts)), anchors(anchors_in(texts)) {}

namespace {

constexpr std::size_t kLongest = 1U << 18;  // bytes of either end of a text that are looked at
constexpr std::size_t kLong = 4'000;        // bytes of a text whose anchors are many enough to stand for it

}  // namespace

Passages::Passages(std::string_view text) : text_(text) {
    if (text.size() < kLong || text.size() > kLongest) return;
    auto anchors = anchors_of(text);
    if (anchors.marks * 2 > anchors.words) return;  // marks that a copy may lack
    words_ = anchors.words;
    anchors_ = std::move(anchors.hashes);
}

void Passages::find_runs() {
    if (std::exchange(found_, true)) return;
    std::vector<std::uint64_t> words = word_hashes(text_.substr(text_.size() - std::min(text_.size(), kLongest)));
    last_ = runs_of(words);
    if (text_.size() > kLongest)
        words = word_hashes(text_.substr(0, kLongest));
    else
        same_ = std::ranges::find(words, kOnlyMarks) == words.end();
    if (same_) return;
    std::erase(words, kOnlyMarks);
    first_ = runs_of(words);
}

bool Passages::repeat() {
    // Half the share that makes a loop is reason enough. A loop that has few anchors leaves the whole text with few.
    const bool enough = !anchors_.empty() && anchors_.size() * 4 * 20 >= words_ * 17;
    if (enough && count_repeated(anchors_) * 20 <= anchors_.size() * 3) return false;

    constexpr std::size_t kFewest = 40;  // repeated runs in a text that loops
    find_runs();
    if (last_.size() <= kFewest) return false;
    const auto repeated = count_repeated(last_);
    return repeated >= kFewest && repeated * 10 > last_.size() * 3;
}

bool Passages::share_anchors(const HashSet& anchors) const {
    // A tenth of what echo asks for is reason enough.
    const auto shared = static_cast<std::size_t>(
        std::ranges::count_if(anchors_, [&](std::uint64_t anchor) { return anchors.contains(anchor); }));
    return shared * 100 > anchors_.size();
}

bool Passages::share(const PassageSet& set) {
    if (!anchors_.empty()) return share_anchors(set.anchors);
    constexpr std::size_t kStep = 3;
    const auto& runs = first();
    for (std::size_t i = 0; i < runs.size(); i += kStep)
        if (set.runs.contains(runs[i])) return true;
    return false;
}

bool Passages::share(std::string_view text) const { return anchors_.empty() || share_anchors(anchors_in({&text, 1})); }

bool Passages::echo(const HashSet& fixed, std::string_view own) {
    constexpr std::size_t kFewest = 5;  // runs: a dozen words in a row
    const auto& runs = first();
    if (runs.size() <= kFewest) return false;

    const HashSet of_sample = runs_in({&own, 1});
    const auto copied = static_cast<std::size_t>(
        std::ranges::count_if(runs, [&](std::uint64_t run) { return fixed.contains(run) || of_sample.contains(run); }));
    return copied >= kFewest && copied * 10 > runs.size();
}

}  // namespace synth::prompts
