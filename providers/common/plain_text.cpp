#include "plain_text.hpp"

#include <algorithm>
#include <cctype>

#include "common/utf8.hpp"
#include "synth/text.hpp"

namespace synth::providers {

std::string one_line(std::string_view text) {
    constexpr std::size_t kMost = 300;
    constexpr std::string_view kMore = "…";
    std::string line;
    for (text = trim(text); !text.empty();) {
        const std::size_t length = plugins::utf8_length(text);
        const auto lead = static_cast<unsigned char>(text[0]);
        const bool c1_control = lead == 0xc2 && length == 2 && static_cast<unsigned char>(text[1]) < 0xa0;
        std::string_view next = length == 0 ? plugins::kReplacement : text.substr(0, length);
        if (lead <= ' ' || lead == 0x7f || c1_control) next = line.empty() || line.back() == ' ' ? "" : " ";
        if (line.size() + next.size() + kMore.size() > kMost) return line += kMore;
        line += next;
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

std::string lower(std::string_view text) {
    std::string copy(text);
    std::ranges::transform(copy, copy.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return copy;
}

std::string readable(std::string_view body) {
    body = trim(body);
    if (!body.starts_with('<')) return one_line(body);
    const std::string small = lower(body.substr(0, 4096));
    const std::size_t begin = small.find("<title>"), end = small.find("</title>");
    if (begin == std::string::npos || end == std::string::npos || end < begin) return "an HTML page";
    return "an HTML page, '" + one_line(body.substr(begin + 7, end - begin - 7)) + "'";
}

}  // namespace synth::providers
