// The tdamm prompts' reading of a model's answer, through the plugin's own border. Input: the answer.

#include <stdexcept>

#include "support/plugin_loading.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/text.hpp"
#include "target.hpp"

namespace {

using namespace synth;
using fuzz::require;

core::Instance<PromptStrategy> load() {
    auto strategy = test::load<PromptStrategy>("tdamm");
    if (!strategy) throw std::runtime_error(strategy.error().message);
    return *std::move(strategy);
}

const core::Instance<PromptStrategy>& strategy() {
    static const core::Instance<PromptStrategy> loaded = load();
    return loaded;
}

}  // namespace

int LLVMFuzzerInitialize(int*, char***) {
    static_cast<void>(strategy());
    return 0;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Completion completion{std::string(fuzz::as_text(data, size)), FinishReason::stop};
    SampleSpec spec;
    spec.labels.insert(0);
    spec.drawn.insert(0);
    const auto draft = strategy().call([&](PromptStrategy& plugin) { return plugin.extract(spec, {}, completion); });
    if (!draft) {
        require(draft.error().code == ErrorCode::refused || draft.error().code == ErrorCode::malformed,
                "an answer is a document, a refusal or unusable", draft.error().message);
        require(!draft.error().reason.empty(), "why it is none can be counted");
        return 0;
    }
    require(!trim(draft->text).empty(), "a document has a text");
    require(draft->text.starts_with(draft->title), "the text starts with its title", draft->title);
    require(draft->title.find('\n') == std::string::npos, "a title is one line", draft->title);
    require(draft->text.size() <= completion.text.size() + draft->title.size() + 2, "nothing is made up", draft->text);
    return 0;
}
