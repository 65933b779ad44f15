// A reporter that counts how calls ended. A whole plugin, to change.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "synth/plugin.hpp"
#include "synth/reporter.hpp"

namespace {

using synth::Result;

// No options: `create` gets {}. docs/plugin-authoring.md says how to have some.
constexpr const char* kOptions = R"({"type": "object", "properties": {}})";

class Plugin final : public synth::Reporter {
public:
    static Result<std::unique_ptr<synth::Reporter>> create(synth::Host& /*host*/, std::string_view /*options_json*/) {
        return std::unique_ptr<synth::Reporter>(std::make_unique<Plugin>());
    }

    // Reads the ledger row by row and keeps counts only: a run may have millions of calls.
    Result<synth::Section> report(const synth::RunView& run) const override {
        std::map<std::string, std::uint64_t> counts;
        const auto calls = run.calls();
        for (synth::CallRow row;;) {
            const Result<bool> more = calls->next(row);
            if (!more) return more.error();
            if (!*more) break;
            ++counts[std::string(synth::name_of(row.outcome))];
        }

        // Lines of at most 100 columns for people, and members of NAME.report.json for programs. Names of outcomes need
        // no escaping.
        std::string text, json;
        for (const auto& [outcome, count] : counts) {
            const std::string number = std::to_string(count);
            text += "  " + outcome + std::string(14 - std::min<std::size_t>(outcome.size(), 13), ' ') + number + "\n";
            json += (json.empty() ? "\"" : ", \"") + outcome + "\": " + number;
        }
        if (counts.empty()) text = "  no calls yet\n";
        return synth::Section{"Calls", text, "{\"@ID@\": {" + json + "}}"};
    }
};

}  // namespace

SYNTH_PLUGIN(synth::Reporter, Plugin, "@ID@", "1.0.0", "counts how calls ended", kOptions);
