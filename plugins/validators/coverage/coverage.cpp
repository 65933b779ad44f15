// Measures how much of a text speaks of each label that it carries, and of labels that it does not carry, by the facts
// of the classes.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/findings.hpp"
#include "common/options.hpp"
#include "common/topic_matcher.hpp"
#include "synth/plugin.hpp"

namespace {

using synth::Label;
using synth::LabelId;
using synth::LabelSet;
using synth::Result;
using synth::Review;
using synth::Taxonomy;
using synth::Verdict;
using synth::plugins::FactKind;
using synth::plugins::TopicMatcher;
using synth::plugins::TopicReading;
using synth::plugins::TopicSpan;
using synth::validators::Action;
using synth::validators::Findings;
using synth::validators::in_quotes;
using synth::validators::percent;
using synth::validators::percents;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    )" SYNTH_ACTION_OPTION("uncovered_label", "warn",
                           "what becomes of a text that hardly speaks of a label that it carries") R"(,
    )" SYNTH_ACTION_OPTION("foreign_topic", "warn",
                           "what becomes of a text that speaks much of a label that it does not carry") R"(,
    )" SYNTH_ACTION_OPTION("confused_label", "warn",
                           "what becomes of a text that speaks less of its label than of one that is easily taken for "
                           "it") R"(,
    )" SYNTH_ACTION_OPTION("late_label", "warn",
                           "what becomes of a text whose label shows late; needs first_words") R"(,
    "min_share": {
      "type": "number", "default": 0.3, "minimum": 0, "maximum": 1,
      "description": "share of the text that has to speak of each label; an even share where there are more labels than that allows"
    },
    "max_foreign": {
      "type": "number", "default": 0.25, "minimum": 0, "maximum": 1,
      "description": "share of the text that may speak of a label that it does not carry"
    },
    "first_words": {
      "type": "integer", "default": 0, "minimum": 0, "maximum": 1000000,
      "description": "words within which each label has to show; 0: anywhere"
    }
  }
})";

constexpr std::size_t kMostForeign = 5;     ///< labels that are told of one text
constexpr std::size_t kMostExamples = 3;    ///< of what a message names
constexpr std::uint32_t kFewestWords = 20;  ///< a shorter text says too little to tell what else it speaks of

struct Options {
    Action uncovered, foreign, confused, late;
    double min_share, max_foreign;
    std::uint32_t first_words;
};

class CoverageValidator final : public synth::Validator {
public:
    CoverageValidator(const Taxonomy& taxonomy, const Options& options) : options_(options), matcher_(taxonomy) {}

    static Result<std::unique_ptr<synth::Validator>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        const Options options{.uncovered = synth::validators::action_of(given, "uncovered_label"),
                              .foreign = synth::validators::action_of(given, "foreign_topic"),
                              .confused = synth::validators::action_of(given, "confused_label"),
                              .late = synth::validators::action_of(given, "late_label"),
                              .min_share = given.number("min_share"),
                              .max_foreign = given.number("max_foreign"),
                              .first_words = static_cast<std::uint32_t>(given.count("first_words"))};
        return std::unique_ptr<synth::Validator>(std::make_unique<CoverageValidator>(host.taxonomy(), options));
    }

    Result<Verdict> check(const Review& review) const override {
        Findings findings;
        const std::string& text = review.draft->text;
        matcher_.read(text, reading_);
        if (reading_.words() == 0) return std::move(findings).verdict();
        const LabelSet& labels = review.spec->labels;
        if (!taxonomy().is_negative(labels)) find_uncovered(labels, text, findings);
        if (reading_.words() >= kFewestWords) find_foreign(labels, text, findings);
        return std::move(findings).verdict();
    }

