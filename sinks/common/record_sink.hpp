// What the sinks `json` and `jsonl` share: a file of records, each one JSON object (see record_json.hpp). They differ
// in its framing only.

#pragma once

#include <memory>
#include <string_view>

#include "common/label_profile.hpp"
#include "synth/host.hpp"
#include "synth/result.hpp"
#include "synth/sink.hpp"

namespace synth::sinks {

/// The text around the records. All of it outlives the sink.
struct Framing {
    std::string_view extension;  ///< ".json"
    std::string_view begin;
    std::string_view before_first, before_next;  ///< of each record
    std::string_view end, end_of_none;           ///< after the last record; when there was none
};

/// A property for a sink's options schema.
#define SYNTH_SINK_METADATA_OPTION                                                                  \
    R"("metadata": {"type": "boolean", "default": false, "description": "add title and metadata: )" \
    R"(id, label codes, provider, model, seed, usage, cost, findings, times"})"

inline constexpr const char* kRecordSinkOptions =
    R"({"type": "object", "properties": {)" SYNTH_SINK_METADATA_OPTION "," SYNTH_SINK_PROFILE_OPTION "}}";

/// Writes through a buffer of its own; memory does not depend on the number of records. `options_json` is complete.
Result<std::unique_ptr<Sink>> make_record_sink(Host& host, const Framing& framing, std::string_view options_json);

}  // namespace synth::sinks
