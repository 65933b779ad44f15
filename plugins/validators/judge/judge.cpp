// Has a second model read a text without its labels and name them, and compares. What the answers cost is limited by a
// share of the run's budget; the core asks and pays.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/findings.hpp"
#include "common/folded_words.hpp"
#include "common/json_value.hpp"
#include "common/label_spellings.hpp"
#include "common/options.hpp"
#include "common/utf8.hpp"
#include "synth/plugin.hpp"
#include "synth/text.hpp"

namespace {

using synth::Ask;
using synth::AskedProvider;
using synth::Error;
using synth::ErrorCode;
using synth::Label;
using synth::LabelId;
using synth::LabelSet;
using synth::Result;
using synth::Review;
using synth::Role;
using synth::Taxonomy;
using synth::Verdict;
using synth::plugins::FoldedText;
using synth::plugins::JsonValue;
using synth::plugins::LabelSpellings;
using synth::validators::Action;
using synth::validators::Findings;
using synth::validators::in_quotes;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    )" SYNTH_ACTION_OPTION("judge_missed", "warn",
                           "what becomes of a text in which the judge does not see one of its labels") R"(,
    )" SYNTH_ACTION_OPTION("judge_added", "warn",
                           "what becomes of a text in which the judge sees a label that it does not carry") R"(,
    )" SYNTH_ACTION_OPTION("judge_unusable", "warn",
                           "what becomes of a text about which the judge gave no usable answer") R"(,
    "record_agreement": {
      "type": "boolean", "default": false,
      "description": "keep a note (judge_agreed, a warning) of each label that the judge sees, too"
    },
    "provider": {
      "type": "string", "default": "",
      "description": "provider plugin of the judge; empty: the one that writes, with its options"
    },
    "model": {"type": "string", "default": "", "description": "model of the judge; empty: the provider's default"},
    "base_url": {"type": "string", "default": "", "description": "where the judge's model is served; empty: the provider's default"},
    "provider_options": {
      "type": "string", "default": "",
      "description": "other options of the judge's provider, as a JSON object"
    },
    "budget_share": {
      "type": "number", "default": 0.25, "minimum": 0.001, "maximum": 1,
      "description": "share of the run's budget that the judge may spend"
    },
    "max_words": {
      "type": "integer", "default": 4000, "minimum": 50, "maximum": 1000000,
      "description": "words of a text that the judge reads; the rest is not sent"
    },
    "max_tokens": {
      "type": "integer", "default": 600, "minimum": 50, "maximum": 100000,
      "description": "output limit of an answer, reasoning not counted"
    }
  }
})";

struct Options {
    Action missed, added, unusable;
    bool record_agreement;
    std::size_t max_words;
    std::int64_t max_tokens;
};

/// A class that the judge named.
struct Named {
    LabelId label;
    std::string evidence;
};

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

/// The member of that name in whatever case, by the first of the names that there is.
JsonValue member(const JsonValue& object, std::initializer_list<std::string_view> names) {
    const auto members = object.members();
    for (const std::string_view name : names)
        for (const auto& [key, value] : members)
            if (lower(key) == name) return value;
    return {};
}

/// The JSON in an answer: alone, in a fence, or with words before and behind.
JsonValue json_in(std::string_view answer) {
    constexpr std::pair<char, char> kBrackets[] = {{'{', '}'}, {'[', ']'}};
    for (std::size_t at = answer.find_first_of("{["); at != std::string_view::npos;
         at = answer.find_first_of("{[", at + 1)) {
        const char close = answer[at] == '{' ? kBrackets[0].second : kBrackets[1].second;
        for (std::size_t end = answer.rfind(close); end != std::string_view::npos && end > at;
             end = answer.rfind(close, end - 1)) {
            if (auto json = JsonValue::parse(answer.substr(at, end - at + 1))) return json;
            if (answer.size() > 20'000) break;  // no answer to the question: not every pair of brackets is tried
        }
    }
    return {};
}

/// The first words of a text, with a mark where it was cut.
std::string_view first_words(std::string_view text, std::size_t words) {
    bool inside = false;
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool space = synth::is_space(text[at]);
        if (!space && !inside && count++ == words) return synth::trim(text.substr(0, at));
        inside = !space;
    }
    return text;
}

