#include "run/merge.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string_view>

#include "base/files.hpp"
#include "base/format.hpp"
#include "config/shard.hpp"
#include "run/pipeline.hpp"
#include "run/plan_blocks.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kGapsShown = 8;

Error unfit(std::string message) { return {ErrorCode::invalid_argument, std::move(message), "shards"}; }

std::string name_of(const ShardLedger& shard) {
    return "shard " + std::to_string(shard.config.shard.number) + " of " + std::to_string(shard.config.shard.count) +
           " (" + shard.path.string() + ")";
}

/// Keeps a run from writing the ledger while it is read. Nothing where the folder cannot be written: then no run can
/// either.
Result<std::optional<FileLock>> lock_shard(const ShardLedger& shard) {
    const auto path = shard.path.parent_path() / (shard.config.name + ".lock");
    auto lock = FileLock::take(path, name_of(shard) + " is being made just now; merge when it is done");
    if (lock) return std::optional(std::move(*lock));
    if (std::error_code ignored; lock.error().reason == "locked" || fs::exists(path, ignored))
        return std::move(lock).error();
    return std::optional<FileLock>();
}

Result<ShardLedger> open_shard(const fs::path& path, LedgerHead& head) {
    auto reader = LedgerReader::open(path);
    if (!reader) return std::move(reader).error();
    head = reader->head();
    auto config = parse_run_config(head.config_json);
    if (!config)
        return Error{config.error().code, path.string() + ": " + config.error().message, config.error().reason};
    ShardLedger shard;
    shard.path = path;
    shard.config = std::move(*config);
    shard.first = head.first;
    shard.samples = head.samples;
    if (!shard.config.shard) return unfit(path.string() + " is the ledger of a whole run, not of a shard");
    if (part_begin(head.whole, shard.config.shard.number, shard.config.shard.count) != head.first ||
        part_of(head.whole, shard.config.shard) != head.samples)
        return Error{ErrorCode::io, path.string() + " holds another part of the plan than its shard's, it is damaged",
                     "ledger"};
    return shard;
}

/// What keeps two ledgers from being parts of one run; empty: nothing.
std::string difference(const ShardLedger& a, const LedgerHead& head_a, const ShardLedger& b, const LedgerHead& head_b) {
    std::string list = disagreement(a.config, b.config);
    const auto differ = [&list](const char* what) { list += (list.empty() ? "" : ", ") + std::string(what); };
    if (!list.empty()) return list;
    if (head_a.taxonomy_json != head_b.taxonomy_json) differ("classes of the taxonomy");
    if (head_a.plan_digest != head_b.plan_digest || head_a.whole != head_b.whole || head_a.seed != head_b.seed)
        differ("plan");
    if (list.empty() && head_a.dictionary != head_b.dictionary) differ("prompts");
    return list;
}

/// Finds what a shard lacks, and adds its plan to the digest of the whole.
Status look_through(ShardLedger& shard, PlanDigest& digest) {
    auto lock = lock_shard(shard);
    if (!lock) return std::move(lock).error();
    auto reader = LedgerReader::open(shard.path);
    if (!reader) return std::move(reader).error();
    auto plan = reader->plan();
    std::vector<SampleSpec> specs(kSpecsPerBlock);
    std::string bytes;
    std::uint64_t planned = 0;
    for (;;) {
        auto got = plan->next(specs);
        if (!got) return std::move(got).error();
        if (*got == 0) break;
        bytes.clear();
        for (std::size_t i = 0; i < *got; ++i) pack(specs[i], bytes);
        digest.add(bytes);
        planned += *got;
    }
    if (planned != shard.samples) return Error{ErrorCode::io, name_of(shard) + ": the plan in it is damaged", "ledger"};

    auto span = reader->span();
    if (!span) return std::move(span).error();
    shard.calls = span->calls;
    if (span->calls > 0 && (span->lowest < shard.first || span->highest >= shard.first + shard.samples))
        return unfit(name_of(shard) + " holds samples of other shards");
    auto twice = reader->accepted_twice();
    if (!twice) return std::move(twice).error();
    if (*twice) return unfit(name_of(shard) + " holds sample " + with_thousands(**twice + 1) + " twice");

    const auto gap = [&](std::uint64_t from, std::uint64_t to) {  // [from, to)
        if (from >= to) return;
        shard.missing += to - from;
        if (!shard.gaps.empty() && shard.gaps.back().second + 1 == from)
            shard.gaps.back().second = to - 1;
        else if (shard.gaps.size() <= kGapsShown)
            shard.gaps.emplace_back(from, to - 1);
    };
    std::uint64_t at = shard.first;
    std::vector<std::uint64_t> begun;  // a few of those that were asked for and not accepted
    auto walked = reader->each_sample([&](std::uint64_t sample, bool accepted) {
        gap(at, accepted ? sample : sample + 1);
        at = sample + 1;
        if (!accepted && begun.size() < kGapsShown) begun.push_back(sample);
    });
    if (!walked) return walked;
    gap(at, shard.first + shard.samples);
    for (const auto sample : begun) {
        auto calls = reader->calls_of(sample);
        if (!calls) return std::move(calls).error();
        for (const auto& call : *calls) {
            if (is_attempt(call.row.outcome) && call.row.attempt >= shard.config.max_attempts) shard.used_up = true;
            if (!call.row.message.empty()) shard.last_error = call.row.message;
        }
    }
    return {};
}

