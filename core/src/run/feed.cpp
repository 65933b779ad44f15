#include "run/feed.hpp"

#include <algorithm>
#include <utility>

namespace synth::core {

namespace {

constexpr std::size_t kSpecsRead = 256;

}  // namespace

Feed::Feed(LedgerReader& reader)
    : reader_(reader), plan_(reader.plan()), first_(reader.head().first), samples_(reader.head().samples) {}

Status Feed::restore() {
    return reader_.each_sample([this](std::uint64_t sample, bool accepted) {
        begun_.resize(samples_);
        done_.resize(samples_);
        if (sample >= first_ && sample - first_ < samples_) (accepted ? done_ : begun_)[sample - first_] = true;
        accepted_ += accepted ? 1U : 0U;
    });
}

Result<std::unique_ptr<Job>> Feed::next() {
    for (;;) {
        if (at_ == specs_.size()) {
            specs_.resize(kSpecsRead);
            auto got = plan_->next(specs_);
            if (!got) return std::move(got).error();
            specs_.resize(*got);
            at_ = 0;
            if (*got == 0) return std::unique_ptr<Job>();
        }
        const SampleSpec& spec = specs_[at_++];
        const auto at = spec.index - first_;
        if (!done_.empty() && done_[at]) continue;
        auto job = std::make_unique<Job>();
        job->spec = spec;
        if (!begun_.empty() && begun_[at])
            if (auto done = recall(*job); !done) return std::move(done).error();
        return job;
    }
}

Status Feed::recall(Job& job) {
    auto calls = reader_.calls_of(job.spec.index);
    if (!calls) return std::move(calls).error();
    for (const auto& call : *calls) {
        if (call.row.role != "write") {
            if (call.row.outcome == Outcome::answered && job.held && job.held->attempt == call.row.attempt)
                job.held->answers.emplace_back(call.row.role, Completion{call.text, call.row.finish});
            continue;
        }
        if (call.row.outcome == Outcome::held) job.held = Pipeline::to_held(call);
        if (is_attempt(call.row.outcome)) job.attempts = std::max(job.attempts, call.row.attempt);
        if (call.row.outcome == Outcome::rejected) job.earlier.push_back(Pipeline::to_attempt(call));
    }
    return {};
}

}  // namespace synth::core
