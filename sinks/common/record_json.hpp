// A record as one JSON object, and its metadata as names and values for formats that have columns.
//
//     {"link": "…", "full_text": "…", "labels": ["…"]}                                       and, with metadata,
//     {…, "title": "…", "metadata": {"id", "label_codes", "provider", "model", "prompt_hash", "seed", …}}

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/json_writer.hpp"
#include "common/label_profile.hpp"
#include "synth/types.hpp"

namespace synth::sinks {

/// `labels` are positions in those of `profile`.
void append_record(std::string& out, const Record& record, const LabelProfile& profile, const LabelSet& labels,
                   bool metadata);

/// ISO 8601 in UTC with milliseconds; nothing for a time that was never set.
std::optional<std::string> iso_time(TimePoint time);

/// [{"severity", "code", "message"}]
std::string findings_json(const Record& record);
std::string attributes_json(const Record& record);

/// Calls `put(name, value)` for all metadata but id, title and label codes, always the same names in the same order. A
/// value is an optional of string_view, int64 or PicoUsd; absent: not known. Texts are borrowed for the call.
template <class Put>
void each_metadata(const Record& record, Put&& put) {
    using Text = std::optional<std::string_view>;
    using Number = std::optional<std::int64_t>;
    const auto known = [](std::string_view text) { return text.empty() ? Text() : Text(text); };
    const auto tokens = [&](Tokens Usage::* which) {
        return record.usage ? Number(((*record.usage).*which).count) : Number();
    };
    const std::optional<std::string> sent = iso_time(record.sent), received = iso_time(record.received);
    put("provider", known(record.provider));
    put("model", known(record.model));
    put("prompt_hash", known(record.prompt_hash));
    // Text, because most readers keep 53 or 63 bits of a number and a seed has 64.
    put("seed", Text(std::to_string(record.seed)));
    put("attempt", Number(record.attempt));
    put("finish_reason", Text(name_of(record.finish)));
    put("input_tokens", tokens(&Usage::input));
    put("cached_tokens", tokens(&Usage::cached_input));
    put("cache_write_tokens", tokens(&Usage::cache_write));
    put("output_tokens", tokens(&Usage::output));
    put("reasoning_tokens", tokens(&Usage::reasoning));
    put("cost_usd", record.cost);
    put("words", Number(static_cast<std::int64_t>(record.words)));
    put("findings", Text(findings_json(record)));
    put("attributes", Text(attributes_json(record)));
    put("sent", Text(sent));
    put("received", Text(received));
}

}  // namespace synth::sinks
