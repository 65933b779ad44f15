// The report as one page for a browser: charts of the whole run, and a reader of its samples. One pass over plan, calls
// and records; what is held is bounded by the number of samples that are shown.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json_writer.hpp"
#include "common/options.hpp"
#include "figures.hpp"
#include "page.hpp"
#include "reader.hpp"
#include "reporters/common/report_text.hpp"
#include "synth/plugin.hpp"
#include "synth/reporter.hpp"
#include "synth/text.hpp"

namespace {

using namespace synth;
using html::Effort;
using html::Figures;
using html::Parts;
using html::RejectedSelection;
using html::Selection;
using html::Shown;

constexpr const char* kOptions = R"({"type": "object", "properties": {
  "max_samples": {"type": "integer", "minimum": 0, "maximum": 100000, "default": 1000,
    "description": "samples that can be read in the page; of more, that many evenly over the plan"},
  "max_rejected": {"type": "integer", "minimum": 0, "maximum": 10000, "default": 200,
    "description": "rejected texts that can be read in the page; of more, all of rare reasons, of others an even part"},
  "max_megabytes": {"type": "integer", "minimum": 1, "maximum": 500, "default": 3,
    "description": "the page stays below it: fewer texts can be read where they are too long, rejected ones first"},
  "reference": {"type": "string", "default": "",
    "description": "data set (JSON, JSON Lines, CSV) whose lengths and labels are shown beside those of the run"}
}})";

struct Options {
    std::uint64_t max_samples = 0, max_rejected = 0;
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
Status read(const RunView& run, Figures& figures, Selection& selection, RejectedSelection& rejections) {
    constexpr std::size_t kMostTries = 20;
    const auto plan = run.plan();
    const auto calls = run.calls();
    const auto records = run.records();
    const auto unaccepted = run.rejected();
    SampleSpec spec;
    CallRow call;
    Record record;
    RejectedText text;
    Result<bool> called = calls->next(call), recorded = records->next(record), rejected = unaccepted->next(text);
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
        const std::uint32_t accepted_attempt = *recorded && record.index == spec.index ? record.attempt : 0;
        for (; rejected && *rejected && text.call.sample <= spec.index; rejected = unaccepted->next(text)) {
            if (trim(text.text).empty() || !rejections.wants_next(text.call.reason)) continue;
            const std::uint32_t attempt = text.call.attempt;
            Shown shown = html::shown_of(spec, std::move(text), run.facts().provider);
            shown.rejection->accepted_attempt = accepted_attempt;
            auto prompt = run.prompt(spec.index, attempt);
            if (!prompt) return std::move(prompt).error();
            shown.prompt = std::move(*prompt);
            rejections.add(std::move(shown));
        }
        if (!rejected) return rejected.error();
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
        const plugins::Options given(options_json);
        Options options;
        options.max_samples = given.count("max_samples");
        options.max_rejected = given.count("max_rejected");
        options.max_bytes = given.count("max_megabytes") * 1'000'000;
        options.reference = given.text("reference");
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
        RejectedSelection rejections(options_.max_rejected);
        if (Status done = read(run, figures, selection, rejections); !done) return done.error();
        const std::uint64_t rejected = rejections.seen();
        Texts texts{std::move(selection.samples()), std::move(rejections).take()};
        auto page = fitting_page(run, figures, reference, texts, rejected);
        if (!page) return std::move(page).error();
        return section({figures.accepted(), texts.accepted.size(), rejected, texts.rejected.size()}, std::move(*page));
    }

private:
    struct Texts {
        std::vector<Shown> accepted, rejected;

        [[nodiscard]] bool empty() const noexcept { return accepted.empty() && rejected.empty(); }
        /// Keeps `part` of the bytes: accepted texts stay while rejected ones have more than a tenth of what is left.
        void thin_out(double part) {
            const auto size = [](const std::vector<Shown>& texts) {
                double bytes = 0;
                for (const Shown& one : texts) bytes += static_cast<double>(one.record.text.size() + one.prompt.size());
                return bytes;
            };
            const double good = size(accepted), bad = size(rejected), room = part * (good + bad);
            const double of_bad = std::min(bad, std::max(room - good, room / 10)), of_good = room - of_bad;
            if (of_bad < bad) html::thin_out(rejected, of_bad / bad);
            if (of_good < good) html::thin_out(accepted, of_good / good);
        }
    };

    /// With as many of the texts as fit, which are those that are left in `texts`. `rejected`: how many there are.
    Result<std::string> fitting_page(const RunView& run, const Figures& figures,
                                     const std::optional<html::Reference>& reference, Texts& texts,
                                     std::uint64_t rejected) const {
        const plugins::TopicMatcher matcher(run.taxonomy());
        std::string libraries;
        for (const std::string& library : parts_.libraries) libraries += library + '\0';
        auto fixed = html::packed("libraries", libraries += parts_.licences + '\0', Effort::most);
        if (!fixed) return std::move(fixed).error();
        for (Effort effort = Effort::usual;;) {
            const html::Contents contents = html::contents_of(texts.accepted, texts.rejected, matcher);
            std::vector<std::string> blocks = {*fixed};
            const std::string counted = figures.json(reference, texts.accepted.size(), rejected);
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
            if (page.size() <= options_.max_bytes || texts.empty()) return page;
            // More effort saves a tenth.
            const std::size_t others = page.size() - varying;
            const double room = options_.max_bytes > others ? static_cast<double>(options_.max_bytes - others) : 0;
            const double part = room / static_cast<double>(varying) * (effort == Effort::usual ? 1.08 : 0.98);
            if (part < 1) texts.thin_out(part);
            effort = Effort::most;
        }
    }

    struct Counts {
        std::uint64_t accepted = 0, accepted_shown = 0, rejected = 0, rejected_shown = 0;
    };

    static Section section(const Counts& counts, std::string page) {
        const auto of = [](std::uint64_t shown, std::uint64_t all, const char* noun) {
            return (shown == all ? "all " : plugins::grouped(shown) + " of ") + plugins::counted(all, noun);
        };
        plugins::ReportText text;
        std::string line = plugins::figure(static_cast<double>(page.size()) / 1e6) + " MB, ";
        line += of(counts.accepted_shown, counts.accepted, "sample");
        if (counts.rejected > 0) line += " and " + of(counts.rejected_shown, counts.rejected, "rejected text");
        line += " can be read in it";
        if (counts.accepted_shown < counts.accepted || counts.rejected_shown < counts.rejected)
            line += " (max_samples, max_rejected, max_megabytes)";
        text.row("Size", line);
        std::string out;
        plugins::JsonWriter json(out);
        json.begin_object();
        json.key("page");
        json.begin_object();
        json.member("bytes", page.size());
        json.member("samples", counts.accepted);
        json.member("samples_shown", counts.accepted_shown);
        json.member("rejected", counts.rejected);
        json.member("rejected_shown", counts.rejected_shown);
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
