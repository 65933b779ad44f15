// SharedLimits through hiredis: its asynchronous calls on the session's loop, so that nothing waits for Redis.

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "run/shared_limits.hpp"

namespace synth::core {

namespace {

using Clock = EventLoop::Clock;
using Words = std::vector<std::string>;
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr seconds kConnect{5}, kAnswer{2}, kAgain{1}, kHeartbeat{5}, kStale{1};

/// The key's hash: when the requests and tokens so far are paid off (`requests`, `tokens`, microseconds), until when
/// nobody sends (`pause`), what the service states (`rpm`, `tpm`), how much was sent before it did (`early_requests`,
/// `early_tokens`), whether it lets a minute's worth go at once (not: `smooth`), and whether it counts what answers may
/// take at most (`at_most`) instead of what they took. 1 % stays below the limit, as in pacing.cpp; a minute's worth
/// may be saved up, as services allow, until one refuses: then half a second's worth, so that no minute has more
/// requests than the limit. A call gives out slots for 100 ms at most, and what is saved up.
constexpr const char* kRates = R"(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local key = KEYS[1]
local most, tokens, rpm, tpm = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local unused, pause, refused, back = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1', ARGV[10] == '1'
local function get(field) return tonumber(redis.call('HGET', key, field) or '0') end
local function put(field, value) redis.call('HSET', key, field, string.format('%.0f', value)) end
if back and redis.call('EXISTS', key) == 0 then refused = true end
if refused then put('smooth', 1) end
if tonumber(ARGV[8]) > 0 then put('rpm', ARGV[8]) end
if tonumber(ARGV[9]) > 0 then put('tpm', ARGV[9]) end
if rpm == 0 then rpm = get('rpm') end
if tpm == 0 then tpm = get('tpm') end
if ARGV[13] == '1' and tpm > 0 then put('at_most', 1) end
unused = unused + tonumber(get('at_most') == 1 and ARGV[12] or ARGV[11])
local function cost_of(rate, field)
    if rate == 0 then return 0, 0 end
    local early = get(field)
    if early > 0 then put(field, 0) end
    return 60000000 / (rate * 0.99), early
end
local request, early_requests = cost_of(rpm, 'early_requests')
local token, early_tokens = cost_of(tpm, 'early_tokens')
local requests = math.max(get('requests'), now - (get('smooth') == 1 and 500000 or 60000000)) + early_requests * request
local used = math.max(get('tokens'), now - 60000000) + (early_tokens - unused) * token
used = math.max(used, now - 60000000)
if refused then requests, used = math.max(requests, now), math.max(used, now) end
local paused = get('pause')
if pause > 0 and now + pause > paused then
    paused = now + pause
    put('pause', paused)
end
local start = math.max(requests, used, paused)
local each = math.max(request, tokens * token)
local given = most
if each > 0 then given = math.min(most, math.max(1, math.floor((100000 + math.max(0, now - start)) / each))) end
put('requests', requests + given * request)
put('tokens', used + given * tokens * token)
if rpm == 0 then put('early_requests', get('early_requests') + given) end
if tpm == 0 then put('early_tokens', get('early_tokens') + given * tokens - unused) end
redis.call('EXPIRE', key, 3600)
return {start - now, each, given}
)";

/// The key's hash: for every shard what it holds beyond its share (below zero: left, for good), in 10^-9 dollars; their
/// sum, which no claim brings above zero; and when those that run were last heard of.
constexpr const char* kMoney = R"(
local key, shard, what, value = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = tonumber(redis.call('TIME')[1])
local function get(field) return tonumber(redis.call('HGET', key, field) or '0') end
local function put(field, value) redis.call('HSET', key, field, string.format('%.0f', value)) end
local sum = get('sum') - get(shard) + value
local alive = 'alive:' .. shard
if what == 'leave' or what == 'idle' then redis.call('HDEL', key, alive) else put(alive, now) end
if what == 'hold' or what == 'leave' or sum <= 0 then
    put(shard, value)
    put('sum', sum)
    redis.call('EXPIRE', key, 2592000)
    return {1, 0}
end
local others = 0
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
    if string.sub(all[i], 1, 6) == 'alive:' and all[i] ~= alive and now - tonumber(all[i + 1]) < 15 then others = others + 1 end
end
return {0, others}
)";

