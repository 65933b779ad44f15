#include <filesystem>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include "synth/plugin.hpp"
#include "tdamm_prompts.hpp"

namespace synth::tdamm {
namespace {

constexpr std::string_view kId = "tdamm";

struct Tdamm {
    static Result<std::unique_ptr<PromptStrategy>> create(Host& host, std::string_view options_json) {
        const Options options = parse_options(options_json);
        auto data = load_prompt_data(options.dir.empty() ? host.data_dir() : options.dir, kId);
        if (!data) return std::move(data).error();
        return make_prompts(host, *std::move(data), options, kId, nullptr);
    }
};

}  // namespace
}  // namespace synth::tdamm

SYNTH_PLUGIN(synth::PromptStrategy, synth::tdamm::Tdamm, "tdamm", "0.1.0",
             "documents about time-domain and multi-messenger astronomy, from editable texts",
             R"({"type": "object", "properties": {)" SYNTH_TDAMM_PROMPT_OPTIONS "}}");
