#include "document.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "synth/random.hpp"
#include "synth/text.hpp"

namespace offline {

using synth::LabelId;
using synth::LabelSet;
using synth::Random;
using synth::Taxonomy;

namespace {

constexpr std::string_view kTitle = "TITLE: ";  ///< not part of the document, unlike what follows it
constexpr std::size_t kShortest = 12;           ///< words for which a sentence can still be found
constexpr std::size_t kPlainBelow = 150;        ///< target words below which a text has no headings
constexpr std::size_t kAttempts = 64;           ///< to find a sentence that fits
constexpr std::size_t kSlackPercent = 7;        ///< of the target, to either side
constexpr std::size_t kWordsForLead = 1'000;    ///< target from which a paragraph may stay with its class for longer

/// Deals 0 … size-1 in a mixed order, each once before any comes again.
class Deck {
public:
    std::size_t next(Random& random, std::size_t size) {
        if (size < 2) return 0;
        if (stride_ == 0) {
            at_ = static_cast<std::uint32_t>(random.below(size));
            do stride_ = static_cast<std::uint32_t>(1 + random.below(size - 1));
            while (std::gcd(stride_, size) != 1);
        }
        at_ = static_cast<std::uint32_t>((at_ + stride_) % size);
        return at_;
    }

private:
    std::uint32_t at_ = 0, stride_ = 0;
};

struct Pool {
    std::vector<const Fact*> facts;
    Deck deck;

    const Fact& next(Random& random) { return *facts[deck.next(random, facts.size())]; }
};

/// A class of the document, with the facts that name no other.
struct Subject {
    Pool topics, terms, instruments, future, objects, quantities;
    std::size_t sentences = 0;
    std::uint8_t has = 0;

    Subject(const Facts& facts, const Taxonomy& taxonomy, const LabelSet& labels) {
        const auto keep = [&](Pool& pool, const std::vector<Fact>& all) {
            for (const auto& fact : all)
                if (std::ranges::all_of(fact.names, [&](LabelId named) { return taxonomy.covers(labels, named); }))
                    pool.facts.push_back(&fact);
        };
        keep(topics, facts.topics);
        keep(terms, facts.terms);
        keep(instruments, facts.instruments);
        keep(future, facts.future);
        keep(objects, facts.objects);
        keep(quantities, facts.quantities);
        if (topics.facts.empty()) topics.facts.push_back(&facts.topics.front());
        if (terms.facts.empty()) terms.facts = topics.facts;
        const auto flag = [](const Pool& pool, Has bit) { return pool.facts.empty() ? 0 : static_cast<int>(bit); };
        has = static_cast<std::uint8_t>(flag(instruments, kInstrument) | flag(future, kFuture) |
                                        flag(objects, kObject) | flag(quantities, kQuantity));
    }
};

class Writer {
public:
    Writer(const Grammar& grammar, std::vector<Subject> subjects, std::uint64_t seed, std::size_t target)
        : grammar_(grammar),
          random_(seed),
          subjects_(std::move(subjects)),
          decks_(grammar.symbols.size()),
          target_(target),
          most_(target + target * kSlackPercent / 100),
          least_(target - target * kSlackPercent / 100),
          notation_(random_.chance(1, 2) ? Notation::programmer : Notation::typeset) {
        random_.shuffle(std::span(subjects_));
        out_.reserve(target * 8 + 256);
    }

    std::string write(const std::vector<std::uint32_t>& forms) && {
        const Form& form = grammar_.forms[forms[random_.below(forms.size())]];
        choose_subjects(true);
        out_ = kTitle;
        line(form.title);
        const std::size_t title_end = out_.size();
        if (target_ >= kPlainBelow)
            for (const auto symbol : form.lines) {
                out_ += out_.size() == title_end ? "\n\n" : "\n";
                line(symbol);
            }
        words_ = synth::count_words(std::string_view(out_).substr(kTitle.size()));
        std::size_t shares = 0, share = 0;
        for (const auto& section : form.sections) shares += section.share;
        for (const auto& section : form.sections) {
            share += section.share;
            write_section(section, target_ * share / shares, share == shares);
        }
        return std::move(out_);
    }

private:
    /// Sentences until the document has `goal` words.
    void write_section(const Section& section, std::size_t goal, bool last) {
        std::size_t failures = 0;
        for (std::size_t count = 0; words_ < goal && failures < kAttempts;) {
            if (last && words_ >= least_ && failures > 0) return;
            if (write_item(section, count))
                ++count, failures = 0;
            else
                ++failures;
        }
    }

