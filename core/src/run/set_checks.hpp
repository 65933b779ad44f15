// What validators say about a text beside the others of its set. Texts are looked at in plan order, whatever the order
// in which answers came in: sample n when all before it are accepted or given up. Works in a thread of its own, which
// reads the texts from the ledger, so memory holds a byte a sample and what the validators keep.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugins/instance.hpp"
#include "run/ledger.hpp"
#include "synth/validator.hpp"

namespace synth::core {

/// The checks of one set by all validators that have one.
class SetReview {
public:
    /// Nothing when no validator looks at sets.
    static Result<std::unique_ptr<SetReview>> make(const std::vector<Instance<Validator>>& validators);

    /// What all of them find. A validator that fails rejects.
    std::vector<Finding> check(const Review& review);
    /// The text is part of the set from now on.
    Status add(const Review& review);

private:
    struct Part {
        std::string id;
        std::unique_ptr<SetCheck> check;
    };
    std::vector<Part> parts_;
};

/// Checks all accepted texts of a ledger anew, as one set: those of shards never met. What is rejected is missing from
/// then on. How many were.
Result<std::uint64_t> check_whole_set(SetReview& review, LedgerReader& reader, LedgerWriter& writer);

class SetChecks {
public:
    struct Decided {
        std::uint64_t sample = 0;
        std::vector<Finding> findings;  ///< any rejection: rejected
        std::string title, text;        ///< only when rejected, for the next attempt
        std::optional<Error> error;     ///< the ledger or a plugin failed: nothing more is decided
    };

    /// Adds what the ledger has as accepted and waits. `decided` is called from the thread when `take` has something.
    static Result<std::unique_ptr<SetChecks>> start(std::unique_ptr<SetReview> review,
                                                    const std::filesystem::path& ledger, std::function<void()> decided);
    ~SetChecks();
    SetChecks(const SetChecks&) = delete;
    SetChecks& operator=(const SetChecks&) = delete;

    /// Sample has a durable `held` call.
    void held(std::uint64_t sample);
    /// Sample will not be made.
    void gone(std::uint64_t sample);
    /// No further sample will come: decides what is held, past those that are missing.
    void conclude();

    [[nodiscard]] std::vector<Decided> take();

private:
    class Impl;
    explicit SetChecks(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace synth::core
