// Standard error as people see it: log lines through spdlog, and one live status below them when it is a terminal.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "synth/host.hpp"

namespace spdlog {
class logger;
}

namespace synth::core {

class Secrets;

enum class Verbosity : std::uint8_t { quiet, normal, verbose };

/// May be used from any thread. Every line is redacted.
class Console {
public:
    /// `live`: show `status` in place; needs a terminal. `secrets` outlives the console; null: nothing to redact.
    Console(Verbosity verbosity, bool live, const Secrets* secrets);
    ~Console();

    void log(LogLevel level, std::string_view message) const;

    /// Replaces the live status (lines separated by '\n'); empty takes it away. Nothing happens when not live.
    void status(std::string_view text) const;

    [[nodiscard]] bool live() const noexcept;
    [[nodiscard]] bool colour() const noexcept;
    [[nodiscard]] Verbosity verbosity() const noexcept { return verbosity_; }

    /// Whether standard error is a terminal that can show a live status.
    static bool terminal();
    static int terminal_width();

private:
    class View;
    Verbosity verbosity_;
    const Secrets* secrets_;
    std::shared_ptr<View> view_;  // shared with spdlog, which owns its sinks that way
    std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace synth::core
