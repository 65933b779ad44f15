// The loop begins what was left for it before it waits, and knows what the kernel watches.

#include "net/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>

namespace synth::core {
namespace {

/// Two connected sockets.
struct Pair {
    Pair() {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) ends = {-1, -1};
    }
    ~Pair() {
        for (const int fd : ends) ::close(fd);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    void say() const { ASSERT_EQ(::write(ends[1], "x", 1), 1); }

    std::array<int, 2> ends{};
};

TEST(EventLoop, BeginsWhatWasLeftBeforeItWaits) {
    auto loop = *EventLoop::make();
    int begun = 0;
    loop.before_wait(&begun, [&] { return ++begun == 1; });
    loop.turn();  // would wait for ever: nothing is watched
    EXPECT_EQ(begun, 1);

    bool due = false;
    loop.at(EventLoop::Clock::now() + std::chrono::milliseconds(1), [&] { due = true; });
    while (!due) loop.turn();
    EXPECT_GE(begun, 2);

    loop.begin_no_more(&begun);
    const int before = begun;
    loop.turn(false);
    EXPECT_EQ(begun, before);
}

TEST(EventLoop, WatchesAgainWhatRested) {
    auto loop = *EventLoop::make();
    const Pair pair;
    std::uint32_t first = 0, second = 0;
    loop.watch(pair.ends[0], EPOLLIN, [&](std::uint32_t events) { first = events; });
    loop.rest(pair.ends[0]);
    loop.watch(pair.ends[0], EPOLLIN, [&](std::uint32_t events) { second = events; });
    pair.say();
    loop.turn();
    EXPECT_EQ(first, 0U);
    EXPECT_EQ(second, std::uint32_t{EPOLLIN});

    loop.rest(pair.ends[0]);
    loop.watch(pair.ends[0], EPOLLOUT, [&](std::uint32_t events) { first = events; });
    loop.turn();
    EXPECT_EQ(first, std::uint32_t{EPOLLOUT});

    // What comes while it rests is not lost: it is there when somebody watches again.
    loop.rest(pair.ends[0]);
    loop.change(pair.ends[0], EPOLLIN);
    loop.turn(false);
    second = 0;
    loop.watch(pair.ends[0], EPOLLIN, [&](std::uint32_t events) { second = events; });
    loop.turn();
    EXPECT_EQ(second, std::uint32_t{EPOLLIN});
}

TEST(EventLoop, WatchesANewDescriptorOfAnOldNumber) {
    auto loop = *EventLoop::make();
    int number = -1;
    for (int i = 0; i < 3; ++i) {
        const Pair pair;
        if (number == -1) number = pair.ends[0];
        ASSERT_EQ(pair.ends[0], number);
        bool heard = false;
        loop.watch(number, EPOLLIN, [&](std::uint32_t) { heard = true; });
        pair.say();
        loop.turn();
        EXPECT_TRUE(heard);
        loop.rest(number);
        loop.unwatch(number);
    }
}

}  // namespace
}  // namespace synth::core
