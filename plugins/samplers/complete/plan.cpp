#include "plan.hpp"

#include <algorithm>

namespace synth::complete {
namespace {

constexpr int kFurtherDraws = 2;  // of a sample's last label: the one that makes the least familiar set is taken

constexpr std::uint64_t less(std::uint64_t a, std::uint64_t b) noexcept { return a - std::min(a, b); }

}  // namespace

Plan::Plan(const Taxonomy& taxonomy, const Nature& nature, const PlanRequest& request, const Missing& missing,
           std::uint64_t planned, std::uint64_t samples)
    : taxonomy_(taxonomy),
      nature_(nature),
      min_(request.min_labels),
      max_(request.max_labels),
      random_(derive_seed(derive_seed(request.seed, "sampler complete"), planned)),
      familiarity_(nature.size()),
      negatives_(missing.negatives),
      slots_(missing.slots),
      missing_(nature.size()) {
    for (std::size_t i = 0; i < missing_.size(); ++i) missing_[i] = missing.labels[nature.id(static_cast<Member>(i))];
    // So many that numbers of labels are even where they can be.
    left_ = std::clamp((2 * slots_ + (min_ + max_) / 2) / (min_ + max_), missing.least, missing.most);
    left_ = std::max(std::min(left_, less(samples, negatives_)), missing.least);
    all_ = left_ + negatives_;
    all_negatives_ = negatives_;
}

Result<std::size_t> Plan::next(std::span<SampleSpec> out) {
    std::size_t filled = 0;
    for (; filled < out.size() && size() > 0; ++filled) deal(out[filled]);
    return filled;
}

void Plan::deal(SampleSpec& out) {
    out.drawn = {};
    // Negative samples come at even distances.
    __extension__ using Wide = unsigned __int128;
    if (Wide{negatives_} * all_ >= Wide{all_negatives_} * size() && negatives_ > 0) {
        --negatives_;
        out.primary = *taxonomy_.negative;
        out.drawn.insert(out.primary);
        out.labels = out.drawn;
        return;
    }
    taken_.clear();
    hash_ = 0;
    // What is missing in all samples that are left cannot wait.
    std::size_t due = 0, open = 0;
    for (const std::uint64_t missing : missing_) {
        due += missing == left_ ? 1 : 0;
        open += missing > 0 ? 1 : 0;
    }
    const std::size_t size = deal_size(due, open);
    for (std::size_t i = 0; due > 0 && i < missing_.size(); ++i)
        if (missing_[i] == left_) taken_.push_back(static_cast<Member>(i));
    for (const Member label : taken_) take(label, out);
    while (taken_.size() < size) {
        const Member label = deal_label(taken_.size() + 1 == size);
        taken_.push_back(label);
        take(label, out);
    }
    ++familiarity_.count(hash_);
    slots_ -= size;
    --left_;
    out.primary = nature_.id(taken_.front());
    out.labels = out.drawn;
}

void Plan::take(Member label, SampleSpec& out) {
    --missing_[label];
    hash_ += familiarity_.key(label);
    out.drawn.insert(nature_.id(label));
}

/// Even between the limits, or, where what is missing asks for more or fewer labels on average, as wide around that as
/// the limits allow; always such that the rest can be dealt.
std::size_t Plan::deal_size(std::size_t due, std::size_t open) {
    const std::uint64_t others = left_ - 1;
    const std::uint64_t least = std::max({min_, less(slots_, others * max_), std::uint64_t{due}});
    const std::uint64_t most = std::min({max_, less(slots_, others * min_), std::uint64_t{open}});
    const std::uint64_t twice = 2 * slots_ / left_;
    const std::uint64_t low = std::max(min_, less(twice, max_)), high = std::min(max_, less(twice, min_));
    const auto drawn = static_cast<std::uint64_t>(
        random_.between(static_cast<std::int64_t>(low), static_cast<std::int64_t>(std::max(low, high))));
    return static_cast<std::size_t>(std::clamp(drawn, least, std::max(least, most)));
}

/// The first label is one of the scarcest; the others are drawn by how often they meet those in the sample and how
/// scarce they are, the last with regard to novelty.
Member Plan::deal_label(bool last) {
    candidates_.clear();
    const auto collect = [&](auto&& fits) {
        for (std::size_t i = 0; i < missing_.size(); ++i)
            if (const auto label = static_cast<Member>(i);
                missing_[i] > 0 && std::ranges::find(taken_, label) == taken_.end() && fits(label))
                candidates_.push_back(label);
        return !candidates_.empty();
    };
    if (taken_.empty()) {
        const std::uint64_t most = *std::ranges::max_element(missing_);
        collect([&](Member label) { return missing_[label] == most; });
        return candidates_[random_.below(candidates_.size())];
    }
    weights_.clear();
    if (collect([&](Member label) {
            return std::ranges::all_of(taken_, [&](Member with) { return nature_.weights(with)[label] > 0; });
        })) {
        for (const Member label : candidates_) {
            std::uint64_t met = 0;
            for (const Member with : taken_) met += nature_.weights(with)[label];
            weights_.push_back(met * missing_[label]);
        }
    } else {
        collect([](Member) { return true; });
        for (const Member label : candidates_) weights_.push_back(missing_[label]);
    }
    Member chosen = candidates_[random_.weighted(weights_)];
    for (int draws = last ? kFurtherDraws : 0; draws > 0; --draws) {
        const Member drawn = candidates_[random_.weighted(weights_)];
        if (familiarity_.count(hash_ + familiarity_.key(drawn)) < familiarity_.count(hash_ + familiarity_.key(chosen)))
            chosen = drawn;
    }
    return chosen;
}

}  // namespace synth::complete