struct ContextFree {
    void operator()(redisContext* context) const { ::redisFree(context); }
};
struct ReplyFree {
    void operator()(redisReply* reply) const { ::freeReplyObject(reply); }
};
using Connection = std::unique_ptr<redisContext, ContextFree>;
using RedisReply = std::unique_ptr<redisReply, ReplyFree>;

std::string text_of(const redisReply& reply) { return {reply.str, reply.len}; }

bool refuses_user(std::string_view message) {
    return message.starts_with("WRONGPASS") || message.starts_with("NOAUTH") || message.starts_with("NOPERM") ||
           message.find("AUTH") != std::string_view::npos || message.find("password") != std::string_view::npos;
}

/// What a connection begins with; the last two answers are the scripts' digests.
std::vector<Words> greeting(const RedisUrl& url) {
    std::vector<Words> commands;
    if (!url.password.empty())
        commands.push_back(url.user.empty() ? Words{"AUTH", url.password} : Words{"AUTH", url.user, url.password});
    if (url.database > 0) commands.push_back({"SELECT", std::to_string(url.database)});
    commands.push_back({"SCRIPT", "LOAD", kRates});
    commands.push_back({"SCRIPT", "LOAD", kMoney});
    return commands;
}

void pointers_of(const Words& words, std::vector<const char*>& pointers, std::vector<std::size_t>& sizes) {
    for (const auto& word : words) {
        pointers.push_back(word.data());
        sizes.push_back(word.size());
    }
}

Result<RedisReply> call(redisContext& connection, const Words& words, const std::string& place) {
    std::vector<const char*> pointers;
    std::vector<std::size_t> sizes;
    pointers_of(words, pointers, sizes);
    RedisReply reply(static_cast<redisReply*>(
        ::redisCommandArgv(&connection, static_cast<int>(words.size()), pointers.data(), sizes.data())));
    if (!reply)
        return Error{ErrorCode::io, "--shared-limits: Redis at " + place + " does not answer: " + connection.errstr,
                     "redis"};
    if (reply->type != REDIS_REPLY_ERROR) return reply;
    const auto message = text_of(*reply);
    return Error{refuses_user(message) ? ErrorCode::unauthorized : ErrorCode::io,
                 "--shared-limits: Redis at " + place + " refuses: " + message, "redis"};
}

/// Connected and greeted; `digests`: of the scripts.
Result<Connection> connect(const RedisUrl& url, seconds patience, Words& digests) {
    timeval timeout{};
    timeout.tv_sec = patience.count();
    Connection connection(::redisConnectWithTimeout(url.host.c_str(), url.port, timeout));
    if (!connection || connection->err != 0)
        return Error{ErrorCode::io,
                     "--shared-limits: Redis at " + url.place() +
                         " cannot be reached: " + (connection ? connection->errstr : "out of memory"),
                     "redis"};
    ::redisSetTimeout(connection.get(), timeout);
    digests.clear();
    for (const auto& command : greeting(url)) {
        auto reply = call(*connection, command, url.place());
        if (!reply) return std::move(reply).error();
        if (command.front() == "SCRIPT") digests.push_back(text_of(**reply));
    }
    return connection;
}

/// Rounded up, so that what is shared out is never more than there is.
std::string nano(PicoUsd money) { return std::to_string((money.value + (money.value > 0 ? 999 : 0)) / 1000); }

class RedisLimits final : public SharedLimits {
public:
    RedisLimits(SharedLimitsOptions options, std::string address, Words digests)
        : options_(std::move(options)),
          address_(std::move(address)),
          digests_(std::move(digests)),
          extra_(std::max(PicoUsd{}, options_.beyond)) {}
    ~RedisLimits() override { disconnect(); }
    RedisLimits(const RedisLimits&) = delete;
    RedisLimits& operator=(const RedisLimits&) = delete;

    void start(EventLoop& loop, std::function<void(bool, const std::string&)> changed) override {
        loop_ = &loop;
        changed_ = std::move(changed);
        open();
    }

    [[nodiscard]] bool shared() const noexcept override { return state_ != State::away; }

