#include "net/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

namespace synth::core {

namespace {

// Handling events is given up for timers, signals and the caller after that long.
constexpr std::chrono::milliseconds kHandling{5};

}  // namespace

Result<EventLoop> EventLoop::make() {
    EventLoop loop;
    loop.epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    loop.wake_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!loop.epoll_ || !loop.wake_) return io_error("cannot make", "an event loop");
    loop.control(EPOLL_CTL_ADD, loop.wake_.get(), EPOLLIN);
    return loop;
}

void EventLoop::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready) {
    const auto [place, made] = watched_.try_emplace(fd);
    place->second.ready = std::move(ready);
    if (!made) return change(fd, events);
    place->second.events = events;
    control(EPOLL_CTL_ADD, fd, events);
}

void EventLoop::change(int fd, std::uint32_t events) {
    const auto known = watched_.find(fd);
    if (known == watched_.end() || std::exchange(known->second.events, events) == events) return;
    control(EPOLL_CTL_MOD, fd, events);
}

void EventLoop::control(int what, int fd, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.get(), what, fd, &event);
}

void EventLoop::unwatch(int fd) {
    if (watched_.erase(fd) != 0) control(EPOLL_CTL_DEL, fd, 0);
}

void EventLoop::rest(int fd) {
    if (const auto known = watched_.find(fd); known != watched_.end()) known->second.ready = nullptr;
}

EventLoop::TimerId EventLoop::at(Clock::time_point when, std::function<void()> due) {
    const TimerId id = ++last_timer_;
    timers_.emplace(std::pair(when, id), std::move(due));
    timer_times_.emplace(id, when);
    return id;
}

void EventLoop::cancel(TimerId timer) {
    const auto found = timer_times_.find(timer);
    if (found == timer_times_.end()) return;
    timers_.erase({found->second, timer});
    timer_times_.erase(found);
}

void EventLoop::before_wait(const void* owner, std::function<bool()> begin) {
    before_wait_.insert_or_assign(owner, std::move(begin));
}

void EventLoop::begin_no_more(const void* owner) { before_wait_.erase(owner); }

namespace {

sigset_t set_of(const std::vector<int>& signals) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) sigaddset(&set, signal);
    return set;
}

}  // namespace

void EventLoop::block_signals(const std::vector<int>& signals) {
    const sigset_t set = set_of(signals);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Status EventLoop::handle_signals(const std::vector<int>& signals, std::function<void(int)> received) {
    const sigset_t set = set_of(signals);
    signals_ = FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) return io_error("cannot make", "a signal descriptor");
    watch(signals_.get(), EPOLLIN, [this, received = std::move(received)](std::uint32_t) {
        signalfd_siginfo info{};
        while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
            received(static_cast<int>(info.ssi_signo));
    });
    return {};
}

void EventLoop::on_wake(std::function<void()> woken) { woken_ = std::move(woken); }

void EventLoop::wake() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::run_timers() {
    // Timers that are set while this runs wait for the next turn, so a timer that sets itself again starves nobody.
    const auto now = Clock::now();
    const auto last = last_timer_;
    for (auto first = timers_.begin(); first != timers_.end() && first->first.first <= now; first = timers_.begin()) {
        if (first->first.second > last) break;
        auto due = std::move(first->second);
        timer_times_.erase(first->first.second);
        timers_.erase(first);
        due();
    }
}

void EventLoop::turn(bool wait) {
    for (const auto& [owner, begin] : before_wait_)
        if (begin()) wait = false;
    int timeout = wait ? -1 : 0;
    if (wait && !timers_.empty()) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - Clock::now());
        timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    }
    std::array<epoll_event, 64> events;
    if (awake_ != Clock::time_point{}) longest_turn_ = std::max(longest_turn_, Clock::now() - awake_);
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    awake_ = Clock::now();
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == wake_.get()) {
            std::uint64_t times = 0;
            [[maybe_unused]] const auto read = ::read(wake_.get(), &times, sizeof times);
            if (woken_) woken_();
            continue;
        }
        const auto found = watched_.find(event.data.fd);
        if (found == watched_.end()) continue;
        const auto ready = found->second.ready;  // a copy: the callback may unwatch itself
        if (ready)
            ready(event.events);
        else
            unwatch(event.data.fd);
        if (Clock::now() - awake_ > kHandling) break;  // what is left is still ready in the next turn
    }
    run_timers();
}

}  // namespace synth::core
