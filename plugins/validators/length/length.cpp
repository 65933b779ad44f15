// Says when a text is shorter or longer than it should be: against the length that was asked for, a range, or the
// lengths of a reference set. Rejects what is empty or was stopped before its end.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/findings.hpp"
#include "common/options.hpp"
#include "synth/plugin.hpp"
#include "synth/text.hpp"
#include "synth/validator.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::FinishReason;
using synth::Result;
using synth::Review;
using synth::Verdict;
using synth::validators::Action;
using synth::validators::counted;
using synth::validators::Findings;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    "min_words": {
      "type": "integer", "default": 0, "minimum": 0, "maximum": 1000000,
      "description": "a text with fewer words is short; 0: fewer than the prompt asks for"
    },
    "max_words": {
      "type": "integer", "default": 0, "minimum": 0, "maximum": 1000000,
      "description": "a text with more words is long; 0: no maximum"
    },
    "tolerance": {
      "type": "number", "default": 0, "minimum": 0, "maximum": 1,
      "description": "share of the words that the prompt asks for that may be missing"
    },
    "reject_short": {
      "type": "boolean", "default": false,
      "description": "have a short text written again; else it is a warning"
    },
    "reject_long": {
      "type": "boolean", "default": false,
      "description": "have a long text written again; else it is a warning"
    },
    "reference": {
      "type": "string", "default": "",
      "description": "data set whose lengths are the measure: shorter or longer than nearly all of its texts is short or long"
    },
    "reference_outside": {
      "type": "number", "default": 0.02, "minimum": 0, "maximum": 0.5,
      "description": "share of the reference texts that count as too short, and as many as too long"
    }
  }
})";

struct Limits {
    std::uint64_t min_words = 0;  ///< 0: what the prompt asks for
    std::uint64_t max_words = 0;  ///< 0: none
    bool of_reference = false;    ///< both are
    double tolerance = 0;
    Action too_short = Action::warn, too_long = Action::warn;
};

Verdict rejected(const char* code, std::string message) {
    Findings findings;
    findings.add(Action::reject, code, std::move(message));
    return std::move(findings).verdict();
}

class LengthValidator final : public synth::Validator {
public:
    explicit LengthValidator(const Limits& limits) : limits_(limits) {}

    static Result<std::unique_ptr<synth::Validator>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        Limits limits{.min_words = given.count("min_words"),
                      .max_words = given.count("max_words"),
                      .tolerance = given.number("tolerance"),
                      .too_short = given.flag("reject_short") ? Action::reject : Action::warn,
                      .too_long = given.flag("reject_long") ? Action::reject : Action::warn};
        if (limits.max_words != 0 && limits.min_words > limits.max_words)
            return Error{ErrorCode::invalid_argument, "min_words (" + std::to_string(limits.min_words) +
                                                          ") is above max_words (" + std::to_string(limits.max_words) +
                                                          "): lower one or raise the other"};
        if (const auto path = given.text("reference"); !path.empty()) {
            if (limits.min_words != 0 || limits.max_words != 0)
                return Error{ErrorCode::invalid_argument,
                             "reference stands beside min_words or max_words: give one or the other"};
            std::vector<std::uint64_t> lengths;
            const auto read = synth::validators::read_reference(
                path, host, [&](std::string_view text) { lengths.push_back(synth::count_words(text)); });
            if (!read) return read.error();
            std::ranges::sort(lengths);
            // Rounded down: so many texts are outside, at most.
            const auto outside = static_cast<std::size_t>(
                std::floor(given.number("reference_outside") * static_cast<double>(lengths.size() - 1)));
            limits.min_words = lengths[outside];
            limits.max_words = lengths[lengths.size() - 1 - outside];
            limits.of_reference = true;
        }
        return std::unique_ptr<synth::Validator>(std::make_unique<LengthValidator>(limits));
    }

    Result<Verdict> check(const Review& review) const override {
        // What was stopped is never whole, whatever its length.
        const auto finish = review.completion != nullptr ? review.completion->finish : FinishReason::unknown;
        if (finish == FinishReason::content_filter)
            return rejected("content_filter",
                            "a content filter stopped the answer: keep to the science and write the whole document");
        if (finish == FinishReason::length)
            return rejected("truncated",
                            "the answer was cut at its output limit: write a document that ends within it");

        const std::uint64_t words = synth::count_words(review.draft->text);
        if (words == 0) return rejected("empty", "the text is empty: write the whole document");

        const std::uint64_t target = review.prompt != nullptr ? review.prompt->target_words : 0;
        std::uint64_t least =
            limits_.min_words != 0
                ? limits_.min_words
                : static_cast<std::uint64_t>(std::ceil(static_cast<double>(target) * (1 - limits_.tolerance) - 1e-6));
        if (limits_.max_words != 0) least = std::min(least, limits_.max_words);
        Findings findings;
        const char* const wanted = limits_.of_reference ? " are usual in the reference set" : " were asked for";
        if (words < least)
            findings.add(limits_.too_short, "too_short",
                         "the text has " + counted(words, "word") + ", at least " + std::to_string(least) + wanted,
                         static_cast<double>(words), static_cast<double>(least));
        else if (limits_.max_words != 0 && words > limits_.max_words)
            findings.add(
                limits_.too_long, "too_long",
                "the text has " + counted(words, "word") + ", at most " + std::to_string(limits_.max_words) + wanted,
                static_cast<double>(words), static_cast<double>(limits_.max_words));
        return std::move(findings).verdict();
    }

private:
    Limits limits_;
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, LengthValidator, "length", "0.2.0",
             "warns of texts below the target length; rejects empty and cut ones", kOptions);
