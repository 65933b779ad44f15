// When the next request may leave, and how many may be in flight. Pure: the clock comes in, so a test needs no sleep.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "synth/types.hpp"

namespace synth::core {

using SteadyTime = std::chrono::steady_clock::time_point;

/// A token bucket: refilled continuously up to its capacity, may be driven below zero by what turns out to have cost
/// more than was thought.
class Bucket {
public:
    /// Starts full; a bucket that had a rate before keeps its level.
    void set_rate(double per_minute, double capacity, SteadyTime now);
    void set_level(double level, SteadyTime now);
    [[nodiscard]] bool limited() const noexcept { return per_minute_ > 0; }
    [[nodiscard]] double per_minute() const noexcept { return per_minute_; }
    [[nodiscard]] double level(SteadyTime now) const;
    /// When `amount` will be there. An amount over the capacity waits for a full bucket.
    [[nodiscard]] SteadyTime available_at(double amount, SteadyTime now) const;
    void take(double amount, SteadyTime now);

private:
    double per_minute_ = 0, capacity_ = 0, level_ = 0;
    SteadyTime updated_{};
};

/// Reason of a 429 that asks for a lower rate, whatever the limits are.
inline constexpr std::string_view kSlowDown = "slow_down";

/// What a service may have counted a request with: what the answer took, or what it might have taken at most.
struct CountedTokens {
    Tokens used;     ///< input and output
    Tokens at_most;  ///< input, and the output that was asked for
};

/// Requests and tokens per minute: given by the user, or learned from the headers of replies.
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
    void settle(const Ticket& ticket, std::optional<CountedTokens> counted, SteadyTime now);

    /// Some services count what answers might have taken, and where nothing follows what they say is left they refuse
    /// for what was given back: from the first refusal on it is counted like that.
    enum class Refusal : std::uint8_t {
        learned,    ///< counted like that from now on
        explained,  ///< let through before
        other,
    };
    Refusal learn_from_refusal(const Ticket& ticket, SteadyTime now);

    /// Learns limits and levels from a reply. True when a limit changed.
    bool learn(const RateLimits& limits, const Ticket& ticket, SteadyTime now);

    /// Nothing leaves before `until`.
    void pause(SteadyTime until);
    [[nodiscard]] SteadyTime paused_until() const noexcept { return paused_until_; }

    /// Refused although the stated limit was kept: the server does not let a whole minute's worth go at once, so from
    /// now on a second's worth may.
    void smooth(SteadyTime now);

    /// From now on as if nothing were saved up and nothing owed; a second's worth may be saved up.
    void restart(SteadyTime now);

    /// The server states its limits, so a 429 says nothing about the window.
    [[nodiscard]] bool stated() const noexcept { return stated_; }
    [[nodiscard]] double requests_per_minute() const noexcept { return requests_.per_minute(); }
    [[nodiscard]] double tokens_per_minute() const noexcept { return tokens_.per_minute(); }

private:
    Bucket requests_, tokens_;
    bool requests_given_, tokens_given_, stated_ = false;
    bool counts_at_most_ = false, gave_back_ = false, follows_tokens_left_ = false;
    std::uint64_t admitted_ = 0, gave_back_until_ = 0;  ///< the last one let through before that
    double tokens_admitted_ = 0;
    SteadyTime paused_until_{};
};

/// How many requests may be in flight. Starts where it is told to; is cut once per episode of 429s. A window below its
/// threshold doubles every round (slow start), above it grows by one a round, both only while it is really used. The
/// threshold is the maximum until the first 429.
class Window {
public:
    Window(std::uint32_t start, std::uint32_t maximum);

    [[nodiscard]] std::uint32_t limit() const noexcept { return limit_; }
    /// Which episode a request belongs to; handed back with its reply.
    [[nodiscard]] std::uint32_t episode() const noexcept { return episode_; }

    /// `in_flight`: the one that succeeded included. True when the limit changed.
    bool on_success(std::uint32_t in_flight);
    bool on_throttled(std::uint32_t episode, std::uint32_t in_flight);

private:
    [[nodiscard]] bool used(std::uint32_t in_flight) const noexcept { return in_flight * 5 >= limit_ * 4; }

    std::uint32_t maximum_, limit_, threshold_, episode_ = 0, clean_ = 0;
    bool held_ = true;  ///< something succeeded in this window since the last cut
};

