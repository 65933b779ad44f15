// Finds numbers that cannot be: a quantity of the classes that a text is about, named, with a number and a unit,
// outside of its physical range. What cannot be told is let pass.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/findings.hpp"
#include "common/folded_words.hpp"
#include "common/options.hpp"
#include "quantities/measures.hpp"
#include "synth/plugin.hpp"
#include "synth/text.hpp"

namespace {

using synth::LabelId;
using synth::LabelSet;
using synth::Quantity;
using synth::Result;
using synth::Review;
using synth::Taxonomy;
using synth::Verdict;
using synth::plugins::FoldedText;
using synth::plugins::FoldedWord;
using synth::quantities::Measure;
using synth::quantities::Unit;
using synth::validators::Action;
using synth::validators::Findings;
using synth::validators::in_quotes;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    )" SYNTH_ACTION_OPTION("implausible_quantity", "warn",
                           "what becomes of a text with a value outside of its physical range") R"(,
    "margin": {
      "type": "number", "default": 3, "minimum": 1, "maximum": 1000000,
      "description": "how many times beyond its range a value may be: ranges are of what is known, not of what may be found"
    }
  }
})";

constexpr std::size_t kMostFound = 5;     ///< that are told of one text
constexpr std::size_t kNearWords = 8;     ///< between a name and its value with a unit
constexpr std::size_t kNearestWords = 4;  ///< between a name and a value without one, all of them of kLinks

/// Words between a name and its value that leave no doubt.
constexpr std::string_view kLinks[] = {
    "about", "approximately", "around", "at",    "be", "equal", "equals", "found", "i",       "is", "measured", "near",
    "of",    "the",           "to",     "value", "wa", "was",   "a",      "an",    "roughly", "as"};

/// Words that make a number a bound, a difference or a ratio, not a value.
constexpr std::string_view kBounds[] = {"above",  "below", "least",       "les",        "less",    "limit",    "more",
                                        "most",   "than",  "over",        "under",      "upper",   "lower",    "factor",
                                        "time",   "times", "beyond",      "exceed",     "exceeds", "up",       "within",
                                        "change", "error", "uncertainty", "resolution", "cut",     "threshold"};

struct Range {
    LabelId label;
    const Quantity* quantity;
    Unit unit;
    double low, high;  ///< in the base units of `unit`
};

std::string number(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 4).ptr;
    return {text.data(), end};
}

class QuantitiesValidator final : public synth::Validator {
public:
    QuantitiesValidator(const Taxonomy& taxonomy, Action action, double margin)
        : taxonomy_(taxonomy), action_(action), margin_(margin) {
        for (std::size_t i = 0; i < taxonomy.labels.size(); ++i)
            for (const Quantity& quantity : taxonomy.labels[i].quantities) add(static_cast<LabelId>(i), quantity);
    }

    static Result<std::unique_ptr<synth::Validator>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        return std::unique_ptr<synth::Validator>(std::make_unique<QuantitiesValidator>(
            host.taxonomy(), synth::validators::action_of(given, "implausible_quantity"), given.number("margin")));
    }

    Result<Verdict> check(const Review& review) const override {
        Findings findings;
        if (action_ == Action::off || taxonomy_.is_negative(review.spec->labels)) return std::move(findings).verdict();
        const std::string_view text = review.draft->text;
        synth::plugins::fold_words(text, text_);
        std::size_t found = 0;
        for (std::size_t at = 0; at < text_.words.size() && found < kMostFound;) {
            const Name* name = name_at(at);
            if (name == nullptr) {
                ++at;
                continue;
            }
            at += name->words.size();
            found += static_cast<std::size_t>(check_value(*name, at, review.spec->labels, text, findings));
        }
        return std::move(findings).verdict();
    }

