// The one loop of the program: sockets, timers, signals and wake-ups from other threads, with one epoll. Everything but
// `wake` belongs to the thread that runs it.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "synth/result.hpp"

namespace synth::core {

class EventLoop {
public:
    using Clock = std::chrono::steady_clock;
    using TimerId = std::uint64_t;  ///< never 0

    static Result<EventLoop> make();

    /// Calls `ready(events)` for EPOLLIN, EPOLLOUT, … on `fd`, until `unwatch`, which comes before it is closed.
    /// Watching again replaces the events and the callback.
    void watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready);
    /// Changes the events of a watched descriptor.
    void change(int fd, std::uint32_t events);
    void unwatch(int fd);
    /// Nothing is expected from `fd` for now, and it will probably be watched again: that costs less than after
    /// `unwatch`. Should something come all the same, it is unwatched.
    void rest(int fd);

    TimerId at(Clock::time_point when, std::function<void()> due);
    void cancel(TimerId timer);

    /// Calls `begin` whenever a turn is about to wait: for what is better begun together than as it comes. True: there
    /// is something to do before a wait. Until `begin_no_more` of the same owner.
    void before_wait(const void* owner, std::function<bool()> begin);
    void begin_no_more(const void* owner);

    /// Blocks these signals in this thread and those that it starts later. Before the first thread is started.
    static void block_signals(const std::vector<int>& signals);
    /// Calls `received(signal)` for each of these, blocked, signals that comes.
    Status handle_signals(const std::vector<int>& signals, std::function<void(int)> received);

    /// Called in the loop after `wake` was called from any thread; several wakes may become one call.
    void on_wake(std::function<void()> woken);
    void wake() const noexcept;

    /// Begins what was left for it, waits for what comes next, handles what is ready, and returns; when much is ready
    /// after some milliseconds, with the rest left to the next turn. `wait` false: does not wait.
    void turn(bool wait = true);

    /// The longest time between two waits: what was handled in a turn and all that its caller did before the next.
    [[nodiscard]] Clock::duration longest_turn() const noexcept { return longest_turn_; }

private:
    EventLoop() = default;
    void run_timers();
    void control(int what, int fd, std::uint32_t events) const;

    FileDescriptor epoll_, wake_, signals_;
    struct Watched {
        std::function<void(std::uint32_t)> ready;  // empty: rests
        std::uint32_t events = 0;
    };
    std::unordered_map<int, Watched> watched_;
    std::map<std::pair<Clock::time_point, TimerId>, std::function<void()>> timers_;
    std::unordered_map<TimerId, Clock::time_point> timer_times_;
    TimerId last_timer_ = 0;
    std::map<const void*, std::function<bool()>> before_wait_;
    std::function<void()> woken_;
    Clock::time_point awake_{};  // since then; none: before the first turn
    Clock::duration longest_turn_{};
};

}  // namespace synth::core
