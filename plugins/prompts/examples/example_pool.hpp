// Real documents of a user's file, by label, for prompts that show a few of them. Memory is bounded: of a large file a
// fixed part is kept, rare labels in full, and of a long text its beginning.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/labelled_data.hpp"
#include "synth/result.hpp"
#include "synth/taxonomy.hpp"

namespace synth::examples {

struct Example {
    std::string text;             ///< UTF-8, with " […]" where it was cut
    std::vector<LabelId> labels;  ///< ascending
};

class ExamplePool {
public:
    struct Limits {
        std::size_t text_bytes = 0;                        ///< most of one text
        std::size_t total_bytes = std::size_t{64} << 20U;  ///< most of all texts, about
    };

    /// Reads the rest of `data`, whose texts were asked for. Errors of the reading; invalid_argument when no document
    /// has a text.
    static Result<ExamplePool> read(plugins::LabelledData& data, const Taxonomy& taxonomy, const Limits& limits);

    /// Documents that carry the label, in the order of the file.
    [[nodiscard]] const std::vector<std::uint32_t>& with(LabelId label) const { return by_label_[label]; }
    [[nodiscard]] const Example& operator[](std::uint32_t place) const { return examples_[place]; }
    [[nodiscard]] std::size_t size() const noexcept { return examples_.size(); }

    /// Up to `count` different documents for the sample of that index, which share one of `labels` each, in turn.
    ///
    /// The documents of a label come in a mixed order, another one every round, and the sample's index says where in it
    /// the sample stands: with m of them, a document serves a label at most once in m / count samples in plan order.
    /// Pure, so that neither the order of calls nor a resumed run changes anything.
    [[nodiscard]] std::vector<std::uint32_t> choose(const LabelSet& labels, const Taxonomy& taxonomy,
                                                    std::uint64_t index, std::size_t count, std::uint64_t seed) const;

private:
    std::vector<Example> examples_;
    std::vector<std::vector<std::uint32_t>> by_label_;
};

/// The beginning of a text of at most `bytes`, to the end of a sentence where one is near, else of a word.
[[nodiscard]] std::string beginning_of(std::string_view text, std::size_t bytes);

}  // namespace synth::examples
