#include "run/pacing.hpp"

#include <algorithm>

namespace synth::core {

namespace {

using Seconds = std::chrono::duration<double>;

// The server's clock and ours differ a little in when a request counts; staying just below its rate costs 1 % and saves
// the 429 that meets the last request of every minute.
constexpr double kShareUsed = 0.99;

}  // namespace

void Bucket::set_rate(double per_minute, SteadyTime now) {
    level_ = limited() ? std::min(level(now), per_minute) : per_minute;
    per_minute_ = per_minute;
    updated_ = now;
}

void Bucket::set_level(double level, SteadyTime now) {
    level_ = std::min(level, per_minute_);
    updated_ = now;
}

double Bucket::level(SteadyTime now) const {
    return std::min(per_minute_, level_ + Seconds(now - updated_).count() * per_minute_ / 60 * kShareUsed);
}

SteadyTime Bucket::available_at(double amount, SteadyTime now) const {
    if (!limited()) return now;
    const double missing = std::min(amount, per_minute_) - level(now);
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
    if (requests_per_minute) requests_.set_rate(*requests_per_minute, now);
    if (tokens_per_minute) tokens_.set_rate(*tokens_per_minute, now);
}

SteadyTime RateLimiter::earliest(Tokens tokens, SteadyTime now) const {
    return std::max({paused_until_, requests_.available_at(1, now),
                     tokens_.available_at(static_cast<double>(tokens.count), now)});
}

RateLimiter::Ticket RateLimiter::admit(Tokens tokens, SteadyTime now) {
    const auto amount = static_cast<double>(tokens.count);
    requests_.take(1, now);
    tokens_.take(amount, now);
    tokens_admitted_ += amount;
    return {++admitted_, amount, tokens_admitted_};
}

void RateLimiter::settle(const Ticket& ticket, std::optional<Tokens> used, SteadyTime now) {
    if (used) tokens_.take(static_cast<double>(used->count) - ticket.tokens, now);
}

bool RateLimiter::learn(const RateLimits& limits, const Ticket& ticket, SteadyTime now) {
    bool changed = false;
    const auto adopt = [&](Bucket& bucket, bool given, std::optional<std::int64_t> limit,
                           std::optional<std::int64_t> remaining, double sent_since) {
        if (given || !limit) return;
        const auto rate = static_cast<double>(*limit);
        const bool first = !bucket.limited();
        if (rate != bucket.per_minute()) {
            bucket.set_rate(rate, now);
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
    return changed;
}

void RateLimiter::pause(SteadyTime until) { paused_until_ = std::max(paused_until_, until); }

bool Window::on_success(std::uint32_t in_flight) {
    if (limit_ == maximum_ || in_flight * 5 < limit_ * 4) return false;
    if (++clean_ < limit_) return false;
    clean_ = 0;
    ++limit_;
    return true;
}

bool Window::on_throttled(std::uint32_t episode) {
    if (episode != episode_) return false;
    ++episode_;
    clean_ = 0;
    const auto before = limit_;
    limit_ = std::max<std::uint32_t>(1, limit_ * 7 / 10);
    return limit_ != before;
}

std::chrono::milliseconds backoff(std::uint32_t failures, std::chrono::milliseconds jitter) {
    constexpr std::chrono::milliseconds kLongest{60'000};
    const auto exponent = std::min<std::uint32_t>(failures > 0 ? failures - 1 : 0, 6);
    return std::min(kLongest, std::chrono::milliseconds(1000U << exponent) + jitter);
}

}  // namespace synth::core
