#include "run/simulation.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <queue>
#include <utility>
#include <vector>

#include "run/batch_rules.hpp"
#include "run/budget.hpp"
#include "run/circuit.hpp"
#include "run/pacing.hpp"
#include "run/pipeline.hpp"
#include "synth/random.hpp"

namespace synth::core {

namespace {

using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

constexpr SteadyTime kStart{std::chrono::hours(1)};  // the pacer takes the clock's zero for "never"

SteadyTime::duration ticks(double seconds) {
    return std::chrono::duration_cast<SteadyTime::duration>(Seconds(seconds));
}

/// What the service draws.
class Fate {
public:
    explicit Fate(std::uint64_t seed) : random_(derive_seed(seed, "simulation")) {}

    bool happens(double probability) { return probability > 0 && uniform() < probability; }
    double log_normal(double median, double sigma) {
        if (sigma == 0) return median;
        const double radius = std::sqrt(-2 * std::log(uniform()));  // Box and Muller
        return median * std::exp(sigma * radius * std::cos(2 * std::numbers::pi * uniform()));
    }
    milliseconds jitter() { return milliseconds(static_cast<std::int64_t>(random_.below(1000))); }

private:
    /// From (0, 1).
    double uniform() { return (static_cast<double>(random_.next() >> 11U) + 0.5) * 0x1p-53; }

    Random random_;
};

/// A sample on its way.
struct Work {
    std::uint64_t sample = 0;
    std::uint32_t attempts = 0, failures = 0;
    bool repair = false;  ///< an earlier answer was rejected
};

/// Samples that are alike.
struct Group {
    std::uint32_t attempts = 0;
    bool repair = false;
    std::uint64_t count = 0;
};

void join(std::vector<Group>& groups, std::uint32_t attempts, bool repair) {
    const auto found = std::ranges::find_if(
        groups, [&](const Group& group) { return group.attempts == attempts && group.repair == repair; });
    if (found != groups.end())
        ++found->count;
    else
        groups.push_back({attempts, repair, 1});
}

/// Counts and money of one process, whichever way it asks.
class Account {
public:
    Account(const RunConfig& run_config, const ServiceModel& model, std::uint64_t samples, std::uint64_t seed)
        : config(run_config), service(model), budget(run_config.budget, {}), fate(seed) {
        run.samples = samples;
    }

    enum class Answer : std::uint8_t { accepted, rejected, failed, unanswered };

    Answer draw(bool in_time) {
        if (!in_time) return Answer::unanswered;
        if (fate.happens(service.failure_rate)) return Answer::failed;
        return fate.happens(service.rejection_rate) ? Answer::rejected : Answer::accepted;
    }

    /// False: the sample is done, one way or the other.
    bool settle(Answer answer, const RequestModel& request, std::uint32_t& attempts, bool& repair) {
        ++run.requests;
        if (answer == Answer::failed) {
            ++run.failed;
            budget.release(request.bound);
        } else if (answer == Answer::unanswered) {
            ++run.failed;
            ++run.timeouts;
            budget.settle(request.bound, std::nullopt);
            run.cost += request.bound;
        } else {
            budget.settle(request.bound, request.cost);
            run.cost += request.cost;
            run.input_tokens += request.input.count;
            run.output_tokens += request.output.count;
        }
        ++attempts;
        if (answer == Answer::accepted) {
            ++run.accepted;
            return false;
        }
        if (answer == Answer::rejected) {
            ++run.rejected;
            run.rejected_cost += request.cost;
            repair = true;
        }
        return attempts < config.max_attempts;
    }

    void pass(Wait wait, SteadyTime& now, SteadyTime then) {
        const double seconds = Seconds(then - now).count();
        run.waited[static_cast<std::size_t>(wait)] += seconds;
        run.seconds += seconds;
        now = then;
    }

