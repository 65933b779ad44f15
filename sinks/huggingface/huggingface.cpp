// A folder that Python's `datasets.load_dataset` opens as it is and a hub takes as it is: JSON Lines by split, and a
// card.

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "common/buffered_file.hpp"
#include "common/label_profile.hpp"
#include "common/options.hpp"
#include "common/record_json.hpp"
#include "common/record_sink.hpp"
#include "huggingface/card.hpp"
#include "huggingface/part_file.hpp"
#include "huggingface/split.hpp"
#include "synth/plugin.hpp"

namespace synth::sinks {
namespace {

constexpr const char* kOptions =
    R"({"type": "object", "properties": {)" SYNTH_SINK_METADATA_OPTION "," SYNTH_SINK_PROFILE_OPTION R"(,
    "validation": {
      "type": "number", "minimum": 0, "maximum": 0.9, "default": 0.1,
      "description": "share of the validation split; 0: none"
    },
    "test": {
      "type": "number", "minimum": 0, "maximum": 0.9, "default": 0.1,
      "description": "share of the test split; 0: none"
    },
    "split_seed": {
      "type": "integer", "minimum": 0, "default": 0,
      "description": "same seed and same records, same splits"
    },
    "compression": {
      "type": "string", "enum": ["none", "zstd"], "default": "none",
      "description": "of the JSON Lines; zstd makes .jsonl.zst"
    },
    "language": {"type": "string", "default": "en", "description": "of the texts, for the card: an ISO 639-1 code"},
    "license": {
      "type": "string",
      "description": "of the data set, for the card, such as cc-by-4.0; without it the card says that none is set"
    }}})";

class HuggingFaceSink final : public Sink {
public:
    static Result<std::unique_ptr<Sink>> create(Host& host, std::string_view options_json) {
        const plugins::Options given(options_json);
        auto profile = LabelProfile::make(given.text("profile"), host.taxonomy());
        if (!profile) return std::move(profile).error();
        const auto validation = given.number("validation"), test = given.number("test");
        if (validation + test > 0.95)
            return Error{ErrorCode::invalid_argument,
                         "options 'validation' and 'test' leave less than 0.05 to train; lower one of them",
                         {}};
        CardSettings settings;
        settings.language = given.text("language");
        if (given.has("license")) settings.license = given.text("license");
        settings.shares = {1 - validation - test, validation, test};
        settings.split_seed = given.count("split_seed");
        settings.metadata = given.flag("metadata");
        const bool compressed = given.text("compression") == "zstd";
        settings.extension = compressed ? ".jsonl.zst" : ".jsonl";
        return std::unique_ptr<Sink>(new HuggingFaceSink(host, *std::move(profile), std::move(settings), compressed));
    }

    Status open(const SinkContext& context) override {
        folder_ = staged(context, ".huggingface");
        settings_.name = context.stem;
        for (const std::string& folder : {folder_, folder_ + "/data"})
            if (::mkdir(folder.c_str(), 0777) != 0) return disk_error("create", folder, errno);
        return open_part(0);
    }

    Status write(const Record& record) override {
        const auto labels = profile_.map(record.labels);
        if (!labels) return {};
        const std::size_t part = splitter_.assign(record.index, *labels);
        // A split without records has no file: `datasets` refuses an empty one.
        if (!parts_[part])
            if (Status opened = open_part(part); !opened) return opened;
        std::string& out = parts_[part]->buffer();
        const std::size_t before = out.size();
        append_record(out, record, profile_, *labels, settings_.metadata);
        out += '\n';
        facts_.add(record, *labels, part);
        facts_.bytes[part] += out.size() - before;
        return parts_[part]->flush_if_full();
    }

    Status finish(const RunSummary& summary) override {
        for (const auto& part : parts_)
            if (part)
                if (Status closed = part->close(); !closed) return closed;
        settings_.planned = summary.samples;
        BufferedFile readme;
        if (Status opened = readme.open(folder_ + "/README.md"); !opened) return opened;
        readme.buffer() += card(facts_, settings_, profile_);
        if (Status closed = readme.close(); !closed) return closed;
        profile_.report(host_);
        return {};
    }

private:
    HuggingFaceSink(Host& host, LabelProfile profile, CardSettings settings, bool compressed)
        : host_(host),
          profile_(std::move(profile)),
          settings_(std::move(settings)),
          compressed_(compressed),
          splitter_(settings_.split_seed, settings_.shares[1], settings_.shares[2], profile_.labels().size()),
          facts_(profile_.labels().size()) {}

    Status open_part(std::size_t part) {
        parts_[part] = std::make_unique<PartFile>();
        return parts_[part]->open(folder_ + "/data/" + std::string(kPartNames[part]) + std::string(settings_.extension),
                                  compressed_);
    }

    Host& host_;
    LabelProfile profile_;
    CardSettings settings_;
    bool compressed_;
    Splitter splitter_;
    CardFacts facts_;
    std::string folder_;
    std::array<std::unique_ptr<PartFile>, kParts> parts_;
};

}  // namespace
}  // namespace synth::sinks

SYNTH_PLUGIN(synth::Sink, synth::sinks::HuggingFaceSink, "huggingface", "0.1.0",
             "a folder for Hugging Face datasets: JSON Lines in stratified splits, and a card", synth::sinks::kOptions);
