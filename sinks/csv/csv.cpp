// CSV as RFC 4180 has it: a header, then a row a record. Texts are quoted and keep their line ends.

#include "common/csv.hpp"

#include <string>
#include <utility>

#include "common/buffered_file.hpp"
#include "common/label_profile.hpp"
#include "common/options.hpp"
#include "common/record_json.hpp"
#include "common/record_sink.hpp"
#include "synth/plugin.hpp"

namespace synth::sinks {
namespace {

constexpr const char* kOptions =
    R"({"type": "object", "properties": {)" SYNTH_SINK_METADATA_OPTION "," SYNTH_SINK_PROFILE_OPTION R"(,
    "label_separator": {
      "type": "string",
      "default": "|",
      "description": "between the labels of a record; no label may contain it"
    },
    "crlf": {
      "type": "boolean",
      "default": false,
      "description": "end rows with carriage return and line feed, as RFC 4180 has it, instead of line feed alone"
    }}})";

class CsvSink final : public Sink {
public:
    static Result<std::unique_ptr<Sink>> create(Host& host, std::string_view options_json) {
        const plugins::Options given(options_json);
        auto profile = LabelProfile::make(given.text("profile"), host.taxonomy());
        if (!profile) return std::move(profile).error();
        auto separator = given.text("label_separator");
        const auto refuse = [](std::string message) {
            return Error{ErrorCode::invalid_argument, "option 'label_separator': " + std::move(message), {}};
        };
        if (separator.empty()) return refuse("is empty");
        for (const ExportedLabel& label : profile->labels())
            for (const std::string& text : {label.name, label.code})
                if (text.find(separator) != std::string::npos)
                    return refuse("'" + separator + "' is in the label '" + text + "'; choose another");
        return std::unique_ptr<Sink>(
            new CsvSink(host, *std::move(profile), std::move(separator), given.flag("crlf"), given.flag("metadata")));
    }

    Status open(const SinkContext& context) override {
        if (Status opened = file_.open(staged(context, ".csv")); !opened) return opened;
        std::string& out = file_.buffer();
        out += "link,full_text,labels";
        if (metadata_) {
            out += ",title,id,label_codes";
            each_metadata(Record(), [&](std::string_view name, const auto&) { (out += ',') += name; });
        }
        out += row_end_;
        return {};
    }

    Status write(const Record& record) override {
        const auto labels = profile_.map(record.labels);
        if (!labels) return {};
        std::string& out = file_.buffer();
        append_csv_field(out, record.link);
        out += ',';
        append_csv_quoted(out, record.text);
        out += ',';
        append_joined(*labels, &ExportedLabel::name);
        if (metadata_) {
            out += ',';
            append_csv_field(out, record.title);
            (out += ',') += std::to_string(record.index + 1);
            out += ',';
            append_joined(*labels, &ExportedLabel::code);
            each_metadata(record, [&](std::string_view, const auto& value) {
                out += ',';
                if (value) append_value(*value);
            });
        }
        out += row_end_;
        return file_.flush_if_full();
    }

    Status finish(const RunSummary&) override {
        if (Status closed = file_.close(); !closed) return closed;
        profile_.report(host_);
        return {};
    }

private:
    CsvSink(Host& host, LabelProfile profile, std::string separator, bool crlf, bool metadata)
        : host_(host),
          profile_(std::move(profile)),
          separator_(std::move(separator)),
          row_end_(crlf ? "\r\n" : "\n"),
          metadata_(metadata) {}

    void append_joined(const LabelSet& labels, std::string ExportedLabel::* what) {
        joined_.clear();
        for (const LabelId label : labels) {
            if (!joined_.empty()) joined_ += separator_;
            joined_ += profile_.labels()[label].*what;
        }
        append_csv_field(file_.buffer(), joined_);
    }

    void append_value(std::string_view text) { append_csv_field(file_.buffer(), text); }
    void append_value(std::int64_t number) { file_.buffer() += std::to_string(number); }
    void append_value(PicoUsd amount) { plugins::append_usd(file_.buffer(), amount); }

    Host& host_;
    LabelProfile profile_;
    std::string separator_;
    std::string_view row_end_;
    bool metadata_;
    BufferedFile file_;
    std::string joined_;
};

}  // namespace
}  // namespace synth::sinks

SYNTH_PLUGIN(synth::Sink, synth::sinks::CsvSink, "csv", "0.1.0", "CSV (RFC 4180): link, full_text, labels",
             synth::sinks::kOptions);