class JudgeValidator final : public synth::Validator {
public:
    JudgeValidator(const Taxonomy& taxonomy, const Options& options, AskedProvider provider, std::string system,
                   const std::string& instructions)
        : taxonomy_(taxonomy),
          options_(options),
          provider_(std::move(provider)),
          spellings_(taxonomy),
          system_(std::move(system)) {
        // The classes come first and are the same for every text: providers cache that part.
        question_ = "The classes, by code:\n";
        for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) {
            if (taxonomy.negative == static_cast<LabelId>(i)) continue;
            const Label& label = taxonomy.labels[i];
            question_ += label.code + ": " + label.name;
            if (!label.meaning.empty() && label.meaning != label.name) question_ += ". " + label.meaning;
            question_ += '\n';
        }
        question_ += '\n' + instructions + "\nDOCUMENT\n";
    }

    static Result<std::unique_ptr<synth::Validator>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        const Options options{.missed = synth::validators::action_of(given, "judge_missed"),
                              .added = synth::validators::action_of(given, "judge_added"),
                              .unusable = synth::validators::action_of(given, "judge_unusable"),
                              .record_agreement = given.flag("record_agreement"),
                              .max_words = given.count("max_words"),
                              .max_tokens = given.integer("max_tokens")};
        const auto more = given.text("provider_options");
        auto provider_options = JsonValue::parse(more.empty() ? "{}" : more);
        if (!provider_options.is_object())
            return Error{ErrorCode::invalid_argument,
                         "provider_options is no JSON object: " + in_quotes(more) + R"(; write {"temperature": 0})"};
        for (const char* name : {"model", "base_url"})
            if (const auto value = given.text(name); !value.empty())
                provider_options = provider_options.with(name, value);
        AskedProvider provider{.id = given.text("provider"),
                               .options_json = provider_options.dump(),
                               .budget_share = given.number("budget_share")};
        auto system = read_text(host.data_dir() + "/system.md");
        if (!system) return std::move(system).error();
        const auto instructions = read_text(host.data_dir() + "/instructions.md");
        if (!instructions) return instructions.error();
        return std::unique_ptr<synth::Validator>(std::make_unique<JudgeValidator>(
            host.taxonomy(), options, std::move(provider), std::move(*system), *instructions));
    }

    std::optional<AskedProvider> asks() const override { return provider_; }

    Result<Verdict> check(const Review& review) const override {
        const std::string& text = review.draft->text;
        if (synth::trim(text).empty()) return Verdict{};
        if (review.answer == nullptr) return Verdict{.ask = Ask{question_about(text)}};
        Findings findings;
        const auto named = read_answer(review.answer->text);
        if (!named) {
            findings.add(options_.unusable, "judge_unusable",
                         review.answer->text.empty()
                             ? std::string("the judge gave no answer")
                             : "the judge's answer names no class: " + in_quotes(review.answer->text));
            return std::move(findings).verdict();
        }
        compare(review.spec->labels, *named, text, findings);
        return std::move(findings).verdict();
    }

private:
    static Result<std::string> read_text(const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(in), {}};
        if (!in || text.empty())
            return Error{ErrorCode::io, "cannot read " + path + ": the plugin's data belong beside it"};
        return text;
    }

    [[nodiscard]] synth::Prompt question_about(std::string_view text) const {
        synth::Prompt prompt;
        prompt.messages.push_back({Role::system, system_});
        std::string& question = prompt.messages.emplace_back(synth::Message{Role::user, question_}).text;
        const std::string_view part = first_words(text, options_.max_words);
        synth::plugins::append_text(question, part);
        if (part.size() < text.size()) question += " […]";
        prompt.output_limit = {options_.max_tokens};
        return prompt;
    }

    /// The classes named, each once; nothing: no answer to the question.
    [[nodiscard]] std::optional<std::vector<Named>> read_answer(std::string_view answer) const {
        const auto json = json_in(answer);
        if (!json) return std::nullopt;
        JsonValue list = json;
        if (json.is_object()) {
            list = member(json, {"labels", "classes", "label", "class", "answer"});
            if (!list) {
                if (!member(json, {"code"})) return std::nullopt;
                list = json;  // one class without a list
            }
        }
        std::vector<Named> named;
        std::size_t items = 0;
        const auto take = [&](const JsonValue& item) {
            ++items;
            const JsonValue label = item.is_object() ? member(item, {"code", "label", "class", "name", "id"}) : item;
            if (!label.is_text()) return;
            const std::string_view spelling = label.text();
            auto id = spellings_.find(spelling);
            if (!id) id = spellings_.find(spelling.substr(0, spelling.find(':')));  // "CODE: Name"
            if (!id) return;
            if (std::ranges::find(named, *id, &Named::label) == named.end())
                named.push_back({*id, std::string(member(item, {"evidence", "quote", "reason"}).text())});
        };
        if (list.is_array()) {
            for (const auto& item : list.elements()) take(item);
        } else if (list.is_null()) {
            return named;
        } else {
            take(list);
        }
        if (items > 0 && named.empty()) return std::nullopt;
        return named;
    }

    void compare(const LabelSet& labels, const std::vector<Named>& named, std::string_view text,
                 Findings& findings) const {
        LabelSet seen;
        for (const Named& one : named)
            if (taxonomy_.negative != one.label) seen.insert(one.label);
        if (!taxonomy_.is_negative(labels))
            for (const LabelId label : labels) {
                const bool agreed = taxonomy_.covers(seen, label);
                if (agreed) {
                    if (options_.record_agreement)
                        findings.add(Action::warn, "judge_agreed", "the judge sees " + taxonomy_[label].name, 1, 1,
                                     taxonomy_[label].code);
                    continue;
                }
                findings.add(options_.missed, "judge_missed",
                             "a reader does not see that the text is about " + taxonomy_[label].name +
                                 ": make a substantial part of it about that" +
                                 (taxonomy_[label].meaning.empty() ? "" : " (" + taxonomy_[label].meaning + ")"),
                             0, 1, taxonomy_[label].code);
            }
        for (const Named& one : named) {
            if (!seen.contains(one.label) || taxonomy_.covers(labels, one.label)) continue;
            const bool shown = stands_in(one.evidence, text);
            findings.add(options_.added, "judge_added",
                         "a reader takes the text to be about " + taxonomy_[one.label].name + " as well" +
                             (shown ? " (" + in_quotes(one.evidence) + ")" : "") +
                             ", which it is not to be: leave that out",
                         1, 0, taxonomy_[one.label].code);
        }
    }

    /// Whether the evidence is in the text, word for word.
    static bool stands_in(std::string_view evidence, std::string_view text) {
        FoldedText part, whole;
        synth::plugins::fold_words(evidence, part);
        if (part.words.empty()) return false;
        synth::plugins::fold_words(text, whole);
        return whole.folded.find(part.folded) != std::string::npos;
    }

    const Taxonomy& taxonomy_;
    Options options_;
    AskedProvider provider_;
    LabelSpellings spellings_;
    std::string system_, question_;
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, JudgeValidator, "judge", "0.1.0",
             "has a second model name the labels of a text, and compares", kOptions);
