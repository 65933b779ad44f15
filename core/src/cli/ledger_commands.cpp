// `status`, `export` and `report`: what a ledger says, without sending anything.

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/format.hpp"
#include "cli/context.hpp"
#include "common/json_text.hpp"
#include "run/batch_store.hpp"
#include "run/ledger.hpp"
#include "run/outputs.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

struct Opened {
    fs::path path;
    LedgerReader reader;
    RunConfig config;
};

Result<Opened> open_run(const std::string& ledger) {
    const auto path = fs::absolute(ledger).lexically_normal();
    auto reader = LedgerReader::open(path);
    if (!reader) return std::move(reader).error();
    auto config = parse_run_config(reader->head().config_json);
    if (!config) return std::move(config).error();
    return Opened{path, std::move(*reader), std::move(*config)};
}

/// Fine where nothing is, or a page that reporter html made.
Status may_become_page(const fs::path& file) {
    std::error_code failed;
    const auto status = fs::status(file, failed);
    if (status.type() == fs::file_type::not_found) return {};
    constexpr std::size_t kHead = 1024;
    std::string head(kHead, '\0');
    std::ifstream in;
    if (status.type() == fs::file_type::regular) in.open(file, std::ios::binary);
    in.read(head.data(), static_cast<std::streamsize>(head.size()));
    if (in.is_open() && head.find("content=\"tdamm-synth html report\"") != std::string::npos) return {};
    return Error{ErrorCode::invalid_argument,
                 "--html: " + file.string() + " exists and is no page of an earlier report, name another file",
                 "exists"};
}

bool is_running(const Opened& run) {
    const auto lock_path = run.path.parent_path() / (run.config.name + ".lock");
    if (std::error_code ignored; !fs::exists(lock_path, ignored)) return false;
    const auto lock = FileLock::take(lock_path, "");
    return !lock && lock.error().reason == "locked";
}

}  // namespace

int run_status(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    auto run = open_run(command.ledger);
    if (!run) return context->fail(run.error());
    auto progress = run->reader.progress();
    if (!progress)
        return context->fail({progress.error().code,
                              run->config.name + ": the ledger is damaged (" + progress.error().message +
                                  "); 'tdamm-synth export' writes what can be read of it",
                              kDamaged});
    const Progress& p = *progress;
    auto batches = open_batches(run->reader);
    if (!batches) return context->fail(batches.error());
    std::uint64_t lines_out = 0;
    PicoUsd bound_out;
    for (const auto& batch : *batches) {
        lines_out += batch.open;
        bound_out += batch.bound;
    }
    const bool running = is_running(*run);
    const auto samples = run->reader.head().samples;
    const auto accepted = static_cast<std::uint64_t>(p.accepted);
    const char* state = running ? "running" : accepted == samples ? "complete" : "incomplete";
    const bool priced = p.unpriced_calls == 0;
    const PicoUsd charged = p.spent + p.reserved + p.unaccounted;
    if (command.json) {
        using json = nlohmann::ordered_json;
        const auto money = [priced](PicoUsd amount) { return priced ? json(amount.usd()) : json(); };
        const json out = {{"name", run->config.name},
                          {"state", state},
                          {"samples", {{"asked", samples}, {"accepted", accepted}, {"missing", samples - accepted}}},
                          {"calls", {{"all", p.calls}, {"rejected", p.rejected}, {"failed", p.failed}}},
                          {"cost",
                           {{"spent_usd", money(p.spent)},
                            {"reserved_usd", money(p.reserved + p.unaccounted + bound_out)},
                            {"budget_usd", run->config.budget ? json(run->config.budget->usd()) : json()},
                            {"input_tokens", p.input_tokens},
                            {"output_tokens", p.output_tokens}}},
                          {"batches", {{"out", batches->size()}, {"requests", lines_out}}},
                          {"seconds", static_cast<double>(p.active_ms) / 1000},
                          {"sessions", p.sessions},
                          {"seed", run->config.seed}};
        std::puts(plugins::json_text(out, 2).c_str());
        return kAllMade;
    }
    std::string out = fmt::format("{}: {}\n", run->config.name, state);
    out += fmt::format("  samples     {} of {} made\n", with_thousands(accepted), with_thousands(samples));
    out += fmt::format("  calls       {} ({} rejected, {} failed) in {} session{}\n",
                       with_thousands(static_cast<std::uint64_t>(p.calls)), p.rejected, p.failed, p.sessions,
                       p.sessions == 1 ? "" : "s");
    out += fmt::format("  tokens      {} in, {} out\n", with_thousands(static_cast<std::uint64_t>(p.input_tokens)),
                       with_thousands(static_cast<std::uint64_t>(p.output_tokens)));
    out += fmt::format(
        "  money       {}{}\n",
        priced ? dollars(charged)
               : "unknown: " + std::to_string(p.unpriced_calls) + " answers of a model without a known price",
        run->config.budget ? " of " + dollars(*run->config.budget) : "");
    if (!batches->empty())
        out += fmt::format("  batches     {} out at the service with {} requests, {} set aside for them\n",
                           batches->size(), with_thousands(lines_out), dollars(bound_out));
    if (!running && accepted < samples)
        out += "  to go on    tdamm-synth resume " + shell_word(run->path.string()) + "\n";
    std::fputs(out.c_str(), stdout);
    return kAllMade;
}

