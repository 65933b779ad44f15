#include "presets.hpp"

#include <algorithm>
#include <array>

namespace synth::openai {

namespace {

constexpr std::array<Preset, 6> kPresets{{
    {.name = ""},
    // ignores max_completion_tokens, so that nothing would limit the answer
    {.name = "ollama",
     .base_url = "http://127.0.0.1:11434/v1",
     .limit_parameter = "max_tokens",
     .model_help = "'ollama list' shows them"},
    // has one model, whatever it is called; a name without a price, for a run on one's own machine has none
    {.name = "llama.cpp", .base_url = "http://127.0.0.1:8080/v1", .limit_parameter = "max_tokens", .model = "default"},
    {.name = "vllm",
     .base_url = "http://127.0.0.1:8000/v1",
     .limit_parameter = "max_completion_tokens",
     .model_help = "it is the name that it was served under"},
    {.name = "lmstudio",
     .base_url = "http://127.0.0.1:1234/v1",
     .limit_parameter = "max_tokens",
     .model_help = "'lms ls' shows them"},
    {.name = "azure",
     .limit_parameter = "max_completion_tokens",
     .secret = "AZURE_OPENAI_API_KEY",
     .needs_key = true,
     .azure = true},
}};

}  // namespace

const Preset& preset_of(std::string_view name) noexcept {
    const auto found = std::ranges::find(kPresets, name, &Preset::name);
    return found == kPresets.end() ? kPresets.front() : *found;
}

}  // namespace synth::openai
