#include "plan.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <utility>

#include "common/requests.hpp"

namespace synth::balanced {
namespace {

constexpr int kPasses = 48;         // over the samples of a window that nature would not bring together
constexpr std::size_t kEffort = 8;  // slots settled in all, for each sample of a window: large sets never come to rest
constexpr std::size_t kFurtherDraws =
    2;                           // of a sample's last label: the one that makes the least familiar set is taken
constexpr int kFreshTrades = 4;  // tried for a sample whose set is familiar

constexpr std::uint64_t bit_of(std::size_t label) noexcept { return std::uint64_t{1} << (label % 64); }

template <class Function>
void for_each_bit(std::span<const std::uint64_t> words, Function&& function) {
    for (std::size_t i = 0; i < words.size(); ++i)
        for (std::uint64_t word = words[i]; word != 0; word &= word - 1)
            function(static_cast<Member>(64 * i + static_cast<std::size_t>(std::countr_zero(word))));
}

}  // namespace

Plan::Plan(const Taxonomy& taxonomy, const Nature& nature, const Rules& rules)
    : taxonomy_(taxonomy),
      nature_(nature),
      rules_(rules),
      random_(0),
      familiarity_(nature.size()),
      sizes_(rules.max_labels - rules.min_labels + 1),
      primaries_(nature.size()),
      dealt_(nature.size()),
      places_(nature.size()),
      due_(nature.words()),
      wanted_(nature.words()),
      conflicts_(nature.size()) {}

Status Plan::replay(const SampleSpec& sample) {
    ++planned_;
    const auto exceeds = [&](LabelId id, std::uint64_t count) {
        return samplers::check_primaries(taxonomy_, id, count, rules_.samples_per_class);
    };
    if (taxonomy_.is_negative(sample.drawn)) return exceeds(*taxonomy_.negative, ++negatives_);

    std::uint64_t hash = 0;
    for (const LabelId id : sample.drawn) {
        ++dealt_[nature_.member(id)];
        hash += familiarity_.key(nature_.member(id));
    }
    ++familiarity_.count(hash);
    if (sample.drawn.size() >= rules_.min_labels && sample.drawn.size() <= rules_.max_labels)
        ++sizes_[sample.drawn.size() - rules_.min_labels];
    return exceeds(sample.primary, ++primaries_[nature_.member(sample.primary)]);
}

void Plan::begin() {
    random_ = Random(derive_seed(derive_seed(rules_.seed, "sampler balanced"), planned_));
    if (exact_primaries())
        for (std::size_t i = 0; i < dealt_.size(); ++i) dealt_[i] -= primaries_[i];
    base_ = *std::ranges::min_element(dealt_);
}

Result<std::size_t> Plan::next(std::span<SampleSpec> out) {
    std::size_t filled = 0;
    while (filled < out.size()) {
        if (window_at_ == window_.size()) deal_window();
        if (window_.empty()) break;
        while (filled < out.size() && window_at_ < window_.size()) emit(window_[window_at_++], out[filled++]);
    }
    return filled;
}

// Dealing: everything goes to those who have least of it, so every prefix is as even as can be.

/// Labels at the same level, or at one of two levels that are traded as one, are in the same round: a prefix that cuts
/// through it finds them at most two apart. With exact primaries, which make up one of the two, it is a single level.
std::uint32_t Plan::round_of(std::uint64_t level) const noexcept {
    return static_cast<std::uint32_t>(exact_primaries() ? 2 * level + 1 : (level - base_) / 2);
}

/// A window ends with a round, so that the whole of it can be traded.
void Plan::deal_window() {
    window_.clear();
    due_stale_ = true;  // trades may have changed it
    window_at_ = 0;
    const auto phase = [&] {
        return exact_primaries() ? static_cast<std::uint32_t>(*std::ranges::min_element(primaries_))
                                 : round_of(*std::ranges::min_element(dealt_));
    };
    const auto first = phase();
    while (planned_ < rules_.samples && phase() == first) {
        ++planned_;
        window_.emplace_back();
        if (taxonomy_.negative && negatives_ < samplers::divide_rounded(planned_, taxonomy_.labels.size()))
            ++negatives_;
        else
            deal_sample(window_.back(), deal_size());
    }
    improve();
}

std::size_t Plan::deal_size() {
    const std::uint64_t least = *std::ranges::min_element(sizes_);
    std::uint64_t pick = random_.below(static_cast<std::uint64_t>(std::ranges::count(sizes_, least)));
    std::size_t at = 0;
    while (sizes_[at] != least || pick-- > 0) ++at;
    ++sizes_[at];
    return rules_.min_labels + at;
}

void Plan::deal_sample(Draft& draft, std::size_t size) {
    if (exact_primaries()) deal_primary(draft, size);
    while (draft.size < size) deal_label(draft, size);
    ++familiarity_.count(draft.hash);
    draft.counted = draft.hash;
}

/// A label that is still due as a primary and as a further label must not be left to the last sample of both, which
/// could not take it twice: such labels go first, and a sample that takes all further labels due has another primary.
void Plan::deal_primary(Draft& draft, std::size_t size) {
    const std::uint64_t least = *std::ranges::min_element(primaries_);
    const std::uint64_t level = *std::ranges::min_element(dealt_);
    const bool closes = static_cast<std::size_t>(std::ranges::count(dealt_, level)) < size;
    const auto keep = [&](auto&& fits) {
        candidates_.clear();
        for (std::size_t i = 0; i < dealt_.size(); ++i)
            if (primaries_[i] == least && fits(dealt_[i] == level)) candidates_.push_back(static_cast<Member>(i));
        return !candidates_.empty();
    };
    if (!keep([&](bool due) { return due != closes; })) keep([](bool) { return true; });
    const Member label = candidates_[random_.below(candidates_.size())];
    ++primaries_[label];
    due_stale_ = true;
    take(draft, label, static_cast<std::uint32_t>(2 * least));
}

/// The labels that are due and can still join the sample: the lowest level among those that it does not have.
void Plan::find_due(const Draft& draft) {
    if (!due_stale_ && std::ranges::any_of(due_, [](std::uint64_t word) { return word != 0; })) return;
    auto level = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t i = 0; i < dealt_.size(); ++i) {
        if (dealt_[i] > level || draft.contains(static_cast<Member>(i))) continue;
        if (dealt_[i] < level) std::ranges::fill(due_, 0);
        level = dealt_[i];
        due_[i / 64] |= bit_of(i);
    }
    due_stale_ = draft.size > 0;  // the next sample may have the labels of this one

