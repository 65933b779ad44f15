#include "config/shard.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "base/format.hpp"
#include "base/numbers.hpp"

namespace synth::core {

namespace {

Error wrong(std::string message) { return {ErrorCode::invalid_argument, std::move(message), "shard"}; }

/// A scheduler that tells a task its number.
struct Scheduler {
    std::string_view name;
    const char* variable;
    std::uint32_t first;  ///< number of the first task
    const char* outside;  ///< what to do where the variable is not set
};
constexpr Scheduler kSchedulers[] = {
    {"slurm", "SLURM_ARRAY_TASK_ID", 1, "submit it as a job array: sbatch --array=1-N"},
    {"kubernetes", "JOB_COMPLETION_INDEX", 0, "run it in a Job with completionMode: Indexed"},
};

}  // namespace

Result<Shard> parse_shard(std::string_view text, std::uint32_t shards, const Environ& environ) {
    const auto slash = text.find('/');
    const auto which = text.substr(0, slash);
    Shard shard;
    shard.count = shards;
    if (slash != std::string_view::npos) {
        const auto count = parse_number<std::uint32_t>(text.substr(slash + 1));
        if (!count || *count < 1 || *count > kMostShards)
            return wrong("'" + std::string(text) + "' does not end in a number of shards from 1 to " +
                         with_thousands(kMostShards));
        if (shards != 0 && shards != *count)
            return wrong("'" + std::string(text) + "' is of another number of shards than --shards " +
                         std::to_string(shards));
        shard.count = *count;
    }
    const auto* scheduler = std::ranges::find(kSchedulers, which, &Scheduler::name);
    if (scheduler == std::end(kSchedulers)) {
        const auto number = parse_number<std::uint32_t>(which);
        if (!number || slash == std::string_view::npos)
            return wrong("'" + std::string(text) +
                         "' is no shard: 2/4 is the second of four; slurm and kubernetes take the number "
                         "from the task's environment");
        if (*number < 1 || *number > shard.count)
            return wrong("there is no shard " + std::to_string(*number) + " of " + std::to_string(shard.count) +
                         ", they count from 1");
        shard.number = *number;
        return shard;
    }
    const std::string name(scheduler->name);
    if (shard.count == 0)
        return wrong("'" + name + "' needs the number of shards: --shards N, or --shard " + name +
                     "/N (a scheduler's own count changes when one task is run again)");
    const auto given = environ(scheduler->variable);
    if (!given) return wrong(std::string(scheduler->variable) + " is not set: " + scheduler->outside);
    const auto task = parse_number<std::uint32_t>(*given);
    if (!task || *task < scheduler->first || *task - scheduler->first >= shard.count)
        return wrong(std::string(scheduler->variable) + " is '" + *given + "', expected " +
                     std::to_string(scheduler->first) + " to " + std::to_string(scheduler->first + shard.count - 1) +
                     " for " + std::to_string(shard.count) + " shards");
    shard.number = *task - scheduler->first + 1;
    return shard;
}

std::uint64_t part_begin(std::uint64_t whole, std::uint32_t number, std::uint32_t count) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(static_cast<Wide>(whole) * (number - 1) / count);
}

std::string shard_name(std::string_view stem, const Shard& shard) {
    return std::string(stem) + ".shard-" + std::to_string(shard.number) + "-of-" + std::to_string(shard.count);
}

std::optional<std::pair<std::string, Shard>> parse_shard_name(std::string_view name) {
    constexpr std::string_view kShard = ".shard-", kOf = "-of-";
    const auto at = name.rfind(kShard);
    if (at == std::string_view::npos || at == 0) return std::nullopt;
    const auto numbers = name.substr(at + kShard.size());
    const auto of = numbers.find(kOf);
    if (of == std::string_view::npos) return std::nullopt;
    const auto number = parse_number<std::uint32_t>(numbers.substr(0, of));
    const auto count = parse_number<std::uint32_t>(numbers.substr(of + kOf.size()));
    if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
    Shard shard;
    shard.number = *number;
    shard.count = *count;
    return std::pair(std::string(name.substr(0, at)), shard);
}

