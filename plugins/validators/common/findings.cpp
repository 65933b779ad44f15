#include "common/findings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "common/labelled_data.hpp"
#include "common/utf8.hpp"
#include "synth/text.hpp"

namespace synth::validators {

Action action_of(const plugins::Options& options, std::string_view code) {
    const std::string word = options.text(code);
    return word == "reject" ? Action::reject : word == "warn" ? Action::warn : Action::off;
}

void Findings::add(Action action, std::string_view code, std::string message, std::optional<double> value,
                   std::optional<double> limit, std::string_view label) {
    if (action == Action::off) return;
    findings_.push_back({.severity = action == Action::reject ? Severity::rejection : Severity::warning,
                         .code = std::string(code),
                         .message = std::move(message),
                         .label = std::string(label),
                         .value = value,
                         .limit = limit});
}

std::string percent(double share) {
    double rounded = std::round(share * 100);
    if (rounded <= 0 && share > 0) return "under 1 %";
    if (rounded >= 100 && share < 1) rounded = 99;
    return std::to_string(static_cast<int>(rounded)) + " %";
}

std::pair<std::string, std::string> percents(double share, double limit) {
    std::pair texts(percent(share), percent(limit));
    const auto written = [](double value, int decimals) {
        std::array<char, 32> digits{};
        const auto size = std::snprintf(digits.data(), digits.size(), "%.*f %%", decimals, value * 100);
        return std::string(digits.data(), static_cast<std::size_t>(size));
    };
    for (int decimals = 1; share != limit && texts.first == texts.second && decimals <= 6; ++decimals)
        texts = {written(share, decimals), written(limit, decimals)};
    return texts;
}

std::string counted(std::uint64_t number, std::string_view one) {
    return std::to_string(number) + " " + std::string(one) + (number == 1 ? "" : "s");
}

std::string in_quotes(std::string_view text, std::size_t most_bytes) {
    std::string clean;
    plugins::append_text(clean, trim(text).substr(0, most_bytes + 8));  // cut below, between characters
    std::string out = "\"";
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    bool cut = trim(text).size() > most_bytes + 8;
    for (std::size_t at = 0; at < clean.size();) {
        std::size_t next = at + 1;
        while (next < clean.size() && (static_cast<unsigned char>(clean[next]) & 0xC0) == 0x80) ++next;
        if (out.size() + (next - at) > most_bytes + 1) {
            cut = true;
            break;
        }
        const std::string_view character = std::string_view(clean).substr(at, next - at);
        at = next;
        if (is_space(character[0]) || is_control(character[0])) {
            if (out.back() != ' ') out += ' ';
        } else if (character == "\xC2\x85" || character == "\xE2\x80\xA8" || character == "\xE2\x80\xA9") {
            out += ' ';  // line ends beyond ASCII
        } else {
            out += character;
        }
    }
    return out + (cut ? " \u2026\"" : "\"");
}

Status read_reference(const std::string& path, Host& host, const std::function<void(std::string_view)>& each) {
    auto data = plugins::LabelledData::open(path, host.taxonomy(), {.texts = true, .labels = false});
    if (!data) return std::move(data).error();
    std::uint64_t texts = 0;
    const Status read = plugins::for_each_document(*data, [&](const plugins::LabelledDocument& document) -> Status {
        if (trim(document.text).empty()) return {};
        ++texts;
        each(document.text);
        return {};
    });
    if (!read) return read;
    if (texts == 0)
        return Error{ErrorCode::invalid_argument,
                     path + " holds no text: documents with 'full_text' or 'text' are needed"};
    host.log(LogLevel::info, data->notes().summary(path));
    return {};
}

}  // namespace synth::validators
