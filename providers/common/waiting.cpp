#include "waiting.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "models.hpp"
#include "synth/text.hpp"

namespace synth::providers {

namespace {

using std::chrono::milliseconds;

std::optional<milliseconds> positive(double ms) noexcept {
    constexpr milliseconds kLongest = std::chrono::days(31);
    if (!(ms > 0) || ms > static_cast<double>(kLongest.count())) return std::nullopt;
    return milliseconds(static_cast<std::int64_t>(std::ceil(ms)));
}

/// Takes a number off the front of `text`; nothing when there is none.
std::optional<double> take_number(std::string_view& text) noexcept {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

struct Unit {
    std::string_view name;
    double ms;
};
/// "ms" before "m" and "s", for the first that fits is taken.
constexpr std::array<Unit, 8> kUnits{
    {{"ms", 1}, {"us", 1e-3}, {"µs", 1e-3}, {"ns", 1e-6}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}}};

/// Until a point in time by the clock that wrote the reply's `date`: only that one knows what it meant.
std::optional<milliseconds> from_date_of(const HttpResponse& response,
                                         std::optional<std::chrono::sys_seconds> until) noexcept {
    const auto now = parse_http_date(trim(response.header("date").value_or("")));
    if (!until || !now) return std::nullopt;
    return positive(static_cast<double>(milliseconds(*until - *now).count()));
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) noexcept {
    text = trim(text);
    if (text.empty()) return std::nullopt;
    double ms = 0;
    for (bool first = true; !text.empty(); first = false) {
        const auto number = take_number(text);
        if (!number || *number < 0) return std::nullopt;
        if (first && text.empty()) return positive(*number * 1e3);
        const auto unit = std::ranges::find_if(kUnits, [&](const Unit& u) { return text.starts_with(u.name); });
        if (unit == kUnits.end()) return std::nullopt;
        ms += *number * unit->ms;
        text.remove_prefix(unit->name.size());
    }
    return positive(ms);
}

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) noexcept {
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    constexpr std::string_view kForm = "Sun, 06 Nov 1994 08:49:37 GMT";
    if (text.size() != kForm.size() || !text.ends_with(" GMT") || text[3] != ',' || text[19] != ':' || text[22] != ':')
        return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t length) {
        unsigned value = 0;
        const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + length, value);
        return error == std::errc() && end == text.data() + at + length ? static_cast<int>(value) : -1;
    };
    const std::size_t month = kMonths.find(text.substr(8, 3));
    const int day = number(5, 2), year = number(12, 4), hour = number(17, 2), minute = number(20, 2),
              second = number(23, 2);
    if (month == std::string_view::npos || month % 3 != 0 || day < 0 || year < 0 || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60)
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month) / 3 + 1),
                                           std::chrono::day(unsigned(day))};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
}

std::optional<std::chrono::sys_seconds> parse_rfc3339(std::string_view text) noexcept {
    constexpr std::string_view kForm = "2026-11-24T10:00:00";
    if (text.size() <= kForm.size()) return std::nullopt;
    const std::string_view clock = text.substr(0, kForm.size());
    const auto day = parse_date(clock.substr(0, 10));
    const auto number = [](std::string_view digits) {
        unsigned value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return error == std::errc() && end == digits.data() + digits.size() ? static_cast<int>(value) : -1;
    };
    const int hour = number(clock.substr(11, 2)), minute = number(clock.substr(14, 2)),
              second = number(clock.substr(17, 2));
    if (!day || (clock[10] | 0x20) != 't' || clock[13] != ':' || clock[16] != ':' || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60)
        return std::nullopt;
    auto time = *day + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);

    std::string_view rest = text.substr(kForm.size());
    if (rest[0] == '.') {
        const std::size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
        if (end == 1) return std::nullopt;
        if (rest.substr(1, end - 1).find_first_not_of('0') != std::string_view::npos) time += std::chrono::seconds(1);
        rest.remove_prefix(end);
    }
    if (rest == "Z" || rest == "z") return time;
    if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') return std::nullopt;
    const int ahead_hours = number(rest.substr(1, 2)), ahead_minutes = number(rest.substr(4, 2));
    if (ahead_hours < 0 || ahead_hours > 23 || ahead_minutes < 0 || ahead_minutes > 59) return std::nullopt;
    const auto ahead = std::chrono::hours(ahead_hours) + std::chrono::minutes(ahead_minutes);
    return rest[0] == '+' ? time - ahead : time + ahead;
}

std::optional<std::int64_t> count_in(const HttpResponse& response, std::string_view header) noexcept {
    const auto text = response.header(header);
    if (!text) return std::nullopt;
    const std::string_view digits = trim(*text);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value <= 0) return std::nullopt;
    return value;
}

std::optional<milliseconds> duration_in(const HttpResponse& response, std::string_view header) noexcept {
    const auto text = response.header(header);
    return text ? parse_duration(*text) : std::nullopt;
}

std::optional<milliseconds> time_in(const HttpResponse& response, std::string_view header) noexcept {
    return from_date_of(response, parse_rfc3339(trim(response.header(header).value_or(""))));
}

std::optional<milliseconds> retry_after(const HttpResponse& response) noexcept {
    if (const auto header = response.header("retry-after-ms")) {
        std::string_view text = trim(*header);
        if (const auto ms = take_number(text); ms && text.empty())
            if (const auto wait = positive(*ms)) return wait;
    }
    const auto header = response.header("retry-after");
    if (!header) return std::nullopt;
    if (const auto wait = parse_duration(*header)) return wait;
    return from_date_of(response, parse_http_date(trim(*header)));
}

}  // namespace synth::providers
