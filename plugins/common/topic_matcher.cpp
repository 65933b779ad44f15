#include "common/topic_matcher.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "synth/text.hpp"

namespace synth::plugins {
namespace {

/// Sentences that name nothing go on from the one before, as many as these.
constexpr int kMostContinued = 2;
/// A fact that more labels share says nothing by itself.
constexpr std::size_t kMostStrongOwners = 2;

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "MIRI", "NIRCam", "WFC3": a name that stands for itself, other than "Pulsar" of "CHIME/Pulsar".
bool is_device_name(std::string_view name) {
    if (name.size() < 4 || !is_upper(name.front())) return false;
    return std::ranges::any_of(name.substr(1), [](char c) { return is_upper(c) || is_digit(c); }) &&
           std::ranges::all_of(name, [](char c) { return is_upper(c) || is_lower(c) || is_digit(c); });
}

bool all_upper(std::string_view text) { return std::ranges::all_of(text, is_upper); }

}  // namespace

std::string_view name_of(FactKind kind) noexcept {
    switch (kind) {
        case FactKind::name: return "name";
        case FactKind::alias: return "alias";
        case FactKind::term: return "term";
        case FactKind::instrument: return "instrument";
        case FactKind::object: return "object";
    }
    return "term";
}

TopicMatcher::TopicMatcher(const Taxonomy& taxonomy) : taxonomy_(taxonomy), facts_at_(1) {
    for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) {
        const auto id = static_cast<LabelId>(i);
        if (taxonomy.negative == id) continue;  // nothing speaks for "none of these"
        const Label& label = taxonomy.labels[i];
        add_variants(label.name, id, FactKind::name);
        for (const auto& fact : label.aliases) add_variants(fact, id, FactKind::alias);
        for (const auto& fact : label.terms) add_variants(fact, id, FactKind::term);
        for (const auto& fact : label.objects) add_variants(fact, id, FactKind::object);
        for (const auto& fact : label.instruments) add_variants(fact, id, FactKind::instrument);
    }
    for (std::size_t i = 0; i < taxonomy.labels.size(); ++i)
        for (const Quantity& quantity : taxonomy.labels[i].quantities) {
            share(quantity.name, static_cast<LabelId>(i));
            share(quantity.unit, static_cast<LabelId>(i));
        }
    decide_strength();
}

/// What stands in a list of facts is not always what stands in a text.
void TopicMatcher::add_variants(std::string_view fact, LabelId label, FactKind kind) {
    // "far-ultraviolet (FUV)" is both; "LISA (planned)" and "LVK observing run (O4)" are what stands before.
    const std::size_t open = fact.find('(');
    std::string_view main = trim(fact.substr(0, open));
    if (open != std::string_view::npos) {
        const std::size_t close = fact.find(')', open);
        const std::string_view inner =
            trim(fact.substr(open + 1, close == std::string_view::npos ? close : close - open - 1));
        if (inner.size() >= 3 && all_upper(inner)) add(inner, label, kind);
    }
    if (main.starts_with("the ")) main.remove_prefix(4);
    if (main.empty()) return;
    add(main, label, kind);

    std::string other;
    // "H.E.S.S." is written "HESS", too.
    if (main.find('.') != std::string_view::npos) {
        std::ranges::copy_if(main, std::back_inserter(other), is_upper);
        bool initials = other.size() >= 3;
        for (std::size_t i = 0; i < main.size() && initials; ++i)
            initials = i % 2 == 0 ? is_upper(main[i]) : main[i] == '.';
        if (initials) add(other, label, kind);
    }
    // "SN 1987A" and "SN1987A", "AT2018cow" and "AT 2018cow".
    const auto letters = static_cast<std::size_t>(std::ranges::find_if_not(main, is_upper) - main.begin());
    if (letters >= 2 && letters < main.size()) {
        const std::string_view rest = main.substr(letters);
        const bool spaced = rest[0] == ' ';
        const std::string_view number = rest.substr(spaced ? 1 : 0);
        if (number.size() >= 4 && std::ranges::all_of(number.substr(0, 4), is_digit) &&
            number.find(' ') == std::string_view::npos) {
            other.assign(main.substr(0, letters));
            if (!spaced) other += ' ';
            other += number;
            add(other, label, kind);
        }
    }
    // "JWST/NIRCam" is spoken of as either; "Chandra ACIS" as "Chandra".
    if (kind == FactKind::instrument) {
        const std::size_t slash = main.rfind('/');
        const std::size_t space = main.rfind(' ');
        if (slash != std::string_view::npos) {
            if (is_device_name(main.substr(slash + 1))) add(main.substr(slash + 1), label, kind);
            if (slash >= 3) add(main.substr(0, slash), label, kind);
        } else if (space != std::string_view::npos && space >= 4 && main.size() - space > 3 &&
                   all_upper(main.substr(space + 1))) {
            add(main.substr(0, space), label, kind);
        }
    }
}

