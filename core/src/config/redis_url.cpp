#include "config/redis_url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/numbers.hpp"

namespace synth::core {

namespace {

constexpr std::uint32_t kMostDatabase = 1'000'000;
constexpr std::size_t kLongestPrefix = 100;

Error bad_url(std::string what) {
    return {ErrorCode::invalid_argument,
            std::move(what) + "; expected redis://[user:password@]host[:port][/db][?prefix=NAME]", "redis_url"};
}

std::optional<std::uint32_t> number_in(std::string_view text, std::uint32_t low, std::uint32_t high) {
    const auto value = parse_number<std::uint32_t>(text);
    return value && *value >= low && *value <= high ? value : std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned value = 0;
        if (i + 2 >= text.size()) return std::nullopt;
        const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
        if (error != std::errc() || end != text.data() + i + 3) return std::nullopt;
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
            c == '.')
            out += c;
        else
            (out += '%') += {kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
    return out;
}

bool is_prefix(std::string_view text) {
    return !text.empty() && text.size() <= kLongestPrefix && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_.:").find(c) != std::string_view::npos;
    });
}

/// Between brackets, as URLs have an IPv6 address.
std::string in_brackets(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace

std::string RedisUrl::place() const { return in_brackets(host) + ":" + std::to_string(port); }

std::string RedisUrl::without_secret() const {
    return "redis://" + (user.empty() ? "" : percent_encoded(user) + "@") + place() +
           (database > 0 ? "/" + std::to_string(database) : "") +
           (prefix == RedisUrl().prefix ? "" : "?prefix=" + prefix);
}

Result<RedisUrl> parse_redis_url(std::string_view text) {
    if (text.starts_with("rediss://"))
        return Error{ErrorCode::invalid_argument,
                     "rediss:// (TLS) is not supported; use redis:// inside a private network, or through a tunnel "
                     "such as stunnel",
                     "redis_url"};
    constexpr std::string_view kScheme = "redis://";
    if (!text.starts_with(kScheme)) return bad_url("the URL does not begin with redis://");
    text.remove_prefix(kScheme.size());
    RedisUrl url;
    // A password may hold any of the characters that part the rest, so it goes first.
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        const auto who = text.substr(0, at);
        const auto colon = std::min(who.find(':'), who.size());
        auto user = percent_decoded(who.substr(0, colon));
        auto password = percent_decoded(who.substr(std::min(colon + 1, who.size())));
        if (!user || !password) return bad_url("a '%' in user or password is not followed by two hexadecimal digits");
        if (colon < who.size() && password->empty()) return bad_url("the password is empty");
        url.user = std::move(*user);
        url.password = std::move(*password);
        text.remove_prefix(at + 1);
    }
    if (const auto query = text.find('?'); query != std::string_view::npos) {
        auto prefix = text.substr(query + 1);
        constexpr std::string_view kPrefix = "prefix=";
        if (!prefix.starts_with(kPrefix) || !is_prefix(prefix.substr(kPrefix.size())))
            return bad_url("after '?' stands something else than prefix= and letters, digits, '-', '_', '.' or ':'");
        url.prefix = prefix.substr(kPrefix.size());
        text = text.substr(0, query);
    }
    if (const auto slash = text.find('/'); slash != std::string_view::npos) {
        const auto digits = text.substr(slash + 1);
        const auto database = digits.empty() ? std::optional(0U) : number_in(digits, 0, kMostDatabase);
        if (!database) return bad_url("after '/' stands no number of a database");
        url.database = *database;
        text = text.substr(0, slash);
    }
    std::string_view port;
    bool with_port = false;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return bad_url("there is no ']' after the address");
        url.host = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
        with_port = !text.empty();
        if (with_port && text.front() != ':') return bad_url("after ']' stands something else than a port");
        if (with_port) port = text.substr(1);
    } else {
        const auto colon = text.find(':');
        with_port = colon != std::string_view::npos;
        url.host = text.substr(0, colon);
        if (with_port) port = text.substr(colon + 1);
    }
    if (url.host.empty()) return bad_url("there is no host");
    if (with_port) {
        const auto value = number_in(port, 1, 65535);
        if (!value) return bad_url("the port is not a number from 1 to 65,535");
        url.port = static_cast<std::uint16_t>(*value);
    }
    return url;
}

}  // namespace synth::core
