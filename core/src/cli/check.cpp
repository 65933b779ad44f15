// `check`: validators and report over a data set that somebody else made. Its documents become the held texts of a
// ledger, and a session that writes nothing decides them: what a run does with its own texts.

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/files.hpp"
#include "base/format.hpp"
#include "cli/context.hpp"
#include "cli/finish.hpp"
#include "cli/progress.hpp"
#include "common/labelled_data.hpp"
#include "run/ledger.hpp"
#include "run/outputs.hpp"
#include "run/session.hpp"
#include "synth/text.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::core {

namespace fs = std::filesystem;
using plugins::LabelledData;
using plugins::LabelledDocument;

namespace {

constexpr std::uint64_t kDocumentsAhead = 1024;  // appended before the disk has to have them

plugins::LabelledDataOptions as_it_is() {
    plugins::LabelledDataOptions options;
    options.texts = true;
    options.as_it_is = true;
    return options;
}

LabelSet as_set(const std::vector<LabelId>& labels) {
    LabelSet set;
    for (const LabelId label : labels) set.insert(label);
    return set;
}

/// The label sets of a file as a plan.
class FilePlan final : public PlanStream {
public:
    explicit FilePlan(LabelledData data) : data_(std::move(data)) {}

    Result<std::size_t> next(std::span<SampleSpec> out) override {
        std::size_t made = 0;
        LabelledDocument document;
        for (; made < out.size(); ++made) {
            auto more = data_.next(document);
            if (!more) return std::move(more).error();
            if (!*more) break;
            out[made] = {};
            out[made].drawn = out[made].labels = as_set(document.labels);
            out[made].primary = document.labels.empty() ? LabelId{0} : document.labels.front();
        }
        return made;
    }

private:
    LabelledData data_;
};

/// What is wrong with the labels themselves.
std::vector<Finding> wrong_labels(const Taxonomy& taxonomy, const LabelledDocument& document) {
    std::vector<Finding> findings;
    const auto reject = [&](const char* code, std::string message) {
        findings.push_back({Severity::rejection, code, std::move(message), {}, {}, {}, "labels"});
    };
    for (const auto& unknown : document.unknown)
        reject("unknown_label", "taxonomy '" + taxonomy.name + "' has no label '" + std::string(unknown) + "'");
    if (document.labels.empty() && document.unknown.empty()) reject("no_labels", "the document has no labels");
    if (taxonomy.negative && document.labels.size() > 1 &&
        std::ranges::find(document.labels, *taxonomy.negative) != document.labels.end())
        reject("label_not_alone",
               "'" + taxonomy[*taxonomy.negative].name + "' stands beside other labels; it is always alone");
    if (document.labels.size() > LabelSet::kCapacity)
        reject("too_many_labels", "the document has " + std::to_string(document.labels.size()) + " labels, at most " +
                                      std::to_string(LabelSet::kCapacity) + " are looked at");
    return findings;
}

/// The documents as calls that nothing was paid for: held, or rejected by what looks at one text alone.
Status append_documents(LabelledData& data, const Pipeline& pipeline, LedgerReader& reader, LedgerWriter& writer,
                        const Taxonomy& taxonomy) {
    const auto plan = reader.plan();
    SampleSpec spec;
    LabelledDocument document;
    for (;;) {
        auto more = data.next(document);
        if (!more) return std::move(more).error();
        if (!*more) return writer.flush();
        auto planned = plan->next(std::span(&spec, 1));
        if (!planned) return std::move(planned).error();
        if (*planned == 0)
            return Error{ErrorCode::io, data.place() + ": the file has grown since it was opened", "input"};
        const Draft draft{std::string(document.title), std::string(document.text)};
        CallEntry entry;
        entry.row.sample = spec.index;
        entry.row.role = "write";
        entry.row.outcome = Outcome::held;
        entry.row.cost = PicoUsd{};
        entry.row.words = count_words(draft.text);
        entry.row.findings = wrong_labels(taxonomy, document);
        Review review;
        review.spec = &spec;
        review.draft = &draft;
        auto found = pipeline.findings_of(review);
        std::ranges::move(found, std::back_inserter(entry.row.findings));
        reject_if_found(entry.row);
        entry.title = draft.title;
        entry.text = draft.text;
        writer.append(std::move(entry));
        if (spec.index % kDocumentsAhead == kDocumentsAhead - 1)
            if (auto done = writer.flush(); !done) return done;
    }
}

struct Checked {
    SessionResult session;
    Report report;
};

Result<Checked> check_file(const Command& command, const Context& context, RunConfig& config, RunPlugins& plugins,
                           const fs::path& ledger, EventLoop& loop) {
    const Taxonomy& taxonomy = plugins.assembly.taxonomy();
    auto labels = LabelledData::open(command.file, taxonomy, as_it_is());
    if (!labels) return std::move(labels).error();
    LedgerHead head;
    head.config_json = to_json(config);
    head.taxonomy_json = to_json(taxonomy);
    FilePlan plan(std::move(*labels));
    if (auto made = create_ledger(ledger, head, plan); !made) return std::move(made).error();
    if (head.samples == 0) return Error{ErrorCode::invalid_argument, command.file + " holds no documents", "input"};
    config.samples = head.samples;

    auto writer = LedgerWriter::open(ledger, [&loop] { loop.wake(); });
    if (!writer) return std::move(writer).error();
    auto reader = LedgerReader::open(ledger);
    if (!reader) return std::move(reader).error();
    auto review = SetReview::make(plugins.validators);
    if (!review) return std::move(review).error();
    const Pipeline pipeline(plugins.prompts, plugins.provider, plugins.validators, {}, *review != nullptr);
    auto data = LabelledData::open(command.file, taxonomy, as_it_is());
    if (!data) return std::move(data).error();
    if (auto done = append_documents(*data, pipeline, *reader, **writer, taxonomy); !done)
        return std::move(done).error();
    for (const auto& spelling : data->notes().respelled)
        context.console->log(LogLevel::debug, command.file + ": " + spelling);

    Checked checked;
    SessionContext sitting;
    sitting.config = &config;
    sitting.provider = &plugins.info;
    sitting.pipeline = &pipeline;
    sitting.set_review = std::move(*review);
    sitting.asked = plugins.asked;
    sitting.reader = &*reader;
    sitting.writer = writer->get();
    sitting.ledger = ledger;
    sitting.loop = &loop;
    sitting.console = context.console.get();
    sitting.secrets = &context.secrets;
    sitting.watch = make_progress(*context.console);
    checked.session = run_session(std::move(sitting));
    context.console->status({});
    auto report =
        make_report(plugins.assembly, config, *reader, plugins.provider, plugins.info, exit_code_of(checked.session));
    reader = Error{};
    if (auto closed = (*writer)->close(); !closed) return std::move(closed).error();
    if (!report) return std::move(report).error();
    checked.report = std::move(*report);
    return checked;
}

}  // namespace