    if (!exact_primaries()) return;
    std::size_t count = 0, both = 0;
    const std::uint64_t least = *std::ranges::min_element(primaries_);
    for_each_bit(due_, [&](Member label) {
        ++count;
        both += primaries_[label] == least ? 1U : 0U;
    });
    if (both == 0 || count >= std::size_t{2} * rules_.max_labels) return;
    // Few are due: those that are due as a primary as well go first, see deal_primary.
    for_each_bit(due_, [&](Member label) {
        if (primaries_[label] != least) due_[label / 64] &= ~bit_of(label);
    });
}

/// Keeps of `wanted_` what nature brings together with all labels of the sample but the one in that slot.
void Plan::keep_natural(const Draft& draft, std::size_t except) {
    for (std::size_t slot = 0; slot < draft.size; ++slot) {
        if (slot == except) continue;
        const auto partners = nature_.partners(draft.slots[slot].label);
        for (std::size_t i = 0; i < wanted_.size(); ++i) wanted_[i] &= partners[i];
    }
}

/// Keeps the candidates for which `value` is least.
template <class Value>
void Plan::keep_least(Value&& value) {
    auto least = std::numeric_limits<std::size_t>::max();
    std::size_t kept = 0;
    for (const Member label : candidates_) {
        const std::size_t own = value(label);
        if (own > least) continue;
        if (own < least) kept = 0;
        least = own;
        candidates_[kept++] = label;
    }
    candidates_.resize(kept);
}

