// See breaking.hpp.

#include <cstdio>
#include <cstdlib>

#include "breaking.hpp"
#include "synth/sink.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::Result;
using synth::Status;
using synth::test::Breaking;

class Sink final : public synth::Sink {
public:
    Sink(const synth::Taxonomy&, Breaking breaks) : breaks_(std::move(breaks)) {}
    static Result<std::unique_ptr<synth::Sink>> create(synth::Host& host, std::string_view options) {
        return synth::test::create_breaking<synth::Sink, Sink>(host, options);
    }
    ~Sink() override {
        if (breaks_("crash_halfway") && file_ && !failed_) std::abort();
    }

    Status open(const synth::SinkContext& context) override {
        if (breaks_("no_file")) return {};
        std::string folder = context.staging_dir;
        if (breaks_("beside")) folder += "/..";
        if (breaks_("working_folder")) folder = ".";
        if (breaks_("own_name")) folder += "/records.txt";
        file_.reset(std::fopen((breaks_("own_name") ? folder : folder + "/" + context.stem + ".txt").c_str(), "w"));
        if (breaks_("beside") || breaks_("working_folder"))
            if (std::FILE* inside = std::fopen((context.staging_dir + "/" + context.stem + ".txt").c_str(), "w"))
                std::fclose(inside);
        if (!file_ && breaks_("ignore_folder")) return {};
        return file_ ? Status() : failed();
    }
    Status write(const synth::Record& record) override {
        if (!file_) return {};
        if (breaks_("unstable")) std::fprintf(file_.get(), "%d", static_cast<int>(synth::test::another()));
        return std::fputs((record.text + "\n").c_str(), file_.get()) >= 0 || breaks_("ignore_disk") ? Status()
                                                                                                    : failed();
    }
    Status finish(const synth::RunSummary& summary) override {
        if (!file_) return {};
        if (breaks_("need_records") && summary.records == 0)
            return Error{ErrorCode::invalid_argument, "no records", {}};
        return std::fclose(file_.release()) == 0 || breaks_("ignore_disk") ? Status() : failed();
    }

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    [[nodiscard]] Status failed() {
        failed_ = true;
        return Error{breaks_("wrong_code") ? ErrorCode::internal : ErrorCode::io, "cannot write", "io"};
    }

    Breaking breaks_;
    bool failed_ = false;
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace

SYNTH_PLUGIN(synth::Sink, Sink, "breaking", "1.0.0", "breaks what it is told to", synth::test::kBreakOptions);