    /// One sentence with what goes in front of it. False when it did not fit: nothing was written then.
    bool write_item(const Section& section, std::size_t count) {
        const std::size_t start = out_.size();
        const bool new_block = count % section.length == 0;
        choose_subjects(new_block && section.style != Style::rows);
        const bool heading = section.heading != Section::kNoHeading && target_ >= kPlainBelow &&
                             (count == 0 || (new_block && section.style == Style::bullets));
        if (heading) {
            out_ += "\n\n";
            line(section.heading);
        }
        if (heading && section.style != Style::prose)
            out_ += '\n';
        else if (count == 0 || (new_block && section.style != Style::rows))
            out_ += "\n\n";
        else
            out_ += section.style == Style::prose ? ' ' : '\n';
        if (section.style == Style::bullets) out_ += "• ";
        line(choose_role(section));

        const std::size_t words = words_ + synth::count_words(std::string_view(out_).substr(start));
        if (words > most_ || (words < least_ && words + kShortest > most_)) {
            out_.resize(start);
            return false;
        }
        words_ = words;
        ++first_->sentences;
        if (second_used_) ++second_->sentences;
        return true;
    }

    std::uint32_t choose_role(const Section& section) {
        while (true) {
            const std::uint32_t role = section.roles[random_.below(section.roles.size())];
            if (grammar_.symbols[role].usable[has_]) return role;
        }
    }

    /// The class with the fewest sentences so far, or, within a paragraph, the one that it is about for as long as that
    /// is fair; and as a second one the next in need.
    void choose_subjects(bool new_block) {
        const auto fewer = [](const Subject& a, const Subject& b) { return a.sentences < b.sentences; };
        const auto neediest = std::ranges::min_element(subjects_, fewer);
        const std::size_t lead = target_ >= kWordsForLead ? 1 : 0;
        if (first_ == nullptr || new_block || first_->sentences > neediest->sentences + lead) first_ = &*neediest;
        has_ = first_->has;
        if (subjects_.size() == 1) return;
        second_ = nullptr;
        for (auto& subject : subjects_)
            if (&subject != first_ && (second_ == nullptr || fewer(subject, *second_))) second_ = &subject;
        has_ = static_cast<std::uint8_t>(has_ | kPair | ((second_->has & kInstrument) != 0 ? kInstrument2 : 0) |
                                         ((second_->has & kObject) != 0 ? kObject2 : 0));
    }

    /// Expands `symbol`, beginning with a capital.
    void line(std::uint32_t symbol) {
        quantity_ = nullptr;
        second_used_ = false;
        const std::size_t start = out_.size();
        expand(symbol);
        capitalise(start);
    }

