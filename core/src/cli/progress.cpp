#include "cli/progress.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string>

#include "base/format.hpp"

namespace synth::core {

namespace {

std::string money(const Snapshot& s) {
    if (!s.priced) return {};
    std::string text = dollars(s.spent) + " spent";
    if (s.answered > 0 && s.accepted < s.samples)
        text += fmt::format(", about {} in all", dollars({s.spent.value / static_cast<std::int64_t>(s.answered) *
                                                          static_cast<std::int64_t>(s.samples)}));
    if (s.budget) text += " of " + dollars(*s.budget);
    return text;
}

std::string time_left(const Snapshot& s) {
    if (s.per_second <= 0 || s.accepted + s.missing >= s.samples) return {};
    return duration_text(static_cast<double>(s.samples - s.accepted - s.missing) / s.per_second) + " left";
}

std::string joined(std::initializer_list<std::string> parts) {
    std::string text;
    for (const auto& part : parts)
        if (!part.empty()) text += (text.empty() ? "" : "  |  ") + part;
    return text;
}

std::string counts(const Snapshot& s) {
    return joined({s.missing > 0 ? with_thousands(s.missing) + " failed" : "",
                   s.in_flight > 0 ? fmt::format("{} of {} in flight", s.in_flight, s.window) : "",
                   s.waiting > 0 ? with_thousands(s.waiting) + " waiting to retry" : "",
                   fmt::format("{:.{}f}/s", s.per_second, s.per_second < 10 ? 2 : 0), time_left(s)});
}

std::string spending(const Snapshot& s) {
    return joined({s.input_tokens + s.output_tokens > 0
                       ? fmt::format("{} tokens in, {} out", with_thousands(static_cast<std::uint64_t>(s.input_tokens)),
                                     with_thousands(static_cast<std::uint64_t>(s.output_tokens)))
                       : "",
                   money(s), s.state == "running" ? "" : s.state});
}

/// Cut to the width of the terminal, in characters: everything here is ASCII but the bar.
std::string fitted(std::string line, int width) {
    if (static_cast<int>(line.size()) >= width) line.resize(static_cast<std::size_t>(std::max(width - 1, 0)));
    return line;
}

std::string live_view(const Snapshot& s, bool colour) {
    const int width = Console::terminal_width();
    const double share = s.samples > 0 ? static_cast<double>(s.accepted) / static_cast<double>(s.samples) : 1;
    const std::string head = fmt::format("{:>6} / {}", with_thousands(s.accepted), with_thousands(s.samples));
    const int room = std::clamp(width - static_cast<int>(head.size()) - 12, 0, 50);
    const int full = static_cast<int>(share * room);
    std::string bar;
    for (int i = 0; i < room; ++i) bar += i < full ? "━" : "─";
    if (colour) bar = "\033[32m" + bar + "\033[0m";
    std::string view = fmt::format("{}  {} {:3.0f} %", head, bar, share * 100);
    for (const auto& line : {counts(s), spending(s)})
        if (!line.empty()) view += "\n  " + fitted(line, width - 2);
    return view;
}

}  // namespace

std::function<void(const Snapshot&)> make_progress(const Console& console) {
    return [&console](const Snapshot& s) {
        if (console.live()) {
            console.status(live_view(s, console.colour()));
        } else if (s.batch_done) {
            console.log(LogLevel::info,
                        joined({fmt::format("{} of {}", with_thousands(s.accepted), with_thousands(s.samples)),
                                counts(s), spending(s)}));
        }
    };
}

}  // namespace synth::core
