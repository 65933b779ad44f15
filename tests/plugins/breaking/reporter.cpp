// See breaking.hpp.

#include <stdexcept>

#include "breaking.hpp"
#include "synth/reporter.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::Result;
using synth::test::Breaking;

class Reporter final : public synth::Reporter {
public:
    Reporter(const synth::Taxonomy&, Breaking breaks) : breaks_(std::move(breaks)) {}
    static Result<std::unique_ptr<synth::Reporter>> create(synth::Host& host, std::string_view options) {
        return synth::test::create_breaking<synth::Reporter, Reporter>(host, options);
    }

    Result<synth::Section> report(const synth::RunView& run) const override {
        if (breaks_("throw")) throw std::runtime_error("thrown by report");
        std::uint64_t calls = 0;
        const auto cursor = run.calls();
        for (synth::CallRow row;; ++calls) {
            const auto more = cursor->next(row);
            if (!more && !breaks_("swallow")) return more.error();
            if (!more || !*more) break;
        }
        if (calls == 0 && breaks_("need_calls")) return Error{ErrorCode::internal, "no calls", {}};
        std::string count = std::to_string(calls);
        if (breaks_("unstable")) count += std::to_string(synth::test::another());
        synth::Section section{"Calls", "  " + count + " calls\n", "{\"calls\": " + count + "}"};
        if (breaks_("no_title")) section.title = "";
        if (breaks_("long_line")) section.text += std::string(101, '-') + "\n";
        if (breaks_("colour")) section.text = "\x1b[1m" + section.text;
        if (breaks_("no_json")) section.json = "calls: " + count;
        if (breaks_("array")) section.json = "[" + count + "]";
        if (breaks_("run_member")) section.json = R"({"run": 1})";
        return section;
    }

private:
    Breaking breaks_;
};

}  // namespace

SYNTH_PLUGIN(synth::Reporter, Reporter, "breaking", "1.0.0", "breaks what it is told to", synth::test::kBreakOptions);
