// What prompts draw from lists (form, angle, …), drawn so that over a plan every label meets every value as often; and
// the one number, SampleSpec::variant, that says what was drawn.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ranges>
#include <vector>

#include "synth/random.hpp"
#include "synth/taxonomy.hpp"

namespace synth::prompts {

/// Puts places in lists, one after the other, into a variant.
class VariantWriter {
public:
    /// `place` < `size`.
    void add(std::size_t place, std::size_t size) noexcept {
        if (combinations_ > kMost) return;
        number_ += place * combinations_;
        combinations_ *= size;
    }
    /// 0 when there are more combinations than numbers: then chance has to do.
    [[nodiscard]] std::uint32_t variant() const noexcept {
        return combinations_ > kMost ? 0 : static_cast<std::uint32_t>(number_ + 1);
    }

private:
    static constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    std::uint64_t number_ = 0, combinations_ = 1;
};

/// Takes them out in the same order.
class VariantReader {
public:
    explicit VariantReader(std::uint32_t variant) noexcept : drawn_(variant == 0), rest_(variant - 1) {}

    /// A place in the next list, which has `size` > 0 values; drawn from `random` when nothing was chosen.
    std::size_t next(std::size_t size, Random& random) noexcept {
        if (drawn_) return random.below(size);
        const std::size_t place = rest_ % size;
        rest_ = static_cast<std::uint32_t>(rest_ / size);
        return place;
    }

private:
    bool drawn_;
    std::uint32_t rest_;
};

/// How often each label (or what else may be a row) has met each value of a list.
class Meetings {
public:
    Meetings(std::size_t rows, std::size_t values) : values_(values), times_(rows * values) {}

    [[nodiscard]] std::size_t values() const noexcept { return values_; }

    /// The place in `among`, which is not empty, of the value that `rows` have met least, taken together; among equals
    /// one drawn from `random`. They have met it then.
    template <class Rows, class Values>
    std::size_t meet_least_met(const Rows& rows, const Values& among, Random& random) noexcept {
        std::size_t least = 0, ties = 0;
        std::uint64_t least_times = 0;
        for (std::size_t place = 0; place < among.size(); ++place) {
            std::uint64_t times = 0;
            for (const std::size_t row : rows) times += times_[row * values_ + among[place]];
            if (place > 0 && times > least_times) continue;
            ties = place > 0 && times == least_times ? ties + 1 : 1;
            if (ties == 1 || random.below(ties) == 0) least = place;
            least_times = times;
        }
        for (const std::size_t row : rows) ++times_[row * values_ + among[least]];
        return least;
    }
    template <class Rows>
    std::size_t meet_least_met(const Rows& rows, Random& random) noexcept {
        return meet_least_met(rows, std::views::iota(std::size_t{0}, values_), random);
    }

private:
    std::size_t values_;
    std::vector<std::uint32_t> times_;
};

/// What a negative sample draws: a category, and one of its forms.
class NegativeMeetings {
public:
    explicit NegativeMeetings(const std::vector<NegativeCategory>& categories) : categories_(1, categories.size()) {
        for (const auto& category : categories) forms_.emplace_back(1, category.forms.size());
    }
    void meet(VariantWriter& variant, Random& random) noexcept {
        constexpr std::array<std::size_t, 1> kRow = {0};
        const std::size_t category = categories_.meet_least_met(kRow, random);
        variant.add(category, categories_.values());
        Meetings& forms = forms_[category];
        if (forms.values() > 0) variant.add(forms.meet_least_met(kRow, random), forms.values());
    }

private:
    Meetings categories_;
    std::vector<Meetings> forms_;  ///< by category
};

}  // namespace synth::prompts
