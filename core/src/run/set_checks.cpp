#include "run/set_checks.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "run/accepted.hpp"

namespace synth::core {

namespace {

/// As Instance::call for an object that a plugin made.
template <class Function>
auto guarded(const std::string& id, Function&& function) -> decltype(function()) {
    try {
        return std::forward<Function>(function)();
    } catch (const std::exception& stray) {
        return Error{ErrorCode::internal, "validator " + id + " threw an exception: " + stray.what(),
                     "plugin_exception"};
    } catch (...) {
        return Error{ErrorCode::internal, "validator " + id + " threw an exception", "plugin_exception"};
    }
}

Review review_of(const SampleSpec& spec, const Draft& draft) {
    Review review;
    review.spec = &spec;
    review.draft = &draft;
    return review;
}

}  // namespace

// ------------------------------------------------------------------------------------------------------- SetReview

Result<std::unique_ptr<SetReview>> SetReview::make(const std::vector<Instance<Validator>>& validators) {
    auto review = std::make_unique<SetReview>();
    for (const auto& validator : validators) {
        auto check = validator.call([](Validator& v) { return v.set_check(); });
        if (!check) return std::move(check).error();
        if (*check) review->parts_.push_back({validator.id(), std::move(*check)});
    }
    if (review->parts_.empty()) review.reset();
    return review;
}

std::vector<Finding> SetReview::check(const Review& review) {
    std::vector<Finding> findings;
    for (const auto& part : parts_) {
        auto verdict = guarded(part.id, [&] { return part.check->check(review); });
        if (!verdict) {
            const Error& error = verdict.error();
            findings.push_back(
                {Severity::rejection, std::string(error.counted_as()), error.message, {}, {}, {}, part.id});
            continue;
        }
        for (auto& finding : verdict->findings) {
            finding.validator = part.id;
            findings.push_back(std::move(finding));
        }
    }
    return findings;
}

Status SetReview::add(const Review& review) {
    for (const auto& part : parts_)
        if (auto added = guarded(part.id, [&] { return part.check->add(review); }); !added) return added;
    return {};
}

Result<std::uint64_t> check_whole_set(SetReview& review, LedgerReader& reader, LedgerWriter& writer) {
    AcceptedSamples accepted(reader);
    const SampleSpec* spec = nullptr;
    CallEntry entry;
    std::uint64_t rejected = 0;
    for (;;) {
        auto more = accepted.next(spec, entry);
        if (!more) return std::move(more).error();
        if (!*more) break;
        const Draft draft{std::move(entry.title), std::move(entry.text)};
        auto findings = review.check(review_of(*spec, draft));
        const Finding* rejection = first_rejection(findings);
        if (rejection == nullptr) {
            if (auto added = review.add(review_of(*spec, draft)); !added) return std::move(added).error();
            continue;
        }
        ++rejected;
        Ruling ruling{entry.row.sample, entry.row.attempt,  Outcome::rejected,
                      rejection->code,  rejection->message, std::move(findings)};
        ruling.was = Outcome::accepted;
        writer.append(std::move(ruling));
    }
    if (auto done = writer.flush(); !done) return std::move(done).error();
    return rejected;
}

// ------------------------------------------------------------------------------------------------------- SetChecks

class SetChecks::Impl {
public:
    Impl(std::unique_ptr<SetReview> review, LedgerReader reader, std::function<void()> notify)
        : review_(std::move(review)),
          reader_(std::move(reader)),
          notify_(std::move(notify)),
          first_(reader_.head().first),
          state_(reader_.head().samples) {}

    void start() {
        thread_ = std::thread([this] {
            if (auto done = work(); !done) {
                Decided failed;
                failed.error = std::move(done).error();
                put(std::move(failed));
            }
        });
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_one();
        if (thread_.joinable()) thread_.join();
    }

    void mark(std::uint64_t sample, bool is_held) {
        {
            const std::lock_guard lock(mutex_);
            if (sample >= first_ && sample - first_ < state_.size())
                state_[sample - first_] = is_held ? State::held : State::gone;
        }
        changed_.notify_one();
    }

    void conclude() {
        {
            const std::lock_guard lock(mutex_);
            concluding_ = true;
        }
        changed_.notify_one();
    }

    std::vector<Decided> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(decided_, {});
    }

private:
    enum class State : std::uint8_t { coming, held, gone, added };