private:
    [[nodiscard]] const Taxonomy& taxonomy() const { return matcher_.taxonomy(); }

    void find_uncovered(const LabelSet& labels, std::string_view text, Findings& findings) const {
        const double limit = std::min(options_.min_share, 1.0 / static_cast<double>(labels.size()));
        for (const LabelId id : labels) {
            const Label& label = taxonomy()[id];
            const double share = reading_.share(id);
            if (share < limit) {
                const std::string unused = unused_facts(id, text);
                const auto [has, needs] = percents(share, limit);
                findings.add(options_.uncovered, "uncovered_label",
                             has + " of the text speaks of " + label.name + ", at least " + needs +
                                 " has to: say more about it" + (unused.empty() ? "" : ", such as " + unused),
                             share, limit, label.code);
            }
            if (options_.first_words == 0) continue;
            const auto first = reading_.first_word(id);
            if (!first || *first >= options_.first_words)
                findings.add(options_.late, "late_label",
                             (first ? label.name + " shows from word " + std::to_string(*first + 1) + " on only"
                                    : label.name + " does not show at all") +
                                 ": bring it in within the first " +
                                 synth::validators::counted(options_.first_words, "word"),
                             first ? std::optional(static_cast<double>(*first + 1)) : std::nullopt,
                             options_.first_words, label.code);
        }
    }

    /// What could be written about a label and is not: a few of its terms and objects.
    [[nodiscard]] std::string unused_facts(LabelId id, std::string_view text) const {
        const Label& label = taxonomy()[id];
        std::string facts;
        std::size_t count = 0;
        for (const auto* list : {&label.terms, &label.objects}) {
            for (const std::string& fact : *list) {
                if (count == kMostExamples) return facts;
                if (text.find(fact) != std::string_view::npos) continue;
                facts += (count++ == 0 ? "" : ", ") + fact;
            }
        }
        return facts;
    }

    /// By label: the words of the sentences that speak of it by themselves, and not of anything that the text is about.
    void find_foreign(const LabelSet& labels, std::string_view text, Findings& findings) const {
        if (options_.foreign == Action::off && options_.confused == Action::off) return;
        const std::size_t count = taxonomy().labels.size();
        own_.assign(count, false);
        for (std::size_t id = 0; id < count; ++id) own_[id] = taxonomy().covers(labels, static_cast<LabelId>(id));
        words_.assign(count, 0);
        counted_.assign(count, 0);
        evidence_.assign(count, {});
        const auto segments = reading_.segments();
        strays_.assign(segments.size(), false);
        std::size_t segment = 0;
        for (const TopicSpan& span : reading_.spans()) {
            while (span.begin >= segments[segment].end) ++segment;
            if (!speaks(span)) continue;
            strays_[segment] = true;
            // One term alone may have another meaning; a name has not.
            Evidence& evidence = evidence_[span.label];
            evidence.sure = evidence.sure || span.kind == FactKind::name || span.kind == FactKind::alias ||
                            (evidence.any && evidence.fact != span.fact);
            evidence.any = true;
            evidence.fact = span.fact;
            if (counted_[span.label] == segment + 1) continue;
            counted_[span.label] = segment + 1;
            words_[span.label] += segments[segment].words;
        }
        // Sentences about several other things, none of them above the limit, and about nothing of its own.
        std::uint64_t elsewhere = 0;
        for (std::size_t i = 0; i < segments.size(); ++i)
            if (strays_[i] && std::ranges::none_of(labels, [&](LabelId own) {
                    return reading_.service(i, own) >= synth::plugins::Service::entailed;
                }))
                elsewhere += segments[i].words;
        struct Foreign {
            LabelId label;
            double share;
        };
        std::vector<Foreign> found;
        for (std::size_t id = 0; id < count; ++id) {
            const double share = static_cast<double>(words_[id]) / reading_.words();
            if (!own_[id] && share > 0 && evidence_[id].sure) found.push_back({static_cast<LabelId>(id), share});
        }
        std::ranges::sort(found, [](const Foreign& a, const Foreign& b) {
            return a.share != b.share ? a.share > b.share : a.label < b.label;
        });
        std::size_t told = 0;
        for (const auto& [id, share] : found) {
            if (told == kMostForeign) break;
            const Label& label = taxonomy()[id];
            // Confusable with one of the text's own labels, of which it says less.
            const auto& confusable = label.confusable;
            const auto confused = std::ranges::find_if(labels, [&](LabelId own) {
                return std::ranges::find(confusable, own) != confusable.end() && reading_.share(own) < share;
            });
            if (confused != labels.end() && share > options_.max_foreign / 2) {
                const Label& meant = taxonomy()[*confused];
                findings.add(
                    options_.confused, "confused_label",
                    percent(share) + " of the text speaks of " + label.name + examples(id, text) + ", " +
                        percent(reading_.share(*confused)) + " of " + meant.name +
                        ", which it is to be about: keep to " + meant.name +
                        (meant.meaning.empty() || meant.meaning == meant.name ? "" : " (" + meant.meaning + ")"),
                    share, reading_.share(*confused), meant.code);
                ++told;
            } else if (share > options_.max_foreign) {
                const auto [has, may] = percents(share, options_.max_foreign);
                findings.add(options_.foreign, "foreign_topic",
                             has + " of the text speaks of " + label.name + examples(id, text) +
                                 ", which is none of its topics, at most " + may + " may: leave that out",
                             share, options_.max_foreign, label.code);
                ++told;
            }
        }
        const double share = static_cast<double>(elsewhere) / reading_.words();
        if (told > 0 || share <= options_.max_foreign || found.empty()) return;
        std::string names;
        for (std::size_t i = 0; i < std::min(found.size(), kMostExamples); ++i)
            names += (i == 0 ? "" : ", ") + taxonomy()[found[i].label].name + examples(found[i].label, text);
        const auto [has, may] = percents(share, options_.max_foreign);
        findings.add(options_.foreign, "foreign_topic",
                     has + " of the text speaks of none of its topics but of " + names + ", at most " + may +
                         " may: leave that out",
                     share, options_.max_foreign, taxonomy()[found[0].label].code);
    }

    /// Whether a place speaks for a label that the text does not carry, and for none that it does.
    [[nodiscard]] bool speaks(const TopicSpan& span) const {
        return span.strong && !span.nested && !own_[span.label] &&
               std::ranges::none_of(matcher_.owners(span.fact), [&](LabelId owner) { return own_[owner]; });
    }

    /// ' ("core collapse", "SN 2014J")': different places that speak for the label.
    [[nodiscard]] std::string examples(LabelId label, std::string_view text) const {
        std::vector<std::uint32_t> facts;
        std::string out;
        for (const TopicSpan& span : reading_.spans()) {
            if (span.label != label || !speaks(span) || facts.size() == kMostExamples ||
                std::ranges::find(facts, span.fact) != facts.end())
                continue;
            out += (facts.empty() ? " (" : ", ") + in_quotes(text.substr(span.begin, span.end - span.begin));
            facts.push_back(span.fact);
        }
        return out + ")";
    }

    Options options_;
    TopicMatcher matcher_;
    // Of the text that is looked at; kept for their allocations.
    mutable TopicReading reading_;
    struct Evidence {
        std::uint32_t fact = 0;  ///< met last
        bool any = false, sure = false;
    };
    mutable std::vector<Evidence> evidence_;  ///< by label that the text does not carry
    mutable std::vector<bool> own_;
    mutable std::vector<bool> strays_;  ///< by segment: speaks of a label that the text does not carry
    mutable std::vector<std::uint64_t> words_;
    mutable std::vector<std::size_t> counted_;  ///< by label: 1 + the segment counted last
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, CoverageValidator, "coverage", "0.1.0",
             "measures how much of a text speaks of each label, and of labels that it does not carry", kOptions);
