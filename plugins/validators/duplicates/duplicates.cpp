// Finds texts that are copies of others, whole or nearly: of the same set, and of a reference set that they must not be
// taken from, such as the one that a classifier is tested on.

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
#include "common/word_runs.hpp"
#include "duplicates/near_index.hpp"
#include "duplicates/reference_index.hpp"
#include "synth/plugin.hpp"
#include "synth/random.hpp"

namespace {

using synth::Result;
using synth::Review;
using synth::Status;
using synth::Verdict;
using synth::duplicates::NearIndex;
using synth::duplicates::ReferenceIndex;
using synth::duplicates::Signature;
using synth::plugins::FoldedText;
using synth::validators::Action;
using synth::validators::Findings;
using synth::validators::hash_runs;
using synth::validators::percent;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    )" SYNTH_ACTION_OPTION("duplicate", "reject",
                           "what becomes of a text that has the same words as an earlier one") R"(,
    )" SYNTH_ACTION_OPTION("near_duplicate", "reject", "what becomes of a text that is much like an earlier one") R"(,
    )" SYNTH_ACTION_OPTION("contamination", "reject", "what becomes of a text that is taken from the reference") R"(,
    "max_similarity": {
      "type": "number", "default": 0.4, "minimum": 0, "maximum": 1,
      "description": "how much two texts may be alike: share of their runs of three words that they have in common"
    },
    "reference": {
      "type": "string", "default": "",
      "description": "data set that no text may be taken from: a validation set, or a corpus that the new texts are added to"
    },
    "max_overlap": {
      "type": "number", "default": 0.2, "minimum": 0, "maximum": 1,
      "description": "share of a text's runs of eight words that may stand in the reference"
    }
  }
})";

struct Options {
    Action duplicate, near_duplicate, contamination;
    double max_similarity, max_overlap;
};

/// What the texts of the set have in common.
class DuplicatesCheck final : public synth::SetCheck {
public:
    explicit DuplicatesCheck(const Options& options) : options_(options) {}

    Result<Verdict> check(const Review& review) override {
        Findings findings;
        read(review);
        if (text_.words.empty()) return std::move(findings).verdict();
        constexpr const char* kAdvice =
            ": write about other objects and results, in another order and from another angle";
        if (const auto same = whole_.find(whole_hash_); same != whole_.end()) {
            findings.add(options_.duplicate, "duplicate",
                         "the text is that of sample " + std::to_string(same->second + 1) + " again" + kAdvice, 1, 1);
            return std::move(findings).verdict();
        }
        const auto near = index_.nearest(signature_);
        if (near && near->similarity > options_.max_similarity)
            findings.add(options_.near_duplicate, "near_duplicate",
                         "the text is nearly that of sample " + std::to_string(samples_[near->text] + 1) + " (" +
                             percent(near->similarity) + " alike)" + kAdvice,
                         near->similarity, options_.max_similarity);
        return std::move(findings).verdict();
    }

    Status add(const Review& review) override {
        read(review);
        if (text_.words.empty()) return {};
        whole_.try_emplace(whole_hash_, review.spec->index);
        index_.add(signature_);
        samples_.push_back(review.spec->index);
        return {};
    }

private:
    /// The same text is checked and then added: what was read of it serves twice.
    void read(const Review& review) {
        const std::string& text = review.draft->text;
        if (text == read_) return;
        read_ = text;
        synth::plugins::fold_words(text, text_);
        hash_runs(text_, synth::duplicates::kRunLength, hashes_);
        signature_ = synth::duplicates::signature_of(hashes_);
        whole_hash_ = text_.words.size();
        for (const std::uint64_t hash : hashes_) whole_hash_ = synth::mix64(whole_hash_ * 3 + hash);
    }

    Options options_;
    NearIndex index_;
    std::vector<std::uint64_t> samples_;                      ///< by number in the index
    std::unordered_map<std::uint64_t, std::uint64_t> whole_;  ///< hash of all words → sample
    // Of the text read last.
    std::string read_;
    FoldedText text_;
    std::vector<std::uint64_t> hashes_;
    Signature signature_{};
    std::uint64_t whole_hash_ = 0;
};

class DuplicatesValidator final : public synth::Validator {
public:
    explicit DuplicatesValidator(const Options& options) : options_(options) {}

    static Result<std::unique_ptr<synth::Validator>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        auto made = std::make_unique<DuplicatesValidator>(
            Options{.duplicate = synth::validators::action_of(given, "duplicate"),
                    .near_duplicate = synth::validators::action_of(given, "near_duplicate"),
                    .contamination = synth::validators::action_of(given, "contamination"),
                    .max_similarity = given.number("max_similarity"),
                    .max_overlap = given.number("max_overlap")});
        if (const auto path = given.text("reference"); !path.empty()) {
            const Status read = synth::validators::read_reference(path, host, [&](std::string_view text) {
                synth::plugins::fold_words(text, made->text_);
                hash_runs(made->text_, ReferenceIndex::kRunLength, made->hashes_);
                made->reference_.add(made->hashes_);
            });
            if (!read) return read.error();
        }
        return std::unique_ptr<synth::Validator>(std::move(made));
    }

    Result<Verdict> check(const Review& review) const override {
        Findings findings;
        if (reference_.documents() == 0 || options_.contamination == Action::off) return std::move(findings).verdict();
        synth::plugins::fold_words(review.draft->text, text_);
        hash_runs(text_, ReferenceIndex::kRunLength, hashes_);
        const auto overlap = reference_.overlap(hashes_);
        if (overlap.share > options_.max_overlap)
            findings.add(
                options_.contamination, "contamination",
                percent(overlap.share) + " of the text stands word for word in the reference set, mostly in its text " +
                    std::to_string(overlap.document + 1) + ": write other sentences about other objects and results",
                overlap.share, options_.max_overlap);
        return std::move(findings).verdict();
    }

    Result<std::unique_ptr<synth::SetCheck>> set_check() const override {
        if (options_.duplicate == Action::off && options_.near_duplicate == Action::off)
            return std::unique_ptr<synth::SetCheck>();
        return std::unique_ptr<synth::SetCheck>(std::make_unique<DuplicatesCheck>(options_));
    }

private:
    Options options_;
    ReferenceIndex reference_;
    mutable FoldedText text_;  ///< of the text that is looked at
    mutable std::vector<std::uint64_t> hashes_;
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, DuplicatesValidator, "duplicates", "0.1.0",
             "finds copies and near copies, within the set and of a reference set", kOptions);
