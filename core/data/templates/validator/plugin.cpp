// A validator that wants a number of paragraphs. A whole plugin, to change.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "synth/plugin.hpp"
#include "synth/text.hpp"
#include "synth/validator.hpp"

namespace {

using synth::Result;
using synth::Severity;

constexpr const char* kOptions = R"({"type": "object", "properties": {
    "min_paragraphs": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 2,
                       "description": "a text with fewer is written again"}}})";

/// The value of an integer option. The core has checked it and filled in the default, so it is there, as "key":123.
std::uint64_t integer(std::string_view options_json, std::string_view key) {
    const std::string name = std::string(1, '"').append(key).append("\":");
    std::uint64_t value = 0;
    if (const auto at = options_json.find(name); at != std::string_view::npos)
        std::from_chars(options_json.data() + at + name.size(), options_json.data() + options_json.size(), value);
    return value;
}

/// Blocks of lines with something on them, separated by lines with nothing.
std::uint64_t count_paragraphs(std::string_view text) {
    std::uint64_t count = 0;
    for (bool inside = false; !text.empty();) {
        const auto end = std::min(text.find('\n'), text.size());
        const bool blank = synth::trim(text.substr(0, end)).empty();
        if (!blank && !inside) ++count;
        inside = !blank;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return count;
}

class Plugin final : public synth::Validator {
public:
    explicit Plugin(std::uint64_t least) : least_(least) {}

    static Result<std::unique_ptr<synth::Validator>> create(synth::Host& /*host*/, std::string_view options_json) {
        return std::unique_ptr<synth::Validator>(std::make_unique<Plugin>(integer(options_json, "min_paragraphs")));
    }

    // Pure: the same draft gets the same verdict, whatever was checked before. A rejection's message is told to the
    // model that writes again, so it says what to do.
    Result<synth::Verdict> check(const synth::Review& review) const override {
        const auto paragraphs = count_paragraphs(review.draft->text);
        if (paragraphs >= least_) return synth::Verdict{};
        return synth::Verdict{
            {{Severity::rejection, "too_few_paragraphs",
              "the text has " + std::to_string(paragraphs) + " paragraphs: write at least " + std::to_string(least_)}}};
    }

private:
    std::uint64_t least_;
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, Plugin, "@ID@", "1.0.0", "rejects texts with few paragraphs", kOptions);
