// One JSON array, a record a line.

#include "common/record_sink.hpp"
#include "synth/plugin.hpp"

namespace {

struct JsonSink {
    static synth::Result<std::unique_ptr<synth::Sink>> create(synth::Host& host, std::string_view options) {
        return synth::sinks::make_record_sink(host,
                                              {.extension = ".json",
                                               .begin = "[",
                                               .before_first = "\n  ",
                                               .before_next = ",\n  ",
                                               .end = "\n]\n",
                                               .end_of_none = "]\n"},
                                              options);
    }
};

}  // namespace

SYNTH_PLUGIN(synth::Sink, JsonSink, "json", "0.1.0", "one JSON array of records: link, full_text, labels",
             synth::sinks::kRecordSinkOptions);
