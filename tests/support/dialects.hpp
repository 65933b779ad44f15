// The other ways to ask for a text that the fault server understands. It thinks in those of OpenAI; what comes in and
// goes out is translated here.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace synth::test {

enum class Dialect : std::uint8_t { openai, anthropic, gemini };

/// Of a POST to that path; nothing when no text is asked for there.
std::optional<Dialect> dialect_of(std::string_view path);

/// The request as a chat completion: model, messages, output limit. `path` names Gemini's model. Throws
/// nlohmann::json::exception for what is none.
nlohmann::ordered_json as_chat_completion(Dialect dialect, std::string_view path,
                                          const nlohmann::ordered_json& request);

/// Name and text before the value of the header that carries the key.
struct KeyHeader {
    std::string_view name, prefix;
};
KeyHeader key_header_of(Dialect dialect);

struct Translated {
    int status = 0;
    nlohmann::ordered_json body;
};
/// An answer of OpenAI, good or an error; `retry_after` in seconds, empty: none.
Translated translate(Dialect dialect, int status, const nlohmann::ordered_json& answer, std::string_view retry_after);

}  // namespace synth::test
