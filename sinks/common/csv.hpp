// Fields of CSV as RFC 4180 has them. The result is always UTF-8 without NUL, which readers of CSV do not take: a NUL
// and every ill-formed sequence become U+FFFD. Line ends within a text stay as they are.

#pragma once

#include <string>
#include <string_view>

namespace synth::sinks {

/// Appends `text` in quotes.
void append_csv_quoted(std::string& out, std::string_view text);

/// Appends `text`, in quotes only where it needs them.
void append_csv_field(std::string& out, std::string_view text);

}  // namespace synth::sinks
