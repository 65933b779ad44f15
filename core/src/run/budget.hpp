// The hard cap on spending: spent + reserved ≤ cap at every moment. Pure arithmetic.

#pragma once

#include <optional>

#include "synth/units.hpp"

namespace synth::core {

class Budget {
public:
    /// `spent`: what the run has been charged for before this session.
    Budget(std::optional<PicoUsd> cap, PicoUsd spent) : cap_(cap), spent_(spent) {}

    /// Sets the upper bound of a request's cost aside; false when that would pass the cap.
    [[nodiscard]] bool reserve(PicoUsd bound) {
        if (cap_ && spent_ + reserved_ + bound > *cap_) return false;
        reserved_ += bound;
        return true;
    }
    /// Ends a reservation with what the answer really cost; an unknown cost is charged in full.
    void settle(PicoUsd bound, std::optional<PicoUsd> cost) {
        reserved_ -= bound;
        spent_ += cost.value_or(bound);
    }
    /// The request never left: nothing is charged.
    void release(PicoUsd bound) { reserved_ -= bound; }

    void set_cap(PicoUsd cap) noexcept { cap_ = cap; }

    [[nodiscard]] PicoUsd spent() const noexcept { return spent_; }
    [[nodiscard]] PicoUsd reserved() const noexcept { return reserved_; }
    [[nodiscard]] std::optional<PicoUsd> cap() const noexcept { return cap_; }

private:
    std::optional<PicoUsd> cap_;
    PicoUsd spent_, reserved_;
};

}  // namespace synth::core
