// Run files: read, resolved with the real plugins' options, kept as the ledger keeps them and read back. Every line is
// tried as -o on the command line, too.

#include <algorithm>
#include <array>

#include "config/run_file.hpp"
#include "scratch_file.hpp"
#include "support/plugin_loading.hpp"

namespace {

using namespace synth;
using fuzz::require;

void check_error(const Error& error) {
    require(!error.message.empty() && error.code == ErrorCode::invalid_argument, "what is wrong is said",
            error.message);
}

void check(const core::GivenPluginOption& option) {
    static constexpr std::array<std::string_view, 6> kKinds{"sampler",   "prompt", "provider",
                                                            "validator", "sink",   "reporter"};
    require(std::ranges::find(kKinds, option.kind) != kKinds.end(), "an option is for a kind that there is",
            option.kind);
    require(!option.key.empty(), "an option has a name", option.source);
    const std::string path = option.kind + (option.id.empty() ? "." : "." + option.id + ".") + option.key;
    require(option.source.ends_with(path), "an option is the one that was named", option.source);
}

void check_resolved(core::Givens givens) {
    // Without one, a seed is drawn, and a run could not be compared with itself.
    if (!givens.settings.contains("seed")) givens.settings["seed"] = {{"7"}, "--seed"};
    const auto config = core::resolve(givens, test::registry());
    if (!config) return check_error(config.error());
    const std::string kept = core::to_json(*config);
    const auto back = core::parse_run_config(kept);
    require(back.ok(), "a configuration survives the ledger", kept);
    require(core::to_json(*back) == kept, "a configuration survives the ledger unchanged", kept);
}

}  // namespace

int LLVMFuzzerInitialize(int*, char***) {
    static_cast<void>(test::registry());
    return 0;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::ScratchFile file("run.toml");
    std::string_view text = fuzz::as_text(data, size);
    const auto givens = core::read_run_file(file.holding(text));
    if (givens) {
        for (const auto& option : givens->options) check(option);
        check_resolved(*givens);
    } else {
        check_error(givens.error());
    }
    core::Givens from_lines;
    while (!text.empty()) {
        auto option = core::parse_plugin_option(fuzz::take(text, '\n'));
        if (!option) {
            check_error(option.error());
            continue;
        }
        check(*option);
        from_lines.options.push_back(*std::move(option));
    }
    if (!from_lines.options.empty()) check_resolved(std::move(from_lines));
    return 0;
}
