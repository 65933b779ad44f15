// Finds what a text says about the classes of a taxonomy: their names, aliases, terms, instruments and objects, all in
// one pass, and how much of the text each class is spoken of in.
//
// The automaton is a trie over words instead of an Aho–Corasick or Hyperscan one over bytes: facts have to be found
// whole words only and without regard to case, accents, hyphens and plurals, while acronyms ("FAST", "ACT") are not the
// English words. Debian's matchers look for bytes; they would be fed a folded copy of the text with a map back to the
// original, and every match checked again. No fact is longer than a few words, so a walk from each word is linear.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/folded_words.hpp"
#include "synth/taxonomy.hpp"

namespace synth::plugins {

enum class FactKind : std::uint8_t { name, alias, term, instrument, object };

[[nodiscard]] std::string_view name_of(FactKind kind) noexcept;

/// A place that speaks for a label. A place that speaks for several has one each, one after the other.
struct TopicSpan {
    std::size_t begin = 0, end = 0;  ///< bytes of the text
    LabelId label = 0;
    FactKind kind = FactKind::term;
    /// Says by itself that the text speaks of the label. Not so: instruments, which many classes share; single common
    /// words ("merger"); what more than two classes have; names that need their parent ("Burst").
    bool strong = false;
    bool nested = false;     ///< inside of a longer fact: "supernova" of "supernova remnant"
    std::uint32_t fact = 0;  ///< of TopicMatcher::owners
    std::uint32_t word = 0;  ///< from 0, as lengths are counted: the word that it begins in
};

/// A sentence, or what stands for one in tables and lists: at most kMostWords words.
struct TopicSegment {
    static constexpr std::uint32_t kMostWords = 40;
    std::size_t begin = 0, end = 0;  ///< bytes of the text
    std::uint32_t word = 0, words = 0;
    bool new_paragraph = false;  ///< the first of its paragraph
};

/// How a segment serves a label.
enum class Service : std::uint8_t {
    none,
    continued,  ///< it names nothing and goes on from a sentence of the same paragraph that serves the label
    entailed,   ///< it speaks of a label that entails this one
    direct,
};

/// What was found in one text. Reuse one for many texts.
class TopicReading {
public:
    [[nodiscard]] std::span<const TopicSpan> spans() const noexcept { return spans_; }  ///< by begin, longest first
    [[nodiscard]] std::span<const TopicSegment> segments() const noexcept { return segments_; }
    [[nodiscard]] Service service(std::size_t segment, LabelId label) const {
        return services_[segment * labels_ + label];
    }
    [[nodiscard]] std::uint32_t words() const noexcept { return text_.counted_words; }
    /// Of the words, those of segments that serve the label; 0 for a text without words.
    [[nodiscard]] double share(LabelId label) const noexcept {
        return words() == 0 ? 0 : static_cast<double>(served_[label]) / words();
    }
    /// From 0, as lengths are counted: the first word that serves the label, directly or because it is entailed.
    [[nodiscard]] std::optional<std::uint32_t> first_word(LabelId label) const noexcept {
        return first_words_[label] == kNowhere ? std::nullopt : std::optional(first_words_[label]);
    }
    /// The text as words, for those who want to look at more.
    [[nodiscard]] const FoldedText& folded() const noexcept { return text_; }

private:
    friend class TopicMatcher;
    static constexpr std::uint32_t kNowhere = 0xFFFFFFFF;
    FoldedText text_;
    std::size_t labels_ = 0;
    std::vector<TopicSpan> spans_;
    std::vector<TopicSegment> segments_;
    std::vector<Service> services_;  ///< segment × label
    std::vector<std::uint64_t> served_;
    std::vector<std::uint32_t> first_words_;
};

class TopicMatcher {
public:
    /// The taxonomy is borrowed, and so is never a temporary.
    explicit TopicMatcher(const Taxonomy& taxonomy);
    explicit TopicMatcher(const Taxonomy&& taxonomy) = delete;

    void read(std::string_view text, TopicReading& out) const;
    [[nodiscard]] TopicReading read(std::string_view text) const {
        TopicReading reading;
        read(text, reading);
        return reading;
    }

    /// The labels that a fact speaks for, and those whose quantities are named or measured by it ("spin period",
    /// "mJy"), ascending.
    [[nodiscard]] std::span<const LabelId> owners(std::uint32_t fact) const { return facts_[fact].labels; }
    [[nodiscard]] const Taxonomy& taxonomy() const noexcept { return taxonomy_; }

private:
    struct Use {
        LabelId label;
        FactKind kind;
        bool strong;
        bool needs_parent;
    };
    struct Fact {
        std::vector<Use> uses;               ///< one a label
        std::vector<LabelId> labels;         ///< of `uses`
        std::vector<bool> acronym, capital;  ///< by word: has to be one in the text, too
        bool one_common_word = false;
    };
    void add(std::string_view phrase, LabelId label, FactKind kind);
    void add_variants(std::string_view fact, LabelId label, FactKind kind);
    void share(std::string_view phrase, LabelId label);
    void decide_strength();
    [[nodiscard]] bool fits(const Fact& fact, std::span<const FoldedWord> words) const;
    void find_spans(TopicReading& out) const;
    void cut_segments(std::string_view text, TopicReading& out) const;
    void attribute(TopicReading& out) const;

    static constexpr std::uint32_t kNone = 0xFFFFFFFF;
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    const Taxonomy& taxonomy_;
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> vocabulary_;
    std::unordered_map<std::uint64_t, std::uint32_t> children_;  ///< (node << 32 | word) → node
    std::vector<std::vector<std::uint32_t>> facts_at_;           ///< by node
    std::vector<Fact> facts_;
};

}  // namespace synth::plugins
