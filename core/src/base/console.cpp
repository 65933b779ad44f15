#include "base/console.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "base/files.hpp"
#include "base/secrets.hpp"

namespace synth::core {

namespace {

/// A terminal that went away is no matter: the run goes on.
void to_terminal(std::string_view text) { static_cast<void>(write_all(STDERR_FILENO, text)); }

}  // namespace

class Console::View : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit View(bool live) : live_(live), colour_(terminal() && std::getenv("NO_COLOR") == nullptr) {}

    void show(std::string_view text) {
        if (!live_) return;
        const std::lock_guard lock(mutex_);
        if (text == status_) return;
        to_terminal(erase() + std::string(text));
        status_ = text;
    }
    [[nodiscard]] bool live() const { return live_; }
    [[nodiscard]] bool colour() const { return colour_; }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        std::string line = erase();
        const auto mark = [&](const char* code, const char* word) {
            line += colour_ ? std::string("\033[") + code + "m" + word + "\033[0m" : std::string(word);
        };
        if (message.level == spdlog::level::err) mark("1;31", "error: ");
        if (message.level == spdlog::level::warn) mark("33", "warning: ");
        if (message.level == spdlog::level::debug) mark("2", "debug: ");
        line.append(message.payload.data(), message.payload.size());
        to_terminal(line + '\n' + status_);
    }
    void flush_() override {}

private:
    /// Goes back to the first line of the status and clears from there.
    [[nodiscard]] std::string erase() const {
        if (status_.empty()) return {};
        const auto lines = std::ranges::count(status_, '\n');
        return "\r" + (lines > 0 ? "\033[" + std::to_string(lines) + "A" : std::string()) + "\033[J";
    }

    bool live_, colour_;
    std::string status_;
};

Console::Console(Verbosity verbosity, bool live, const Secrets* secrets)
    : verbosity_(verbosity),
      secrets_(secrets),
      view_(std::make_shared<View>(live && terminal())),
      logger_(std::make_shared<spdlog::logger>("tdamm-synth", view_)) {
    logger_->set_level(verbosity == Verbosity::quiet     ? spdlog::level::err
                       : verbosity == Verbosity::verbose ? spdlog::level::debug
                                                         : spdlog::level::info);
}

Console::~Console() { status({}); }

void Console::log(LogLevel level, std::string_view message) const {
    static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                            spdlog::level::warn, spdlog::level::err};
    const auto wanted = kLevels[static_cast<std::size_t>(level)];
    if (!logger_->should_log(wanted)) return;
    std::string line(message);
    if (secrets_ != nullptr) secrets_->redact(line);
    std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; }, ' ');
    logger_->log(wanted, "{}", line);
}

void Console::status(std::string_view text) const { view_->show(text); }
bool Console::live() const noexcept { return view_->live(); }
bool Console::colour() const noexcept { return view_->colour(); }

bool Console::terminal() {
    const char* term = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

int Console::terminal_width() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace synth::core
