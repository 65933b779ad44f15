// See breaking.hpp.

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>

#include "breaking.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/text.hpp"

namespace {

using synth::Attempt;
using synth::Error;
using synth::ErrorCode;
using synth::Result;
using synth::test::Breaking;

class Prompts final : public synth::PromptStrategy {
public:
    Prompts(const synth::Taxonomy& taxonomy, Breaking breaks) : taxonomy_(taxonomy), breaks_(std::move(breaks)) {}
    static Result<std::unique_ptr<synth::PromptStrategy>> create(synth::Host& host, std::string_view options) {
        return synth::test::create_breaking<synth::PromptStrategy, Prompts>(host, options);
    }

    Result<synth::Prompt> compose(const synth::SampleSpec& spec, std::span<const Attempt> earlier) const override {
        synth::Prompt prompt;
        if (breaks_("no_messages")) return prompt;
        std::string text = breaks_("empty_message") ? "" : "write about " + taxonomy_[spec.primary].name;
        if (breaks_("unstable")) text += std::to_string(synth::test::another());
        if (breaks_("refuse_variant") && spec.variant > 1) return Error{ErrorCode::internal, "no such variant", {}};
        if (breaks_("know_variants") && spec.variant > 3) return Error{ErrorCode::internal, "no such variant", {}};
        if (breaks_("give_up") && earlier.size() > 1) return Error{ErrorCode::invalid_argument, "too often", {}};
        prompt.messages.push_back({synth::Role::user, text});
        prompt.output_limit = {breaks_("no_limit") ? 0 : 1000};
        return prompt;
    }
    Result<synth::Draft> extract(const synth::SampleSpec&, std::span<const Attempt>,
                                 const synth::Completion& completion) const override {
        if (breaks_("throw")) throw std::runtime_error("thrown by extract");
        if (synth::trim(completion.text).empty() && !breaks_("accept_nothing"))
            return Error{breaks_("wrong_code") ? ErrorCode::invalid_argument : ErrorCode::malformed, "nothing there",
                         "empty"};
        synth::Draft draft{"", completion.text.empty() ? "-" : completion.text};
        if (breaks_("read_differently")) draft.title = std::to_string(synth::test::another());
        if (breaks_("draft_without_text")) draft.text = " ";
        return draft;
    }

    std::unique_ptr<synth::PlanSpread> spread() const override {
        if (breaks_("throw_at_spread")) throw std::runtime_error("thrown by spread");
        return std::make_unique<Spread>(breaks_("unstable_spread") ? synth::test::another() : 0);
    }

private:
    class Spread final : public synth::PlanSpread {
    public:
        explicit Spread(std::uint64_t first) : next_(first) {}
        std::uint32_t next(const synth::SampleSpec&) override { return static_cast<std::uint32_t>(1 + next_++ % 3); }

    private:
        std::uint64_t next_;
    };

    const synth::Taxonomy& taxonomy_;
    Breaking breaks_;
};

}  // namespace

SYNTH_PLUGIN(synth::PromptStrategy, Prompts, "breaking", "1.0.0", "breaks what it is told to",
             synth::test::kBreakOptions);
