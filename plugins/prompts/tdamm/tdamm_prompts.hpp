// Prompt strategy `tdamm`: what a model is asked to write for a set of labels. The words come from the data folder, the
// facts from the taxonomy, what is drawn from the sample's variant and seed. A source that other strategies build upon.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "prompt_data.hpp"
#include "synth/host.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/types.hpp"

namespace synth::tdamm {

/// What another strategy puts in front of the sample's own part of the prompt. An answer that copies from it is an
/// echo.
class Preface {
public:
    virtual ~Preface() = default;
    /// A pure function of the spec. Empty: nothing.
    [[nodiscard]] virtual std::string text(const SampleSpec& spec) const = 0;
};

/// `plugin` is the id that errors name; no preface: null. The taxonomy of the host is borrowed; a warning is logged
/// when the data are for other classes than its. invalid_argument for a lead that the texts have no place for.
Result<std::unique_ptr<PromptStrategy>> make_prompts(Host& host, PromptData data, const Options& options,
                                                     std::string_view plugin, std::unique_ptr<const Preface> preface);

}  // namespace synth::tdamm

/// Options that they have in common, as members of a schema's "properties".
#define SYNTH_TDAMM_PROMPT_OPTIONS                                                              \
    R"("dir": {"type": "string", "default": "", )"                                              \
    R"("description": "folder with the texts of the prompts; empty: the plugin's own"}, )"      \
    R"("target_words": {"type": "integer", "default": 1178, "minimum": 50, "maximum": 20000, )" \
    R"("description": "words that a document should have"}, )"                                  \
    R"("lead_words": {"type": "integer", "default": 0, "minimum": 0, "maximum": 20000, )"       \
    R"("description": "every label is to show within so many words, such as 350 for a reader of 512 tokens; 0: anywhere"})"