void TopicMatcher::add(std::string_view phrase, LabelId label, FactKind kind) {
    FoldedText folded;
    fold_words(phrase, folded);
    if (folded.words.empty()) return;
    std::uint32_t node = 0;
    Fact made;
    for (const auto& word : folded.words) {
        const auto id =
            vocabulary_.try_emplace(std::string(folded.fold(word)), static_cast<std::uint32_t>(vocabulary_.size()))
                .first->second;
        const auto [child, fresh] =
            children_.try_emplace((std::uint64_t{node} << 32) | id, static_cast<std::uint32_t>(facts_at_.size()));
        node = child->second;
        if (fresh) facts_at_.emplace_back();
        made.acronym.push_back(word.acronym);
        // "Swift" and "Roman" are not "swift" and "roman"; a term may begin a heading, and be a name in lower case.
        made.capital.push_back(word.capital && (kind == FactKind::instrument || kind == FactKind::object));
    }
    made.one_common_word = folded.words.size() == 1 && std::ranges::all_of(phrase, is_lower);
    // The same words with the same demands are one fact of several labels.
    std::uint32_t fact = kNone;
    for (const std::uint32_t known : facts_at_[node])
        if (facts_[known].acronym == made.acronym && facts_[known].capital == made.capital) fact = known;
    if (fact == kNone) {
        fact = static_cast<std::uint32_t>(facts_.size());
        facts_at_[node].push_back(fact);
        facts_.push_back(std::move(made));
    }
    Fact& found = facts_[fact];
    // The first kind that a label has it as stands: name before alias before term.
    if (std::ranges::find(found.uses, label, &Use::label) != found.uses.end()) return;
    found.uses.push_back({label, kind, false, false});
    found.labels.push_back(label);
}

/// What is found in `phrase`, from any word to its end, is of `label`, too; for "mm flux density" it is "flux density".
void TopicMatcher::share(std::string_view phrase, LabelId label) {
    FoldedText folded;
    fold_words(phrase.substr(0, phrase.find('(')), folded);
    for (std::size_t from = 0; from < folded.words.size(); ++from) {
        std::uint32_t node = 0;
        std::size_t i = from;
        for (; i < folded.words.size(); ++i) {
            const auto id = vocabulary_.find(folded.fold(folded.words[i]));
            if (id == vocabulary_.end()) break;
            const auto child = children_.find((std::uint64_t{node} << 32) | id->second);
            if (child == children_.end()) break;
            node = child->second;
        }
        if (i != folded.words.size()) continue;
        for (const std::uint32_t fact : facts_at_[node])
            if (auto& labels = facts_[fact].labels; std::ranges::find(labels, label) == labels.end())
                labels.push_back(label);
    }
}

/// After all facts are known: who shares what.
void TopicMatcher::decide_strength() {
    for (Fact& fact : facts_) {
        for (Use& use : fact.uses) {
            const Label& label = taxonomy_[use.label];
            // "Burst", "Continuous", "Stellar Mass": short for a kind of the parent.
            use.needs_parent = use.kind == FactKind::name && !label.parents.empty() && fact.acronym.size() <= 2;
            const bool telling = use.kind == FactKind::term ? !fact.one_common_word : use.kind != FactKind::instrument;
            use.strong = telling && !use.needs_parent && fact.uses.size() <= kMostStrongOwners;
        }
        std::ranges::sort(fact.labels);
    }
}

bool TopicMatcher::fits(const Fact& fact, std::span<const FoldedWord> words) const {
    for (std::size_t i = 0; i < words.size(); ++i)
        if ((fact.acronym[i] && !words[i].acronym) || (fact.capital[i] && !words[i].capital)) return false;
    return true;
}