int run_check(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    auto config = resolve_check(command.givens, *context->registry);
    if (!config) return context->fail(config.error());
    auto taxonomy = load_taxonomy(config->taxonomy, context->installation.core_data);
    if (!taxonomy) return context->fail(taxonomy.error());
    auto plugins = assemble(*context, std::move(*taxonomy), *config);
    if (!plugins) return context->fail(plugins.error());
    if (auto ready = ready_to_spend(*context, *config, *plugins); !ready) return context->fail(ready.error());

    const bool keeps = !config->output_dir.empty();
    if (!keeps && !plugins->asked.empty())
        return context->fail(
            {ErrorCode::invalid_argument,
             "validator " + plugins->asked.front().validator +
                 " asks a model, and answers that are paid for are kept: name a folder with --output-dir",
             "output_dir"});
    const fs::path dir = keeps ? fs::path(config->output_dir) : fs::temp_directory_path();
    if (keeps)
        if (auto usable = prepare_output_dir(dir); !usable) return context->fail(usable.error());
    if (config->name.empty()) config->name = fs::path(command.file).stem().string() + ".check";
    if (!is_stem(config->name)) config->name = "check";
    const fs::path own = dir / (config->name + ".ledger.sqlite");
    if (std::error_code ignored; keeps && fs::exists(own, ignored))
        return context->fail(
            {ErrorCode::io, own.string() + " is there already; remove it, or take another folder", "taken"});
    std::optional<FileLock> lock;
    if (keeps) {
        auto taken = FileLock::take(dir / (config->name + ".lock"), "another check has just taken this name");
        if (!taken) return context->fail(taken.error());
        lock.emplace(std::move(*taken));
    }
    // Without a folder the ledger is needed for as long as the report is being made.
    std::optional<StagingDir> scratch;
    if (!keeps) {
        auto made = StagingDir::make(dir, "tdamm-synth-check");
        if (!made) return context->fail(made.error());
        scratch.emplace(std::move(*made));
    }
    const fs::path ledger = keeps ? own : scratch->path() / own.filename();

    auto loop = EventLoop::make();
    if (!loop) return context->fail(loop.error());
    EventLoop::block_signals(ending_signals());
    auto checked = check_file(command, *context, *config, *plugins, ledger, *loop);
    if (!checked) return context->fail(checked.error());
    Report& report = checked->report;
    if (keeps) {
        const auto file = dir / (config->name + ".report.json");
        if (auto whole = write_whole(file, config->name, report.json); !whole) return context->fail(whole.error());
    }
    std::fputs(command.json ? report.json.c_str() : report.text.c_str(), stdout);
    const SessionResult& session = checked->session;
    if (!session.message.empty()) context->console->log(LogLevel::warning, session.message);
    context->console->log(LogLevel::info, with_thousands(session.accepted) + " of " +
                                              with_thousands(session.accepted + session.missing) + " documents passed" +
                                              (keeps ? "; " + ledger.string() : ""));
    return exit_code_of(session);
}

}  // namespace synth::core
