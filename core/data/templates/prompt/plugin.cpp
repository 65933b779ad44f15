// A prompt strategy: asks for a document about the labels of a sample, and reads the answer. A whole plugin, to change.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "synth/plugin.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/text.hpp"

namespace {

using synth::Attempt;
using synth::Error;
using synth::ErrorCode;
using synth::FinishReason;
using synth::Result;
using synth::Role;

constexpr const char* kOptions = R"({"type": "object", "properties": {
    "target_words": {"type": "integer", "minimum": 50, "maximum": 20000, "default": 600,
                     "description": "words that a document should have"}}})";

/// The value of an integer option. The core has checked it and filled in the default, so it is there, as "key":123.
std::uint32_t integer(std::string_view options_json, std::string_view key) {
    const std::string name = std::string(1, '"').append(key).append("\":");
    std::uint32_t value = 0;
    if (const auto at = options_json.find(name); at != std::string_view::npos)
        std::from_chars(options_json.data() + at + name.size(), options_json.data() + options_json.size(), value);
    return value;
}

class Plugin final : public synth::PromptStrategy {
public:
    Plugin(const synth::Taxonomy& taxonomy, std::uint32_t words) : taxonomy_(taxonomy), words_(words) {}

    static Result<std::unique_ptr<synth::PromptStrategy>> create(synth::Host& host, std::string_view options_json) {
        return std::unique_ptr<synth::PromptStrategy>(
            std::make_unique<Plugin>(host.taxonomy(), integer(options_json, "target_words")));
    }

    // A pure function of its arguments: a resumed run asks what the first one would have asked. What is to differ
    // between samples is drawn with synth::Random from `spec.seed`; what is to be even over a plan, see `spread`.
    Result<synth::Prompt> compose(const synth::SampleSpec& spec, std::span<const Attempt> earlier) const override {
        synth::Prompt prompt;
        prompt.target_words = words_;
        prompt.output_limit = {words_ * 3};  // tokens: about 1.4 a word, and room
        prompt.messages.push_back({Role::system,
                                   "You write realistic scientific documents for training a classifier. "
                                   "The first line is a title after '# ', then comes the text, and "
                                   "nothing else."});
        std::string ask = "Write a document of " + std::to_string(words_) + " words that is about all of:\n";
        for (const auto label : spec.labels)
            ask += "- " + taxonomy_[label].name + ": " + taxonomy_[label].meaning + "\n";
        if (!earlier.empty()) {
            const Attempt& last = earlier.back();
            ask += "\nAn earlier answer was not usable:";
            if (last.error) ask += " " + std::string(synth::name_of(*last.error)) + ".";
            for (const auto& finding : last.findings) ask += " " + finding.message + ".";
            ask += "\n";
            if (last.error == ErrorCode::truncated) prompt.output_limit = last.output_limit + last.output_limit;
        }
        prompt.messages.push_back({Role::user, std::move(ask)});
        return prompt;
    }

    Result<synth::Draft> extract(const synth::SampleSpec& /*spec*/, std::span<const Attempt> /*earlier*/,
                                 const synth::Completion& completion) const override {
        if (completion.finish == FinishReason::content_filter)
            return Error{ErrorCode::refused, "a content filter stopped the answer", "content_filter"};
        if (completion.finish == FinishReason::length)
            return Error{ErrorCode::truncated, "the answer was cut off by the output limit", "cut"};
        std::string_view text = synth::trim(completion.text);
        for (const std::string_view start : {"I'm sorry", "I am sorry", "I can't", "I cannot"})
            if (text.starts_with(start)) return Error{ErrorCode::refused, "the model declined", "refusal"};
        synth::Draft draft;
        if (text.starts_with("# ")) {
            const auto end = std::min(text.find('\n'), text.size());
            draft.title = synth::trim(text.substr(2, end - 2));
            text = synth::trim(text.substr(end));
        }
        if (text.empty()) return Error{ErrorCode::malformed, "the answer contains no document", "empty"};
        draft.text = text;
        return draft;
    }

private:
    const synth::Taxonomy& taxonomy_;
    std::uint32_t words_;
};

}  // namespace

SYNTH_PLUGIN(synth::PromptStrategy, Plugin, "@ID@", "1.0.0", "asks for a document about the labels, in a few lines",
             kOptions);
