// Validator: says what is wrong with a text. Most look at one text alone (`check`); some need the answer of a model to
// a question of their own (Ask), some compare it with the other texts of the set (SetCheck). Nothing is bought by a
// plugin: the core does that, within the budget, and records it.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

/// A question to a model. The core sends it to the provider that `Validator::asks` names, as a call with the
/// validator's id as its role, and calls `check` again with the answer.
struct Ask {
    Prompt prompt;
};

struct Verdict {
    std::vector<Finding> findings{};  ///< any rejection rejects the text; its message is told to the model
    std::optional<Ask> ask{};         ///< the verdict is not final; dropped when something else rejects the text
};

/// Everything a validator may look at; borrowed for the call.
struct Review {
    const SampleSpec* spec = nullptr;
    const Prompt* prompt = nullptr;          ///< null: the text was made elsewhere, or in an earlier session
    const Completion* completion = nullptr;  ///< null with `prompt`
    const Draft* draft = nullptr;
    /// To the Ask of this validator about this text: what the model said, or nothing usable. Null: it was not asked
    /// yet.
    const Completion* answer = nullptr;
};

/// Looks at a text beside the others of its set. Calls come in plan order, whatever the order in which answers arrive:
/// `check` a text that all else accepted; `add` it, if it was accepted. When a run is resumed all accepted texts are
/// added first. Memory is bounded, or grows by at most some kilobytes a text. Used by one thread, not that of
/// `Validator::check`.
class SetCheck {
public:
    virtual ~SetCheck() = default;
    virtual Result<Verdict> check(const Review& review) = 0;  ///< findings only
    virtual Status add(const Review& review) = 0;
};

/// The provider that a validator's questions go to: an instance of its own beside the run's.
struct AskedProvider {
    std::string id;            ///< plugin; empty: the one that the run uses
    std::string options_json;  ///< an object, checked against that plugin's schema
    double budget_share = 1;   ///< of the run's budget that may be spent on answers, (0, 1]
};

class Validator {
public:
    static constexpr const char* kKind = "validator";
    static constexpr std::uint32_t kInterfaceVersion = 2;

    virtual ~Validator() = default;
    /// Pure in the review.
    virtual Result<Verdict> check(const Review& review) const = 0;

    /// Nothing: it never asks.
    virtual std::optional<AskedProvider> asks() const { return std::nullopt; }

    /// A new check of a whole set; null: it looks at single texts only.
    virtual Result<std::unique_ptr<SetCheck>> set_check() const { return std::unique_ptr<SetCheck>(); }
};

}  // namespace synth
