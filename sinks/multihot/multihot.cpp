// What a multi-label classifier is trained on: CSV with id, text and a column a class in taxonomy order that is 1 or 0,
// and the order of the classes in a file of its own.

#include <string>
#include <utility>

#include "common/buffered_file.hpp"
#include "common/csv.hpp"
#include "common/json_writer.hpp"
#include "common/label_profile.hpp"
#include "common/options.hpp"
#include "synth/plugin.hpp"
#include "synth/sink.hpp"

namespace synth::sinks {
namespace {

constexpr const char* kOptions = R"({"type": "object", "properties": {)" SYNTH_SINK_PROFILE_OPTION "}}";

class MultiHotSink final : public Sink {
public:
    static Result<std::unique_ptr<Sink>> create(Host& host, std::string_view options_json) {
        const plugins::Options given(options_json);
        auto profile = LabelProfile::make(given.text("profile"), host.taxonomy());
        if (!profile) return std::move(profile).error();
        for (const ExportedLabel& label : profile->labels())
            if (label.name == "id" || label.name == "text")
                return Error{
                    ErrorCode::invalid_argument,
                    "a label is named '" + label.name + "', as a column that the sink needs; choose another sink",
                    {}};
        return std::unique_ptr<Sink>(new MultiHotSink(host, *std::move(profile)));
    }

    Status open(const SinkContext& context) override {
        if (Status classes = write_classes(staged(context, ".multihot.classes.json")); !classes) return classes;
        if (Status opened = file_.open(staged(context, ".multihot.csv")); !opened) return opened;
        std::string& out = file_.buffer();
        out += "id,text";
        for (const ExportedLabel& label : profile_.labels()) {
            out += ',';
            append_csv_field(out, label.name);
        }
        out += '\n';
        none_.clear();
        for (std::size_t i = 0; i < profile_.labels().size(); ++i) none_ += ",0";
        none_ += '\n';
        return {};
    }

    Status write(const Record& record) override {
        const auto labels = profile_.map(record.labels);
        if (!labels) return {};
        std::string& out = file_.buffer();
        out += std::to_string(record.index + 1);  // the number in the link
        out += ',';
        append_csv_quoted(out, record.text);
        const std::size_t columns = out.size();
        out += none_;
        for (const LabelId label : *labels) out[columns + std::size_t{2} * label + 1] = '1';
        return file_.flush_if_full();
    }

    Status finish(const RunSummary&) override {
        if (Status closed = file_.close(); !closed) return closed;
        profile_.report(host_);
        return {};
    }

private:
    MultiHotSink(Host& host, LabelProfile profile) : host_(host), profile_(std::move(profile)) {}

    Status write_classes(std::string path) {
        BufferedFile file;
        if (Status opened = file.open(std::move(path)); !opened) return opened;
        plugins::JsonWriter json(file.buffer());
        json.begin_object();
        json.member("taxonomy", profile_.name());
        json.key("negative");
        if (const auto negative = profile_.negative())
            json.value(profile_.labels()[*negative].name);
        else
            json.null();
        json.key("classes");
        json.begin_array();
        for (const ExportedLabel& label : profile_.labels()) {
            json.begin_object();
            json.member("code", label.code);
            json.member("name", label.name);
            json.end_object();
        }
        json.end_array();
        json.end_object();
        file.buffer() += '\n';
        return file.close();
    }

    Host& host_;
    LabelProfile profile_;
    BufferedFile file_;
    std::string none_;  ///< the columns of a record without any class, and its end
};

}  // namespace
}  // namespace synth::sinks

SYNTH_PLUGIN(synth::Sink, synth::sinks::MultiHotSink, "multihot", "0.1.0",
             "CSV for training: id, text, a 0/1 column a class; and the order of the classes", synth::sinks::kOptions);
