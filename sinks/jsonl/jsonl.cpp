// JSON Lines: a record a line, nothing around them.

#include "common/record_sink.hpp"
#include "synth/plugin.hpp"

namespace {

struct JsonLinesSink {
    static synth::Result<std::unique_ptr<synth::Sink>> create(synth::Host& host, std::string_view options) {
        return synth::sinks::make_record_sink(host,
                                              {.extension = ".jsonl",
                                               .begin = "",
                                               .before_first = "",
                                               .before_next = "\n",
                                               .end = "\n",
                                               .end_of_none = ""},
                                              options);
    }
};

}  // namespace

SYNTH_PLUGIN(synth::Sink, JsonLinesSink, "jsonl", "0.1.0", "JSON Lines: a record a line, the same objects as json",
             synth::sinks::kRecordSinkOptions);
