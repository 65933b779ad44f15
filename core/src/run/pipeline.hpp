// What happens to one sample, without clocks, sockets or disks: compose and encode a request, and decide what a reply
// means. Attempt k's request is a pure function of configuration, spec and the earlier answers.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugins/instance.hpp"
#include "run/ledger.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/provider.hpp"
#include "synth/validator.hpp"

namespace synth::core {

/// A request that is ready to leave.
struct Prepared {
    Prompt prompt;
    Exchange exchange;
    Tokens input_bound, output_bound;
    std::optional<PicoUsd> cost_bound;  ///< absent: the model has no known price
};

/// A text that passed what looks at it alone, on its way through questions to a model and the checks of the whole set.
struct Held {
    std::uint32_t attempt = 1;
    Draft draft;
    std::vector<Finding> findings;  ///< so far
    FinishReason finish = FinishReason::unknown;
    Tokens output_limit;
    std::size_t validator = 0;                                ///< whose question is next
    std::optional<Completion> answer;                         ///< to it; without text when none was usable
    std::vector<std::pair<std::string, Completion>> answers;  ///< that an earlier session had, by validator
    std::uint32_t failures = 0;                               ///< calls for the answer that brought none
};

/// One sample on its way.
struct Job {
    SampleSpec spec;
    std::vector<Attempt> earlier;  ///< that brought an answer: what the next prompt depends on
    std::uint32_t attempts = 0;    ///< used up, those that brought no answer included
    std::uint32_t failures = 0;    ///< in a row, without an answer: decides the backoff
    /// Failures of the same prompt for the same reason, and how many requests had succeeded before the first of them.
    std::pair<std::uint64_t, std::string> alike;
    std::uint64_t times_alike = 0, successes_before = 0;
    std::optional<Prepared> prepared;
    std::unique_ptr<Held> held;
};

/// What is to follow once the entry is durable.
enum class Next : std::uint8_t {
    done,      ///< accepted
    hold,      ///< held: questions and checks of the set follow
    again,     ///< another attempt, at once, with a changed request
    later,     ///< another attempt, after a backoff
    repeat,    ///< the same again: a remedy was learned, or it was told to wait
    give_up,   ///< this sample cannot be had
    stop_run,  ///< nor can any other
};

struct Decision {
    CallEntry entry;
    Next next = Next::done;
    std::optional<Remedy> remedy;
};

/// How a call that failed counts, and what follows for its sample.
struct Consequence {
    Outcome outcome = Outcome::failed;
    Next next = Next::give_up;
};
[[nodiscard]] Consequence consequence_of(const Error& error, bool retry_may_help) noexcept;

/// Whether a call counts against `max_attempts`.
[[nodiscard]] constexpr bool is_attempt(Outcome outcome) noexcept {
    return outcome == Outcome::accepted || outcome == Outcome::rejected || outcome == Outcome::failed ||
           outcome == Outcome::held;
}

/// A call to `provider` for that prompt; what it may cost at most when `model` answers.
Result<Prepared> prepare_call(const Instance<Provider>& provider, const std::string& model, const Request& request,
                              Prompt prompt);
/// What the ledger keeps of a prompt.
void keep_prompt(const Prompt& prompt, CallEntry& entry);
/// As the provider reads it; what it cannot read, or an exception, is a Reply with an error.
[[nodiscard]] Reply decode_call(const Instance<Provider>& provider, const Request& request,
                                const HttpResponse& response);
/// Nothing when the price is not known.
[[nodiscard]] std::optional<PicoUsd> cost_of(const Instance<Provider>& provider, const Usage& usage,
                                             const Billing& billing);
/// What that many tokens cost at most, whichever way they are billed; nothing when the price is not known.
[[nodiscard]] std::optional<PicoUsd> most_cost_of(const Instance<Provider>& provider, Tokens input, Tokens output,
                                                  const Billing& billing);

class Pipeline {
public:
    /// The instances are borrowed. `model` is what the provider said that it asks for. `sets`: accepted texts are held
    /// for the checks of the whole set.
    Pipeline(const Instance<PromptStrategy>& prompts, const Instance<Provider>& provider,
             const std::vector<Instance<Validator>>& validators, std::string model, bool sets = false);

    Result<Prepared> prepare(const Job& job, const std::vector<Remedy>& remedies) const;

    /// What a response means, as the provider reads it.
    [[nodiscard]] Reply decode(const Job& job, const std::vector<Remedy>& remedies, const HttpResponse& response) const;

    /// Decides on a reply: extract, validators, price.
    [[nodiscard]] Decision decide(const Job& job, Reply reply) const;

    /// Of the validators that look at one text and need no answer. One that fails rejects.
    [[nodiscard]] std::vector<Finding> findings_of(const Review& review) const;

    [[nodiscard]] const std::string& validator_id(std::size_t place) const { return validators_[place].id(); }

    /// What is the next question about a held text, and whose; nothing: all that single texts are asked is in
    /// `held.findings`. Takes `held.answer` in.
    [[nodiscard]] std::optional<std::pair<std::size_t, Prompt>> next_question(const SampleSpec& spec, Held& held) const;

    /// The attempt that an answered call was, for the prompts after it.
    static Attempt to_attempt(const CallEntry& entry);
    static std::unique_ptr<Held> to_held(const CallEntry& entry);

private:
    [[nodiscard]] Request request_for(const Job& job, const Prompt& prompt, const std::vector<Remedy>& remedies) const;
    void check(const Job& job, const Completion& completion, Draft draft, Decision& decision) const;

    const Instance<PromptStrategy>& prompts_;
    const Instance<Provider>& provider_;
    const std::vector<Instance<Validator>>& validators_;
    std::string model_;
    std::vector<std::size_t> asking_;  ///< places of the validators that ask
    bool sets_;
};

}  // namespace synth::core