/// A rate found by trial, for servers that refuse without stating a limit: cut to a share of what went through since
/// the last refusal, then raised a little every second while it is what holds requests back.
class RateSearch {
public:
    [[nodiscard]] bool active() const noexcept { return bucket_.limited(); }
    [[nodiscard]] double per_minute() const noexcept { return bucket_.per_minute(); }
    [[nodiscard]] SteadyTime earliest(SteadyTime now) const { return bucket_.available_at(1, now); }

    void on_admitted(SteadyTime now);
    void on_success(SteadyTime now);
    /// Every refusal.
    void on_refused() { ++refused_; }
    /// The first refusal of an episode.
    void cut(SteadyTime now);
    /// Something was let in again after everyone had to wait.
    void on_let_in(SteadyTime now);
    /// The server says that the rate rises too fast: half of `stated` (0: none) or of what went through, and from then
    /// on at most half as much again in 15 minutes, as OpenAI asks for with `slow_down`.
    void slow_down(double stated, SteadyTime now);

private:
    void set(double per_minute, SteadyTime now);
    void restart(SteadyTime now);
    [[nodiscard]] double goodput(SteadyTime now) const;  ///< a minute, since the last cut

    Bucket bucket_;
    bool slow_ = false, cut_ = false;
    std::int64_t admitted_ = 0, refused_ = 0;
    SteadyTime since_{}, raised_{}, held_{};  ///< held: when the bucket last kept a request back
};

struct PaceOptions {
    std::optional<double> requests_per_minute, tokens_per_minute;  ///< as the user gave them
    std::uint32_t window = 20;                                     ///< in flight at most
    std::uint32_t start = 20;                                      ///< at the start; the same: used at once
    std::uint32_t shards = 1;                                      ///< that share what the server states
};

/// All that decides when the next request to one account and model may leave, and what their replies teach about it.
class Pacer {
public:
    struct Ticket {
        RateLimiter::Ticket limits;
        std::uint32_t episode = 0, pause = 0;
    };
    /// A change worth keeping in the ledger and showing.
    struct Note {
        std::string kind, detail;  ///< "window", "limits", "pause"; one line
    };

    Pacer(const PaceOptions& options, SteadyTime now);

    /// The earliest moment at which a request of that many tokens may leave. The window is apart: see `window`.
    [[nodiscard]] SteadyTime earliest(Tokens tokens, SteadyTime now) const;
    /// In flight at most, at this moment.
    [[nodiscard]] std::uint32_t window() const noexcept { return window_.limit(); }
    Ticket admit(Tokens tokens, SteadyTime now);

    /// What the reply to `ticket` says. `counted`: if it has a usage. `in_flight`: this one included. `jitter`:
    /// from [0 s, 1 s), for the pause after a 429 that names none.
    void settle(const Ticket& ticket, const Reply& reply, std::optional<CountedTokens> counted, std::uint32_t in_flight,
                std::chrono::milliseconds jitter, SteadyTime now, std::vector<Note>& notes);

    /// True: requests and tokens a minute are kept elsewhere, for all shards together. False: the share of this one
    /// counts again, with nothing saved up.
    void set_shared(bool shared, SteadyTime now);

    [[nodiscard]] double requests_per_minute() const noexcept;  ///< known limit or search; 0: none
    [[nodiscard]] double tokens_per_minute() const noexcept { return limiter_.tokens_per_minute(); }

private:
    void on_limited(const Ticket& ticket, const Reply& reply, std::uint32_t in_flight, std::chrono::milliseconds jitter,
                    SteadyTime now, std::vector<Note>& notes);
    /// Told to wait again and again: one asks for all.
    [[nodiscard]] bool asking() const noexcept;
    void let_in(SteadyTime now);

    /// This process's part of what the server states for all shards.
    [[nodiscard]] RateLimits part_of(RateLimits limits) const;

    RateLimiter limiter_;
    Window window_;
    std::uint32_t shards_;
    bool shared_ = false;
    RateSearch search_;
    std::uint32_t throttled_in_a_row_ = 0;
    std::uint32_t pause_ = 0, pauses_in_a_row_ = 0;  ///< refusals of what left before the last pause do not lengthen it
    SteadyTime asked_until_{};        ///< the one that asks has been let in if it is not refused until then
    bool success_in_episode_ = true;  ///< an episode of 429s lasts until something succeeds that was sent after its cut
};

/// Exponential backoff with jitter: 2^(failures-1) s + `jitter`, at most a minute. `jitter` is drawn from [0 s, 1 s).
std::chrono::milliseconds backoff(std::uint32_t failures, std::chrono::milliseconds jitter);

}  // namespace synth::core
