// Text that may be anything on its way into files that must be UTF-8: what needs no look, copied in runs, and what
// does.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace synth::plugins {

/// U+FFFD, which stands for what is not UTF-8.
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Length of the UTF-8 sequence that `text` begins with (1 to 4); 0 when it is ill-formed. `text` is not empty.
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

/// Length of the run of printable ASCII other than quote and backslash that `text` begins with.
[[nodiscard]] std::size_t plain_run(std::string_view text) noexcept;

/// `text` begins with a byte that is not ASCII: appends its first UTF-8 sequence, U+FFFD when that is ill-formed; how
/// many bytes of `text` that was.
std::size_t append_sequence(std::string& out, std::string_view text);

/// Appends `text` as UTF-8 without NUL, which readers of CSV and of databases do not take: every ill-formed sequence
/// and every NUL becomes one U+FFFD. `doubled`: an ASCII character other than NUL that is written twice.
void append_text(std::string& out, std::string_view text, char doubled = '\0');

}  // namespace synth::plugins
