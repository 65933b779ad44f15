#include "cli/finish.hpp"

#include <cerrno>
#include <cstdio>

#include "base/files.hpp"
#include "base/format.hpp"
#include "cli/progress.hpp"
#include "config/shard.hpp"
#include "run/batch_session.hpp"
#include "run/batch_store.hpp"
#include "run/shared_limits.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

std::string resume_command(const RunConfig& config, const fs::path& ledger, End end) {
    std::string command = shell_word(program_invocation_name) + " resume " + shell_word(ledger.string());
    if (end == End::finished) command += " --max-attempts " + std::to_string(2 * config.max_attempts);
    if (config.shared_limits) command += " --shared-limits " + shell_word(config.shared_limits->without_secret());
    if (end == End::budget && config.budget) command += " --budget " + exact_usd({config.budget->value * 2});
    return command;
}

/// What Redis is told about a run, its money apart.
SharedLimitsOptions shared_options(const Context& context, const RunConfig& config, const ProviderInfo& info) {
    SharedLimitsOptions options;
    options.url = *config.shared_limits;
    if (options.url.password.empty()) options.url.password = context.secrets.value(kRedisPassword).value_or("");
    options.account = info.endpoint + " " + info.model;
    options.shard = config.shard.number;
    options.requests_per_minute = config.rpm;
    options.tokens_per_minute = config.tpm;
    if (!config.shard) return options;
    // A ledger has the shard's part only; the least that it can be a part of is never too much.
    const auto whole = [&](const std::optional<double>& known, const std::optional<double>& part) {
        return known || !part ? known : std::optional((*part - 1) * config.shard.count + 1);
    };
    options.requests_per_minute = whole(config.whole_rpm, config.rpm);
    options.tokens_per_minute = whole(config.whole_tpm, config.tpm);
    return options;
}

/// What a ledger has spent beyond the shard's share.
PicoUsd beyond_share(const RunConfig& config, const Progress& progress) {
    return progress.spent + progress.reserved + progress.unaccounted - config.budget.value_or(PicoUsd{});
}

Result<std::unique_ptr<SharedLimits>> share_limits(const Context& context, const RunConfig& config,
                                                   const ProviderInfo& info, const std::string& plan_digest,
                                                   const Progress& before) {
    auto options = shared_options(context, config, info);
    if (config.shard && config.budget) {
        const auto name = parse_shard_name(config.name);
        options.run = (name ? name->first : config.name) + ":" + plan_digest + ":" + std::to_string(config.shard.count);
        options.beyond = beyond_share(config, before);
    }
    return open_shared_limits(std::move(options));
}

/// What a shard tells Redis at its end. Where the ledger could not be written it is left at what it held.
void leave_shared_limits(const Console& console, const RunConfig& config, const SessionResult& session,
                         LedgerReader& reader, const fs::path& ledger, SharedLimits& shared) {
    if (session.end == End::io || session.end == End::internal) return;
    auto progress = reader.progress();
    if (!progress) return console.log(LogLevel::warning, progress.error().message);
    const PicoUsd beyond = beyond_share(config, *progress);
    const bool complete = session.missing == 0;
    const Status left = shared.leave(beyond, complete);
    if (left) return;
    const bool leaves = complete && config.shard && config.budget && beyond < PicoUsd{};
    console.log(LogLevel::warning,
                left.error().message + (leaves ? "; what this shard leaves of its budget is for the others after: " +
                                                     resume_command(config, ledger, End::interrupted)
                                               : std::string()));
}

}  // namespace

int exit_code_of(const SessionResult& session) {
    switch (session.end) {
        case End::finished: return session.missing == 0 ? kAllMade : kMissing;
        case End::budget: return kBudget;
        case End::refused: return kRefused;
        case End::io: return kIo;
        case End::internal: return kInternal;
        case End::interrupted: return 128 + session.signal;
    }
    return kInternal;
}