    SteadyTime earliest(Tokens tokens, std::uint32_t most, SteadyTime now) override {
        if (!shared()) return now;
        if (lease_.left > 0 && lease_.until < now) {
            unused_ += lease_.left * lease_.tokens.count;
            lease_ = {};
        }
        if (lease_.left > 0) return lease_.due;
        if (state_ == State::shared && !asked_) {
            asked_ = true;
            lease_.tokens = tokens;
            ask_rates(std::max(1U, most), tokens);
        }
        return SteadyTime::max();
    }

    void admit(Tokens tokens) override {
        if (lease_.left == 0) return;
        --lease_.left;
        lease_.due += lease_.each;
        unused_ += lease_.tokens.count - tokens.count;
    }

    void settle(Tokens tokens, std::optional<CountedTokens> counted, const Reply& reply) override {
        if (counted && state_ == State::shared) {
            not_taken_ += tokens.count - counted->used.count;
            not_asked_ += tokens.count - std::max(counted->used, counted->at_most).count;
            gave_back_ = gave_back_ || counted->used < counted->at_most;
        }
        const RateLimits& limits = reply.limits;
        const bool refused = reply.error && reply.error->code == ErrorCode::rate_limited;
        stated_requests_ = limits.limit_requests.value_or(stated_requests_);
        stated_tokens_ = limits.limit_tokens.value_or(stated_tokens_);
        pause_ = limits.retry_after.value_or(std::chrono::milliseconds{});
        refused_rate_ = refused;
        refused_tokens_ = refused && gave_back_ && reply.error->reason != kSlowDown;
        if (state_ != State::shared || (!refused && pause_ <= microseconds{})) return;
        if (lease_.left > 0) {  // its slots would be within the pause
            unused_ += lease_.left * lease_.tokens.count;
            lease_ = {};
        }
        ask_rates(0, {});
    }

    Money claim(PicoUsd beyond, bool idle) override {
        if (beyond <= extra_) return Money::granted;
        if (options_.run.empty() || state_ == State::away || (refused_ && beyond >= *refused_)) return Money::none;
        if (!claimed_ && state_ == State::shared && Clock::now() >= claim_again_) {
            claimed_ = beyond;
            send<&RedisLimits::on_claim>(money_call(digests_, idle ? "idle" : "claim", beyond));
        }
        return Money::wait;
    }

    [[nodiscard]] PicoUsd extra() const noexcept override { return extra_; }

    Status leave(PicoUsd beyond, bool complete) override {
        disconnect();
        if (options_.run.empty()) return {};
        Words digests;
        auto connection = connect(options_.url, kAnswer, digests);
        if (!connection) return std::move(connection).error();
        auto told = call(**connection, money_call(digests, "leave", complete ? beyond : std::max(PicoUsd{}, beyond)),
                         options_.url.place());
        if (!told) return std::move(told).error();
        return {};
    }

private:
    enum class State : std::uint8_t { joining, shared, away };
    using Handler = void (RedisLimits::*)(const redisReply&);

    /// Slots that Redis has given out.
    struct Lease {
        SteadyTime due{};    ///< the next one
        SteadyTime until{};  ///< what is not used by then is given up: many would leave at once
        microseconds each{};
        std::int64_t left = 0;
        Tokens tokens;  ///< of each
    };

    // ---------------------------------------------------------------------------------- what is asked

    void ask_rates(std::uint32_t most, Tokens tokens) {
        const auto rate = [](const std::optional<double>& given) {
            return std::to_string(static_cast<std::int64_t>(given.value_or(0)));
        };
        send<&RedisLimits::on_rates>(
            {"EVALSHA", digests_[0], "1", options_.url.prefix + ":rates:" + options_.account, std::to_string(most),
             std::to_string(tokens.count), rate(options_.requests_per_minute), rate(options_.tokens_per_minute),
             std::to_string(unused_), std::to_string(pause_.count()), refused_rate_ ? "1" : "0",
             std::to_string(stated_requests_), std::to_string(stated_tokens_), was_away_ ? "1" : "0",
             std::to_string(not_taken_), std::to_string(not_asked_), refused_tokens_ ? "1" : "0"});
        unused_ = not_taken_ = not_asked_ = 0;
        pause_ = {};
        refused_rate_ = refused_tokens_ = false;
    }

