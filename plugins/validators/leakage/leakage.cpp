// Finds what lets a classifier learn a shortcut instead of the subject: label names as the label list spells them, the
// list itself, the name of the domain, tell-tale openings, and phrases that many texts of the set share.

#include <algorithm>
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
#include "common/phrases.hpp"
#include "common/word_runs.hpp"
#include "leakage/phrase_counts.hpp"
#include "synth/plugin.hpp"

namespace {

using synth::LabelId;
using synth::Result;
using synth::Review;
using synth::Status;
using synth::Taxonomy;
using synth::Verdict;
using synth::leakage::PhraseCounts;
using synth::plugins::FoldedText;
using synth::plugins::FoldedWord;
using synth::validators::Action;
using synth::validators::counted;
using synth::validators::Findings;
using synth::validators::hash_runs;
using synth::validators::in_quotes;
using synth::validators::percents;
using synth::validators::Phrases;
using synth::validators::Place;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    )" SYNTH_ACTION_OPTION("label_name", "warn",
                           "what becomes of a text that spells names as the label list does, in mid-sentence") R"(,
    )" SYNTH_ACTION_OPTION("label_list", "reject", "what becomes of a text with labels in a row, or their codes") R"(,
    )" SYNTH_ACTION_OPTION("telltale_phrase", "reject",
                           "what becomes of a text that names its domain or opens as model texts do") R"(,
    )" SYNTH_ACTION_OPTION("shared_phrase", "warn",
                           "what becomes of a text with a phrase that many texts of the set share") R"(,
    "max_label_names": {
      "type": "integer", "default": 2, "minimum": 0, "maximum": 1000000,
      "description": "label names that a text may spell as the label list does, in mid-sentence"
    },
    "phrases": {
      "type": "array", "items": {"type": "string"}, "default": [],
      "description": "more phrases that no text may have"
    },
    "max_shared": {
      "type": "number", "default": 0.1, "minimum": 0.02, "maximum": 1,
      "description": "share of the texts of the set that may have a run of eight words in common"
    },
    "reference": {
      "type": "string", "default": "",
      "description": "data set of real texts: a phrase counts only where it is ten times as frequent as there"
    }
  }
})";

constexpr std::size_t kMostExamples = 3;    ///< of what a message names
constexpr std::size_t kSharedRun = 8;       ///< words of a phrase that is shared
constexpr std::uint32_t kFewestTexts = 20;  ///< of a set that phrases can be common in
constexpr double kAboveReference = 10;      ///< as frequent as in the reference
constexpr double kCountingError = 0.005;    ///< of the shares of texts
constexpr std::size_t kFewestListed = 3;    ///< names in a row that are a list

struct Options {
    Action label_name, label_list, telltale_phrase, shared_phrase;
    std::uint64_t max_label_names;
    double max_shared;
};

/// The words of the set so far.
class SharedPhrases final : public synth::SetCheck {
public:
    SharedPhrases(const Options& options, const PhraseCounts& reference)
        : options_(options), reference_(reference), counts_(kCountingError) {}

    Result<Verdict> check(const Review& review) override {
        Findings findings;
        const std::uint32_t texts = counts_.texts();
        if (texts < kFewestTexts) return std::move(findings).verdict();
        read(review);
        // Runs that follow each other make one phrase; the most frequent is told.
        double worst = 0;
        std::size_t from = 0, to = 0;
        for (std::size_t i = 0; i < hashes_.size();) {
            std::size_t end = i;
            double most = 0;
            for (; end < hashes_.size(); ++end) {
                const double share = excess(hashes_[end], texts);
                if (share <= options_.max_shared) break;
                most = std::max(most, share);
            }
            if (most > worst) {
                worst = most;
                from = i;
                to = end;
            }
            i = end + 1;
        }
        if (worst > 0) {
            const FoldedWord& last = text_.words[std::min(to + kSharedRun - 2, text_.words.size() - 1)];
            const std::size_t begin = text_.words[from].begin;
            const auto [has, may] = percents(worst, options_.max_shared);
            findings.add(options_.shared_phrase, "shared_phrase",
                         "the phrase " +
                             in_quotes(std::string_view(review.draft->text).substr(begin, last.end - begin), 120) +
                             " stands in " + has + " of the texts before, at most " + may +
                             " may have it: say it in words of your own",
                         worst, options_.max_shared);
        }
        return std::move(findings).verdict();
    }

    Status add(const Review& review) override {
        read(review);
        if (!text_.words.empty()) counts_.add(sorted_ = hashes_);
        return {};
    }

private:
    void read(const Review& review) {
        synth::plugins::fold_words(review.draft->text, text_);
        hash_runs(text_, kSharedRun, hashes_);
    }