    const RunConfig& config;
    const ServiceModel& service;
    Budget budget;
    Fate fate;
    SimulatedRun run;
};

/// The loop of a direct session, its answers out of a queue of times in place of sockets.
class DirectSimulation {
public:
    DirectSimulation(Account& account, const WorkModel& work, std::vector<Group> fresh, SteadyTime now)
        : a_(account),
          config_(account.config),
          work_(work),
          fresh_(std::move(fresh)),
          pacer_({config_.rpm, config_.tpm, config_.max_concurrent,
                  std::min(config_.initial_concurrent, config_.max_concurrent), 1},
                 now),
          circuit_(std::clamp<std::uint32_t>(config_.max_concurrent / 2, 5, 50),
                   std::chrono::seconds(config_.give_up_after_s), now),
          now_(now) {
        const auto& first = work_.first;
        const auto used = static_cast<double>(first.input.count + first.output.count);
        tokens_are_scarcer_ = config_.tpm && (!config_.rpm || used / *config_.tpm > 1 / *config_.rpm);
        unavailable_.error = Error{ErrorCode::unavailable, "simulated", "simulated"};
    }

    void run() {
        while (!a_.run.given_up && !a_.run.budget_reached) {
            circuit_.tick(now_);
            const auto [wait, until] = pump();
            auto next = until;
            if (!flights_.empty()) next = std::min(next, flights_.top().at);
            if (!backing_off_.empty()) next = std::min(next, backing_off_.top().at);
            if (next == SteadyTime::max()) break;
            a_.pass(wait, now_, std::max(next, now_));
            while (!backing_off_.empty() && backing_off_.top().at <= now_) {
                ready_.push(backing_off_.top().work);
                backing_off_.pop();
            }
            if (!flights_.empty() && flights_.top().at <= now_) land();
        }
        while (!flights_.empty()) {  // what is in flight is taken in
            a_.pass(Wait::latency, now_, std::max(flights_.top().at, now_));
            land();
        }
    }

private:
    struct Flight {
        SteadyTime at;
        std::uint64_t number = 0;
        Work work;
        Pacer::Ticket ticket;
        bool probe = false, in_time = true;
        bool operator>(const Flight& other) const { return std::pair(at, number) > std::pair(other.at, other.number); }
    };
    struct BackingOff {
        SteadyTime at;
        Work work;
        bool operator>(const BackingOff& other) const {
            return std::pair(at, work.sample) > std::pair(other.at, other.work.sample);
        }
    };
    struct LowestFirst {
        bool operator()(const Work& a, const Work& b) const { return a.sample > b.sample; }
    };

    [[nodiscard]] const RequestModel& request_of(const Work& work) const {
        return work.repair ? work_.repair : work_.first;
    }

    bool next(Work& work) {
        if (!ready_.empty()) {
            work = ready_.top();
            ready_.pop();
            return true;
        }
        while (!fresh_.empty() && fresh_.back().count == 0) fresh_.pop_back();
        if (fresh_.empty()) return false;
        --fresh_.back().count;
        work = {samples_++, fresh_.back().attempts, 0, fresh_.back().repair};
        return true;
    }

    /// Sends what may leave now; what keeps the next one back, and until when that may end by time alone.
    std::pair<Wait, SteadyTime> pump() {
        while (flights_.size() < pacer_.window() || circuit_.wants_probe()) {
            Work work;
            if (!next(work)) return {Wait::latency, SteadyTime::max()};
            const auto& request = request_of(work);
            const Tokens tokens = request.input_bound + request.output_bound;
            const auto paced = pacer_.earliest(tokens, now_), open = circuit_.earliest();
            if (std::max(paced, open) > now_) {
                ready_.push(work);
                return {open > now_           ? Wait::service
                        : tokens_are_scarcer_ ? Wait::tokens
                                              : Wait::requests,
                        std::max(paced, open)};
            }
            if (!a_.budget.reserve(request.bound)) {
                ready_.push(work);
                if (flights_.empty()) a_.run.budget_reached = true;
                return {Wait::latency, SteadyTime::max()};
            }
            const double latency = a_.fate.log_normal(a_.service.latency_s, a_.service.latency_spread);
            const bool in_time = latency <= config_.timeout_s;
            flights_.push({now_ + ticks(in_time ? latency : config_.timeout_s), ++sent_, work,
                           pacer_.admit(tokens, now_), circuit_.admit(), in_time});
            a_.run.most_in_flight = std::max<std::uint64_t>(a_.run.most_in_flight, flights_.size());
        }
        return {Wait::window, SteadyTime::max()};
    }

