// `merge`: the ledgers of all shards of a plan become one ledger, from which outputs and report are made as for any
// run.

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/files.hpp"
#include "base/format.hpp"
#include "cli/context.hpp"
#include "cli/finish.hpp"
#include "config/shard.hpp"
#include "run/disk_space.hpp"
#include "run/merge.hpp"
#include "run/outputs.hpp"
#include "run/set_checks.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

/// "501 to 750" or "501", as people count samples.
std::string range(std::uint64_t from, std::uint64_t to) {
    return with_thousands(from + 1) + (from == to ? "" : " to " + with_thousands(to + 1));
}

std::string shell_words(const std::vector<std::string>& words) {
    std::string line;
    for (const auto& word : words) line += " " + shell_word(word);
    return line;
}

/// This program, so that a shell finds it from any folder.
std::string program_word() {
    const std::string name = program_invocation_name;
    return shell_word(name.find('/') == std::string::npos ? name : fs::absolute(name).lexically_normal().string());
}

/// Names everything that is missing, each with the command that makes it on a line of its own.
void say_what_is_missing(const Console& console, const ShardSet& set) {
    const auto command = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
    const Shard& started = set.shards.front().config.shard;
    for (const auto number : set.absent) {
        const auto first = part_begin(set.head.samples, number, set.count),
                   end = part_begin(set.head.samples, number + 1, set.count);
        console.log(LogLevel::error, "shard " + std::to_string(number) + " of " + std::to_string(set.count) +
                                         " has no ledger: samples " + range(first, end - 1) + "; to make it:");
        command("cd " + shell_word(started.directory) + " && " + program_word() + shell_words(started.command) +
                " --shard " + std::to_string(number) + "/" + std::to_string(set.count));
    }
    for (const auto& shard : set.shards) {
        if (shard.missing == 0) continue;
        std::string where;
        for (std::size_t i = 0; i < shard.gaps.size() && i < 8; ++i)
            where += (i == 0 ? "" : ", ") + range(shard.gaps[i].first, shard.gaps[i].second);
        if (shard.gaps.size() > 8) where += ", …";
        console.log(LogLevel::error, "shard " + std::to_string(shard.config.shard.number) + " of " +
                                         std::to_string(set.count) + " lacks " + with_thousands(shard.missing) +
                                         " of its " + with_thousands(shard.samples) + " samples (" + where + ")" +
                                         (shard.last_error.empty() ? "" : ", last error: " + shard.last_error) +
                                         "; to make them:");
        command(program_word() + " resume " + shell_word(shard.path.string()) +
                (shard.used_up ? " --max-attempts " + std::to_string(2 * shard.config.max_attempts) : ""));
    }
}

/// A ledger of that name is replaced only when an earlier merge of the same shards made it and nobody has added to it.
Status may_replace(const fs::path& ledger, const ShardSet& set) {
    if (std::error_code ignored; !fs::exists(fs::symlink_status(ledger, ignored))) return {};
    auto reader = LedgerReader::open(ledger);
    if (!reader) return std::move(reader).error();
    auto progress = reader->progress();
    if (!progress) return std::move(progress).error();
    std::int64_t calls = 0;
    for (const auto& shard : set.shards) calls += shard.calls;
    const bool same_plan = reader->head().plan_digest == set.head.plan_digest && reader->head().whole == 0;
    if (same_plan && progress->calls <= calls) return {};
    return Error{
        ErrorCode::io,
        ledger.string() + " is there already and " +
            (same_plan ? "has answers that the shards lack: it was resumed after it was merged" : "is of another run") +
            "; choose another --run-name or --output-dir",
        "exists"};
}

/// Whether the plugins are the ones that made the samples; those that write outputs may be newer.
std::string changed_plugins(const RunConfig& made_with, const RunConfig& now) {
    std::string list;
    for (const auto& then : made_with.plugins) {
        const auto* choice = now.find(then.kind, then.id);
        if (choice != nullptr && choice->sha256 != then.sha256)
            list += (list.empty() ? "" : ", ") + then.kind + " " + then.id;
    }
    return list;
}

/// How many samples the validators of sets reject when they see all shards together.
Result<std::uint64_t> check_as_one_set(const RunPlugins& plugins, const fs::path& ledger) {
    auto review = SetReview::make(plugins.validators);
    if (!review) return std::move(review).error();
    if (*review == nullptr) return 0;
    auto writer = LedgerWriter::open(ledger, [] {});
    if (!writer) return std::move(writer).error();
    auto reader = LedgerReader::open(ledger);
    if (!reader) return std::move(reader).error();
    auto rejected = check_whole_set(**review, *reader, **writer);
    reader = Error{};
    if (auto closed = (*writer)->close(); rejected && !closed) return std::move(closed).error();
    return rejected;
}

}  // namespace

