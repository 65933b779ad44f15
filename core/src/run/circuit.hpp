// A circuit breaker: when a service does not answer at all any more, nothing is sent to it but one request at a time
// that asks whether it is back; after too long without a success it is given up. Pure: the clock comes in.

#pragma once

#include <chrono>
#include <cstdint>
#include <set>

#include "run/pacing.hpp"

namespace synth::core {

class Circuit {
public:
    /// Opens when that many samples failed in a row, or when there was no success for `give_up_after`. A sample that
    /// fails again and again while there are no others says nothing about the service.
    Circuit(std::uint32_t failures, std::chrono::seconds give_up_after, SteadyTime now)
        : failures_to_open_(failures), give_up_after_(give_up_after), last_success_(now) {}

    [[nodiscard]] bool open() const noexcept { return open_; }
    /// The last probe failed, and there was no success for `give_up_after`: nothing more is to be sent.
    [[nodiscard]] bool given_up() const noexcept { return given_up_; }

    /// When the next request may leave; SteadyTime::max(): not before a probe has been answered.
    [[nodiscard]] SteadyTime earliest() const noexcept;

    /// Open, and nobody is asking.
    [[nodiscard]] bool wants_probe() const noexcept { return open_ && !probing_ && !given_up_; }

    /// A request leaves; true: as the probe.
    bool admit();

    /// Looks at the time: opens when there was no success for too long. True when it has just opened.
    bool tick(SteadyTime now);

    enum class Answer : std::uint8_t {
        success,
        other,    ///< the service is there, but this was no success: an error of the request, told to wait
        nothing,  ///< transport, or a failure on their side
    };
    /// What came of a request for `sample`; `probe` as `admit` said. True when it has just opened.
    bool on_answer(Answer answer, std::uint64_t sample, bool probe, std::chrono::milliseconds jitter, SteadyTime now);

private:
    void open_at(SteadyTime next_probe);

    std::uint32_t failures_to_open_, probes_ = 0;
    std::set<std::uint64_t> failed_in_a_row_;  ///< samples; never more than failures_to_open_
    std::chrono::seconds give_up_after_;
    SteadyTime last_success_, next_probe_{};
    bool open_ = false, probing_ = false, given_up_ = false;
};

}  // namespace synth::core