/// "a, b, c" of a table, with `replaced` in place of the first.
Result<std::pair<std::string, std::string>> columns_of(Database& database, const std::string& table,
                                                       const std::string& replaced) {
    auto query = database.prepare("PRAGMA main.table_info(" + table + ")");
    if (!query) return std::move(query).error();
    std::string names, values;
    for (;;) {
        auto row = query->step();
        if (!row) return std::move(row).error();
        if (!*row) break;
        const std::string name(query->text(1));
        values += (values.empty() ? replaced : ", " + name);
        names += (names.empty() ? "" : ", ") + name;
    }
    return std::pair(std::move(names), std::move(values));
}

/// Numbers of calls go up from shard to shard, so that an order by number stays what it was.
Status copy_calls(Database& database, std::int64_t offset) {
    for (const auto& [table, number] : {std::pair("call", "id"), std::pair("content", "call")}) {
        auto columns = columns_of(database, table, std::string(number) + " + " + std::to_string(offset));
        if (!columns) return std::move(columns).error();
        if (auto done = database.execute("INSERT INTO main." + std::string(table) + "(" + columns->first + ") SELECT " +
                                         columns->second + " FROM shard." + table + " ORDER BY " + number);
            !done)
            return done;
    }
    return {};
}

/// Sums up the counters. What was in flight when a session was killed is charged now: nobody will go on with that
/// ledger.
Status add_progress(Database& database) {
    auto columns = columns_of(database, "progress", "calls");
    if (!columns) return std::move(columns).error();
    std::string sums;
    for (std::string_view rest = columns->first; !rest.empty();) {
        const auto comma = std::min(rest.find(", "), rest.size());
        const std::string name(rest.substr(0, comma));
        rest.remove_prefix(std::min(comma + 2, rest.size()));
        if (name == "exposure" || name == "exposure_requests" || name == "active_ms") continue;
        const std::string more = name == "unaccounted"            ? " + exposure"
                                 : name == "unaccounted_requests" ? " + exposure_requests"
                                                                  : "";
        sums +=
            (sums.empty() ? "" : ", ") + name + " = " + name + " + (SELECT " + name + more + " FROM shard.progress)";
    }
    return database.execute("UPDATE main.progress SET " + sums);
}

Status copy_shard(Database& database, const ShardLedger& shard, std::int64_t offset) {
    {
        auto attach = database.prepare("ATTACH ? AS shard");
        if (!attach) return std::move(attach).error();
        if (auto done = attach->bind(1, std::string_view(shard.path.native())).run(); !done) return done;
    }
    const auto copy = [&]() -> Status {
        if (auto done = database.execute(
                "BEGIN; INSERT INTO main.plan(first, specs) SELECT first, specs FROM shard.plan ORDER BY first;");
            !done)
            return done;
        if (auto done = copy_calls(database, offset); !done) return done;
        if (auto done = add_progress(database); !done) return done;
        return database.execute(
            "INSERT INTO main.event(at, kind, detail) SELECT at, kind, detail FROM shard.event ORDER BY id;"
            "INSERT OR REPLACE INTO main.remedy SELECT * FROM shard.remedy; COMMIT;");
    };
    if (auto copied = copy(); !copied) return copied;
    return database.execute("DETACH shard");
}

/// Time in which any shard was at work: what ran side by side counts once, a pause does not count.
std::int64_t busy_ms(std::vector<std::pair<TimePoint, TimePoint>> spans, std::int64_t active_ms) {
    std::ranges::sort(spans);
    std::int64_t covered = 0;
    TimePoint until{};
    for (const auto& [began, ended] : spans) {
        const auto from = std::max(began, until);
        if (ended > from) covered += (ended - from).count();
        until = std::max(until, ended);
    }
    return covered > 0 ? std::min(covered, active_ms) : active_ms;
}

}  // namespace

