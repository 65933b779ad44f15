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
};

/// What is to follow once the entry is durable.
enum class Next : std::uint8_t {
    done,       ///< accepted
    again,      ///< another attempt, at once, with a changed request
    later,      ///< another attempt, after a backoff
    repeat,     ///< the same again: a remedy was learned, or it was told to wait
    give_up,    ///< this sample cannot be had
    stop_run,   ///< nor can any other
};

struct Decision {
    CallEntry entry;
    Next next = Next::done;
    std::optional<Remedy> remedy;
};

/// Whether a call counts against `max_attempts`.
[[nodiscard]] constexpr bool is_attempt(Outcome outcome) noexcept {
    return outcome == Outcome::accepted || outcome == Outcome::rejected || outcome == Outcome::failed;
}

class Pipeline {
public:
    /// The instances are borrowed. `model` is what the provider said that it asks for.
    Pipeline(const Instance<PromptStrategy>& prompts, const Instance<Provider>& provider,
             const std::vector<Instance<Validator>>& validators, std::string model);

    Result<Prepared> prepare(const Job& job, const std::vector<Remedy>& remedies) const;

    /// What a response means, as the provider reads it.
    [[nodiscard]] Reply decode(const Job& job, const std::vector<Remedy>& remedies, const HttpResponse& response) const;

    /// Decides on a reply: extract, validators, price.
    [[nodiscard]] Decision decide(const Job& job, Reply reply) const;

    /// The attempt that an answered call was, for the prompts after it.
    static Attempt to_attempt(const CallEntry& entry);

    [[nodiscard]] std::optional<PicoUsd> cost(const Usage& usage, const Billing& billing) const;

private:
    [[nodiscard]] Request request_for(const Job& job, const Prompt& prompt, const std::vector<Remedy>& remedies) const;
    void check(const Job& job, const Completion& completion, Draft draft, Decision& decision) const;

    const Instance<PromptStrategy>& prompts_;
    const Instance<Provider>& provider_;
    const std::vector<Instance<Validator>>& validators_;
    std::string model_;
};

}  // namespace synth::core
