// A sink that writes one line a record: number, labels, title. A whole plugin, to change.

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "synth/plugin.hpp"
#include "synth/sink.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::Result;
using synth::Status;

// No options: `create` gets {}. docs/plugin-authoring.md says how to have some.
constexpr const char* kOptions = R"({"type": "object", "properties": {}})";

class Plugin final : public synth::Sink {
public:
    static Result<std::unique_ptr<synth::Sink>> create(synth::Host& /*host*/, std::string_view /*options_json*/) {
        return std::unique_ptr<synth::Sink>(std::make_unique<Plugin>());
    }

    // Files go into the staging folder and are named STEM.something. They appear in the output folder when all of them
    // are whole.
    Status open(const synth::SinkContext& context) override {
        taxonomy_ = context.taxonomy;
        path_ = context.staging_dir + "/" + context.stem + ".@ID@.txt";
        file_.reset(std::fopen(path_.c_str(), "w"));
        return file_ ? Status() : failed("cannot make ");
    }

    // Records come in plan order; one that could not be made is missing, so numbers have gaps.
    Status write(const synth::Record& record) override {
        std::string line = std::to_string(record.index + 1) + "\t";
        for (const auto label : record.labels) line += (*taxonomy_)[label].name + "; ";
        line += "\t" + record.title + "\n";
        return std::fputs(line.c_str(), file_.get()) >= 0 ? Status() : failed("cannot write ");
    }

    // A full disk shows up here at the latest: what was buffered is written now.
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

SYNTH_PLUGIN(synth::Sink, Plugin, "@ID@", "1.0.0", "one line a record: number, labels, title", kOptions);