Result<Report> make_outputs(const Context& context, RunPlugins& plugins, RunConfig& config, LedgerReader& reader,
                            const fs::path& dir, int code, std::vector<fs::path>& files) {
    std::vector<PluginChoice> sinks;
    for (const auto& choice : config.plugins)
        if (choice.kind == Sink::kKind) sinks.push_back(choice);
    // A shard's samples are in its ledger; the whole run's outputs are `merge`'s to make.
    if (!config.shard) {
        auto written = write_outputs(plugins.assembly, sinks, config, reader, dir, Overwrite::yes);
        if (!written) return std::move(written).error();
        files = std::move(*written);
    }
    auto report = make_report(plugins.assembly, config, reader, plugins.provider, plugins.info, code);
    if (!report) return std::move(report).error();
    context.secrets.redact(report->text);
    context.secrets.redact(report->json);
    context.secrets.redact(report->page);
    const std::pair<const char*, const std::string&> parts[] = {{".report.json", report->json},
                                                                {".report.html", report->page}};
    for (const auto& [ending, content] : parts) {
        if (content.empty()) continue;
        const auto file = dir / (config.name + ending);
        if (auto whole = write_whole(file, config.name, content); !whole) return std::move(whole).error();
        files.push_back(file);
    }
    return report;
}

void say_result(const Command& command, const Context& context, const ProviderInfo& info, const SessionResult& session,
                const Report& report, const std::vector<fs::path>& files, const fs::path& ledger) {
    if (!report.text.empty()) {
        if (command.json)
            std::fwrite(report.json.data(), 1, report.json.size(), stdout);
        else if (!command.quiet)
            std::fwrite(report.text.data(), 1, report.text.size(), stdout);
        std::fflush(stdout);
    }
    const Console& console = *context.console;
    console.log(LogLevel::info, with_thousands(session.accepted) + " of " +
                                    with_thousands(session.accepted + session.missing) + " samples made" +
                                    (info.disclaimer.empty() ? "" : "; " + info.disclaimer));
    for (const auto& file : files) console.log(LogLevel::info, "  " + file.string());
    console.log(LogLevel::info, "  " + ledger.string());
}

Status ready_to_spend(const Context& context, const RunConfig& config, const RunPlugins& plugins) {
    std::vector<const ProviderInfo*> infos{&plugins.info};
    for (const auto& asked : plugins.asked) infos.push_back(&asked.info);
    for (const auto* info : infos) {
        if (!info->secret.empty() && !context.secrets.value(info->secret))
            return Error{ErrorCode::invalid_argument,
                         info->secret_help.empty() ? info->secret + " is not set" : "no API key: " + info->secret_help,
                         "missing_key"};
        if (config.budget && !info->endpoint.empty() && info->prices_as_of.empty())
            return Error{ErrorCode::invalid_argument,
                         "--budget: the price of model '" + info->model +
                             "' is not known, so the cap cannot be kept; add it with -o provider.models=FILE or leave "
                             "--budget out",
                         "unpriced"};
    }
    if (config.shared_limits)
        if (auto opened = open_shared_limits(shared_options(context, config, plugins.info)); !opened)
            return std::move(opened).error();
    for (const auto* info : infos)
        for (const auto& notice : info->notices) context.console->log(LogLevel::warning, notice);
    return {};
}

Status check_mode(const RunConfig& config, const RunPlugins& plugins, LedgerReader* reader) {
    if (config.batch) {
        if (batches_of(plugins.provider) != nullptr) return {};
        return Error{ErrorCode::invalid_argument,
                     "--mode batch: provider " + config.find(Provider::kKind)->id +
                         " has no deferred batches here; leave it out, or --mode direct",
                     std::string(kNoBatches)};
    }
    if (reader == nullptr) return {};
    auto open = open_batches(*reader);
    if (!open) return std::move(open).error();
    if (open->empty()) return {};
    return Error{ErrorCode::invalid_argument,
                 "--mode direct: " + with_thousands(open->size()) +
                     " batches of this run may be out at the service, and would be paid for besides; 'resume --mode "
                     "batch' collects "
                     "them, 'cancel' with the ledger first ends them early",
                 "batches_out"};
}

void say_where_it_stands(const Console& console, const RunConfig& config, const ProviderInfo& info,
                         const LedgerHead& head, const Progress& progress) {
    // Samples may have been added to the plan since, but not to a shard's.
    const auto samples = config.shard ? head.samples : config.samples;
    console.log(LogLevel::info, "going on with " + config.name + ": " +
                                    with_thousands(static_cast<std::uint64_t>(progress.accepted)) + " of " +
                                    with_thousands(samples) + " samples are made" +
                                    (info.endpoint.empty() ? "" : ", model " + info.model + " at " + info.endpoint));
    if (progress.exposure_requests > 0)
        console.log(LogLevel::warning, "the last session did not end cleanly: up to " +
                                           with_thousands(static_cast<std::uint64_t>(progress.exposure_requests)) +
                                           " requests were in flight and stay charged with " +
                                           dollars(progress.exposure));
}

