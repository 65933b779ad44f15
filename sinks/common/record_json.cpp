#include "common/record_json.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace synth::sinks {

namespace {

using plugins::JsonWriter;

std::optional<std::string_view> unless_empty(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

void write_usage(JsonWriter& json, const std::optional<Usage>& usage) {
    json.key("usage");
    if (!usage) return json.null();
    json.begin_object();
    json.member("input_tokens", usage->input);
    json.member("cached_tokens", usage->cached_input);
    json.member("cache_write_tokens", usage->cache_write);
    json.member("output_tokens", usage->output);
    json.member("reasoning_tokens", usage->reasoning);
    json.end_object();
}

void write_findings(JsonWriter& json, const Record& record) {
    json.begin_array();
    for (const Finding& finding : record.findings) {
        json.begin_object();
        json.member("severity", finding.severity == Severity::warning ? "warning" : "rejection");
        json.member("code", finding.code);
        json.member("message", finding.message);
        json.member("validator", unless_empty(finding.validator));
        json.member("label", unless_empty(finding.label));
        json.member("value", finding.value);
        json.member("limit", finding.limit);
        json.end_object();
    }
    json.end_array();
}

/// A list of pairs, since names differ from record to record and readers of tables want the same members in all.
void write_attributes(JsonWriter& json, const Record& record) {
    json.begin_array();
    for (const Attribute& attribute : record.attributes) {
        json.begin_object();
        json.member("name", attribute.name);
        json.member("value", attribute.value);
        json.end_object();
    }
    json.end_array();
}

void write_metadata(JsonWriter& json, const Record& record, const LabelProfile& profile, const LabelSet& labels) {
    json.begin_object();
    json.member("id", record.index + 1);  // the number in the link
    json.key("label_codes");
    json.begin_array();
    for (const LabelId label : labels) json.value(profile.labels()[label].code);
    json.end_array();
    json.member("provider", record.provider);
    json.member("model", unless_empty(record.model));
    json.member("prompt_hash", unless_empty(record.prompt_hash));
    // Text, because most readers of JSON keep 53 bits of a number and a seed has 64.
    json.member("seed", std::to_string(record.seed));
    json.member("attempt", record.attempt);
    json.member("finish_reason", name_of(record.finish));
    write_usage(json, record.usage);
    json.member("cost_usd", record.cost);
    json.member("words", record.words);
    json.key("findings");
    write_findings(json, record);
    json.key("attributes");
    write_attributes(json, record);
    json.member("sent", iso_time(record.sent));
    json.member("received", iso_time(record.received));
    json.end_object();
}

}  // namespace

std::optional<std::string> iso_time(TimePoint time) {
    if (time == TimePoint{}) return std::nullopt;
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::array<char, 64> text{};
    const int length =
        std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    return std::string(text.data(), static_cast<std::size_t>(length));
}

std::string findings_json(const Record& record) {
    std::string out;
    JsonWriter json(out);
    write_findings(json, record);
    return out;
}

std::string attributes_json(const Record& record) {
    std::string out;
    JsonWriter json(out);
    write_attributes(json, record);
    return out;
}

void append_record(std::string& out, const Record& record, const LabelProfile& profile, const LabelSet& labels,
                   bool metadata) {
    JsonWriter json(out);
    json.begin_object();
    json.member("link", record.link);
    json.member("full_text", record.text);
    json.key("labels");
    json.begin_array();
    for (const LabelId label : labels) json.value(profile.labels()[label].name);
    json.end_array();
    if (metadata) {
        json.member("title", record.title);
        json.key("metadata");
        write_metadata(json, record, profile, labels);
    }
    json.end_object();
}

}  // namespace synth::sinks
