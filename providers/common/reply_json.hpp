// The JSON of a reply, read with patience: whatever is missing, null or of another type is nothing.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/json_reader.hpp"
#include "synth/units.hpp"

namespace synth::providers {

using Json = plugins::JsonView;

/// An object or an array; valid until the next call on this thread. A body that is almost JSON, as servers write it
/// that cut a text inside a character, is repaired first, for it is paid for: a byte order mark, bytes that are not
/// UTF-8 and lone surrogates are taken out.
Json parse_body(const std::string& body);

/// A count of tokens, which some servers write as 12.0; nothing when it is none.
std::optional<Tokens> count_of(Json value);
/// That texts of the parts in an array have under `name`, one behind the other.
std::string join_parts(Json parts, std::string_view name);

}  // namespace synth::providers
