#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "plugins/conformance/checks.hpp"
#include "synth/prompt_strategy.hpp"

namespace synth::core::conformance {

namespace {

std::vector<std::vector<Attempt>> some_histories() {
    std::vector<std::vector<Attempt>> histories = {{}};
    std::vector<Attempt> all;
    for (const auto& [error, reason, finish] :
         {std::tuple{std::optional(ErrorCode::refused), "refusal", FinishReason::stop},
          {std::optional(ErrorCode::truncated), "cut", FinishReason::length},
          {std::optional(ErrorCode::malformed), "empty", FinishReason::stop},
          {std::optional(ErrorCode::unavailable), "http_503", FinishReason::unknown},
          {std::optional<ErrorCode>(), "too_short", FinishReason::stop}}) {
        Attempt attempt;
        attempt.number = static_cast<std::uint32_t>(all.size() + 1);
        attempt.error = error;
        attempt.reason = reason;
        attempt.finish = finish;
        attempt.output_limit = {2000};
        if (error == ErrorCode::refused) attempt.text = "I'm sorry, but I can't help with that.";
        if (error == ErrorCode::truncated || !error) attempt.text = some_document(40);
        if (!error)
            attempt.findings = {
                {Severity::rejection, "too_short", "the text has 40 words, at least 600 were asked for"}};
        all.push_back(attempt);
        Attempt first = attempt;
        first.number = 1;
        histories.push_back({first});
    }
    histories.push_back(all);
    return histories;
}

bool same(const Prompt& a, const Prompt& b) {
    return a.output_limit == b.output_limit && a.target_words == b.target_words &&
           std::ranges::equal(a.messages, b.messages,
                              [](const Message& x, const Message& y) { return x.role == y.role && x.text == y.text; });
}

}  // namespace

void check_prompt(Checks& checks) {
    Instance<PromptStrategy> prompts, other;
    if (!checks.make(prompts, other)) return;
    const auto specs = some_specs(checks.taxonomy);
    const auto histories = some_histories();
    const auto compose = [](const Instance<PromptStrategy>& one, const SampleSpec& spec,
                            const std::vector<Attempt>& earlier) {
        return one.call([&](PromptStrategy& p) { return p.compose(spec, earlier); });
    };
    const auto where = [](const SampleSpec& spec, const std::vector<Attempt>& earlier) {
        return "sample " + number(spec.index + 1) +
               (earlier.empty() ? std::string() : " after " + std::string(earlier.back().reason)) + ": ";
    };
    checks.run("every sample has a prompt, also after any failure", [&]() -> Problem {
        for (const auto& spec : specs)
            for (const auto& earlier : histories) {
                const auto prompt = compose(prompts, spec, earlier);
                if (!prompt) return where(spec, earlier) + described(prompt.error());
                if (prompt->messages.empty()) return where(spec, earlier) + "no messages";
                for (const auto& message : prompt->messages)
                    if (trim(message.text).empty()) return where(spec, earlier) + "an empty message";
                if (prompt->output_limit.count <= 0)
                    return where(spec, earlier) + "an output limit of " + std::to_string(prompt->output_limit.count) +
                           " tokens";
            }
        return {};
    });
    checks.run("the same sample and attempts give the same prompt", [&]() -> Problem {
        for (const auto& spec : specs)
            for (const auto& earlier : histories) {
                const auto first = compose(prompts, spec, earlier);
                for (const auto* one : {&prompts, &other}) {
                    const auto again = compose(*one, spec, earlier);
                    if (first && again && !same(*first, *again))
                        return where(spec, earlier) + "another prompt " +
                               (one == &prompts ? "when asked again" : "from another instance");
                }
            }
        return {};
    });
    checks.run("what is spread over a plan is the same every time and has prompts", [&]() -> Problem {
        constexpr std::size_t kRounds = 20;
        std::vector<SampleSpec> plan;
        for (std::size_t round = 0; round < kRounds; ++round)
            for (SampleSpec spec : specs) {
                spec.index = plan.size();
                spec.seed = derive_seed(2, spec.index);
                plan.push_back(spec);
            }
        const auto variants_from = [&](const Instance<PromptStrategy>& one) {
            return one.call([&](PromptStrategy& p) -> Result<std::vector<std::uint32_t>> {
                std::vector<std::uint32_t> variants;
                if (const auto spread = p.spread())
                    for (const auto& spec : plan) variants.push_back(spread->next(spec));
                return variants;
            });
        };
        const auto variants = variants_from(prompts);
        if (!variants) return described(variants.error());
        for (const auto* one : {&prompts, &other}) {
            const auto again = variants_from(*one);
            if (!again) return described(again.error());
            if (*again != *variants)
                return std::string("other variants ") +
                       (one == &prompts ? "when asked again" : "from another instance");
        }
        std::vector<SampleSpec> asked;
        for (std::size_t i = 0; i < variants->size(); ++i) asked.emplace_back(plan[i]).variant = (*variants)[i];
        for (const auto& spec : specs) asked.emplace_back(spec).variant = std::numeric_limits<std::uint32_t>::max();
        for (const auto& spec : asked)
            if (const auto prompt = compose(prompts, spec, {}); !prompt)
                return where(spec, {}) + "variant " + number(spec.variant) + ": " + described(prompt.error());
        checks.note = variants->empty() ? "nothing is spread" : "";
        return {};
    });

    struct Answer {
        const char* name;
        Completion completion;
        bool blank = false;
    };
    const std::string document = some_document(700);
    const std::vector<Answer> answers = {
        {"an empty answer", {"", FinishReason::stop}, true},
        {"an answer of blanks", {" \n\t\r\n ", FinishReason::stop}, true},
        {"an empty answer that was cut", {"", FinishReason::length}, true},
        {"a refusal", {"I'm sorry, but I can't help with that.", FinishReason::stop}},
        {"a filtered answer", {document.substr(0, 300), FinishReason::content_filter}},
        {"a plain document", {document, FinishReason::stop}},
        {"a cut document", {document.substr(0, 900), FinishReason::length}},
        {"a document without a reason why it ended", {document, FinishReason::unknown}},
        {"half a JSON object", {R"({"title": "A burst", "text": "The bu)", FinishReason::stop}},
        {"an open fence", {"```json\n{\"", FinishReason::other}},
        {"bytes that are not UTF-8", {"\xff\xfe\xc3\x28 burst \xe2\x82", FinishReason::stop}},
        {"NUL bytes", {std::string(2000, '\0'), FinishReason::stop}},
        {"a title alone", {"# A burst", FinishReason::stop}},
        {"a megabyte", {std::string(1U << 20U, 'x'), FinishReason::stop}},
    };
    checks.run("every answer is a document, refused, malformed or truncated", [&]() -> Problem {
        std::string documents;
        for (const auto& answer : answers) {
            const auto extract = [&] {
                return prompts.call([&](PromptStrategy& p) { return p.extract(specs.front(), {}, answer.completion); });
            };
            const auto draft = extract(), again = extract();
            const std::string of = std::string(answer.name) + ": ";
            if (draft) {
                if (answer.blank) return of + "taken for a document";
                if (trim(draft->text).empty()) return of + "a document without text";
                if (!again || again->text != draft->text || again->title != draft->title)
                    return of + "read differently twice";
                documents += (documents.empty() ? "" : ", ") + std::string(answer.name);
                continue;
            }
            const Error& error = draft.error();
            if (error.code != ErrorCode::refused && error.code != ErrorCode::malformed &&
                error.code != ErrorCode::truncated)
                return of + described(error);
            if (!one_line(error.message)) return of + "an error without one line that says why";
            if (again || !same_error(error, again.error())) return of + "read differently twice";
        }
        checks.note = "taken for documents: " + (documents.empty() ? "none" : documents);
        return {};
    });
}

}  // namespace synth::core::conformance
