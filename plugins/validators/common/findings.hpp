// What validators share: the user's word on what becomes of a finding, and messages that name numbers and places of a
// text. An option that is named as the code of a finding says what becomes of it: off, warn or reject.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/options.hpp"
#include "synth/host.hpp"
#include "synth/types.hpp"
#include "synth/validator.hpp"

/// A member of a schema's "properties".
#define SYNTH_ACTION_OPTION(code, fallback, what)                                                              \
    "\"" code "\": {\"type\": \"string\", \"enum\": [\"off\", \"warn\", \"reject\"], \"default\": \"" fallback \
    "\", \"description\": \"" what "\"}"

namespace synth::validators {

enum class Action : std::uint8_t { off, warn, reject };

/// Of the option `code`, which the schema has.
[[nodiscard]] Action action_of(const plugins::Options& options, std::string_view code);

/// The verdict of one text, as it grows.
class Findings {
public:
    /// Nothing when the action is off.
    void add(Action action, std::string_view code, std::string message, std::optional<double> value = {},
             std::optional<double> limit = {}, std::string_view label = {});
    [[nodiscard]] Verdict verdict() && { return {.findings = std::move(findings_)}; }

private:
    std::vector<Finding> findings_;
};

/// "37 %": of a share from 0 to 1, rounded, but 0 and 100 only when it is that.
[[nodiscard]] std::string percent(double share);
/// A share and its limit, with as many decimals as tell them apart: "25.3 %" and "25.0 %".
[[nodiscard]] std::pair<std::string, std::string> percents(double share, double limit);

/// "1 word", "2 words".
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view one);

/// In double quotes, on one line, as UTF-8, with " …" where it was cut.
[[nodiscard]] std::string in_quotes(std::string_view text, std::size_t most_bytes = 80);

/// Calls `each(text)` for every document of a labelled or unlabelled data set, and logs how many there were. Errors of
/// the reading; invalid_argument when there is none with a text.
Status read_reference(const std::string& path, Host& host, const std::function<void(std::string_view)>& each);

}  // namespace synth::validators
