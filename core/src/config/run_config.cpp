#include "config/run_config.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json_depth.hpp"
#include "common/json_text.hpp"
#include "synth/taxonomy.hpp"

namespace synth::core {

using nlohmann::json;

namespace {

template <class List>
auto* find_choice(List& plugins, std::string_view kind, std::string_view id) {
    const auto found =
        std::ranges::find_if(plugins, [&](const auto& p) { return p.kind == kind && (id.empty() || p.id == id); });
    return found == plugins.end() ? nullptr : &*found;
}

/// A member whose value is none that it can have. Thrown and caught inside this unit only.
struct Wrong {
    std::string_view member;
};

template <class Integer>
void read(const json& object, const char* key, std::uint64_t low, std::uint64_t high, Integer& into) {
    const json& value = object.at(key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < low || value.get<std::uint64_t>() > high)
        throw Wrong{key};
    into = static_cast<Integer>(value.get<std::uint64_t>());
}

double read_rate(const json& object, const char* key) {
    const json& value = object.at(key);
    if (!value.is_number() || value.get<double>() < 1 || value.get<double>() > double{kMostRate}) throw Wrong{key};
    return value.get<double>();
}

}  // namespace

bool is_stem(std::string_view name) noexcept {
    return !name.empty() && name.size() <= 200 && name.front() != '.' &&
           std::ranges::none_of(name, [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20; });
}

const PluginChoice* RunConfig::find(std::string_view kind, std::string_view id) const {
    return find_choice(plugins, kind, id);
}
PluginChoice* RunConfig::find(std::string_view kind, std::string_view id) { return find_choice(plugins, kind, id); }

std::string to_json(const RunConfig& c) {
    json chosen = json::array();
    for (const auto& p : c.plugins)
        chosen.push_back({{"kind", p.kind},
                          {"id", p.id},
                          {"options", plugins::parse_json(p.options_json)},
                          {"version", p.version},
                          {"sha256", p.sha256},
                          {"asked_by", p.asked_by}});
    const json config{{"name", c.name},
                      {"output_dir", c.output_dir},
                      {"seed", c.seed},
                      {"samples", c.samples},
                      {"samples_per_class", c.samples_per_class},
                      {"min_labels", c.min_labels},
                      {"max_labels", c.max_labels},
                      {"batch_size", c.batch_size},
                      {"max_concurrent", c.max_concurrent},
                      {"initial_concurrent", c.initial_concurrent},
                      {"max_attempts", c.max_attempts},
                      {"timeout_s", c.timeout_s},
                      {"first_byte_timeout_s", c.first_byte_timeout_s},
                      {"drain_timeout_s", c.drain_timeout_s},
                      {"give_up_after_s", c.give_up_after_s},
                      {"budget_picousd", c.budget ? json(c.budget->value) : json()},
                      {"rpm", c.rpm ? json(*c.rpm) : json()},
                      {"tpm", c.tpm ? json(*c.tpm) : json()},
                      {"batch", c.batch},
                      {"finish_direct", c.finish_direct},
                      {"batch_lines", c.batch_lines},
                      {"queued_tokens", c.queued_tokens},
                      {"poll_ms", c.poll_ms},
                      {"http2", c.http2},
                      {"ca_file", c.ca_file},
                      {"taxonomy", c.taxonomy},
                      {"shard", c.shard ? json{{"number", c.shard.number},
                                               {"count", c.shard.count},
                                               {"command", c.shard.command},
                                               {"directory", c.shard.directory}}
                                        : json()},
                      {"plugins", chosen}};
    return plugins::json_text(config);  // names of files need not be UTF-8
}

Result<RunConfig> parse_run_config(std::string_view text) {
    if (nests_too_deep(text))
        return Error{ErrorCode::invalid_argument, "the configuration in the ledger is damaged: it nests too deep",
                     "config"};
    try {
        const json j = plugins::parse_json_or_throw(text);
        RunConfig c;
        // A ledger can be damaged, or a stranger's: what is read is held to the same limits as what is given.
        j.at("name").get_to(c.name);
        if (!c.name.empty() && !is_stem(c.name)) throw Wrong{"name"};
        j.at("output_dir").get_to(c.output_dir);
        read(j, "seed", 0, std::numeric_limits<std::int64_t>::max(), c.seed);
        // As many for each class may have been asked for.
        read(j, "samples", 1, kMostSamples * std::numeric_limits<LabelId>::max(), c.samples);
        read(j, "samples_per_class", 0, kMostSamples, c.samples_per_class);
        read(j, "min_labels", 1, kMostLabels, c.min_labels);
        read(j, "max_labels", 1, kMostLabels, c.max_labels);
        if (c.min_labels > c.max_labels) throw Wrong{"max_labels"};
        read(j, "batch_size", 1, kMostAtOnce, c.batch_size);
        read(j, "max_concurrent", 1, kMostAtOnce, c.max_concurrent);
        read(j, "initial_concurrent", 1, kMostAtOnce, c.initial_concurrent);
        read(j, "max_attempts", 1, kMostAttempts, c.max_attempts);
        read(j, "timeout_s", 1, kLongestTimeout, c.timeout_s);
        read(j, "first_byte_timeout_s", 0, kLongestTimeout, c.first_byte_timeout_s);
        read(j, "drain_timeout_s", 0, kLongestTimeout, c.drain_timeout_s);
        read(j, "give_up_after_s", 1, kLongestPatience, c.give_up_after_s);
        if (!j.at("budget_picousd").is_null())
            read(j, "budget_picousd", 1, std::numeric_limits<std::int64_t>::max(), c.budget.emplace().value);
        if (!j.at("rpm").is_null()) c.rpm = read_rate(j, "rpm");
        if (!j.at("tpm").is_null()) c.tpm = read_rate(j, "tpm");
        if (j.contains("batch")) {
            j.at("batch").get_to(c.batch);
            j.at("finish_direct").get_to(c.finish_direct);
            read(j, "batch_lines", 0, kMostBatchLines, c.batch_lines);
            read(j, "queued_tokens", 0, kMostQueuedTokens, c.queued_tokens);
            read(j, "poll_ms", 1, 1000 * kLongestTimeout, c.poll_ms);
        }
        if (j.contains("http2")) j.at("http2").get_to(c.http2);
        j.at("ca_file").get_to(c.ca_file);
        j.at("taxonomy").get_to(c.taxonomy);
        if (const auto shard = j.find("shard"); shard != j.end() && !shard->is_null()) {
            read(*shard, "count", 1, kMostShards, c.shard.count);
            read(*shard, "number", 1, c.shard.count, c.shard.number);
            shard->at("command").get_to(c.shard.command);
            shard->at("directory").get_to(c.shard.directory);
        }
        for (const auto& p : j.at("plugins"))
            c.plugins.push_back({p.at("kind").get<std::string>(), p.at("id").get<std::string>(),
                                 plugins::json_text(p.at("options")), p.at("version").get<std::string>(),
                                 p.at("sha256").get<std::string>(), p.at("asked_by").get<std::string>()});
        return c;
    } catch (const Wrong& wrong) {
        const std::string member(wrong.member);
        return Error{ErrorCode::invalid_argument,
                     "the configuration in the ledger is damaged: '" + member + "' has a wrong value", "config"};
    } catch (const json::exception& wrong) {
        return Error{ErrorCode::invalid_argument,
                     std::string("the configuration in the ledger cannot be read: ") + wrong.what(), "config"};
    }
}

}  // namespace synth::core
