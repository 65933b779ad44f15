// Prompt strategy `examples`: what `tdamm` asks for, with real documents of a user's file in front of it that share the
// sample's labels.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/data_files.hpp"
#include "common/labelled_data_options.hpp"
#include "example_pool.hpp"
#include "synth/plugin.hpp"
#include "synth/prompt_strategy.hpp"
#include "tdamm_prompts.hpp"

namespace synth::examples {
namespace {

using plugins::LabelledData;
using plugins::LabelledDataOptions;
using tdamm::Place;
using tdamm::TextTemplate;

constexpr std::string_view kId = "examples";
constexpr std::size_t kBytesPerToken = 3;  // fewer than English has, so that the allowance is kept

struct Options {
    std::string data;
    LabelledDataOptions reading;
    std::size_t count = 0, tokens = 0;
    std::uint64_t seed = 0;
};

Options parse_options(std::string_view text) {
    const plugins::Options given(text);
    Options options;
    options.data = given.text("data");
    options.reading = plugins::labelled_data_options(given);
    options.reading.texts = true;
    options.count = given.count("count");
    options.tokens = given.count("tokens");
    options.seed = given.count("seed");
    return options;
}

class ExamplesPreface final : public tdamm::Preface {
public:
    ExamplesPreface(const Taxonomy& taxonomy, const Options& options, ExamplePool pool, TextTemplate frame,
                    TextTemplate one)
        : taxonomy_(taxonomy),
          pool_(std::move(pool)),
          frame_(std::move(frame)),
          one_(std::move(one)),
          count_(options.count),
          seed_(options.seed) {}

    [[nodiscard]] std::string text(const SampleSpec& spec) const override {
        std::string shown;
        std::size_t number = 0;
        for (const std::uint32_t place : pool_.choose(spec.drawn, taxonomy_, spec.index, count_, seed_)) {
            const Example& example = pool_[place];
            const std::string number_text = std::to_string(++number);
            std::string labels;
            for (const LabelId label : example.labels)
                labels.append(labels.empty() ? "" : ", ").append(taxonomy_[label].name);
            tdamm::Values values;
            values[Place::number] = number_text;
            values[Place::labels] = labels;
            values[Place::text] = example.text;
            if (!shown.empty()) shown += '\n';
            one_.render(values, shown);
        }
        std::string out;
        if (shown.empty()) return out;
        if (shown.ends_with('\n')) shown.pop_back();
        tdamm::Values values;
        values[Place::examples] = shown;
        frame_.render(values, out);
        return out += '\n';
    }

private:
    const Taxonomy& taxonomy_;
    ExamplePool pool_;
    TextTemplate frame_, one_;
    std::size_t count_;
    std::uint64_t seed_;
};

/// The documents of the user's file; logs how many there are, and for which labels there are none.
Result<ExamplePool> read_pool(Host& host, const Options& options) {
    if (options.data.empty())
        return Error{ErrorCode::invalid_argument, "needs a file of real documents: -o prompt.data=FILE", {}};
    const Taxonomy& taxonomy = host.taxonomy();
    auto data = LabelledData::open(options.data, taxonomy, options.reading);
    if (!data) return std::move(data).error();
    auto pool = ExamplePool::read(*data, taxonomy, {.text_bytes = options.tokens * kBytesPerToken / options.count});
    if (!pool) return pool;
    host.log(LogLevel::info, data->notes().summary(options.data));
    if (pool->size() == 0)
        return Error{ErrorCode::invalid_argument, options.data + " holds no labelled document with a text", {}};
    std::string without;
    for (std::size_t i = 0; i < taxonomy.labels.size(); ++i)
        if (pool->with(static_cast<LabelId>(i)).empty())
            without.append(without.empty() ? "" : ", ").append(taxonomy.labels[i].name);
    if (!without.empty()) host.log(LogLevel::warning, options.data + " has no example for: " + without);
    return pool;
}

struct Examples {
    static Result<std::unique_ptr<PromptStrategy>> create(Host& host, std::string_view options_json) {
        const tdamm::Options base = tdamm::parse_options(options_json);
        const std::filesystem::path dir = base.dir.empty() ? host.data_dir() : base.dir;
        auto data = tdamm::load_prompt_data(dir, kId);
        if (!data) return std::move(data).error();
        try {
            TextTemplate frame = tdamm::read_template(dir / "examples.md", {Place::examples}, {Place::examples});
            TextTemplate one =
                tdamm::read_template(dir / "example.md", {Place::labels, Place::number, Place::text}, {Place::text});
            const Options options = parse_options(options_json);
            auto pool = read_pool(host, options);
            if (!pool) return std::move(pool).error();
            return tdamm::make_prompts(host, *std::move(data), base, kId,
                                       std::make_unique<ExamplesPreface>(host.taxonomy(), options, *std::move(pool),
                                                                         std::move(frame), std::move(one)));
        } catch (const prompts::Broken& broken) {
            return prompts::error_of(broken, kId);
        }
    }
};

}  // namespace
}  // namespace synth::examples

SYNTH_PLUGIN(synth::PromptStrategy, synth::examples::Examples, "examples", "0.1.0",
             "as tdamm, with real documents of your own file that share labels",
             R"({"type": "object", "properties": {)" SYNTH_TDAMM_PROMPT_OPTIONS R"(,
                 "data": {"type": "string", "default": "",
                          "description": "file with the real documents: JSON, JSON Lines or CSV with texts and labels"},
                 "count": {"type": "integer", "default": 2, "minimum": 1, "maximum": 8,
                           "description": "documents that a prompt shows"},
                 "tokens": {"type": "integer", "default": 1500, "minimum": 200, "maximum": 100000,
                            "description": "most tokens of all documents in a prompt; longer ones are cut"},
                 "seed": {"type": "integer", "default": 0, "minimum": 0,
                          "description": "another number chooses other documents"},
                 )" SYNTH_LABELLED_DATA_OPTIONS R"(}})");