    void land() {
        Flight flight = flights_.top();
        const auto in_flight = static_cast<std::uint32_t>(flights_.size());
        flights_.pop();
        Work& work = flight.work;
        const auto& request = request_of(work);
        const auto answer = a_.draw(flight.in_time);
        const bool answered = answer == Account::Answer::accepted || answer == Account::Answer::rejected;
        notes_.clear();
        std::optional<CountedTokens> counted;
        if (answered) counted = {request.input + request.output, request.input + request.output_bound};
        pacer_.settle(flight.ticket, answered ? success_ : unavailable_, counted, in_flight, a_.fate.jitter(), now_,
                      notes_);
        circuit_.on_answer(answered ? Circuit::Answer::success : Circuit::Answer::nothing, work.sample, flight.probe,
                           a_.fate.jitter(), now_);
        a_.run.given_up = a_.run.given_up || circuit_.given_up();
        const auto attempts_before = work.attempts;
        bool again = a_.settle(answer, request, work.attempts, work.repair);
        if (flight.probe && !answered) {  // a probe that finds nobody is no attempt
            work.attempts = attempts_before;
            ready_.push(work);
            return;
        }
        work.failures = answered ? 0 : work.failures + 1;
        if (!again) return;
        if (answered || consequence_of(*unavailable_.error, true).next != Next::later)
            ready_.push(work);
        else
            backing_off_.push({now_ + backoff(work.failures, a_.fate.jitter()), work});
    }

    Account& a_;
    const RunConfig& config_;
    const WorkModel& work_;
    std::vector<Group> fresh_;
    Pacer pacer_;
    Circuit circuit_;
    SteadyTime now_;
    bool tokens_are_scarcer_ = false;
    Reply success_, unavailable_;
    std::vector<Pacer::Note> notes_;
    std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flights_;
    std::priority_queue<BackingOff, std::vector<BackingOff>, std::greater<>> backing_off_;
    std::priority_queue<Work, std::vector<Work>, LowestFirst> ready_;
    std::uint64_t samples_ = 0, sent_ = 0;
};

/// The loop of a session in batches.
class BatchSimulation {
public:
    BatchSimulation(Account& account, const WorkModel& work, const WorkModel& direct, const BatchLimits& limits)
        : a_(account),
          config_(account.config),
          work_(work),
          direct_(direct),
          most_bytes_(limits.bytes),
          most_lines_(most_lines(limits, config_)),
          fresh_(account.run.samples) {}

    void run() {
        for (;;) {
            while (out_.size() < kMostBatchesOut && wants_another()) another();
            if (out_.empty()) {
                if (retry_size_ == 0 && fresh_ == 0) return;
                if (budget_full_) {
                    a_.run.budget_reached = true;
                } else if (few_left()) {
                    DirectSimulation(a_, direct_, std::move(retry_), now_).run();
                }
                return;
            }
            const Wait wait = fresh_ == 0 || budget_full_      ? Wait::turnaround
                              : out_.size() == kMostBatchesOut ? Wait::batches
                                                               : Wait::queue;
            const auto next = std::ranges::min_element(out_, {}, &Batch::next_look);
            a_.pass(wait, now_, std::max(next->next_look, now_));
            next->interval = next_interval(next->interval);
            next->next_look = now_ + next->interval;
            if (now_ < next->done) continue;
            collect(std::move(*next));
            out_.erase(next);
            budget_full_ = false;
        }
    }

private:
    struct Batch {
        std::vector<Group> lines;
        std::int64_t tokens = 0;
        SteadyTime done{}, next_look{};
        milliseconds interval{};
        std::uint32_t round = 1;
    };

    [[nodiscard]] std::int64_t queued_tokens() const {
        std::int64_t tokens = 0;
        for (const auto& batch : out_) tokens += batch.tokens;
        return tokens;
    }
    [[nodiscard]] bool few_left() const {
        return config_.finish_direct && fresh_ == 0 && retry_size_ > 0 && are_few(retry_size_, a_.run.samples);
    }
    [[nodiscard]] bool wants_another() const {
        const auto most = static_cast<std::int64_t>(config_.queued_tokens);
        if ((most > 0 && queued_tokens() >= most) || budget_full_ || queue_full_) return false;
        if (fresh_ > 0) return true;
        return !few_left() && rounds_.due(retry_size_, most_lines_, out_, &Batch::round);
    }

