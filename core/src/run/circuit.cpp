#include "run/circuit.hpp"

namespace synth::core {

SteadyTime Circuit::earliest() const noexcept {
    if (!open_) return SteadyTime{};
    return probing_ ? SteadyTime::max() : next_probe_;
}

bool Circuit::admit() {
    if (!open_) return false;
    probing_ = true;
    ++probes_;
    return true;
}

void Circuit::open_at(SteadyTime next_probe) {
    open_ = true;
    probing_ = false;
    probes_ = 0;
    next_probe_ = next_probe;
}

bool Circuit::tick(SteadyTime now) {
    if (open_ || now - last_success_ < give_up_after_) return false;
    open_at(now);
    return true;
}

bool Circuit::on_answer(Answer answer, std::uint64_t sample, bool probe, std::chrono::milliseconds jitter,
                        SteadyTime now) {
    if (answer == Answer::success) last_success_ = now;
    const bool too_long = now - last_success_ >= give_up_after_;
    if (probe && open_ && too_long) {
        given_up_ = true;
    } else if (answer != Answer::nothing) {
        failed_in_a_row_.clear();
        if (!too_long) open_ = probing_ = false;
    } else if (probe && open_) {
        probing_ = false;
        next_probe_ = now + backoff(probes_, jitter);
    } else if (!open_ && failed_in_a_row_.insert(sample).second && failed_in_a_row_.size() >= failures_to_open_) {
        open_at(now + backoff(1, jitter));
        return true;
    }
    return false;
}

}  // namespace synth::core
