#include "base/format.hpp"

#include <spdlog/fmt/fmt.h>

#include <charconv>

#include "synth/text.hpp"

namespace synth::core {

std::string with_thousands(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
}

std::string dollars(PicoUsd money) {
    const double usd = money.usd();
    if (usd == 0 || usd >= 1 || usd <= -1) return fmt::format("${:.2f}", usd);
    int decimals = 2;
    for (double scaled = usd < 0 ? -usd : usd; scaled < 1 && decimals < 12; scaled *= 10) ++decimals;
    return fmt::format("${:.{}f}", usd, decimals);
}

std::string exact_usd(PicoUsd money) {
    const bool negative = money.value < 0;
    const auto magnitude =
        negative ? 0 - static_cast<std::uint64_t>(money.value) : static_cast<std::uint64_t>(money.value);
    const auto unit = static_cast<std::uint64_t>(PicoUsd::kPerUsd);
    std::string text = fmt::format("{}{}.{:012}", negative ? "-" : "", magnitude / unit, magnitude % unit);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
}

std::optional<PicoUsd> parse_usd(std::string_view text) {
    text = trim(text);
    if (text.starts_with('$')) text.remove_prefix(1);
    const auto point = text.find('.');
    const auto whole = text.substr(0, point);
    const auto fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
    if ((whole.empty() && fraction.empty()) || whole.size() > 7 || fraction.size() > 12) return std::nullopt;
    std::int64_t value = 0;
    const auto take = [&value](std::string_view digits) {
        for (const char digit : digits) {
            if (digit < '0' || digit > '9') return false;
            value = value * 10 + (digit - '0');
        }
        return true;
    };
    if (!take(whole) || !take(fraction)) return std::nullopt;
    for (auto missing = 12 - fraction.size(); missing > 0; --missing)
        if (__builtin_mul_overflow(value, 10, &value)) return std::nullopt;
    return PicoUsd{value};
}

std::string megabytes(std::uint64_t bytes) {
    const double mb = static_cast<double>(bytes) / 1e6;
    if (mb < 10) return fmt::format("{:.1f} MB", mb);
    return mb < 1000 ? fmt::format("{:.0f} MB", mb) : fmt::format("{:.1f} GB", mb / 1000);
}

std::string duration_text(double seconds) {
    if (seconds < 10) return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string iso_time(TimePoint time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::string in_quotes(std::string_view text) {
    std::string result = "'";
    return result.append(text).append("'");
}

std::string hex64(std::uint64_t value) { return fmt::format("{:016x}", value); }

TimePoint now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

}  // namespace synth::core