/// The first label is the one that has the fewest natural partners left; the others are drawn by how often they meet
/// those in the sample, the last with regard to novelty.
void Plan::deal_label(Draft& draft, std::size_t size) {
    find_due(draft);
    candidates_.clear();
    if (draft.size > 0) {
        wanted_ = due_;
        keep_natural(draft, draft.size);
        for_each_bit(wanted_, [&](Member label) { candidates_.push_back(label); });
    }
    const bool natural = !candidates_.empty();
    if (!natural) for_each_bit(due_, [&](Member label) { candidates_.push_back(label); });
    if (draft.size == 0) {
        keep_least([&](Member label) {
            std::size_t left = 0;
            for (std::size_t i = 0; i < due_.size(); ++i)
                left += static_cast<std::size_t>(std::popcount(due_[i] & nature_.partners(label)[i]));
            return left;
        });
        deal(draft, candidates_[random_.below(candidates_.size())]);
        return;
    }
    if (!natural) keep_least([&](Member label) { return std::size_t{conflicts(draft, draft.size, label)}; });
    draw_.clear();
    for (const Member label : candidates_) {
        std::uint64_t weight = 0;
        for (const Slot& slot : draft.taken()) weight += nature_.weights(slot.label)[label];
        draw_.push_back(std::max<std::uint64_t>(1, weight));
    }
    Member chosen = candidates_[random_.weighted(draw_)];
    if (draft.size + 1 == size) {
        // All counts are fetched before any is looked at: they are too many for a cache.
        std::array<Member, kFurtherDraws> drawn;
        for (Member& label : drawn) label = candidates_[random_.weighted(draw_)];
        std::array<std::uint32_t, kFurtherDraws> counts;
        const auto known = [&](Member label) { return familiarity_.count(draft.hash + familiarity_.key(label)); };
        std::ranges::transform(drawn, counts.begin(), known);
        std::uint32_t least = known(chosen);
        for (std::size_t i = 0; i < drawn.size(); ++i) {
            if (counts[i] >= least) continue;
            least = counts[i];
            chosen = drawn[i];
        }
    }
    deal(draft, chosen);
}

void Plan::deal(Draft& draft, Member label) {
    take(draft, label, round_of(dealt_[label]));
    ++dealt_[label];
    due_[label / 64] &= ~bit_of(label);
}

void Plan::take(Draft& draft, Member label, std::uint32_t round) {
    draft.conflicts += conflicts(draft, draft.size, label);
    draft.hash += familiarity_.key(label);
    draft.slots[draft.size++] = {label, round};
}

// Trading: labels change places within their round, which no count notices. Nature first, then novelty.

void Plan::improve() {
    for (auto& places : places_) places.clear();
    for (Draft& draft : window_)
        for (std::size_t slot = 0; slot < draft.size; ++slot)
            places_[draft.slots[slot].label].push_back({&draft, slot});

    std::size_t effort = kEffort * window_.size();
    for (int pass = 0; pass < kPasses && effort > 0; ++pass) {
        bool natural = true;
        for (Draft& draft : window_)
            for (std::size_t slot = 0; slot < draft.size && draft.conflicts > 0 && effort > 0; ++slot) {
                natural = false;
                if (settle(draft, slot)) --effort;
            }
        if (natural) break;
    }
    // Not with every trade: the counts are too many for a cache, and nothing has looked at them since.
    for (Draft& draft : window_) recount(draft);
    for (Draft& draft : window_)
        if (draft.size > 0 && familiarity_.count(draft.hash) > 1) refresh(draft);
}

/// Gives the slot the label that leaves the fewest conflicts in all; among equals any, so that a later pass finds
/// others. False when it had none to begin with.
bool Plan::settle(Draft& draft, std::size_t slot) {
    const auto [label, round] = draft.slots[slot];
    const std::uint32_t own = conflicts(draft, slot, label);
    if (own == 0) return false;
    if (own == 1) {
        std::ranges::fill(wanted_, ~std::uint64_t{0});
        keep_natural(draft, slot);
    } else {
        // Through local pointers, so that the compiler sees that no byte written is one of them, and takes many at a
        // time.
        std::uint8_t* const sums = conflicts_.data();
        const std::size_t labels = conflicts_.size();
        std::fill_n(sums, labels, std::uint8_t{0});
        for (std::size_t other = 0; other < draft.size; ++other) {
            if (other == slot) continue;
            const std::uint8_t* const row = nature_.conflicts(draft.slots[other].label).data();
            for (std::size_t i = 0; i < labels; ++i) sums[i] = static_cast<std::uint8_t>(sums[i] + row[i]);
        }
        for (std::size_t word = 0; word < wanted_.size(); ++word) {
            std::uint64_t bits = 0;
            const std::size_t begin = 64 * word, count = std::min<std::size_t>(64, labels - begin);
            for (std::size_t i = 0; i < count; ++i) bits |= static_cast<std::uint64_t>(sums[begin + i] < own) << i;
            wanted_[word] = bits;
        }
    }

    std::uint32_t best = 0, ties = 0;  // best: conflicts that the trade takes away
    std::optional<Trade> trade;
    const auto consider = [&](std::uint32_t before, std::uint32_t after, const Trade& offer) {
        if (after > before || before - after < best) return;
        if (before - after > best) ties = 0;
        best = before - after;
        if (random_.below(++ties) == 0) trade = offer;
    };
    for_each_bit(wanted_, [&](Member wanted) {
        const std::uint32_t left = own == 1 ? 0 : conflicts_[wanted];
        for (const Place& place : places_[wanted]) {
            const Draft& other = *place.draft;
            if (other.slots[place.slot].round != round) continue;
            consider(own + (other.conflicts == 0 ? 0 : conflicts(other, place.slot, wanted)),
                     left + conflicts(other, place.slot, label), {wanted, place});
        }
        // A label that the round has not dealt yet may take the place of one that it has.
        if (dealt_[wanted] + 1 == dealt_[label] && round_of(dealt_[wanted]) == round) consider(own, left, {wanted, {}});
    });
    if (trade) exchange({&draft, slot}, *trade);
    return true;
}

