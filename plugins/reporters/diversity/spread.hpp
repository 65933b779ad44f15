// How what was drawn beside the labels (form, angle, …) is spread over a set, and whether every label met every value.
// Memory: values × labels of each attribute, at most kMostValues values.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "synth/types.hpp"

namespace synth::diversity {

class Spread {
public:
    static constexpr std::size_t kMostValues = 256;

    explicit Spread(std::size_t labels) : labels_(labels), carried_(labels) {}

    void add(const LabelSet& labels, std::span<const Attribute> attributes);

    struct Value {
        std::string name;
        std::uint64_t samples = 0;
        std::vector<std::uint64_t> by_label;
    };
    struct Report {
        std::string attribute;
        std::vector<Value> values;       ///< most frequent first
        std::uint64_t other = 0;         ///< samples whose value was one too many to be counted apart
        std::optional<double> evenness;  ///< entropy over that of even shares: 1 when all values are as frequent
        /// Labels × values that could have met: both are there often enough that chance alone would bring them together
        /// once at least.
        std::uint64_t pairs = 0, met = 0;
        std::vector<std::pair<LabelId, std::size_t>> unmet;  ///< label, place in `values`; of the former
    };
    [[nodiscard]] std::vector<Report> reports() const;

private:
    struct Counts {
        std::map<std::string, Value> values;
        std::uint64_t samples = 0, other = 0;
    };
    std::size_t labels_;
    std::map<std::string, Counts> attributes_;
    std::vector<std::uint64_t> carried_;
};

}  // namespace synth::diversity
