#include "config.hpp"

#include <utility>

#include "common/fields.hpp"

namespace synth::openai {

Result<Options> parse_options(std::string_view json) {
    Options options;
    Status read = read_options(
        json,
        {text("preset", options.preset), text("base_url", options.base_url), text("deployment", options.deployment),
         text("api_version", options.api_version), text("model", options.model), text("models", options.models),
         text("reasoning_effort", options.reasoning_effort), text("service_tier", options.service_tier),
         text("max_tokens_parameter", options.max_tokens_parameter), text("auth", options.auth),
         number("temperature", options.temperature), number("top_p", options.top_p),
         flag("allow_http", options.allow_http)});
    if (!read) return std::move(read).error();
    return options;
}

}  // namespace synth::openai
