// Says when a text is shorter or longer than it should be; rejects what is empty or was stopped before its end.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "synth/plugin.hpp"
#include "synth/text.hpp"
#include "synth/validator.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::Finding;
using synth::FinishReason;
using synth::Result;
using synth::Review;
using synth::Severity;
using synth::Verdict;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    "min_words": {
      "type": "integer", "default": 0, "minimum": 0, "maximum": 1000000,
      "description": "a text with fewer words is short; 0: fewer than the prompt asks for"
    },
    "max_words": {
      "type": "integer", "default": 0, "minimum": 0, "maximum": 1000000,
      "description": "a text with more words is long, which is a warning; 0: no maximum"
    },
    "reject_short": {
      "type": "boolean", "default": false,
      "description": "have a short text written again; else it is a warning"
    }
  }
})";

struct Limits {
    std::uint64_t min_words = 0;  ///< 0: what the prompt asks for
    std::uint64_t max_words = 0;  ///< 0: none
    bool reject_short = false;
};

std::string counted(std::uint64_t words) { return std::to_string(words) + (words == 1 ? " word" : " words"); }

Verdict verdict(Severity severity, const char* code, std::string message) {
    return {.findings = {{severity, code, std::move(message)}}};
}

class LengthValidator final : public synth::Validator {
public:
    explicit LengthValidator(const Limits& limits) : limits_(limits) {}

    static Result<std::unique_ptr<synth::Validator>> create(synth::Host&, std::string_view options_json) {
        const auto options = nlohmann::json::parse(options_json);
        const Limits limits{.min_words = options.at("min_words").get<std::uint64_t>(),
                            .max_words = options.at("max_words").get<std::uint64_t>(),
                            .reject_short = options.at("reject_short").get<bool>()};
        if (limits.max_words != 0 && limits.min_words > limits.max_words)
            return Error{ErrorCode::invalid_argument, "min_words (" + std::to_string(limits.min_words) +
                                                          ") is above max_words (" + std::to_string(limits.max_words) +
                                                          "): lower one or raise the other"};
        return std::unique_ptr<synth::Validator>(std::make_unique<LengthValidator>(limits));
    }

    Result<Verdict> check(const Review& review) const override {
        // What was stopped is never whole, whatever its length.
        if (review.completion->finish == FinishReason::content_filter)
            return verdict(Severity::rejection, "content_filter",
                           "a content filter stopped the answer: keep to the science and write the whole document");
        if (review.completion->finish == FinishReason::length)
            return verdict(Severity::rejection, "truncated",
                           "the answer was cut at its output limit: write a document that ends within it");

        const std::uint64_t words = synth::count_words(review.draft->text);
        if (words == 0) return verdict(Severity::rejection, "empty", "the text is empty: write the whole document");

        std::uint64_t least = limits_.min_words != 0 ? limits_.min_words : review.prompt->target_words;
        if (limits_.max_words != 0) least = std::min(least, limits_.max_words);
        if (words < least)
            return verdict(
                limits_.reject_short ? Severity::rejection : Severity::warning, "too_short",
                "the text has " + counted(words) + ", at least " + std::to_string(least) + " were asked for");
        if (limits_.max_words != 0 && words > limits_.max_words)
            return verdict(Severity::warning, "too_long",
                           "the text has " + counted(words) + ", at most " + std::to_string(limits_.max_words) +
                               " were asked for");
        return Verdict{};
    }

private:
    Limits limits_;
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, LengthValidator, "length", "0.1.0",
             "warns of texts below the target length; rejects empty and cut ones", kOptions);