    Status work() {
        if (auto added = add_accepted(); !added) return added;
        const auto plan = reader_.plan();
        std::vector<SampleSpec> specs;
        for (;;) {
            specs.resize(256);
            auto got = plan->next(specs);
            if (!got) return std::move(got).error();
            specs.resize(*got);
            if (*got == 0) return {};
            for (const SampleSpec& spec : specs)
                for (;;) {
                    const auto state = wait_for(spec.index);
                    if (!state) return {};
                    if (*state != State::held) break;
                    auto accepted = decide(spec);
                    if (!accepted) return std::move(accepted).error();
                    if (*accepted) break;
                }
        }
    }

    /// The state of a sample once it is not `coming` any more; nothing: the thread is to end.
    std::optional<State> wait_for(std::uint64_t sample) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopping_ || concluding_ || state_[sample - first_] != State::coming; });
        if (stopping_) return std::nullopt;
        return state_[sample - first_];
    }

    Status add_accepted() {
        AcceptedSamples accepted(reader_);
        const SampleSpec* spec = nullptr;
        CallEntry entry;
        for (;;) {
            auto more = accepted.next(spec, entry);
            if (!more) return std::move(more).error();
            if (!*more) return {};
            const auto sample = entry.row.sample;
            if (auto added = add(*spec, entry); !added) return added;
            const std::lock_guard lock(mutex_);
            state_[sample - first_] = State::added;
            if (stopping_) return {};
        }
    }

    Status add(const SampleSpec& spec, CallEntry& entry) {
        const Draft draft{std::move(entry.title), std::move(entry.text)};
        return review_->add(review_of(spec, draft));
    }

    /// Whether the sample's held text is accepted.
    Result<bool> decide(const SampleSpec& spec) {
        auto calls = reader_.calls_of(spec.index);
        if (!calls) return std::move(calls).error();
        const auto held =
            std::ranges::find(*calls, Outcome::held, [](const CallEntry& call) { return call.row.outcome; });
        if (held == calls->end())
            return Error{ErrorCode::internal,
                         "sample " + std::to_string(spec.index + 1) + " is to be decided and has no text",
                         {}};
        Draft draft{std::move(held->title), std::move(held->text)};
        Decided decided;
        decided.sample = spec.index;
        decided.findings = review_->check(review_of(spec, draft));
        const bool rejected = first_rejection(decided.findings) != nullptr;
        if (rejected) {
            decided.title = std::move(draft.title);
            decided.text = std::move(draft.text);
        } else if (auto added = review_->add(review_of(spec, draft)); !added) {
            return std::move(added).error();
        }
        {
            const std::lock_guard lock(mutex_);
            state_[spec.index - first_] = rejected ? State::coming : State::added;
            // Nobody writes a rejected text again in a run that ends.
            if (rejected && concluding_) state_[spec.index - first_] = State::gone;
        }
        put(std::move(decided));
        return !rejected;
    }

    void put(Decided decided) {
        {
            const std::lock_guard lock(mutex_);
            decided_.push_back(std::move(decided));
        }
        notify_();
    }

    std::unique_ptr<SetReview> review_;
    LedgerReader reader_;
    std::function<void()> notify_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t first_;       ///< index of the plan's first sample: above 0 in a shard's ledger
    std::vector<State> state_;  ///< by index - first_
    std::vector<Decided> decided_;
    bool stopping_ = false, concluding_ = false;
    std::thread thread_;
};

SetChecks::SetChecks(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SetChecks::~SetChecks() { impl_->stop(); }

Result<std::unique_ptr<SetChecks>> SetChecks::start(std::unique_ptr<SetReview> review,
                                                    const std::filesystem::path& ledger,
                                                    std::function<void()> decided) {
    auto reader = LedgerReader::open(ledger);
    if (!reader) return std::move(reader).error();
    auto impl = std::make_unique<Impl>(std::move(review), std::move(*reader), std::move(decided));
    impl->start();
    return std::unique_ptr<SetChecks>(new SetChecks(std::move(impl)));
}

void SetChecks::held(std::uint64_t sample) { impl_->mark(sample, true); }
void SetChecks::gone(std::uint64_t sample) { impl_->mark(sample, false); }
void SetChecks::conclude() { impl_->conclude(); }
std::vector<SetChecks::Decided> SetChecks::take() { return impl_->take(); }

}  // namespace synth::core
