// What a server wrote, made fit for one line of a message.

#pragma once

#include <string>
#include <string_view>

namespace synth::providers {

/// One line of at most 300 bytes for a person, without control characters, whatever a server sent.
std::string one_line(std::string_view text);

/// ASCII letters in lower case.
std::string lower(std::string_view text);

/// What a person can read of a body that is not JSON: of an HTML page its title.
std::string readable(std::string_view body);

}  // namespace synth::providers
