// A reply of a server as text, so that a corpus can be read: the status in the first line, then headers, a blank line,
// and the body.

#pragma once

#include <cctype>
#include <charconv>
#include <string>
#include <string_view>

#include "synth/text.hpp"
#include "synth/types.hpp"
#include "target.hpp"

namespace synth::fuzz {

/// Header lines up to a blank one, as the core hands them on: names in lower case, both sides trimmed.
inline void take_headers(std::string_view& text, HttpResponse& response) {
    while (!text.empty()) {
        const std::string_view line = trim(take(text, '\n'));
        if (line.empty()) return;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        std::string name(trim(line.substr(0, colon)));
        for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        response.headers.emplace_back(std::move(name), std::string(trim(line.substr(colon + 1))));
    }
}

inline HttpResponse read_response(std::string_view text) {
    HttpResponse response;
    const std::string_view status = trim(take(text, '\n'));
    std::from_chars(status.data(), status.data() + status.size(), response.status);
    take_headers(text, response);
    response.body = text;
    return response;
}

}  // namespace synth::fuzz
