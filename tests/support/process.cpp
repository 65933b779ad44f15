#include "support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace synth::test {

namespace {

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

int memory_file(const char* name) {
    const int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0) fail("memfd_create");
    return fd;
}

std::string read_from_start(int fd) {
    std::string text;
    char buffer[16384];
    for (ssize_t got = 0; (got = pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0;)
        text.append(buffer, static_cast<std::size_t>(got));
    return text;
}

bool has_ended(int pidfd, int wait_ms) {
    pollfd ended{pidfd, POLLIN, 0};
    return poll(&ended, 1, wait_ms) > 0;
}

/// For a moment after the start the kernel shows these files empty.
std::string read_proc(pid_t pid, int pidfd, const char* name) {
    std::string text;
    do {
        std::ifstream file("/proc/" + std::to_string(pid) + "/" + name, std::ios::binary);
        text.assign(std::istreambuf_iterator<char>(file), {});
    } while (text.empty() && !has_ended(pidfd, 0));
    return text;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (auto& string : strings) result.push_back(string.data());
    result.push_back(nullptr);
    return result;
}

}  // namespace

TempDir::TempDir() {
    std::string name = std::filesystem::temp_directory_path() / "tdamm-synth-test-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) fail("mkdtemp " + name);
    path_ = name;
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::filesystem::path& path, std::string_view text) {
    std::ofstream file(path, std::ios::binary);
    if (!file.write(text.data(), static_cast<std::streamsize>(text.size())).flush())
        throw std::runtime_error("cannot write " + path.string());
}

Process::Process(const Command& command) : out_fd_(memory_file("stdout")), err_fd_(memory_file("stderr")) {
    const int input = memory_file("stdin");
    if (write(input, command.input.data(), command.input.size()) < 0 || lseek(input, 0, SEEK_SET) < 0) fail("stdin");

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out_fd_, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err_fd_, STDERR_FILENO);
    if (!command.directory.empty()) posix_spawn_file_actions_addchdir_np(&actions, command.directory.c_str());

    // A process group of its own, and no signal ignored or blocked because the test runner had it so.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);

    std::map<std::string, std::string> merged;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view pair = *entry;
        const auto equals = pair.find('=');
        merged.emplace(pair.substr(0, equals), pair);
    }
    for (const auto& [name, value] : command.environment) {
        if (value)
            merged[name] = name + "=" + *value;
        else
            merged.erase(name);
    }
    std::vector<std::string> variables, arguments = command.arguments;
    for (auto& [name, pair] : merged) variables.push_back(std::move(pair));

    const int error = posix_spawn(&pid_, arguments.at(0).c_str(), &actions, &attributes, pointers(arguments).data(),
                                  pointers(variables).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(input);
    if (error != 0) {
        errno = error;
        close(out_fd_);
        close(err_fd_);
        fail("cannot start " + arguments[0]);
    }
    exit_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));  // glibc 2.36 declares it without extern "C"
    if (exit_fd_ < 0) fail("pidfd_open");
}

Process::~Process() {
    wait(std::chrono::milliseconds(0));
    for (const int fd : {exit_fd_, out_fd_, err_fd_}) close(fd);
}

void Process::send(int signal) const {
    if (!finished_) kill(pid_, signal);
}

std::string Process::out() const { return read_from_start(out_fd_); }
std::string Process::err() const { return read_from_start(err_fd_); }
std::string Process::command_line() const { return read_proc(pid_, exit_fd_, "cmdline"); }
std::string Process::environment() const { return read_proc(pid_, exit_fd_, "environ"); }

const Finished& Process::wait(std::chrono::milliseconds deadline) {
    if (finished_) return *finished_;
    Finished result;
    if (!has_ended(exit_fd_, static_cast<int>(deadline.count()))) {
        result.timed_out = true;
        kill(-pid_, SIGKILL);
    }
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
    result.out = out();
    result.err = err();
    return finished_.emplace(std::move(result));
}

Finished run(const Command& command, std::chrono::milliseconds deadline) { return Process(command).wait(deadline); }

}  // namespace synth::test
