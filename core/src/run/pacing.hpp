// When the next request may leave, and how many may be in flight. Pure: the clock comes in, so a test needs no sleep.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "synth/types.hpp"

namespace synth::core {

using SteadyTime = std::chrono::steady_clock::time_point;

/// A token bucket: refilled continuously up to one minute's worth, may be driven below zero by what turns out to have
/// cost more than was thought.
class Bucket {
public:
    void set_rate(double per_minute, SteadyTime now);
    void set_level(double level, SteadyTime now);
    [[nodiscard]] bool limited() const noexcept { return per_minute_ > 0; }
    [[nodiscard]] double per_minute() const noexcept { return per_minute_; }
    [[nodiscard]] double level(SteadyTime now) const;
    /// When `amount` will be there. An amount over a minute's worth waits for a full bucket.
    [[nodiscard]] SteadyTime available_at(double amount, SteadyTime now) const;
    void take(double amount, SteadyTime now);

private:
    double per_minute_ = 0, level_ = 0;
    SteadyTime updated_{};
};

/// Requests and tokens per minute of one endpoint and model: given by the user, or learned from replies.
class RateLimiter {
public:
    /// What a request was let through with; handed back with its reply.
    struct Ticket {
        std::uint64_t number = 0;
        double tokens = 0;        ///< reserved for this request
        double tokens_until = 0;  ///< reserved for all requests so far, this one included
    };

    RateLimiter(std::optional<double> requests_per_minute, std::optional<double> tokens_per_minute, SteadyTime now);

    /// The earliest moment at which a request of that many tokens may leave; `now` or earlier: at once.
    [[nodiscard]] SteadyTime earliest(Tokens tokens, SteadyTime now) const;
    Ticket admit(Tokens tokens, SteadyTime now);

    /// Corrects the token bucket by what the request really took; nothing: it stays as reserved.
    void settle(const Ticket& ticket, std::optional<Tokens> used, SteadyTime now);

    /// Learns limits and levels from a reply. True when a limit changed.
    bool learn(const RateLimits& limits, const Ticket& ticket, SteadyTime now);

    /// Nothing leaves before `until`.
    void pause(SteadyTime until);

    /// Limits are known, from the user or from replies, so a 429 says nothing about the window.
    [[nodiscard]] bool known() const noexcept { return requests_.limited() || tokens_.limited(); }
    [[nodiscard]] double requests_per_minute() const noexcept { return requests_.per_minute(); }
    [[nodiscard]] double tokens_per_minute() const noexcept { return tokens_.per_minute(); }

private:
    Bucket requests_, tokens_;
    bool requests_given_, tokens_given_;
    std::uint64_t admitted_ = 0;
    double tokens_admitted_ = 0;
    SteadyTime paused_until_{};
};

/// How many requests may be in flight. Starts at its maximum, which the user asked for; is cut once per episode of
/// 429s, then grows by one a round while it is really used.
class Window {
public:
    explicit Window(std::uint32_t maximum) : maximum_(maximum), limit_(maximum) {}

    [[nodiscard]] std::uint32_t limit() const noexcept { return limit_; }
    /// Which episode a request belongs to; handed back with its reply.
    [[nodiscard]] std::uint32_t episode() const noexcept { return episode_; }

    /// True when the limit changed.
    bool on_success(std::uint32_t in_flight);
    bool on_throttled(std::uint32_t episode);

private:
    std::uint32_t maximum_, limit_, episode_ = 0, clean_ = 0;
};

/// Exponential backoff with jitter: 2^(failures-1) s + `jitter`, at most a minute. `jitter` is drawn from [0 s, 1 s).
std::chrono::milliseconds backoff(std::uint32_t failures, std::chrono::milliseconds jitter);

}  // namespace synth::core