/// Tries to make two sets, of which one is familiar, into two that are much less so.
void Plan::refresh(Draft& draft) {
    for (int tries = 0; tries < kFreshTrades; ++tries) {
        Draft& other = window_[random_.below(window_.size())];
        if (&other == &draft || other.size == 0) continue;
        const std::size_t slot = random_.below(draft.size), i = random_.below(other.size);
        const Slot &ours = draft.slots[slot], &theirs = other.slots[i];
        if (ours.round != theirs.round || ours.label == theirs.label) continue;
        const std::uint32_t before = conflicts(draft, slot, ours.label) + conflicts(other, i, theirs.label);
        if (conflicts(draft, slot, theirs.label) + conflicts(other, i, ours.label) > before) continue;
        const std::uint64_t change = familiarity_.key(theirs.label) - familiarity_.key(ours.label);
        const std::uint64_t known = std::uint64_t{familiarity_.count(draft.hash)} + familiarity_.count(other.hash) - 2;
        if (2 * (std::uint64_t{familiarity_.count(draft.hash + change)} + familiarity_.count(other.hash - change)) >=
            known)
            continue;
        exchange({&draft, slot}, {theirs.label, {&other, i}});
        recount(draft);
        recount(other);
        return;
    }
}

void Plan::exchange(Place place, const Trade& trade) {
    const Member label = place.draft->slots[place.slot].label;
    assign(place, trade.label);
    if (trade.from.draft != nullptr) {
        assign(trade.from, label);
    } else {
        --dealt_[label];
        ++dealt_[trade.label];
    }
}

void Plan::assign(Place place, Member label) {
    Draft& draft = *place.draft;
    const Member old = std::exchange(draft.slots[place.slot].label, label);
    *std::ranges::find(places_[old], place) = places_[old].back();
    places_[old].pop_back();
    places_[label].push_back(place);
    draft.conflicts += conflicts(draft, place.slot, label);
    draft.conflicts -= conflicts(draft, place.slot, old);
    draft.hash += familiarity_.key(label) - familiarity_.key(old);
}

/// Makes the label set of a draft that was traded with known instead of the one that it had.
void Plan::recount(Draft& draft) {
    if (draft.hash == draft.counted) return;
    --familiarity_.count(draft.counted);
    ++familiarity_.count(draft.hash);
    draft.counted = draft.hash;
}

/// Pairs of `label`, put in that slot, with the other labels that nature does not bring together.
std::uint32_t Plan::conflicts(const Draft& draft, std::size_t slot, Member label) const noexcept {
    const std::uint8_t* const row = nature_.conflicts(label).data();
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < draft.size; ++i) sum += row[draft.slots[i].label];
    return slot < draft.size ? sum - row[draft.slots[slot].label] : sum;
}

void Plan::emit(const Draft& draft, SampleSpec& out) {
    out.drawn = {};
    if (draft.size == 0) {
        out.primary = *taxonomy_.negative;
        out.drawn.insert(out.primary);
        out.labels = out.drawn;
        return;
    }
    Member primary = draft.slots[0].label;
    for (std::size_t i = 0; i < draft.size; ++i) {
        const Member label = draft.slots[i].label;
        out.drawn.insert(nature_.id(label));
        if (!exact_primaries() && primaries_[label] < primaries_[primary]) primary = label;
    }
    if (!exact_primaries()) ++primaries_[primary];
    out.primary = nature_.id(primary);
    out.labels = out.drawn;
    if (!rules_.add_parents) return;
    for (const LabelId id : out.drawn)
        for (const LabelId parent : taxonomy_[id].parents) out.labels.insert(parent);
}

}  // namespace synth::balanced