    void expand(std::uint32_t index) {
        const Symbol& symbol = grammar_.symbols[index];
        Deck& deck = decks_[index];
        const Alternative* alternative = &symbol.alternatives[deck.next(random_, symbol.alternatives.size())];
        while (!alternative->usable[has_])
            alternative = &symbol.alternatives[deck.next(random_, symbol.alternatives.size())];
        for (const auto& piece : alternative->pieces) {
            switch (piece.slot) {
                case Slot::literal: out_ += piece.text; break;
                case Slot::symbol: expand(piece.symbol); break;
                case Slot::topic: out_ += first_->topics.next(random_).text; break;
                case Slot::term: out_ += first_->terms.next(random_).text; break;
                case Slot::bare_term: out_ += first_->terms.next(random_).bare; break;
                case Slot::instrument: out_ += first_->instruments.next(random_).text; break;
                case Slot::bare_instrument: out_ += first_->instruments.next(random_).bare; break;
                case Slot::future: out_ += first_->future.next(random_).text; break;
                case Slot::object: out_ += first_->objects.next(random_).text; break;
                case Slot::quantity: out_ += quantity().text; break;
                case Slot::bare_quantity: out_ += quantity().bare; break;
                case Slot::a_quantity: append_with_article(quantity().bare); break;
                case Slot::value: append_value(); break;
                case Slot::range: append_range(); break;
                case Slot::topic2: out_ += second().topics.next(random_).text; break;
                case Slot::term2: out_ += second().terms.next(random_).text; break;
                case Slot::bare_term2: out_ += second().terms.next(random_).bare; break;
                case Slot::instrument2: out_ += second().instruments.next(random_).text; break;
                case Slot::object2: out_ += second().objects.next(random_).text; break;
            }
        }
    }

    Subject& second() {
        second_used_ = true;
        return *second_;
    }

    /// The one quantity of the sentence.
    const Fact& quantity() {
        if (quantity_ == nullptr) quantity_ = &first_->quantities.next(random_);
        return *quantity_;
    }

    /// "an X-ray luminosity": capital letters are spelled out, lower-case words spoken.
    void append_with_article(std::string_view noun) {
        constexpr std::string_view kSpokenWithVowel = "aeioAEFHILMNORSX";
        out_ += kSpokenWithVowel.find(noun.front()) != std::string_view::npos ? "an " : "a ";
        out_ += noun;
    }

    void append_unit() {
        if (quantity_->unit.empty()) return;
        out_ += ' ';
        out_ += quantity_->unit;
    }

    void append_value() {
        append(out_, quantity().values->draw(random_), notation_);
        append_unit();
    }

    void append_range() {
        const auto [low, high] = quantity().values->draw_two(random_);
        append(out_, low, notation_);
        out_ += " to ";
        append(out_, high, notation_);
        append_unit();
    }

    /// Plain words only: eROSITA, r-process and chi_eff stay as they are.
    void capitalise(std::size_t at) {
        if (out_[at] == '"') ++at;
        const std::size_t end = std::min(out_.find(' ', at), out_.size());
        std::size_t letters = 0;
        while (at + letters < end && out_[at + letters] >= 'a' && out_[at + letters] <= 'z') ++letters;
        const char next = at + letters < end ? out_[at + letters] : ' ';
        const bool plain = next == ' ' || next == ',' || next == ':' || next == '.' || (next == '-' && letters > 1);
        if (letters > 0 && plain) out_[at] = static_cast<char>(out_[at] - 'a' + 'A');
    }

    const Grammar& grammar_;
    Random random_;
    std::vector<Subject> subjects_;
    std::vector<Deck> decks_;  ///< by symbol
    std::size_t target_, most_, least_, words_ = 0;
    Notation notation_;
    std::string out_;

    Subject* first_ = nullptr;
    Subject* second_ = nullptr;
    std::uint8_t has_ = 0;
    bool second_used_ = false;
    const Fact* quantity_ = nullptr;
};

}  // namespace

std::string compose(const Grammar& grammar, const FactBook& book, const Taxonomy& taxonomy, const LabelSet& labels,
                    std::uint64_t seed, std::size_t target_words) {
    std::vector<Subject> subjects;
    if (taxonomy.is_negative(labels) && !book.categories.empty()) {
        const std::size_t category = Random(synth::derive_seed(seed, "category")).below(book.categories.size());
        subjects.emplace_back(book.categories[category], taxonomy, labels);
        return Writer(grammar, std::move(subjects), seed, target_words)
            .write(grammar.forms_of(taxonomy.negative_categories[category].id));
    }
    for (const LabelId label : labels) subjects.emplace_back(book.labels[label], taxonomy, labels);
    return Writer(grammar, std::move(subjects), seed, target_words).write(grammar.class_forms);
}

}  // namespace offline