    /// The share of texts with that run, 0 when it is not far above that of the reference.
    [[nodiscard]] double excess(std::uint64_t hash, std::uint32_t texts) const {
        const double share = static_cast<double>(counts_.texts_with(hash)) / texts;
        if (share <= options_.max_shared || reference_.texts() == 0) return share;
        const double usual = static_cast<double>(reference_.texts_with(hash)) / reference_.texts();
        return share > kAboveReference * usual ? share : 0;
    }

    Options options_;
    const PhraseCounts& reference_;
    PhraseCounts counts_;
    FoldedText text_;  ///< of the text read last
    std::vector<std::uint64_t> hashes_, sorted_;
};

class LeakageValidator final : public synth::Validator {
public:
    LeakageValidator(const Taxonomy& taxonomy, const Options& options) : options_(options), reference_(kCountingError) {
        for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) {
            const auto id = static_cast<LabelId>(i);
            if (taxonomy.negative == id) continue;  // its name is no word of any text
            add_name(taxonomy.labels[i].name, id, false);
            // "MMA_M_EM_G" is no word of any language; a code such as "X" may be one.
            const std::string& code = taxonomy.labels[i].code;
            if (code.find('_') != std::string::npos && code != taxonomy.labels[i].name) add_name(code, id, true);
        }
        for (auto& [first, names] : names_)
            std::ranges::sort(names, [](const Name& a, const Name& b) {
                return a.words.size() != b.words.size() ? a.words.size() > b.words.size() : a.label < b.label;
            });
    }

    static Result<std::unique_ptr<synth::Validator>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        auto made = std::make_unique<LeakageValidator>(
            host.taxonomy(), Options{.label_name = synth::validators::action_of(given, "label_name"),
                                     .label_list = synth::validators::action_of(given, "label_list"),
                                     .telltale_phrase = synth::validators::action_of(given, "telltale_phrase"),
                                     .shared_phrase = synth::validators::action_of(given, "shared_phrase"),
                                     .max_label_names = given.count("max_label_names"),
                                     .max_shared = given.number("max_shared")});
        const auto phrases = synth::validators::read_text_lists(host.data_dir() + "/phrases.json");
        if (!phrases) return phrases.error();
        if (Status added = made->phrases_.add(*phrases); !added) return added.error();
        for (const auto& phrase : given.texts("phrases")) made->phrases_.add(phrase, Place::anywhere);
        if (const auto path = given.text("reference"); !path.empty()) {
            std::vector<std::uint64_t> hashes;
            const Status read = synth::validators::read_reference(path, host, [&](std::string_view text) {
                synth::plugins::fold_words(text, made->text_);
                hash_runs(made->text_, kSharedRun, hashes);
                made->reference_.add(hashes);
            });
            if (!read) return read.error();
        }
        return std::unique_ptr<synth::Validator>(std::move(made));
    }

    Result<Verdict> check(const Review& review) const override {
        const std::string_view text = review.draft->text;
        Findings findings;
        synth::plugins::fold_words(text, text_);
        find_names(text);

        std::vector<std::string> examples;
        const auto told = [&] {
            std::string out;
            for (const auto& example : examples) out += (out.empty() ? "" : ", ") + example;
            return out;
        };
        if (const std::uint64_t names = count_capitalised(text, examples); names > options_.max_label_names)
            findings.add(options_.label_name, "label_name",
                         "label names stand in the text as the label list spells them, " + counted(names, "time") +
                             " (" + told() + "), at most " + std::to_string(options_.max_label_names) +
                             " may be: write them as a sentence does, or in other words",
                         static_cast<double>(names), static_cast<double>(options_.max_label_names));
        if (const auto [from, to] = longest_list(text); from != to)
            findings.add(options_.label_list, "label_list",
                         "the text lists its labels (" +
                             in_quotes(text.substr(found_[from].begin, found_[to - 1].end - found_[from].begin)) +
                             "): leave the list out",
                         static_cast<double>(to - from), static_cast<double>(kFewestListed));
        examples.clear();
        const auto phrases = phrases_.find(text_, 100);
        for (const auto& phrase : phrases)
            if (examples.size() < kMostExamples)
                examples.push_back(in_quotes(text.substr(phrase.begin, phrase.end - phrase.begin)));
        if (!phrases.empty())
            findings.add(options_.telltale_phrase, "telltale_phrase",
                         "the text has phrases that give it away (" + told() + "): do not use them",
                         static_cast<double>(phrases.size()), 0);
        return std::move(findings).verdict();
    }

    Result<std::unique_ptr<synth::SetCheck>> set_check() const override {
        if (options_.shared_phrase == Action::off) return std::unique_ptr<synth::SetCheck>();
        return std::unique_ptr<synth::SetCheck>(std::make_unique<SharedPhrases>(options_, reference_));
    }

