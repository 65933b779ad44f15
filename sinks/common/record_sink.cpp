#include "common/record_sink.hpp"

#include <optional>
#include <utility>

#include "common/buffered_file.hpp"
#include "common/options.hpp"
#include "common/record_json.hpp"

namespace synth::sinks {

namespace {

class RecordSink final : public Sink {
public:
    RecordSink(Host& host, const Framing& framing, LabelProfile profile, bool metadata)
        : host_(host), framing_(framing), profile_(std::move(profile)), metadata_(metadata) {}

    Status open(const SinkContext& context) override {
        if (Status opened = file_.open(staged(context, framing_.extension)); !opened) return opened;
        file_.buffer() += framing_.begin;
        return {};
    }

    Status write(const Record& record) override {
        const auto labels = profile_.map(record.labels);
        if (!labels) return {};
        file_.buffer() += std::exchange(any_, true) ? framing_.before_next : framing_.before_first;
        append_record(file_.buffer(), record, profile_, *labels, metadata_);
        return file_.flush_if_full();
    }

    Status finish(const RunSummary&) override {
        file_.buffer() += any_ ? framing_.end : framing_.end_of_none;
        if (Status closed = file_.close(); !closed) return closed;
        profile_.report(host_);
        return {};
    }

private:
    Host& host_;
    Framing framing_;
    LabelProfile profile_;
    bool metadata_;
    BufferedFile file_;
    bool any_ = false;  ///< a record was written
};

}  // namespace

Result<std::unique_ptr<Sink>> make_record_sink(Host& host, const Framing& framing, std::string_view options_json) {
    const plugins::Options given(options_json);
    auto profile = LabelProfile::make(given.text("profile"), host.taxonomy());
    if (!profile) return std::move(profile).error();
    return std::unique_ptr<Sink>(
        std::make_unique<RecordSink>(host, framing, *std::move(profile), given.flag("metadata")));
}

}  // namespace synth::sinks