Status take_share(RunConfig& config) {
    const Shard& shard = config.shard;
    const auto too_little = [&](const char* what, const std::string& whole) {
        return wrong(std::string(what) + " " + whole + " cannot be shared by " + std::to_string(shard.count) +
                     " shards");
    };
    if (config.budget) {
        const auto whole = *config.budget;
        config.budget->value = static_cast<std::int64_t>(part_of(static_cast<std::uint64_t>(whole.value), shard));
        if (config.budget->value == 0) return too_little("--budget", exact_usd(whole));
    }
    config.whole_rpm = config.rpm;
    config.whole_tpm = config.tpm;
    for (const auto& [name, rate] : {std::pair("--rpm", &config.rpm), std::pair("--tpm", &config.tpm)}) {
        if (!*rate) continue;
        const auto whole = static_cast<std::uint64_t>(**rate);
        *rate = static_cast<double>(part_of(whole, shard));
        if (**rate < 1) return too_little(name, std::to_string(whole));
    }
    config.name = shard_name(config.name, shard);
    if (!is_stem(config.name)) return wrong("--run-name: too long for the name of a shard");
    return {};
}

std::string disagreement(const RunConfig& a, const RunConfig& b) {
    std::string list;
    const auto differ = [&list](const std::string& what) { list += (list.empty() ? "" : ", ") + what; };
    if (a.shard.count != b.shard.count) differ("number of shards");
    if (a.seed != b.seed) differ("seed");
    if (a.samples != b.samples || a.samples_per_class != b.samples_per_class) differ("number of samples");
    if (a.min_labels != b.min_labels || a.max_labels != b.max_labels) differ("number of labels");
    if (a.taxonomy != b.taxonomy) differ("taxonomy");
    const auto all = [](const RunConfig& config) {
        std::map<std::pair<std::string, std::string>, const PluginChoice*> choices;
        for (const auto& choice : config.plugins) choices.emplace(std::pair(choice.kind, choice.id), &choice);
        return choices;
    };
    const auto of_a = all(a), of_b = all(b);
    for (const auto& [key, choice] : of_a) {
        const auto other = of_b.find(key);
        const std::string name = key.first + " " + key.second;
        if (other == of_b.end())
            differ(name + " (only in one)");
        else if (choice->options_json != other->second->options_json)
            differ("options of " + name);
        else if (choice->version != other->second->version)
            differ("version of " + name + " (" + choice->version + ", " + other->second->version + ")");
        else if (choice->sha256 != other->second->sha256)
            differ("build of " + name);
    }
    for (const auto& [key, choice] : of_b)
        if (!of_a.contains(key)) differ(key.first + " " + key.second + " (only in one)");
    return list;
}

RunConfig whole_of(const std::vector<RunConfig>& shards, std::string name) {
    RunConfig whole = shards.front();
    whole.name = std::move(name);
    whole.shard = {};
    whole.max_concurrent = whole.initial_concurrent = 0;
    const bool budget = std::ranges::all_of(shards, [](const auto& s) { return s.budget.has_value(); });
    const bool rpm = std::ranges::all_of(shards, [](const auto& s) { return s.rpm.has_value(); });
    const bool tpm = std::ranges::all_of(shards, [](const auto& s) { return s.tpm.has_value(); });
    whole.budget = budget ? std::optional(PicoUsd{}) : std::nullopt;
    whole.rpm = rpm ? std::optional(0.0) : std::nullopt;
    whole.tpm = tpm ? std::optional(0.0) : std::nullopt;
    for (const auto& shard : shards) {
        constexpr auto kMostMoney = std::numeric_limits<std::int64_t>::max();
        if (budget) whole.budget->value += std::min(shard.budget->value, kMostMoney - whole.budget->value);
        if (rpm) *whole.rpm = std::min(*whole.rpm + *shard.rpm, double{kMostRate});
        if (tpm) *whole.tpm = std::min(*whole.tpm + *shard.tpm, double{kMostRate});
        whole.max_attempts = std::max(whole.max_attempts, shard.max_attempts);
        whole.max_concurrent = std::min<std::uint32_t>(kMostAtOnce, whole.max_concurrent + shard.max_concurrent);
        whole.initial_concurrent =
            std::min<std::uint32_t>(kMostAtOnce, whole.initial_concurrent + shard.initial_concurrent);
    }
    return whole;
}

}  // namespace synth::core
