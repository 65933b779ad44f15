#include "run/pacing.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "synth/provider.hpp"

namespace synth::core {

namespace {

using Seconds = std::chrono::duration<double>;

// The server's clock and ours differ a little in when a request counts; staying just below its rate costs 1 % and saves
// the 429 that meets the last request of every minute.
constexpr double kShareUsed = 0.99;

// The search for a limit that is not stated: what a refusal leaves of the rate; its growth a second while it is what
// holds requests back, at first and at most; how many seconds' worth may leave at once.
constexpr double kSearchCut = 0.93, kSearchGrowth = 0.005, kSearchFastest = 0.1, kSearchBurst = 0.1;
constexpr std::chrono::seconds kSearchStart{2}, kSearchSpan{5};
const double kSlowGrowth = std::pow(1.5, 1.0 / 900);

constexpr std::uint32_t kThrottledInARow = 3;
constexpr std::chrono::seconds kRefusedWithin{1};  // refusals are quick

std::string stated(double per_minute) {
    return per_minute > 0 ? std::to_string(static_cast<std::int64_t>(per_minute)) : "an unknown number of";
}

std::string window_note(std::uint32_t limit) { return "now " + std::to_string(limit) + " in flight at most"; }

}  // namespace

void Bucket::set_rate(double per_minute, double capacity, SteadyTime now) {
    level_ = limited() ? std::min(level(now), capacity) : capacity;
    per_minute_ = per_minute;
    capacity_ = capacity;
    updated_ = now;
}

void Bucket::set_level(double level, SteadyTime now) {
    level_ = std::min(level, capacity_);
    updated_ = now;
}

double Bucket::level(SteadyTime now) const {
    return std::min(capacity_, level_ + Seconds(now - updated_).count() * per_minute_ / 60 * kShareUsed);
}

SteadyTime Bucket::available_at(double amount, SteadyTime now) const {
    if (!limited()) return now;
    const double missing = std::min(amount, capacity_) - level(now);
    if (missing <= 0) return now;
    return now + std::chrono::ceil<SteadyTime::duration>(Seconds(missing * 60 / (per_minute_ * kShareUsed)));
}

void Bucket::take(double amount, SteadyTime now) {
    if (!limited()) return;
    level_ = level(now) - amount;
    updated_ = now;
}

RateLimiter::RateLimiter(std::optional<double> requests_per_minute, std::optional<double> tokens_per_minute,
                         SteadyTime now)
    : requests_given_(requests_per_minute.has_value()), tokens_given_(tokens_per_minute.has_value()) {
    if (requests_per_minute) requests_.set_rate(*requests_per_minute, *requests_per_minute, now);
    if (tokens_per_minute) tokens_.set_rate(*tokens_per_minute, *tokens_per_minute, now);
}

SteadyTime RateLimiter::earliest(Tokens tokens, SteadyTime now) const {
    return std::max(
        {paused_until_, requests_.available_at(1, now), tokens_.available_at(static_cast<double>(tokens.count), now)});
}

RateLimiter::Ticket RateLimiter::admit(Tokens tokens, SteadyTime now) {
    const auto amount = static_cast<double>(tokens.count);
    requests_.take(1, now);
    tokens_.take(amount, now);
    tokens_admitted_ += amount;
    return {++admitted_, amount, tokens_admitted_};
}

void RateLimiter::settle(const Ticket& ticket, std::optional<CountedTokens> counted, SteadyTime now) {
    if (!counted) return;
    gave_back_ = gave_back_ || (tokens_.limited() && counted->used < counted->at_most);
    const Tokens taken = counts_at_most_ ? std::max(counted->used, counted->at_most) : counted->used;
    tokens_.take(static_cast<double>(taken.count) - ticket.tokens, now);
}

RateLimiter::Refusal RateLimiter::learn_from_refusal(const Ticket& ticket, SteadyTime now) {
    if (counts_at_most_ || !gave_back_ || follows_tokens_left_)
        return ticket.number <= gave_back_until_ ? Refusal::explained : Refusal::other;
    counts_at_most_ = true;
    gave_back_until_ = admitted_;
    tokens_.set_level(std::min(0.0, tokens_.level(now)), now);
    return Refusal::learned;
}

bool RateLimiter::learn(const RateLimits& limits, const Ticket& ticket, SteadyTime now) {
    bool changed = false;
    const auto adopt = [&](Bucket& bucket, bool given, std::optional<std::int64_t> limit,
                           std::optional<std::int64_t> remaining, double sent_since) {
        if (!limit) return;
        stated_ = true;
        if (given) return;
        const auto rate = static_cast<double>(*limit);
        const bool first = !bucket.limited();
        if (rate != bucket.per_minute()) {
            bucket.set_rate(rate, rate, now);
            changed = true;
        }
        if (!remaining) return;
        // What the server had left when it let this request in, less what has been sent since.
        const double left = static_cast<double>(*remaining) - sent_since;
        if (first || left < bucket.level(now)) bucket.set_level(left, now);
    };
    adopt(requests_, requests_given_, limits.limit_requests, limits.remaining_requests,
          static_cast<double>(admitted_ - ticket.number));
    adopt(tokens_, tokens_given_, limits.limit_tokens, limits.remaining_tokens, tokens_admitted_ - ticket.tokens_until);
    follows_tokens_left_ = follows_tokens_left_ || (!tokens_given_ && limits.limit_tokens && limits.remaining_tokens);
    return changed;
}

void RateLimiter::smooth(SteadyTime now) {
    for (Bucket* bucket : {&requests_, &tokens_})
        if (bucket->limited()) {
            bucket->set_rate(bucket->per_minute(), std::max(1.0, bucket->per_minute() / 60), now);
            bucket->set_level(std::min(0.0, bucket->level(now)), now);
        }
}

void RateLimiter::restart(SteadyTime now) {
    for (Bucket* bucket : {&requests_, &tokens_})
        if (bucket->limited()) {
            bucket->set_rate(bucket->per_minute(), std::max(1.0, bucket->per_minute() / 60), now);
            bucket->set_level(0, now);
        }
}

void RateLimiter::pause(SteadyTime until) { paused_until_ = std::max(paused_until_, until); }

Window::Window(std::uint32_t start, std::uint32_t maximum)
    : maximum_(maximum), limit_(std::min(start, maximum)), threshold_(maximum) {}

bool Window::on_success(std::uint32_t in_flight) {
    if (!used(in_flight)) return false;
    held_ = true;
    if (limit_ == maximum_) return false;
    if (limit_ < threshold_) {  // one more for each success: the window doubles in a round
        ++limit_;
        return true;
    }
    if (++clean_ < limit_) return false;
    clean_ = 0;
    ++limit_;
    return true;
}

bool Window::on_throttled(std::uint32_t episode, std::uint32_t in_flight) {
    if (episode != episode_) return false;
    ++episode_;
    if (!used(in_flight)) return false;
    // A cut says where the trouble begins; one right after another only that it is not over.
    const auto cut = std::max<std::uint32_t>(1, limit_ * 7 / 10);
    if (std::exchange(held_, false)) threshold_ = cut;
    clean_ = 0;
    const auto before = std::exchange(limit_, cut);
    return limit_ != before;
}

// ------------------------------------------------------------------------------------------------------ rate search

double RateSearch::goodput(SteadyTime now) const {
    // Refusals come at once; what is in flight has been let in.
    return static_cast<double>(std::max<std::int64_t>(0, admitted_ - refused_)) * 60 /
           std::max(1.0, Seconds(now - since_).count());
}

void RateSearch::set(double per_minute, SteadyTime now) {
    const double rate = std::max(1.0, per_minute);
    bucket_.set_rate(rate, std::max(1.0, rate / 60 * kSearchBurst), now);
    raised_ = now;
}

void RateSearch::restart(SteadyTime now) {
    bucket_.set_level(0, now);
    admitted_ = refused_ = 0;
    since_ = now;
}

void RateSearch::on_admitted(SteadyTime now) {
    if (since_ == SteadyTime{}) since_ = now;
    ++admitted_;
    if (!active()) return;
    bucket_.take(1, now);
    if (bucket_.level(now) < 1) held_ = now;
}

void RateSearch::on_success(SteadyTime now) {
    if (!active()) return;
    const double seconds = Seconds(now - raised_).count();
    if (seconds < 1) return;
    raised_ = now;
    if (now - held_ > std::chrono::seconds(2)) return;  // it is not what holds requests back
    // The longer nothing was refused, the further away the limit may be.
    const double growth =
        slow_ ? kSlowGrowth
              : 1 + (cut_ ? std::min(kSearchFastest, kSearchGrowth * (1 + Seconds(now - since_).count() / 10))
                          : kSearchFastest);
    set(bucket_.per_minute() * std::pow(growth, std::min(seconds, 5.0)), now);
}

void RateSearch::cut(SteadyTime now) {
    const double seen = goodput(now);
    // What went through in a few seconds says little; then it is no more than one step down.
    const double least = now - since_ < kSearchSpan ? bucket_.per_minute() * kSearchCut : 0;
    const double rate = active() ? std::clamp(seen, least, bucket_.per_minute()) : seen;
    // Before anything has gone through for a while there is nothing to cut; the window and a pause have to do.
    if (rate > 0 && (active() || now - since_ >= kSearchStart)) {
        cut_ = true;
        set(rate * kSearchCut, now);
        restart(now);
    }
}

void RateSearch::on_let_in(SteadyTime now) {
    if (!active()) set(goodput(now), now);
}

void RateSearch::slow_down(double stated, SteadyTime now) {
    const double rate = active() ? bucket_.per_minute() : stated > 0 ? std::min(stated, goodput(now)) : goodput(now);
    set(rate / 2, now);
    restart(now);
    slow_ = true;
}

// ------------------------------------------------------------------------------------------------------------ pacer

Pacer::Pacer(const PaceOptions& options, SteadyTime now)
    : limiter_(options.requests_per_minute, options.tokens_per_minute, now),
      window_(options.start, options.window),
      shards_(options.shards) {}

RateLimits Pacer::part_of(RateLimits limits) const {
    if (shards_ <= 1) return limits;
    for (auto* limit : {&limits.limit_requests, &limits.limit_tokens})
        if (*limit) *limit = std::max<std::int64_t>(1, **limit / shards_);
    for (auto* remaining : {&limits.remaining_requests, &limits.remaining_tokens})
        if (*remaining) *remaining = **remaining / shards_;
    return limits;
}

bool Pacer::asking() const noexcept { return throttled_in_a_row_ >= (limiter_.stated() ? 1 : kThrottledInARow); }

SteadyTime Pacer::earliest(Tokens tokens, SteadyTime now) const {
    auto when = shared_ ? limiter_.paused_until() : limiter_.earliest(tokens, now);
    if (search_.active()) when = std::max(when, search_.earliest(now));
    if (asking()) when = std::max(when, asked_until_);
    return when;
}

Pacer::Ticket Pacer::admit(Tokens tokens, SteadyTime now) {
    if (asking()) {
        if (asked_until_ == SteadyTime{}) {
            asked_until_ = now + kRefusedWithin;
        } else {
            let_in(now);
        }
    }
    search_.on_admitted(now);
    return {limiter_.admit(tokens, now), window_.episode(), pause_};
}

void Pacer::let_in(SteadyTime now) {
    throttled_in_a_row_ = 0;
    if (!limiter_.stated()) search_.on_let_in(now);
}

void Pacer::set_shared(bool shared, SteadyTime now) {
    if (shared_ && !shared) limiter_.restart(now);
    shared_ = shared;
}

double Pacer::requests_per_minute() const noexcept {
    const double known = limiter_.requests_per_minute();
    if (!search_.active()) return known;
    return known > 0 ? std::min(known, search_.per_minute()) : search_.per_minute();
}

void Pacer::settle(const Ticket& ticket, const Reply& reply, std::optional<CountedTokens> counted,
                   std::uint32_t in_flight, std::chrono::milliseconds jitter, SteadyTime now,
                   std::vector<Note>& notes) {
    if (limiter_.learn(part_of(reply.limits), ticket.limits, now))
        notes.push_back(
            {"limits", "the server states " + stated(limiter_.requests_per_minute()) + " requests and " +
                           stated(limiter_.tokens_per_minute()) + " tokens a minute" +
                           (shards_ > 1 ? ", as the share of one of " + std::to_string(shards_) + " shards" : "")});
    limiter_.settle(ticket.limits, counted, now);
    if (reply.limits.retry_after) limiter_.pause(now + *reply.limits.retry_after);
    const bool limited = reply.error && reply.error->code == ErrorCode::rate_limited;
    if (limited || (reply.error && reply.error->reason == kLoading)) {
        on_limited(ticket, reply, in_flight, jitter, now, notes);
    } else if (!reply.error || reply.usage) {
        if (asking()) let_in(now);
        throttled_in_a_row_ = pauses_in_a_row_ = 0;
        if (ticket.episode == window_.episode()) success_in_episode_ = true;
        search_.on_success(now);
        if (window_.on_success(in_flight)) notes.push_back({"window", window_note(window_.limit())});
    }
}

void Pacer::on_limited(const Ticket& ticket, const Reply& reply, std::uint32_t in_flight,
                       std::chrono::milliseconds jitter, SteadyTime now, std::vector<Note>& notes) {
    asked_until_ = {};
    const bool limited = reply.error->code == ErrorCode::rate_limited;
    const bool slow_down = reply.error->reason == kSlowDown;
    if (limited) search_.on_refused();
    if (limited && !slow_down) {
        const auto refusal = limiter_.learn_from_refusal(ticket.limits, now);
        if (refusal == RateLimiter::Refusal::learned)
            notes.push_back({"limits", "told to wait: tokens are counted as what answers may take"});
        if (refusal != RateLimiter::Refusal::other) return;
    }
    ++throttled_in_a_row_;
    if (limited && limiter_.stated()) limiter_.smooth(now);
    if (limited && (!limiter_.stated() || slow_down) && ticket.episode == window_.episode() && success_in_episode_) {
        success_in_episode_ = false;
        // A window that was not in use is not what was too much.
        if (window_.on_throttled(ticket.episode, in_flight)) notes.push_back({"window", window_note(window_.limit())});
        if (slow_down)
            search_.slow_down(limiter_.requests_per_minute(), now);
        else
            search_.cut(now);
        if (search_.active())
            notes.push_back({"limits", "told to wait" + std::string(slow_down ? " (slow_down)" : "") + ": " +
                                           stated(search_.per_minute()) + " requests a minute are tried"});
    }
    if (reply.limits.retry_after) return;
    // A single 429 is answered by the lower rate; when they come in a row everyone waits.
    if (limited && search_.active() && throttled_in_a_row_ < kThrottledInARow) return;
    if (ticket.pause != pause_) return;
    ++pause_;
    limiter_.pause(now + backoff(std::min<std::uint32_t>(++pauses_in_a_row_, 5), jitter));
}

std::chrono::milliseconds backoff(std::uint32_t failures, std::chrono::milliseconds jitter) {
    constexpr std::chrono::milliseconds kLongest{60'000};
    const auto exponent = std::min<std::uint32_t>(failures > 0 ? failures - 1 : 0, 6);
    return std::min(kLongest, std::chrono::milliseconds(1000U << exponent) + jitter);
}

}  // namespace synth::core
