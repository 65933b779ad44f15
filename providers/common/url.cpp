#include "url.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "plain_text.hpp"
#include "synth/text.hpp"

namespace synth::providers {

namespace {

bool only(std::string_view text, std::string_view punctuation) noexcept {
    return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
        return std::isalnum(c) || punctuation.find(static_cast<char>(c)) != std::string_view::npos;
    });
}

bool number_up_to(std::string_view text, unsigned limit) noexcept {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value <= limit;
}

/// 127.0.0.0/8 written out in full: "127.example.com" is somebody's name.
bool is_loopback_v4(std::string_view host) noexcept {
    if (!host.starts_with("127.")) return false;
    int parts = 0;
    for (bool more = true; more; ++parts) {
        const std::size_t dot = host.find('.');
        if (!number_up_to(host.substr(0, dot), 255)) return false;
        more = dot != std::string_view::npos;
        if (more) host.remove_prefix(dot + 1);
    }
    return parts == 4;
}

bool is_loopback(std::string_view host) noexcept {
    return host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || is_loopback_v4(host);
}

}  // namespace

Result<Url> parse_url(std::string_view url, bool allow_http, std::string_view named, std::string_view secret) {
    url = trim(url);
    const auto wrong = [&](std::string_view what) {
        return Error{ErrorCode::invalid_argument,
                     std::string(named) + " '" + std::string(url) + "' " + std::string(what)};
    };
    if (std::ranges::any_of(url, [](unsigned char c) { return c <= ' ' || c >= 0x7f; }))
        return Error{ErrorCode::invalid_argument,
                     std::string(named) + " holds spaces, control or non-ASCII characters, which no URL may"};

    const std::size_t separator = url.find("://");
    const std::string scheme = lower(url.substr(0, separator == std::string_view::npos ? 0 : separator));
    if (scheme != "http" && scheme != "https")
        return wrong("is not an http:// or https:// URL, such as http://127.0.0.1:11434/v1");

    std::string_view rest = url.substr(separator + 3);
    const std::size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
    const std::string_view authority = rest.substr(0, authority_end);
    rest.remove_prefix(authority_end);
    if (authority.find('@') != std::string_view::npos)
        return Error{ErrorCode::invalid_argument, std::string(named) +
                                                      " holds a user name or password: leave it out and set " +
                                                      std::string(secret) + " to the key"};
    if (rest.find('#') != std::string_view::npos) return wrong("has a '#' part, which no server ever sees");

    const bool bracketed = authority.starts_with('[');
    const std::size_t host_end = bracketed ? std::min(authority.find(']'), authority.size() - 1) + 1
                                           : std::min(authority.find(':'), authority.size());
    const std::string host = lower(authority.substr(0, host_end));
    const std::string_view port = authority.substr(host_end);
    const bool host_ok = bracketed
                             ? host.ends_with(']') && only(std::string_view(host).substr(1, host.size() - 2), ":.")
                             : only(host, "-._");
    if (!host_ok) return wrong("names no host, such as 127.0.0.1 or api.openai.com");
    if (!port.empty() && (port[0] != ':' || port == ":0" || !number_up_to(port.substr(1), 65535)))
        return wrong("has a port that is not a number from 1 to 65535");

    if (scheme == "http" && !allow_http && !is_loopback(host))
        return wrong(
            "would send texts and key unencrypted to another machine: use https, or allow it with "
            "-o provider.allow_http=true");

    Url parts;
    const std::size_t query_at = std::min(rest.find('?'), rest.size());
    parts.query = rest.substr(query_at);
    rest = rest.substr(0, query_at);
    while (rest.ends_with('/')) rest.remove_suffix(1);
    parts.path = rest;
    parts.origin = scheme + "://" + host + std::string(port);
    parts.host = host;
    return parts;
}

bool is_path_segment(std::string_view text) noexcept { return only(text, "-_.") && text != "." && text != ".."; }

bool Url::drop_path_end(std::string_view end) {
    if (!std::string_view(path).ends_with(end)) return false;
    path.resize(path.size() - end.size());
    while (path.ends_with('/')) path.pop_back();
    return true;
}

}  // namespace synth::providers