private:
    struct Name {
        std::vector<std::string> words;
        std::string_view spelling;
        LabelId label;
        bool code;
    };
    /// A name that stands in the text to the letter.
    struct Found {
        std::size_t begin, end;   ///< bytes
        std::size_t first, past;  ///< words
        LabelId label;
        bool code;
    };

    void add_name(std::string_view spelling, LabelId label, bool code) {
        FoldedText folded;
        synth::plugins::fold_words(spelling, folded);
        if (folded.words.empty()) return;
        Name name{.spelling = spelling, .label = label, .code = code};
        for (const auto& word : folded.words) name.words.emplace_back(folded.fold(word));
        names_[name.words.front()].push_back(std::move(name));
    }

    void find_names(std::string_view text) const {
        found_.clear();
        const auto& words = text_.words;
        for (std::size_t at = 0; at < words.size(); ++at) {
            key_ = text_.fold(words[at]);
            const auto of_first = names_.find(key_);
            if (of_first == names_.end()) continue;
            for (const Name& name : of_first->second) {
                if (words.size() - at < name.words.size()) continue;
                const std::size_t past = at + name.words.size();
                const std::size_t begin = words[at].begin, end = words[past - 1].end;
                if (text.substr(begin, end - begin) != name.spelling) continue;
                found_.push_back({begin, end, at, past, name.label, name.code});
                at = past - 1;
                break;
            }
        }
    }

    /// Names with a capital that a sentence would not give them: "Neutron Stars" in the middle of one.
    std::uint64_t count_capitalised(std::string_view text, std::vector<std::string>& examples) const {
        std::uint64_t count = 0;
        for (const Found& found : found_) {
            if (found.code || text_.words[found.past - 1].acronym) continue;
            const FoldedWord& first = text_.words[found.first];
            // One word with a capital may be the first of a heading or a sentence, two are a name.
            const bool title_case = found.past - found.first >= 2 && text_.words[found.past - 1].capital;
            const bool begins =
                found.first == 0 || (first.gap & synth::plugins::kGapHard) != 0 || line_begins(text, first.begin);
            if (!first.capital || first.end - first.begin < 2 || begins || (!title_case && in_heading(found))) continue;
            ++count;
            if (examples.size() < kMostExamples)
                examples.push_back(in_quotes(text.substr(found.begin, found.end - found.begin)));
        }
        return count;
    }

    static bool line_begins(std::string_view text, std::size_t at) {
        while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) --at;
        return at == 0 || text[at - 1] == '\n';
    }

    /// Words around it have capitals, too.
    [[nodiscard]] bool in_heading(const Found& found) const {
        const auto& words = text_.words;
        return words[found.first - 1].capital || (found.past < words.size() && words[found.past].capital);
    }

    /// Names or codes in a row with nothing but marks and "and" between them, spelled as in the list: three, or fewer
    /// behind a word such as "Labels:"; places in found_.
    [[nodiscard]] std::pair<std::size_t, std::size_t> longest_list(std::string_view text) const {
        std::pair<std::size_t, std::size_t> best{0, 0};
        for (std::size_t from = 0; from < found_.size();) {
            std::size_t to = from + 1;
            std::vector<LabelId> labels{found_[from].label};
            bool listed = found_[from].code || is_announced(text, found_[from].first);
            for (; to < found_.size(); ++to) {
                const std::size_t between = found_[to].first - found_[to - 1].past;
                const bool next =
                    between == 0 || (between == 1 && text_.fold(text_.words[found_[to].first - 1]) == "and");
                if (!next) break;
                listed = listed || found_[to].code;
                if (std::ranges::find(labels, found_[to].label) == labels.end()) labels.push_back(found_[to].label);
            }
            if ((labels.size() >= kFewestListed || listed) && to - from > best.second - best.first) best = {from, to};
            from = to;
        }
        return best;
    }

    /// "Labels: ", "Topics -", "[Category] " before word `at`: one of these words, and a mark between.
    [[nodiscard]] bool is_announced(std::string_view text, std::size_t at) const {
        constexpr std::string_view kHeads[] = {"label", "topic", "keyword", "tag", "category", "theme"};
        if (at == 0) return false;
        const std::string_view gap =
            text.substr(text_.words[at - 1].end, text_.words[at].begin - text_.words[at - 1].end);
        return gap.find_first_of(":=-|]\xE2") != std::string_view::npos &&  // dashes beyond ASCII begin with E2
               gap.find_first_of(" \n") != std::string_view::npos &&
               std::ranges::find(kHeads, text_.fold(text_.words[at - 1])) != std::end(kHeads);
    }

    Options options_;
    Phrases phrases_;
    std::unordered_map<std::string, std::vector<Name>> names_;  ///< by first word, the longest first
    PhraseCounts reference_;
    mutable FoldedText text_;  ///< of the text that is looked at
    mutable std::vector<Found> found_;
    mutable std::string key_;
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, LeakageValidator, "leakage", "0.1.0",
             "finds label names and lists, the domain's name, tell-tale openings, phrases that many texts share",
             kOptions);