    void another() {
        Batch batch;
        std::uint64_t lines = 0, bytes = 0;
        const auto queue = config_.queued_tokens > 0
                               ? static_cast<std::int64_t>(config_.queued_tokens) - queued_tokens()
                               : std::numeric_limits<std::int64_t>::max();
        while (lines < most_lines_) {
            const bool from_retry = retry_size_ > 0 && (fresh_ == 0 || retry_size_ >= most_lines_);
            if (!from_retry && fresh_ == 0) break;
            while (from_retry && retry_.back().count == 0) retry_.pop_back();
            const Group group = from_retry ? retry_.back() : Group{};
            const auto& request = group.repair ? work_.repair : work_.first;
            const bool too_much = batch.tokens + request.input_bound.count > queue;
            if (lines > 0 && (bytes + request.line_bytes > most_bytes_ || too_much)) {
                queue_full_ = too_much;
                break;
            }
            if (!a_.budget.reserve(request.bound)) {
                budget_full_ = true;
                break;
            }
            ++lines;
            bytes += request.line_bytes;
            batch.tokens += request.input_bound.count;
            if (from_retry) {
                --retry_.back().count;
                --retry_size_;
                batch.round = rounds_.next();
            } else {
                --fresh_;
            }
            add(batch.lines, group);
        }
        if (lines == 0) return;
        ++a_.run.batches;
        a_.run.most_in_flight = std::max(a_.run.most_in_flight, lines);
        batch.done = now_ + ticks(a_.service.turnaround_s);
        batch.interval = milliseconds(config_.poll_ms);
        batch.next_look = now_ + batch.interval;
        out_.push_back(std::move(batch));
    }

    static void add(std::vector<Group>& groups, const Group& one) {
        if (!groups.empty() && groups.back().attempts == one.attempts && groups.back().repair == one.repair)
            ++groups.back().count;
        else
            groups.push_back({one.attempts, one.repair, 1});
    }

    void collect(Batch batch) {
        queue_full_ = false;
        for (const auto& group : batch.lines)
            for (std::uint64_t line = 0; line < group.count; ++line) {
                auto attempts = group.attempts;
                bool repair = group.repair;
                if (!a_.settle(a_.draw(true), repair ? work_.repair : work_.first, attempts, repair)) continue;
                join(retry_, attempts, repair);
                rounds_.on_failed(batch.round, retry_size_++);
            }
    }

    Account& a_;
    const RunConfig& config_;
    const WorkModel& work_;
    const WorkModel& direct_;
    std::uint64_t most_bytes_, most_lines_;
    std::uint64_t fresh_, retry_size_ = 0;
    Rounds rounds_;
    std::vector<Group> retry_;
    std::vector<Batch> out_;
    SteadyTime now_ = kStart;
    bool budget_full_ = false, queue_full_ = false;
};

SimulatedRun ended(Account& account) {
    account.run.missing = account.run.samples - account.run.accepted;
    return account.run;
}

}  // namespace

Wait SimulatedRun::limit() const noexcept {
    return static_cast<Wait>(std::ranges::max_element(waited) - waited.begin());
}

void SimulatedRun::add(const SimulatedRun& other) noexcept {
    for (auto member :
         {&SimulatedRun::samples, &SimulatedRun::accepted, &SimulatedRun::missing, &SimulatedRun::requests,
          &SimulatedRun::failed, &SimulatedRun::rejected, &SimulatedRun::timeouts, &SimulatedRun::batches})
        this->*member += other.*member;
    most_in_flight = std::max(most_in_flight, other.most_in_flight);
    input_tokens += other.input_tokens;
    output_tokens += other.output_tokens;
    cost += other.cost;
    rejected_cost += other.rejected_cost;
    seconds = std::max(seconds, other.seconds);
    for (std::size_t i = 0; i < waited.size(); ++i) waited[i] += other.waited[i];
    budget_reached = budget_reached || other.budget_reached;
    given_up = given_up || other.given_up;
}

SimulatedRun simulate_direct(const RunConfig& config, std::uint64_t samples, const WorkModel& work,
                             const ServiceModel& service, std::uint64_t seed) {
    Account account(config, service, samples, seed);
    DirectSimulation(account, work, {{0, false, samples}}, kStart).run();
    return ended(account);
}

SimulatedRun simulate_batches(const RunConfig& config, std::uint64_t samples, const WorkModel& work,
                              const WorkModel& direct, const BatchLimits& limits, const ServiceModel& service,
                              std::uint64_t seed) {
    Account account(config, service, samples, seed);
    BatchSimulation(account, work, direct, limits).run();
    return ended(account);
}

}  // namespace synth::core
