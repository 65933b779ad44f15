// A sink that writes one line a record: number, labels, title. A whole plugin, to copy and change.

#include <cstdio>
#include <memory>
#include <string>

#include "synth/plugin.hpp"
#include "synth/sink.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::Result;
using synth::Status;

class Titles : public synth::Sink {
public:
    // `options_json` is {} here: the schema below has no options.
    static Result<std::unique_ptr<synth::Sink>> create(synth::Host& /*host*/, std::string_view /*options_json*/) {
        return std::unique_ptr<synth::Sink>(std::make_unique<Titles>());
    }

    Status open(const synth::SinkContext& context) override {
        taxonomy_ = context.taxonomy;
        path_ = context.staging_dir + "/" + context.stem + ".titles.txt";
        file_.reset(std::fopen(path_.c_str(), "w"));
        return file_ ? Status() : failed("cannot make ");
    }

    Status write(const synth::Record& record) override {
        std::string line = std::to_string(record.index + 1) + "\t";
        for (const auto label : record.labels) line += (*taxonomy_)[label].name + "; ";
        line += "\t" + record.title + "\n";
        return std::fputs(line.c_str(), file_.get()) >= 0 ? Status() : failed("cannot write ");
    }

    Status finish(const synth::RunSummary& /*summary*/) override {
        return std::fclose(file_.release()) == 0 ? Status() : failed("cannot write ");
    }

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    [[nodiscard]] Status failed(const char* what) const { return Error{ErrorCode::io, what + path_, "io"}; }

    const synth::Taxonomy* taxonomy_ = nullptr;
    std::string path_;
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace

SYNTH_PLUGIN(synth::Sink, Titles, "titles", "1.0.0", "one line a record: number, labels, title",
             R"({"type": "object", "properties": {}, "additionalProperties": false})");