private:
    struct Name {
        std::vector<std::string> words;
        std::vector<Range> ranges;
    };

    /// Of "chirp mass (source frame)" the name is "chirp mass", of "energy flux >100 MeV" "energy flux".
    void add(LabelId label, const Quantity& quantity) {
        if (!quantity.low || !quantity.high) return;
        if (quantity.name.find("limit") != std::string::npos) return;  // of what is not measured
        const std::string_view full = quantity.name;
        const std::string_view name = synth::trim(full.substr(0, full.find_first_of("(<>=")));
        FoldedText folded;
        synth::plugins::fold_words(name, folded);
        if (folded.words.empty()) return;
        const std::string_view unit_text = quantity.unit;
        Unit unit = synth::quantities::parse_unit(unit_text);
        if (unit.size != unit_text.size()) return;  // a unit that cannot be read is not compared
        Range range{label, &quantity, unit, *quantity.low * unit.factor, *quantity.high * unit.factor};
        std::vector<std::string> words;
        for (const auto& word : folded.words) words.emplace_back(folded.fold(word));
        auto& of_first = names_[words.front()];
        auto known = std::ranges::find(of_first, words, &Name::words);
        if (known == of_first.end()) {
            of_first.push_back({std::move(words), {}});
            std::ranges::sort(of_first, [](const Name& a, const Name& b) {
                return a.words.size() != b.words.size() ? a.words.size() > b.words.size() : a.words < b.words;
            });
            known = std::ranges::find_if(of_first, [&](const Name& one) { return one.ranges.empty(); });
        }
        known->ranges.push_back(range);
        last_words_[known->words.back()].push_back(range);
        if (unit.size > 0) with_unit_.push_back(range);
    }

    /// The longest name that begins there; null: none.
    [[nodiscard]] const Name* name_at(std::size_t at) const {
        key_ = text_.fold(text_.words[at]);
        const auto of_first = names_.find(key_);
        if (of_first == names_.end()) return nullptr;
        for (const Name& name : of_first->second) {
            if (text_.words.size() - at < name.words.size()) continue;
            bool same = true;
            for (std::size_t i = 1; i < name.words.size() && same; ++i)
                same = (text_.words[at + i].gap & synth::plugins::kGapHard) == 0 &&
                       text_.fold(text_.words[at + i]) == name.words[i];
            if (same) return &name;
        }
        return nullptr;
    }

    template <std::size_t N>
    [[nodiscard]] static bool is_one_of(const std::string_view (&list)[N], std::string_view word) {
        return std::ranges::find(list, word) != std::end(list);
    }

    /// Looks for the value behind a name that ends before word `at`, and judges it. Whether something was found.
    bool check_value(const Name& name, std::size_t at, const LabelSet& labels, std::string_view text,
                     Findings& findings) const {
        bool linked = true;
        for (std::size_t i = at; i < text_.words.size() && i <= at + kNearWords; ++i) {
            const FoldedWord& word = text_.words[i];
            if ((word.gap & (synth::plugins::kGapSentence | synth::plugins::kGapParagraph)) != 0) return false;
            const std::size_t before = i == 0 ? 0 : text_.words[i - 1].end;
            const std::string_view gap = text.substr(before, word.begin - before);
            // ", 5 keV" is of another quantity; "<5 keV" is a bound.
            if (gap.find_first_of(",;<>|") != std::string_view::npos || gap.find("\u2264") != std::string_view::npos ||
                gap.find("\u2265") != std::string_view::npos || gap.find("\u2272") != std::string_view::npos)
                return false;
            if (i > at && name_at(i) != nullptr) return false;
            const std::string_view fold = text_.fold(word);
            if (is_one_of(kBounds, fold)) return false;
            const char first = text[word.begin];
            if (first < '0' || first > '9') {
                linked = linked && is_one_of(kLinks, fold);
                continue;
            }
            std::size_t begin = word.begin;
            if (gap.ends_with('-') || gap.ends_with('+')) {
                if (gap.size() < 2) return false;  // "Hz-10": part of something
                --begin;
            } else if (gap.ends_with("\u2212")) {
                begin -= 3;
            }
            if (gap.ends_with('(')) --begin;
            auto measure = synth::quantities::parse_measure(text.substr(begin));
            if (!measure && begin < word.begin)
                measure = synth::quantities::parse_measure(text.substr(begin = word.begin));
            if (!measure) return false;
            if (measure->unit.size == 0 && (!linked || i > at + kNearestWords)) return false;
            return judge(name, *measure, labels, text.substr(begin, measure->size), findings);
        }
        return false;
    }

    /// Whether the value is outside of all ranges that it can be meant by.
    bool judge(const Name& name, const Measure& measure, const LabelSet& labels, std::string_view as_written,
               Findings& findings) const {
        // A name of several words is known where the text's labels have it; one word ("mass", "energy") may be that of
        // anything which ends in it.
        const bool one_word = name.words.size() == 1;
        const auto& ranges = one_word ? last_words_.at(name.words.front()) : name.ranges;
        const Range* nearest = nullptr;
        double least = 0;
        for (const Range& range : ranges) {
            if (!(range.unit.dimension == measure.unit.dimension)) continue;
            // A pure number has no unit; "s s^-1" has one.
            if ((range.unit.size == 0) != (measure.unit.size == 0)) continue;
            const double beyond = distance(range, measure);
            if (beyond <= 1) return false;
            const bool carried = taxonomy_.covers(labels, range.label);
            if (carried && (nearest == nullptr || beyond < least)) {
                nearest = &range;
                least = beyond;
            }
        }
        if (nearest == nullptr) return false;
        // "A photon energy of 2 keV" in a text about X-rays as well, whose own is called "band"; "isotropic energy and
        // E_peak … 80 keV": a value that another quantity has, in the unit that it is given in.
        for (const Range& other : with_unit_) {
            const bool own_unit = nearest->unit.factor == measure.unit.factor && other.label == nearest->label;
            if (!own_unit && other.unit.dimension == measure.unit.dimension &&
                other.unit.factor == measure.unit.factor && labels.contains(other.label) &&
                distance(other, measure) <= 0)
                return false;
        }
        const Quantity& quantity = *nearest->quantity;
        const bool low = measure.low * measure.unit.factor < nearest->low;
        const double value = (low ? measure.low : measure.high) * measure.unit.factor / nearest->unit.factor;
        const std::string unit = quantity.unit.empty() ? "" : " " + quantity.unit;
        findings.add(action_, "implausible_quantity",
                     "the " + quantity.name + " of " + taxonomy_[nearest->label].name + " is given as " +
                         in_quotes(as_written, 60) + ", outside of " + number(*quantity.low) + " to " +
                         number(*quantity.high) + unit + ": give a value that is possible",
                     value, low ? *quantity.low : *quantity.high, taxonomy_[nearest->label].code);
        return action_ != Action::off;
    }

    /// How far beyond a range, 1 being the margin: in factors where the range is one of orders of magnitude, else in
    /// parts of its width.
    [[nodiscard]] double distance(const Range& range, const Measure& measure) const {
        const double low = measure.low * measure.unit.factor, high = measure.high * measure.unit.factor;
        if (low >= range.low && high <= range.high) return 0;
        if (range.low > 0 && low > 0) return std::max(range.low / low, high / range.high) / margin_;
        const double width = range.high - range.low;
        return std::max(range.low - low, high - range.high) / (width * (margin_ - 1) + width * 1e-9);
    }

    const Taxonomy& taxonomy_;
    Action action_;
    double margin_;
    std::unordered_map<std::string, std::vector<Name>> names_;        ///< by first word, the longest first
    std::unordered_map<std::string, std::vector<Range>> last_words_;  ///< by last word of the name
    std::vector<Range> with_unit_;                                    ///< all that have one
    mutable FoldedText text_;                                         ///< of the text that is looked at
    mutable std::string key_;
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, QuantitiesValidator, "quantities", "0.1.0",
             "finds values outside of the physical ranges of the classes' quantities", kOptions);
