#include "run/accepted.hpp"

namespace synth::core {

Result<bool> AcceptedSamples::next(const SampleSpec*& spec, CallEntry& entry) {
    auto more = accepted_->next(entry);
    if (!more || !*more) return more;
    while (at_ == specs_.size() || specs_[at_].index != entry.row.sample) {
        if (at_ < specs_.size()) {
            ++at_;
            continue;
        }
        specs_.resize(256);
        auto got = plan_->next(specs_);
        if (!got) return std::move(got).error();
        specs_.resize(*got);
        at_ = 0;
        if (*got == 0)
            return Error{ErrorCode::io, "the ledger holds a sample that its plan lacks, it is damaged", kDamaged};
    }
    spec = &specs_[at_];
    return true;
}

}  // namespace synth::core