int run_and_finish(const Command& command, const Context& context, RunPlugins& plugins, RunConfig& config,
                   const fs::path& ledger, LedgerHead* changed, PlanStream* more) {
    const Console& console = *context.console;
    auto loop = EventLoop::make();
    if (!loop) return context.fail(loop.error());
    EventLoop::block_signals(ending_signals());
    auto writer = LedgerWriter::open(ledger, [&loop] { loop->wake(); });
    if (!writer) return context.fail(writer.error());
    if (changed != nullptr)
        if (auto extended = (*writer)->extend(*changed, more, config.samples - changed->samples); !extended)
            return context.fail(extended.error());
    auto reader = LedgerReader::open(ledger);
    if (!reader) return context.fail(reader.error());

    std::unique_ptr<SharedLimits> shared;
    if (config.shared_limits) {
        auto opened = share_limits(context, config, plugins.info, reader->head().plan_digest, (*writer)->initial());
        if (!opened) return context.fail(opened.error());
        shared = std::move(*opened);
    }

    SessionResult session;
    {
        auto review = SetReview::make(plugins.validators);
        if (!review) return context.fail(review.error());
        const Pipeline pipeline(plugins.prompts, plugins.provider, plugins.validators, plugins.info.model,
                                *review != nullptr);
        bool directly = true;
        if (config.batch) {
            BatchContext deferred;
            deferred.config = &config;
            deferred.info = &plugins.info;
            deferred.provider = &plugins.provider;
            deferred.pipeline = &pipeline;
            deferred.reader = &*reader;
            deferred.writer = writer->get();
            deferred.ledger = ledger;
            deferred.loop = &*loop;
            deferred.console = &console;
            deferred.secrets = &context.secrets;
            deferred.watch = make_progress(console);
            auto batches = run_batch_session(deferred);
            session = std::move(batches.session);
            directly = batches.hand_over;
        }
        if (config.batch && directly) {  // another sitting, which begins with what the batches have spent
            reader = Error{};
            if (auto closed = (*writer)->close(); !closed) return context.fail(closed.error());
            writer = LedgerWriter::open(ledger, [&loop] { loop->wake(); });
            if (!writer) return context.fail(writer.error());
            reader = LedgerReader::open(ledger);
            if (!reader) return context.fail(reader.error());
        }
        SessionContext sitting;
        sitting.config = &config;
        sitting.provider = &plugins.info;
        sitting.pipeline = &pipeline;
        sitting.set_review = std::move(*review);
        sitting.asked = plugins.asked;
        sitting.reader = &*reader;
        sitting.writer = writer->get();
        sitting.ledger = ledger;
        sitting.loop = &*loop;
        sitting.console = &console;
        sitting.secrets = &context.secrets;
        sitting.shared = shared.get();
        sitting.watch = make_progress(console);
        if (directly) session = run_session(std::move(sitting));
    }
    console.status({});
    if (shared) leave_shared_limits(console, config, session, *reader, ledger, *shared);

    int code = exit_code_of(session);
    std::vector<fs::path> files;
    Result<Report> report = Report{};
    if (code != kIo && code != kInternal) {
        report = make_outputs(context, plugins, config, *reader, ledger.parent_path(), code, files);
        if (!report) code = synth::core::exit_code_of(report.error());
    }
    reader = Error{};  // the writer is to be the last to leave, then it can take the -wal file away
    if (auto closed = (*writer)->close(); !closed && code != kIo) {
        console.log(LogLevel::error, closed.error().message);
        code = kIo;
    }

    if (!session.message.empty())
        console.log(session.end == End::interrupted || session.end == End::budget ? LogLevel::warning : LogLevel::error,
                    session.message);
    if (!report) console.log(LogLevel::error, report.error().message);
    say_result(command, context, plugins.info, session, report ? *report : Report{}, files, ledger);
    if (code != kAllMade) console.log(LogLevel::info, "to go on:");
    // The last line, whatever the verbosity: a script or a person takes it from here.
    if (code != kAllMade) std::fprintf(stderr, "%s\n", resume_command(config, ledger, session.end).c_str());
    return code;
}

}  // namespace synth::core
