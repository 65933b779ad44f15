#include "goal.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "common/requests.hpp"

namespace synth::complete {
namespace {

__extension__ using Wide = __int128;

constexpr std::uint64_t kMostSlots = std::uint64_t{1} << 50;  // of a goal: far beyond any run

constexpr std::uint64_t divide_up(std::uint64_t n, std::uint64_t d) noexcept { return n / d + (n % d > 0 ? 1 : 0); }

class Search {
public:
    Search(const Taxonomy& taxonomy, std::span<const std::uint64_t> have, std::span<const std::uint64_t> shares,
           std::uint32_t min_labels, std::uint32_t max_labels)
        : taxonomy_(taxonomy),
          have_(have),
          shares_(shares),
          min_(min_labels),
          max_(max_labels),
          sum_(std::accumulate(shares.begin(), shares.end(), std::uint64_t{0})),
          others_(sum_ - (taxonomy.negative ? shares[*taxonomy.negative] : 0)) {}

    Result<Missing> run() {
        // In an even goal all labels are equal: only whole rounds count.
        const bool even = std::ranges::adjacent_find(shares_, std::not_equal_to<>{}) == shares_.end();
        const std::uint64_t step = even ? shares_.size() : 1;
        std::uint64_t goal = 0;
        for (std::size_t id = 0; id < have_.size(); ++id) {
            if (have_[id] == 0) continue;
            if (shares_[id] == 0 && have_[id] == 1) continue;  // within one of none
            if (shares_[id] == 0)
                return samplers::invalid("the data have " + std::to_string(have_[id]) + " documents of '" +
                                         taxonomy_.labels[id].name +
                                         "' and the goal none: nothing that is added makes that even");
            // The least goal whose rounded part for this label is what there is.
            const Wide twice = Wide{2 * have_[id] - 1} * sum_;
            goal = std::max(goal, static_cast<std::uint64_t>((twice + 2 * shares_[id] - 1) / (2 * shares_[id])));
        }
        for (goal = divide_up(goal, step) * step; goal < kMostSlots;) {
            measure(goal);
            if (fit()) return std::move(missing_);
            if (const Status hopeful = can_be_reached(); !hopeful) return hopeful.error();
            goal += std::max(step, divide_up(distance(), step) * step);
        }
        return samplers::invalid("no goal that could be made is in the proportions asked for with " +
                                 samplers::range_text(min_, max_) + " labels a sample");
    }

private:
    /// How much larger a goal must be at least, by Newton's method: what the scarcest label is short of company is
    /// convex, but for the rounding of every label, which is taken off.
    [[nodiscard]] std::uint64_t distance() const {
        const std::uint64_t wanted = min_ * most_, slack = have_.size() + min_;
        if (wanted <= missing_.slots + slack) return 0;
        return static_cast<std::uint64_t>(Wide{wanted - missing_.slots - slack} * sum_ /
                                          (others_ - min_ * shares_[scarcest_]));
    }

    /// What a goal of that many labels leaves to be made.
    void measure(std::uint64_t goal) {
        missing_ = {};
        missing_.labels.resize(have_.size());
        most_ = 0;
        short_.assign(have_.size(), false);
        for (std::size_t id = 0; id < have_.size(); ++id) {
            const auto part = static_cast<std::uint64_t>((Wide{2 * goal} * shares_[id] + sum_) / (Wide{2} * sum_));
            const std::uint64_t lacking = part - std::min(part, have_[id]);
            missing_.labels[id] = lacking;
            if (id == taxonomy_.negative) {
                missing_.negatives = lacking;
                continue;
            }
            missing_.slots += lacking;
            if (lacking <= most_) continue;
            most_ = lacking;
            scarcest_ = id;
        }
    }

    /// Whether samples can be put together of it, if need be by leaving some labels one short.
    bool fit() {
        missing_.most = missing_.slots / min_;
        missing_.least = std::max(most_, divide_up(missing_.slots, max_));
        if (most_ > missing_.most) return missing_.most == 0 && most_ <= 1 && leave_short(missing_.slots);
        return missing_.least <= missing_.most || leave_short(missing_.slots - max_ * missing_.most);
    }

    bool leave_short(std::uint64_t slots) {
        for (; slots > 0; --slots) {
            std::size_t fullest = have_.size();
            for (std::size_t id = 0; id < have_.size(); ++id)
                if (id != taxonomy_.negative && !short_[id] && missing_.labels[id] > 0 &&
                    (fullest == have_.size() || missing_.labels[id] > missing_.labels[fullest]))
                    fullest = id;
            if (fullest == have_.size()) return false;
            --missing_.labels[fullest];
            --missing_.slots;
            short_[fullest] = true;
        }
        missing_.least = std::min(missing_.least, missing_.most);
        return true;
    }

    /// Whether a larger goal could do what this one cannot: it brings more of the other labels for the scarcest one to
    /// be with than it asks for.
    [[nodiscard]] Status can_be_reached() const {
        const std::uint64_t share = shares_[scarcest_];
        if (most_ <= missing_.most || min_ * share < others_) return {};
        return samplers::invalid("'" + taxonomy_.labels[scarcest_].name + "' makes up " +
                                 std::to_string(100 * share / others_) +
                                 " % of the labels of the goal: with at least " + std::to_string(min_) +
                                 " labels a sample there are not enough others for it to be with (--min-labels)");
    }

    const Taxonomy& taxonomy_;
    std::span<const std::uint64_t> have_, shares_;
    const std::uint64_t min_, max_, sum_, others_;  // others_: of labels that are not negative
    Missing missing_;
    std::vector<bool> short_;  // labels that were left one short
    std::uint64_t most_ = 0;   // samples that the scarcest label is missing in
    std::size_t scarcest_ = 0;
};

}  // namespace

Result<Missing> find_missing(const Taxonomy& taxonomy, std::span<const std::uint64_t> have,
                             std::span<const std::uint64_t> shares, std::uint32_t min_labels,
                             std::uint32_t max_labels) {
    return Search(taxonomy, have, shares, min_labels, max_labels).run();
}

}  // namespace synth::complete
