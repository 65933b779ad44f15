// The report as one page for a browser: charts of the whole run, and a reader of its samples. One pass over plan, calls
// and records; what is held is bounded by the number of samples that are shown.

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json_writer.hpp"
#include "figures.hpp"
#include "page.hpp"
#include "reader.hpp"
#include "reporters/common/report_text.hpp"
#include "synth/plugin.hpp"
#include "synth/reporter.hpp"

namespace {

using namespace synth;
using html::Effort;
using html::Figures;
using html::Parts;
using html::Selection;
using html::Shown;

constexpr const char* kOptions = R"({"type": "object", "properties": {
  "max_samples": {"type": "integer", "minimum": 0, "maximum": 100000, "default": 1000,
    "description": "samples that can be read in the page; of more, that many evenly over the plan"},
  "max_megabytes": {"type": "integer", "minimum": 1, "maximum": 500, "default": 3,
    "description": "the page stays below it: fewer samples can be read where their texts are too long for it"},
  "reference": {"type": "string", "default": "",
    "description": "data set (JSON, JSON Lines, CSV) whose lengths and labels are shown beside those of the run"}
}})";

struct Options {
    std::uint64_t max_samples = 0;
    std::size_t max_bytes = 0;
    std::string reference;
};

html::Try try_of(const CallRow& call) {
    return {call.attempt, call.role,    std::string(name_of(call.outcome)),
            call.reason,  call.message, call.sent ? call.cost : std::optional(PicoUsd{})};
}

/// How many samples were accepted, without their texts.
Result<std::uint64_t> count_accepted(const RunView& run) {
    const auto calls = run.calls();
    CallRow call;
    std::uint64_t accepted = 0;
    for (;;) {
        const Result<bool> more = calls->next(call);
        if (!more) return more.error();
        if (!*more) return accepted;
        accepted += call.outcome == Outcome::accepted;
    }
}

/// Reads the run once, sample by sample.
Status read(const RunView& run, Figures& figures, Selection& selection) {
    constexpr std::size_t kMostTries = 20;
    const auto plan = run.plan();
    const auto calls = run.calls();
    const auto records = run.records();
    SampleSpec spec;
    CallRow call;
    Record record;
    Result<bool> called = calls->next(call), recorded = records->next(record);
    for (;;) {
        const Result<bool> planned = plan->next(spec);
        if (!planned) return planned.error();
        if (!*planned) break;
        figures.add_planned(spec);
        std::vector<html::Try> tries;
        std::uint32_t target = 0;
        std::string reason = "not_tried", message = "nothing was sent for it";
        bool tried = false;
        for (; called && *called && call.sample <= spec.index; called = calls->next(call)) {
            figures.add_call(call);
            if (call.outcome == Outcome::accepted) {
                target = call.target_words;
                continue;
            }
            if (call.outcome != Outcome::held && tries.size() < kMostTries) tries.push_back(try_of(call));
            const bool answer = call.outcome == Outcome::rejected || call.outcome == Outcome::failed;
            if (call.role == "write" && (answer || !tried) && call.outcome != Outcome::held) {
                reason = call.reason.empty() ? std::string(name_of(call.outcome)) : call.reason;
                message = call.message;
                tried = tried || answer;
            }
        }
        if (!called) return called.error();
        while (recorded && *recorded && record.index < spec.index) recorded = records->next(record);
        if (!recorded) return recorded.error();
        if (!*recorded || record.index != spec.index) {
            figures.add_missing(spec, reason, message);
            continue;
        }
        figures.add_accepted(spec, record, target);
        if (selection.wants_next()) {
            auto prompt = run.prompt(record.index, record.attempt);
            if (!prompt) return std::move(prompt).error();
            selection.add({record, target, std::move(tries), std::move(*prompt)});
        }
    }
    const auto events = run.events();
    RunEvent event;
    for (;;) {
        const Result<bool> more = events->next(event);
        if (!more) return more.error();
        if (!*more) return {};
        figures.add_event(event);
    }
}

class HtmlReporter final : public Reporter {
public:
    static Result<std::unique_ptr<Reporter>> create(Host& host, std::string_view options_json) {
        const auto json = nlohmann::json::parse(options_json, nullptr, false);
        Options options;
        options.max_samples = json.at("max_samples").get<std::uint64_t>();
        options.max_bytes = json.at("max_megabytes").get<std::size_t>() * 1'000'000;
        options.reference = json.at("reference").get<std::string>();
        auto parts = html::read_parts(host.data_dir());
        if (!parts) return std::move(parts).error();
        return std::unique_ptr<Reporter>(std::make_unique<HtmlReporter>(std::move(options), std::move(*parts)));
    }