int run_merge(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    const Console& console = *context->console;
    std::vector<fs::path> files;
    for (const auto& file : command.ledgers) files.push_back(fs::absolute(file).lexically_normal());
    auto set = inspect_shards(files);
    if (!set) return context->fail(set.error());
    if (!set->complete()) {
        say_what_is_missing(console, *set);
        if (!command.allow_missing || !set->absent.empty()) {
            console.log(LogLevel::error, "nothing was merged: " + with_thousands(set->missing) + " of " +
                                             with_thousands(set->head.samples) + " samples are missing" +
                                             (set->absent.empty() ? "; --allow-missing merges the others" : ""));
            return kMissing;
        }
    }

    auto config = parse_run_config(set->head.config_json);
    if (!config) return context->fail(config.error());
    const auto setting = [&](const char* name) {
        const auto found = command.givens.settings.find(name);
        return found == command.givens.settings.end() ? std::string() : found->second.values.back();
    };
    config->name = setting("run-name");
    if (config->name.empty()) {
        const auto parsed = parse_shard_name(set->shards.front().config.name);
        if (!parsed)
            return context->fail({ErrorCode::io, "the name of the first shard is damaged; give --run-name", "ledger"});
        config->name = parsed->first;
    } else if (!is_stem(config->name)) {
        return context->fail(
            {ErrorCode::invalid_argument, "--run-name: '" + config->name + "' cannot be the stem of file names", {}});
    }
    const auto given_dir = setting("output-dir");
    const fs::path dir =
        given_dir.empty() ? set->shards.front().path.parent_path() : fs::absolute(given_dir).lexically_normal();
    config->output_dir = dir.string();
    if (auto usable = prepare_output_dir(dir); !usable) return context->fail(usable.error());
    const fs::path ledger = dir / (config->name + ".ledger.sqlite");
    auto lock = FileLock::take(dir / (config->name + ".lock"), "another process is writing " + ledger.string());
    if (!lock) return context->fail(lock.error());
    if (auto may = may_replace(ledger, *set); !may) return context->fail(may.error());

    auto taxonomy = parse_taxonomy(set->head.taxonomy_json, set->shards.front().path.string());
    if (!taxonomy) return context->fail(taxonomy.error());
    const RunConfig made_with = *config;
    for (auto& choice : config->plugins) choice.sha256.clear();  // of the libraries that are there now
    auto plugins = assemble(*context, std::move(*taxonomy), *config);
    if (!plugins) return context->fail(plugins.error());
    if (const auto changed = changed_plugins(made_with, *config); !changed.empty())
        console.log(LogLevel::warning, "not the builds that made the samples: " + changed);
    config->plugins = made_with.plugins;

    std::uint64_t needed = 0;
    for (const auto& shard : set->shards) {
        std::error_code error;
        const auto bytes = fs::file_size(shard.path, error);
        if (!error) needed += bytes;
    }
    needed +=
        needed * static_cast<std::uint64_t>(std::ranges::count(config->plugins, Sink::kKind, &PluginChoice::kind));
    if (const auto free = free_space(dir); free && *free < needed)
        console.log(LogLevel::warning, "merging needs about " + megabytes(needed) + " of disk, " + dir.string() +
                                           " has " + megabytes(*free) + " left");

    LedgerHead head = set->head;
    head.config_json = to_json(*config);
    if (auto merged = merge_shards(*set, head, ledger); !merged) return context->fail(merged.error());
    auto rejected = check_as_one_set(*plugins, ledger);
    if (!rejected) return context->fail(rejected.error());
    if (*rejected > 0)
        console.log(LogLevel::warning, with_thousands(*rejected) +
                                           " samples were rejected beside those of other shards; resume " +
                                           "writes them again");
    set->missing += *rejected;
    auto reader = LedgerReader::open(ledger);
    if (!reader) return context->fail(reader.error());

    code = set->complete() ? kAllMade : kMissing;
    std::vector<fs::path> outputs;
    auto report = make_outputs(*context, *plugins, *config, *reader, dir, code, outputs);
    if (!report) return context->fail(report.error());
    reader = Error{};
    SessionResult session;
    session.accepted = set->head.samples - set->missing;
    session.missing = set->missing;
    say_result(command, *context, plugins->info, session, *report, outputs, ledger);
    if (code != kAllMade) {
        console.log(LogLevel::info, "to go on:");
        std::fprintf(stderr, "%s resume %s --max-attempts %u\n", program_word().c_str(),
                     shell_word(ledger.string()).c_str(), 2 * config->max_attempts);
    }
    return code;
}

}  // namespace synth::core
