// fault-server: the scripted server of the tests as a program, for trials by hand.
//
//     fault-server [--port N] [SCRIPT.json | '{"script": …}']
//
// The first line on standard output is the port; GET /log shows what was received. Runs until SIGINT or SIGTERM.

#include <signal.h>

#include <charconv>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include "support/fault_server.hpp"
#include "support/process.hpp"

int main(int count, char** arguments) try {
    std::string script = "{}";
    std::uint16_t port = 0;
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--port" && i + 1 < count) {
            const std::string_view number = arguments[++i];
            std::from_chars(number.data(), number.data() + number.size(), port);
        } else {
            script = argument.starts_with('{') ? std::string(argument) : synth::test::read_file(argument);
        }
    }
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, nullptr);
    synth::test::FaultServer server(script, port);
    std::cout << server.port() << std::endl;
    int received = 0;
    sigwait(&stop, &received);
    return 0;
} catch (const std::exception& error) {
    std::cerr << "fault-server: " << error.what() << '\n';
    return 2;
}