    HtmlReporter(Options options, Parts parts) : options_(std::move(options)), parts_(std::move(parts)) {}

    Result<Section> report(const RunView& run) const override {
        std::optional<html::Reference> reference;
        if (!options_.reference.empty()) {
            auto read = html::Reference::read(options_.reference, run.taxonomy());
            if (!read) return std::move(read).error();
            reference = std::move(*read);
        }
        std::uint64_t expected = run.facts().samples;
        if (expected > options_.max_samples) {
            const auto accepted = count_accepted(run);
            if (!accepted) return accepted.error();
            if (*accepted > 0) expected = *accepted;
        }
        Figures figures(run);
        // More than that cannot be made to fit, whatever is in it.
        constexpr std::size_t kBestRatio = 16;
        Selection selection(options_.max_samples, expected, options_.max_bytes * kBestRatio);
        if (Status done = read(run, figures, selection); !done) return done.error();
        std::vector<Shown> samples = std::move(selection.samples());
        auto page = fitting_page(run, figures, reference, samples);
        if (!page) return std::move(page).error();
        return section(figures.accepted(), samples.size(), std::move(*page));
    }

private:
    /// With as many of the samples as fit, which are those that are left in `samples`.
    Result<std::string> fitting_page(const RunView& run, const Figures& figures,
                                     const std::optional<html::Reference>& reference,
                                     std::vector<Shown>& samples) const {
        const plugins::TopicMatcher matcher(run.taxonomy());
        std::string libraries;
        for (const std::string& library : parts_.libraries) libraries += library + '\0';
        auto fixed = html::packed("libraries", libraries += parts_.licences + '\0', Effort::most);
        if (!fixed) return std::move(fixed).error();
        for (Effort effort = Effort::usual;;) {
            const html::Contents contents = html::contents_of(samples, matcher);
            std::vector<std::string> blocks = {*fixed};
            const std::string counted = figures.json(reference, samples.size());
            const std::pair<const char*, const std::string&> rest[] = {{"figures", counted},
                                                                       {"samples", contents.samples},
                                                                       {"spans", contents.spans},
                                                                       {"texts", contents.texts},
                                                                       {"prompts", contents.prompts}};
            std::size_t varying = 0;
            for (const auto& [id, content] : rest) {
                auto block = html::packed(id, content, effort);
                if (!block) return std::move(block).error();
                if (id != rest[0].first) varying += block->size();
                blocks.push_back(std::move(*block));
            }
            std::string page = html::assemble(parts_, run.facts().name, blocks);
            if (page.size() <= options_.max_bytes || samples.empty()) return page;
            // More effort saves a tenth.
            const std::size_t others = page.size() - varying;
            const double room = options_.max_bytes > others ? static_cast<double>(options_.max_bytes - others) : 0;
            const double part = room / static_cast<double>(varying) * (effort == Effort::usual ? 1.08 : 0.98);
            if (part < 1) html::thin_out(samples, part);
            effort = Effort::most;
        }
    }

    static Section section(std::uint64_t accepted, std::uint64_t shown, std::string page) {
        plugins::ReportText text;
        std::string line = plugins::figure(static_cast<double>(page.size()) / 1e6) + " MB, ";
        line += shown == accepted ? "all " + plugins::counted(accepted, "sample") + " can be read in it"
                                  : plugins::grouped(shown) + " of " + plugins::counted(accepted, "sample") +
                                        " can be read in it (max_samples, max_megabytes)";
        text.row("Size", line);
        std::string out;
        plugins::JsonWriter json(out);
        json.begin_object();
        json.key("page");
        json.begin_object();
        json.member("bytes", page.size());
        json.member("samples", accepted);
        json.member("samples_shown", shown);
        json.end_object();
        json.end_object();
        return Section{"Page", std::move(text).take(), std::move(out), std::move(page)};
    }

    const Options options_;
    const Parts parts_;
};

}  // namespace

SYNTH_PLUGIN(synth::Reporter, HtmlReporter, "html", "0.1.0",
             "one self-contained page: charts of the run and a reader of its samples", kOptions);
