// The pacer against servers of several kinds, in simulated time: how much of what the server allows is used, and how
// often it has to refuse. Deterministic: clock, latencies and jitter are arguments.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <ostream>
#include <queue>
#include <string>
#include <vector>

#include "run/pacing.hpp"
#include "synth/random.hpp"

namespace synth::core {
namespace {

using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

constexpr SteadyTime kStart{std::chrono::hours(1)};

/// Decides about a request at its arrival; may state what is left.
class Server {
public:
    virtual ~Server() = default;
    virtual bool admit(double second) = 0;
    [[nodiscard]] virtual double left() const { return 0; }
};

class TokenBucketServer : public Server {
public:
    TokenBucketServer(double per_minute, double capacity)
        : rate_(per_minute / 60), capacity_(capacity), level_(capacity) {}
    bool admit(double second) override {
        level_ = std::min(capacity_, level_ + (second - at_) * rate_);
        at_ = second;
        if (level_ < 1) return false;
        level_ -= 1;
        return true;
    }
    [[nodiscard]] double left() const override { return std::floor(level_); }

private:
    double rate_, capacity_, level_, at_ = 0;
};

class FixedWindowServer : public Server {
public:
    explicit FixedWindowServer(double per_minute) : limit_(per_minute) {}
    bool admit(double second) override {
        if (std::floor(second / 60) != minute_) {
            minute_ = std::floor(second / 60);
            used_ = 0;
        }
        if (used_ >= limit_) return false;
        ++used_;
        return true;
    }
    [[nodiscard]] double left() const override { return limit_ - used_; }

private:
    double limit_, used_ = 0, minute_ = 0;
};

class SlidingWindowServer : public Server {
public:
    explicit SlidingWindowServer(double per_minute) : limit_(per_minute) {}
    bool admit(double second) override {
        while (!seen_.empty() && seen_.front() <= second - 60) seen_.pop_front();
        if (static_cast<double>(seen_.size()) >= limit_) return false;
        seen_.push_back(second);
        return true;
    }
    [[nodiscard]] double left() const override { return limit_ - static_cast<double>(seen_.size()); }

private:
    double limit_;
    std::deque<double> seen_;
};

struct Case {
    std::string name;
    std::function<std::unique_ptr<Server>()> server;
    double per_minute = 600;
    double capacity = 600;  ///< what may leave on top of the rate
    bool headers = false;
    std::optional<milliseconds> retry_after;
    std::uint32_t window = 20;
    double median_ms = 1000, sigma = 0.4;
    double least_used = 0.85, most_refused = 0.10;
    friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

struct Outcome {
    double served = 0, refused = 0, seconds = 0;
    std::uint32_t most_in_flight = 0;
};

Outcome simulate(const Case& c, double seconds) {
    struct Answer {
        double at;
        bool served;
        double left;
        Pacer::Ticket ticket;
        bool operator>(const Answer& other) const { return at > other.at; }
    };
    const auto server = c.server();
    PaceOptions options;
    options.window = options.start = c.window;
    Pacer pacer(options, kStart);
    Random random(7);
    const auto normal = [&] {
        double sum = 0;
        for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.below(1'000'000)) / 1e6;
        return sum - 6;
    };
    std::priority_queue<Answer, std::vector<Answer>, std::greater<>> in_flight;
    std::vector<Pacer::Note> notes;
    Outcome outcome;
    double now = 0;
    const auto time = [](double second) {
        return kStart + std::chrono::duration_cast<SteadyTime::duration>(Seconds(second));
    };
    while (now < seconds) {
        std::optional<double> next;
        while (in_flight.size() < pacer.window()) {
            const auto when = pacer.earliest({4000}, time(now));
            if (when > time(now)) {
                next = Seconds(when - kStart).count() + 1e-6;
                break;
            }
            const auto ticket = pacer.admit({4000}, time(now));
            const bool served = server->admit(now);
            const double latency = served ? c.median_ms / 1000 * std::exp(c.sigma * normal()) : 0.02;
            in_flight.push({now + latency, served, server->left(), ticket});
            outcome.most_in_flight = std::max(outcome.most_in_flight, static_cast<std::uint32_t>(in_flight.size()));
        }
        if (in_flight.empty() || (next && *next < in_flight.top().at)) {
            now = *next;
            continue;
        }
        const Answer answer = in_flight.top();
        in_flight.pop();
        now = answer.at;
        Reply reply;
        if (c.headers) {
            reply.limits.limit_requests = static_cast<std::int64_t>(c.per_minute);
            if (answer.left > 0) reply.limits.remaining_requests = static_cast<std::int64_t>(answer.left);
        }
        if (!answer.served) {
            reply.error = Error{ErrorCode::rate_limited, "wait", "rate_limit_exceeded"};
            reply.limits.retry_after = c.retry_after;
        }
        (answer.served ? outcome.served : outcome.refused) += 1;
        pacer.settle(answer.ticket, reply, CountedTokens{{3000}, {3000}},
                     static_cast<std::uint32_t>(in_flight.size()) + 1, milliseconds(random.below(1000)), time(now),
                     notes);
    }
    outcome.seconds = now;
    return outcome;
}

class PacingSimulation : public testing::TestWithParam<Case> {};

TEST_P(PacingSimulation, UsesWhatIsAllowedAndIsSeldomRefused) {
    const Case& c = GetParam();
    const Outcome outcome = simulate(c, 900);
    const double allowed = c.capacity + c.per_minute / 60 * outcome.seconds;
    const double used = outcome.served / allowed, refused = outcome.refused / (outcome.served + outcome.refused);
    std::cout << c.name << ": " << outcome.served << " served of " << allowed << " (" << 100 * used << " %), refused "
              << outcome.refused << " (" << 100 * refused << " %), most in flight " << outcome.most_in_flight << "\n";
    EXPECT_GE(used, c.least_used);
    EXPECT_LE(refused, c.most_refused);
}

template <class Kind, class... Arguments>
std::function<std::unique_ptr<Server>()> a(Arguments... arguments) {
    return [=] { return std::make_unique<Kind>(arguments...); };
}

INSTANTIATE_TEST_SUITE_P(
    , PacingSimulation,
    testing::Values(
        Case{"BucketOfAMinuteSaysNothing", a<TokenBucketServer>(600.0, 600.0)},
        Case{"BucketOfASecondSaysNothing", a<TokenBucketServer>(600.0, 10.0), 600, 10},
        Case{"SmallBucketSaysNothing", a<TokenBucketServer>(600.0, 2.0), 600, 2},
        Case{"FixedWindowSaysNothing", a<FixedWindowServer>(600.0), 600, 0},
        Case{"SlidingWindowSaysNothing", a<SlidingWindowServer>(600.0), 600, 0},
        Case{"BucketSaysRetryAfter", a<TokenBucketServer>(600.0, 10.0), 600, 10, false, milliseconds(1000)},
        Case{"FixedWindowSaysRetryAfter", a<FixedWindowServer>(600.0), 600, 0, false, milliseconds(2000)},
        Case{"LargeWindowSmallLimit", a<TokenBucketServer>(600.0, 600.0), 600, 600, false, {}, 200},
        Case{"FastServer", a<TokenBucketServer>(6000.0, 100.0), 6000, 100, false, {}, 100, 200},
        Case{"BurstAtTheStart", a<TokenBucketServer>(6000.0, 100.0), 6000, 100, false, {}, 50, 20},
        Case{"SlowServer", a<TokenBucketServer>(120.0, 2.0), 120, 2, false, {}, 50, 8000},
        Case{
            "BucketStatesItsLimits", a<TokenBucketServer>(600.0, 600.0), 600, 600, true, {}, 20, 1000, 0.4, 0.97, 0.01},
        Case{"LargeWindowStatedLimits", a<TokenBucketServer>(1200.0, 1200.0), 1200, 1200, true, milliseconds(1000), 300,
             2000, 0.4, 0.97, 0.01},
        Case{"FixedWindowStatesItsLimits", a<FixedWindowServer>(600.0), 600, 0, true, {}, 20, 1000, 0.4, 0.97, 0.01},
        Case{"SlidingWindowStatesItsLimits",
             a<SlidingWindowServer>(600.0),
             600,
             0,
             true,
             {},
             20,
             1000,
             0.4,
             0.94,
             0.01}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace synth::core