void TopicMatcher::find_spans(TopicReading& out) const {
    const auto& words = out.text_.words;
    constexpr std::size_t kLongest = 16;  // words of a fact that can be found in one
    std::size_t covered = 0;              // words before are part of a fact
    for (std::size_t from = 0; from < words.size(); ++from) {
        struct Hit {
            std::size_t size;
            std::uint32_t fact;
        };
        std::array<Hit, kLongest> hits;
        std::size_t count = 0;
        std::uint32_t node = 0;
        for (std::size_t i = from; i < words.size(); ++i) {
            if (i > from && (words[i].gap & kGapHard) != 0) break;
            const auto id = vocabulary_.find(out.text_.fold(words[i]));
            if (id == vocabulary_.end()) break;
            const auto child = children_.find((std::uint64_t{node} << 32) | id->second);
            if (child == children_.end()) break;
            node = child->second;
            for (const std::uint32_t fact : facts_at_[node])
                if (count < kLongest && fits(facts_[fact], std::span(words).subspan(from, i - from + 1)))
                    hits[count++] = {i - from + 1, fact};
        }
        // The longest first; what is inside of another is nested.
        bool nested = false;
        for (std::size_t i = count; i-- > 0;) {
            const Hit& hit = hits[i];
            if (i + 1 == count || hits[i + 1].size != hit.size) nested = from + hit.size <= covered;
            covered = std::max(covered, from + hit.size);
            for (const Use& use : facts_[hit.fact].uses)
                out.spans_.push_back({.begin = words[from].begin,
                                      .end = words[from + hit.size - 1].end,
                                      .label = use.label,
                                      .kind = use.kind,
                                      .strong = use.strong,
                                      .nested = nested,
                                      .fact = hit.fact,
                                      .word = words[from].word});
        }
    }
}

void TopicMatcher::cut_segments(std::string_view text, TopicReading& out) const {
    const auto& words = out.text_.words;
    std::uint32_t first = 0;
    const auto close = [&](std::uint32_t next, std::size_t end) {
        out.segments_.back().words = next - first;
        out.segments_.back().end = end;
    };
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto& word = words[i];
        const bool paragraph = i == 0 || (word.gap & kGapParagraph) != 0;
        const bool sentence = paragraph || (word.gap & kGapSentence) != 0;
        const bool full = (word.gap & kGapSpace) != 0 && word.word - first >= TopicSegment::kMostWords;
        if (!sentence && !full) continue;
        const std::uint32_t begins = i == 0 ? 0 : word.word;
        if (i != 0) close(begins, words[i - 1].end);
        first = begins;
        out.segments_.push_back({.begin = word.begin, .word = begins, .new_paragraph = paragraph});
    }
    if (!words.empty()) close(out.text_.counted_words, text.size());
}

void TopicMatcher::attribute(TopicReading& out) const {
    out.services_.assign(out.segments_.size() * out.labels_, Service::none);
    std::size_t span = 0;
    int continued = 0;
    for (std::size_t s = 0; s < out.segments_.size(); ++s) {
        const TopicSegment& segment = out.segments_[s];
        Service* const row = out.services_.data() + s * out.labels_;
        const auto raise = [&](LabelId label, Service service, std::uint32_t word) {
            row[label] = std::max(row[label], service);
            out.first_words_[label] = std::min(out.first_words_[label], word);
        };
        const std::size_t first = span;
        bool named = false;
        for (; span < out.spans_.size() && out.spans_[span].begin < segment.end; ++span) {
            const TopicSpan& found = out.spans_[span];
            const auto& uses = facts_[found.fact].uses;
            if (std::ranges::find(uses, found.label, &Use::label)->needs_parent) continue;
            named = true;
            raise(found.label, Service::direct, found.word);
            if (found.strong)
                for (const LabelId entailed : taxonomy_[found.label].entails)
                    raise(entailed, Service::entailed, found.word);
        }
        // Names that are short for a kind of the parent count where the parent is spoken of.
        for (std::size_t i = first; i < span; ++i) {
            const TopicSpan& found = out.spans_[i];
            const auto& uses = facts_[found.fact].uses;
            if (!std::ranges::find(uses, found.label, &Use::label)->needs_parent) continue;
            const auto& parents = taxonomy_[found.label].parents;
            if (std::ranges::any_of(parents, [&](LabelId parent) { return row[parent] != Service::none; }))
                raise(found.label, Service::direct, found.word);
        }
        if (named || segment.new_paragraph) {
            continued = 0;
        } else if (s > 0 && continued < kMostContinued) {
            ++continued;
            const Service* const before = row - out.labels_;
            for (std::size_t label = 0; label < out.labels_; ++label)
                if (before[label] != Service::none) row[label] = Service::continued;
        }
        for (std::size_t label = 0; label < out.labels_; ++label)
            if (row[label] != Service::none) out.served_[label] += segment.words;
    }
}

void TopicMatcher::read(std::string_view text, TopicReading& out) const {
    out.labels_ = taxonomy_.labels.size();
    out.spans_.clear();
    out.segments_.clear();
    out.served_.assign(out.labels_, 0);
    out.first_words_.assign(out.labels_, TopicReading::kNowhere);
    fold_words(text, out.text_);
    find_spans(out);
    cut_segments(text, out);
    attribute(out);
}

}  // namespace synth::plugins