Result<ShardSet> inspect_shards(const std::vector<fs::path>& files) {
    ShardSet set;
    LedgerHead head;
    std::vector<fs::path> absent;
    for (const auto& file : files) {
        if (std::error_code ignored; !fs::exists(file, ignored)) {
            absent.push_back(file);
            continue;
        }
        LedgerHead own;
        auto shard = open_shard(file, own);
        if (!shard) return std::move(shard).error();
        if (set.shards.empty())
            head = std::move(own);
        else if (const auto differ = difference(set.shards.front(), head, *shard, own); !differ.empty())
            return unfit(name_of(set.shards.front()) + " and " + name_of(*shard) +
                         " are not of one run, they differ in: " + differ);
        set.shards.push_back(std::move(*shard));
    }
    if (set.shards.empty())
        return unfit(absent.empty() ? "no ledger was named"
                                    : "no ledger at " + absent.front().string() + ", nor any other of them");
    std::ranges::sort(set.shards, {}, [](const ShardLedger& shard) { return shard.config.shard.number; });
    const auto same =
        std::ranges::adjacent_find(set.shards, {}, [](const ShardLedger& shard) { return shard.config.shard.number; });
    if (same != set.shards.end())
        return unfit(name_of(*same) + " is there a second time, as " + std::next(same)->path.string());
    set.count = set.shards.front().config.shard.count;

    PlanDigest digest;
    std::vector<RunConfig> configs;
    std::uint32_t next = 1;
    const auto absent_until = [&](std::uint32_t number) {
        for (; next < number; ++next) {
            Shard shard;
            shard.number = next;
            shard.count = set.count;
            set.absent.push_back(next);
            set.missing += part_of(head.whole, shard);
        }
        ++next;
    };
    for (auto& shard : set.shards) {
        absent_until(shard.config.shard.number);
        if (auto looked = look_through(shard, digest); !looked) return std::move(looked).error();
        set.missing += shard.missing;
        configs.push_back(shard.config);
    }
    absent_until(set.count + 1);
    if (set.absent.empty() && digest.hexadecimal() != head.plan_digest)
        return Error{ErrorCode::io,
                     "the parts of the plan in the ledgers do not add up to the whole, one of them is damaged",
                     "ledger"};
    set.head = std::move(head);
    set.head.samples = set.head.whole;
    set.head.first = set.head.whole = 0;
    set.head.config_json = to_json(whole_of(configs, {}));
    return set;
}

Status merge_shards(const ShardSet& set, const LedgerHead& head, const fs::path& file) {
    return make_ledger(file, [&](Database& database) -> Status {
        std::int64_t offset = 0, active_ms = 0;
        std::vector<std::pair<TimePoint, TimePoint>> spans;
        for (const auto& shard : set.shards) {
            auto lock = lock_shard(shard);
            if (!lock) return std::move(lock).error();
            {
                auto reader = LedgerReader::open(shard.path);
                if (!reader) return std::move(reader).error();
                auto span = reader->span();
                if (!span) return std::move(span).error();
                auto progress = reader->progress();
                if (!progress) return std::move(progress).error();
                if (span->calls != shard.calls)
                    return Error{ErrorCode::io, name_of(shard) + " has changed while it was merged; merge again",
                                 "changed"};
                if (span->calls > 0) spans.emplace_back(span->began, span->ended);
                active_ms += progress->active_ms;
            }
            if (auto copied = copy_shard(database, shard, offset); !copied) return copied;
            offset += shard.calls;
        }
        auto query = database.prepare("SELECT coalesce(max(id), 0) FROM event");
        if (!query) return std::move(query).error();
        auto last = query->step();
        if (!last) return std::move(last).error();
        const auto events = std::to_string(query->integer(0));
        query->reset();
        if (auto done = database.execute(
                "BEGIN; INSERT INTO event(at, kind, detail) SELECT at, kind, detail FROM event ORDER BY at, id;"
                "DELETE FROM event WHERE id <= " +
                events + "; UPDATE progress SET active_ms = " + std::to_string(busy_ms(std::move(spans), active_ms)));
            !done)
            return done;
        if (auto done = write_head(database, head); !done) return done;
        return database.execute("COMMIT");
    });
}

}  // namespace synth::core