int run_export(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    auto run = open_run(command.ledger);
    if (!run) return context->fail(run.error());
    auto sinks = resolve_sinks(command.givens, *context->registry, run->config);
    if (!sinks) return context->fail(sinks.error());
    auto taxonomy = parse_taxonomy(run->reader.head().taxonomy_json, command.ledger);
    if (!taxonomy) return context->fail(taxonomy.error());
    const fs::path own = run->path.parent_path();
    fs::path dir = own;
    if (const auto given = command.givens.settings.find("output-dir"); given != command.givens.settings.end())
        dir = fs::absolute(given->second.values.back()).lexically_normal();
    if (auto usable = prepare_output_dir(dir); !usable) return context->fail(usable.error());
    Assembly assembly(context->environment(), std::move(*taxonomy));
    const bool foreign = !fs::equivalent(dir, own);
    const auto overwrite = foreign ? Overwrite::no : Overwrite::yes;
    auto files = write_outputs(assembly, *sinks, run->config, run->reader, dir, overwrite);
    const bool damaged = !files && files.error().reason == kDamaged;
    if (damaged) {
        std::uint64_t lost = 0;
        files = write_outputs(assembly, *sinks, run->config, run->reader, dir, overwrite, &lost);
        if (files)
            context->console->log(LogLevel::error, run->path.string() + " is damaged: what can be read was written, " +
                                                       with_thousands(lost / std::max<std::size_t>(1, sinks->size())) +
                                                       " calls in it cannot");
    }
    if (!files) return context->fail(files.error());
    for (const auto& file : *files) std::puts(file.c_str());
    return damaged ? kIo : kAllMade;
}

int run_report(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    auto run = open_run(command.ledger);
    if (!run) return context->fail(run.error());
    auto taxonomy = parse_taxonomy(run->reader.head().taxonomy_json, command.ledger);
    if (!taxonomy) return context->fail(taxonomy.error());
    const bool wants_page = !command.html_file.empty();
    const auto page_file = wants_page ? fs::absolute(command.html_file).lexically_normal() : fs::path();
    auto givens = command.givens;
    if (wants_page) {
        if (auto free = may_become_page(page_file); !free) return context->fail(free.error());
        if (auto usable = prepare_output_dir(page_file.parent_path()); !usable) return context->fail(usable.error());
        givens.settings["reporter"] = {{"html"}, "--html"};
    }
    auto reporters = resolve_reporters(givens, *context->registry, run->config);
    if (!reporters) return context->fail(reporters.error());
    std::erase_if(run->config.plugins, [](const PluginChoice& plugin) { return plugin.kind == Reporter::kKind; });
    std::ranges::move(*reporters, std::back_inserter(run->config.plugins));
    Assembly assembly(context->environment(), std::move(*taxonomy));
    // The ledger of a check names no provider.
    auto* choice = run->config.find(Provider::kKind);
    Result<Instance<Provider>> provider = Instance<Provider>();
    if (choice != nullptr && choice->asked_by.empty()) provider = assembly.create<Provider>(*choice);
    if (!provider) return context->fail(provider.error());
    // A model that was shut down since the run is no reason not to report on it.
    Result<ProviderInfo> info = ProviderInfo{};
    if (*provider) info = provider->call([](Provider& p) { return p.describe(today()); });
    auto report =
        make_report(assembly, run->config, run->reader, *provider, info ? *info : ProviderInfo{}, std::nullopt);
    if (!report) return context->fail(report.error());
    if (wants_page) {
        context->secrets.redact(report->page);
        if (auto whole = write_whole(page_file, run->config.name, report->page); !whole)
            return context->fail(whole.error());
        std::puts(page_file.c_str());
        return kAllMade;
    }
    std::fputs(command.json ? report->json.c_str() : report->text.c_str(), stdout);
    return kAllMade;
}

}  // namespace synth::core
