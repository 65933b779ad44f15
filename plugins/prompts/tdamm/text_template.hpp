// The texts of the data folder: UTF-8 with {{name}} for a value, {{#name}}…{{/name}} for what is shown only when that
// value is not empty. A strict subset of Mustache, parsed once: a name that a file cannot have is an error.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"

namespace synth::tdamm {

/// All names that texts may use; which of them a file may use is said where it is read.
enum class Place : std::uint8_t {
    angle,
    avoid,
    category,
    date,
    examples,
    few,
    findings,
    form,
    hard,
    high,
    instruments,
    label_count,
    label_words,
    labels,
    lead_words,
    least_words,
    lookalikes,
    low,
    many,
    meaning,
    name,
    neighbours,
    number,
    objects,
    one,
    parents,
    quantities,
    requirements,
    structure,
    target_words,
    terms,
    text,
    typical,
    unit,
    value,
    words,
    kCount
};

/// Values by place; what is not set is empty. Borrowed.
class Values {
public:
    std::string_view& operator[](Place place) { return values_[static_cast<std::size_t>(place)]; }
    std::string_view operator[](Place place) const { return values_[static_cast<std::size_t>(place)]; }

private:
    std::array<std::string_view, static_cast<std::size_t>(Place::kCount)> values_{};
};

class TextTemplate {
public:
    /// `source` is the file that errors name. A text may use `allowed` and must use `required`.
    static Result<TextTemplate> parse(std::string text, std::initializer_list<Place> allowed,
                                      std::initializer_list<Place> required, std::string_view source);

    /// Appends the text with `values` filled in.
    void render(const Values& values, std::string& out) const;

    /// Whether the text has a place for that value.
    [[nodiscard]] bool has(Place place) const;

    /// What stands between the places. Borrowed from this.
    [[nodiscard]] std::vector<std::string_view> texts() const;

private:
    enum class Kind : std::uint8_t { text, value, part };
    struct Piece {
        Kind kind;
        Place place{};
        std::size_t begin = 0, size = 0;  ///< text: where in text_
        std::size_t end = 0;              ///< part: the piece after its last
    };

    std::string text_;
    std::vector<Piece> pieces_;
};

}  // namespace synth::tdamm