    void on_rates(const redisReply& reply) {
        if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) return lost(kStrange);
        const auto number = [&](std::size_t i) { return reply.element[i]->integer; };
        if (number(2) == 0) return;  // it was told something
        asked_ = false;
        const auto now = Clock::now();
        lease_.due = now + microseconds(number(0));
        lease_.each = microseconds(number(1));
        lease_.left = number(2);
        lease_.until = std::max(now, lease_.due + lease_.left * lease_.each) + kStale;
    }

    [[nodiscard]] Words money_call(const Words& digests, const char* what, PicoUsd value) const {
        return {
            "EVALSHA", digests[1], "1", options_.url.prefix + ":budget:" + options_.run, std::to_string(options_.shard),
            what,      nano(value)};
    }

    void on_claim(const redisReply& reply) {
        if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 2) return lost(kStrange);
        const PicoUsd claimed = *std::exchange(claimed_, std::nullopt);
        if (reply.element[0]->integer == 1) {
            extra_ = std::max(extra_, claimed);
            refused_.reset();
        } else if (reply.element[1]->integer == 0) {
            refused_ = claimed;
        } else {
            claim_again_ = Clock::now() + kAgain;
        }
    }

    void on_told(const redisReply&) {}

    /// Says that this shard runs, and what it holds.
    void hold() {
        if (!options_.run.empty()) send<&RedisLimits::on_told>(money_call(digests_, "hold", extra_));
    }

    // ---------------------------------------------------------------------------------- the connection

    void open() {
        redisAsyncContext* context = ::redisAsyncConnect(address_.c_str(), options_.url.port);
        if (context == nullptr || context->err != 0) {
            const std::string why = context == nullptr ? "out of memory" : context->errstr;
            if (context != nullptr) ::redisAsyncFree(context);
            return lost(why);
        }
        context_ = context;
        context->data = context->ev.data = this;
        context->ev.addRead = [](void* self) { of(self).watch(EPOLLIN, true); };
        context->ev.delRead = [](void* self) { of(self).watch(EPOLLIN, false); };
        context->ev.addWrite = [](void* self) { of(self).watch(EPOLLOUT, true); };
        context->ev.delWrite = [](void* self) { of(self).watch(EPOLLOUT, false); };
        // hiredis frees the context itself after both of these.
        ::redisAsyncSetConnectCallback(context, [](const redisAsyncContext* of_context, int status) {
            if (status != REDIS_OK) of(of_context->data).closed(of_context);
        });
        ::redisAsyncSetDisconnectCallback(
            context, [](const redisAsyncContext* of_context, int) { of(of_context->data).closed(of_context); });
        for (const auto& command : greeting(options_.url)) send<&RedisLimits::on_told>(command);
        hold();
        send<&RedisLimits::on_joined>({"PING"});
    }

    void on_joined(const redisReply&) {
        const bool back = std::exchange(state_, State::shared) == State::away;
        beat();
        if (back) changed_(true, "Redis at " + options_.url.place() + " is back: the limits are shared again");
    }

    void beat() {
        heartbeat_ = loop_->at(Clock::now() + kHeartbeat, [this] {
            if (!claimed_ && Clock::now() >= claim_again_) hold();
            beat();
        });
    }

    static RedisLimits& of(void* self) { return *static_cast<RedisLimits*>(self); }

    void watch(std::uint32_t event, bool wanted) {
        if (context_ == nullptr) return;  // one that is being closed
        const auto before = events_;
        events_ = wanted ? events_ | event : events_ & ~event;
        if (events_ == before) return;
        const int fd = context_->c.fd;
        if (before != 0 && events_ != 0) return loop_->change(fd, events_);
        if (events_ == 0) return loop_->unwatch(fd);
        loop_->watch(fd, events_, [this](std::uint32_t ready) {
            auto* context = context_;
            if ((ready & EPOLLOUT) != 0) ::redisAsyncHandleWrite(context);
            if (context_ == context && (ready & ~std::uint32_t{EPOLLOUT}) != 0) ::redisAsyncHandleRead(context);
        });
    }

    template <Handler handler>
    void send(const Words& words) {
        std::vector<const char*> pointers;
        std::vector<std::size_t> sizes;
        pointers_of(words, pointers, sizes);
        const auto on_reply = [](redisAsyncContext* context, void* reply, void* data) {
            auto& self = of(data);
            if (context != self.context_ || reply == nullptr) return;  // the connection is closing
            ++self.answered_;
            const auto& answer = *static_cast<redisReply*>(reply);
            if (answer.type == REDIS_REPLY_ERROR) return self.lost(text_of(answer));
            (self.*handler)(answer);
        };
        if (context_ == nullptr || ::redisAsyncCommandArgv(context_, on_reply, this, static_cast<int>(words.size()),
                                                           pointers.data(), sizes.data()) != REDIS_OK)
            return;  // it is closing, which is said when it is closed
        ++sent_;
        if (watchdog_ == 0) look_for_answers();
    }

    /// Something that is sent has an answer within `kAnswer`, or Redis is lost.
    void look_for_answers() {
        watchdog_ = loop_->at(Clock::now() + kAnswer, [this, before = answered_] {
            watchdog_ = 0;
            if (sent_ == answered_) return;
            if (answered_ == before) return lost("no answer for 2 s");
            look_for_answers();
        });
    }

    /// hiredis has closed the connection and frees it.
    void closed(const redisAsyncContext* context) {
        if (context != context_) return;
        const std::string why = context->errstr != nullptr && *context->errstr != '\0' ? context->errstr : "it hung up";
        if (events_ != 0) loop_->unwatch(context->c.fd);
        events_ = 0;
        context_ = nullptr;
        lost(why);
    }

    void lost(const std::string& why) {
        disconnect();
        lease_ = {};
        unused_ = not_taken_ = not_asked_ = 0;
        asked_ = false;
        claimed_.reset();
        refused_.reset();
        again_ = loop_->at(Clock::now() + kAgain, [this] { open(); });
        if (std::exchange(state_, State::away) == State::away) return;
        was_away_ = true;
        changed_(false, "Redis at " + options_.url.place() + " is lost (" + why +
                            "): until it is back, every process keeps to its own share of the limits");
    }

    void disconnect() {
        if (loop_ != nullptr)
            for (auto* timer : {&watchdog_, &heartbeat_, &again_}) loop_->cancel(std::exchange(*timer, 0));
        sent_ = answered_ = 0;
        auto* context = std::exchange(context_, nullptr);
        if (context == nullptr) return;
        if (events_ != 0) loop_->unwatch(context->c.fd);
        events_ = 0;
        ::redisAsyncFree(context);
    }

    static constexpr const char* kStrange = "it answers something else than was asked";

    const SharedLimitsOptions options_;
    const std::string address_;  // as numbers: no name is looked up while the loop runs
    const Words digests_;
    EventLoop* loop_ = nullptr;
    std::function<void(bool, const std::string&)> changed_;
    redisAsyncContext* context_ = nullptr;
    State state_ = State::joining;
    bool was_away_ = false;
    std::uint32_t events_ = 0;
    std::uint64_t sent_ = 0, answered_ = 0;
    EventLoop::TimerId watchdog_ = 0, heartbeat_ = 0, again_ = 0;

    Lease lease_;
    bool asked_ = false;
    // Tokens to be given back with the next call: of no request, and by answers in either way of counting.
    std::int64_t unused_ = 0, not_taken_ = 0, not_asked_ = 0;
    microseconds pause_{};
    bool refused_rate_ = false, refused_tokens_ = false;
    bool gave_back_ = false;                                ///< an answer took less than it might have
    std::int64_t stated_requests_ = 0, stated_tokens_ = 0;  ///< by the service, a minute; 0: not

    PicoUsd extra_;
    std::optional<PicoUsd> claimed_;  ///< not answered yet
    std::optional<PicoUsd> refused_;  ///< for good
    SteadyTime claim_again_{};
};

}  // namespace

Result<std::unique_ptr<SharedLimits>> open_shared_limits(SharedLimitsOptions options) {
    Words digests;
    auto connection = connect(options.url, kConnect, digests);
    if (!connection) return std::move(connection).error();
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    char address[NI_MAXHOST] = "";
    if (::getpeername((*connection)->fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 ||
        ::getnameinfo(reinterpret_cast<sockaddr*>(&peer), size, address, sizeof address, nullptr, 0, NI_NUMERICHOST) !=
            0)
        return Error{ErrorCode::io,
                     "--shared-limits: the address of Redis at " + options.url.place() + " cannot be told", "redis"};
    return std::unique_ptr<SharedLimits>(
        std::make_unique<RedisLimits>(std::move(options), address, std::move(digests)));
}

}  // namespace synth::core
