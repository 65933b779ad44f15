// `--shared-limits`: one rate limit for all processes that name the same Redis, service and model, and one budget for
// the shards of a run. All is called by the thread of the session's loop.
//
// Rates: Redis keeps them by GCRA in a script, on its own clock, and gives out slots: when so many requests may leave.
// Money: every shard has its share of the budget, as without Redis, so the cap holds whatever becomes of Redis. What
// complete shards have left of theirs is everyone's, and is claimed from Redis when a share is used up.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/redis_url.hpp"
#include "net/event_loop.hpp"
#include "run/pacing.hpp"
#include "synth/result.hpp"
#include "synth/types.hpp"
#include "synth/units.hpp"

namespace synth::core {

struct SharedLimitsOptions {
    RedisUrl url;
    std::string account;  ///< whose rates they are: service and model
    std::string run;      ///< whose budget it is; empty: none is shared
    std::uint32_t shard = 0;
    std::optional<double> requests_per_minute,
        tokens_per_minute;  ///< of all together; nothing: as the service states them
    PicoUsd beyond;         ///< what the shard's ledger has spent and reserved, less its share: may be below zero
};

class SharedLimits {
public:
    virtual ~SharedLimits() = default;

    /// `changed(shared, why)` is called when Redis is lost, and when it is back.
    virtual void start(EventLoop& loop, std::function<void(bool shared, const std::string& why)> changed) = 0;
    /// False: Redis is away, and everyone keeps to a share.
    [[nodiscard]] virtual bool shared() const noexcept = 0;

    /// When a request of that many tokens may leave; `now` or earlier: at once; max: it has been asked for, and the
    /// loop turns when the answer is there. `most`: so many like it could leave now.
    virtual SteadyTime earliest(Tokens tokens, std::uint32_t most, SteadyTime now) = 0;
    /// It leaves.
    virtual void admit(Tokens tokens) = 0;
    /// What the reply to a request says that was admitted with `tokens`. `counted`: if it has a usage.
    virtual void settle(Tokens tokens, std::optional<CountedTokens> counted, const Reply& reply) = 0;

    enum class Money : std::uint8_t {
        granted,  ///< `extra` is enough
        wait,     ///< asked for, or shards that run may leave some
        none,     ///< and none will come while this session lasts
    };
    /// Asks for what complete shards left, so that `beyond` the own share may be spent. `idle`: this shard can do
    /// nothing without it.
    virtual Money claim(PicoUsd beyond, bool idle) = 0;
    /// Granted beyond the own share.
    [[nodiscard]] virtual PicoUsd extra() const noexcept = 0;

    /// The last call: what the ledger says at the end. `complete`: it will never spend again, so what it has left is
    /// everyone's. Waits for Redis for 2 s at most.
    virtual Status leave(PicoUsd beyond, bool complete) = 0;
};

/// Connects once to see that it can be done. invalid_argument: this build has no Redis; io: not reached; unauthorized:
/// it refuses user or password.
Result<std::unique_ptr<SharedLimits>> open_shared_limits(SharedLimitsOptions options);

}  // namespace synth::core
