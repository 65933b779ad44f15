#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "plugins/conformance/checks.hpp"
#include "synth/validator.hpp"

namespace synth::core::conformance {

namespace {

bool same(const Verdict& a, const Verdict& b) {
    return a.findings == b.findings && a.ask.has_value() == b.ask.has_value();
}

}  // namespace

void check_validator(Checks& checks) {
    Instance<Validator> validator, other;
    if (!checks.make(validator, other)) return;
    const auto specs = some_specs(checks.taxonomy);
    Prompt prompt;
    prompt.messages = {{Role::user, "Write a document of 300 words."}};
    prompt.output_limit = {1700};
    prompt.target_words = 300;
    std::vector<std::pair<Draft, FinishReason>> drafts;
    for (const auto finish :
         {FinishReason::stop, FinishReason::length, FinishReason::content_filter, FinishReason::unknown})
        for (const auto& text :
             {some_document(700), some_document(30), std::string(), std::string("word"),
              std::string("- a\n- b\n\n\n\n# c\n"), std::string(200'000, 'x'), some_document(20'000)})
            drafts.push_back({{finish == FinishReason::stop ? "A burst" : "", text}, finish});

    const auto verdict = [&](const Instance<Validator>& one, std::size_t i, Problem& problem) {
        Completion completion{drafts[i].first.text, drafts[i].second};  // not const, as what a run has: may be written
        Draft draft = drafts[i].first;
        const Review review{&specs[i % specs.size()], &prompt, &completion, &draft};
        auto made = one.call([&](Validator& v) { return v.check(review); });
        if (draft.text != drafts[i].first.text || draft.title != drafts[i].first.title ||
            completion.text != drafts[i].first.text)
            problem = "draft " + number(i + 1) + " was changed";
        else if (!made)
            problem = "draft " + number(i + 1) + ": " + described(made.error());
        return made ? std::move(*made) : Verdict{};
    };
    std::vector<Verdict> verdicts;
    checks.run("every draft has a verdict and stays as it is", [&]() -> Problem {
        Problem problem;
        for (std::size_t i = 0; i < drafts.size() && problem.empty(); ++i)
            verdicts.push_back(verdict(validator, i, problem));
        return problem;
    });
    checks.run("findings have a snake_case word and one line", [&]() -> Problem {
        std::size_t rejected = 0;
        for (const auto& one : verdicts) {
            for (const auto& finding : one.findings) {
                if (!snake_case(finding.code))
                    return "'" + finding.code + "' is no word of lower case letters, digits and '_'";
                if (!one_line(finding.message)) return "the message of " + finding.code + " is not one line";
            }
            rejected += static_cast<std::size_t>(
                std::ranges::any_of(one.findings, [](const Finding& f) { return f.severity == Severity::rejection; }));
        }
        checks.note = "rejects " + number(rejected) + " of " + number(verdicts.size()) + " drafts";
        return {};
    });
    checks.run("the same draft has the same verdict, whatever came before", [&]() -> Problem {
        if (verdicts.size() != drafts.size()) return "not every draft has one";
        Problem problem;
        for (const auto* one : {&validator, &other})
            for (std::size_t i = drafts.size(); i-- > 0 && problem.empty();)
                if (!same(verdict(*one, i, problem), verdicts[i]) && problem.empty())
                    problem = "draft " + number(i + 1) + ": another verdict " +
                              (one == &validator ? "when asked again" : "from another instance");
        return problem;
    });
    if (validator.object().asks()) {
        checks.run("a question that has no answer is not asked again", [&]() -> Problem {
            const Completion nothing;
            for (const auto& [draft, finish] : drafts) {
                Review review;
                review.spec = &specs[0];
                review.draft = &draft;
                review.answer = &nothing;
                const auto made = validator.call([&](Validator& v) { return v.check(review); });
                if (!made) return described(made.error());
                if (made->ask) return "it asks again";
            }
            return {};
        });
    }
    auto set = validator.call([](Validator& v) { return v.set_check(); });
    auto again = other.call([](Validator& v) { return v.set_check(); });
    if (set && !*set) return;
    checks.run("two checks of the same set find the same", [&]() -> Problem {
        if (!set || !again) return described((set ? again : set).error());
        for (std::size_t i = 0; i < drafts.size(); ++i) {
            Review review;
            review.spec = &specs[i % specs.size()];
            review.draft = &drafts[i].first;
            const auto one = validator.call([&](Validator&) { return (*set)->check(review); });
            const auto two = other.call([&](Validator&) { return (*again)->check(review); });
            if (!one || !two) return described((one ? two : one).error());
            if (!same(*one, *two)) return "draft " + number(i + 1) + ": another verdict from another instance";
            if (one->ask) return "it asks; what looks at the set cannot";
            for (const auto* part : {&set, &again})
                if (auto added = validator.call([&](Validator&) { return (**part)->add(review); }); !added)
                    return described(added.error());
        }
        return {};
    });
}

}  // namespace synth::core::conformance
