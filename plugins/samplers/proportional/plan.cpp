#include "plan.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/apportion.hpp"

namespace synth::proportional {
namespace {

__extension__ using Wide = __int128;

constexpr std::uint64_t kWindow = 4096;         // samples that may trade labels with each other
constexpr std::size_t kChoice = 32;             // sets of the deck that compete for a sample
constexpr std::uint64_t kEffort = 200;          // trades tried for each new set that was made …
constexpr std::uint64_t kMostEffort = 100'000;  // … but at most so many in all in a window …
constexpr std::uint64_t kPatience = 20'000;     // … and before there is any: where the data allow none, it ends soon

LabelSet exchanged(const LabelSet& set, LabelId out, LabelId in) {
    LabelSet changed;
    for (const LabelId id : set) changed.insert(id == out ? in : id);
    return changed;
}

}  // namespace

Plan::Plan(const Taxonomy& taxonomy, Reference reference, const PlanRequest& request, std::uint32_t new_sets)
    : taxonomy_(taxonomy),
      reference_(std::move(reference)),
      seed_(request.seed),
      samples_(request.samples),
      new_sets_(new_sets),
      random_(0),
      labels_(taxonomy.labels.size()),
      primaries_(taxonomy.labels.size()),
      sets_(reference_.sets()),
      ahead_(taxonomy.labels.size()) {
    for (std::size_t id = 0; id < labels_.size(); ++id)
        if (reference_.labels()[id] > 0) known_.push_back(static_cast<LabelId>(id));
}

void Plan::count(const LabelSet& set, std::size_t size) {
    ++planned_;
    ++sizes_[size];
    slots_ += size;
    if (size == 0) return;
    for (const LabelId id : set) ++labels_[id];
}

void Plan::replay(const SampleSpec& sample) {
    count(sample.drawn, taxonomy_.is_negative(sample.drawn) ? 0 : sample.drawn.size());
    ++primaries_[sample.primary];
    if (const std::size_t place = reference_.find(sample.drawn); place < sets_.size()) ++sets_[place];
    if (is_new(sample.drawn)) ++new_made_;
}

void Plan::begin() {
    random_ = Random(derive_seed(derive_seed(seed_, "sampler proportional"), planned_));
    size_targets_ = samplers::apportion(samples_, reference_.sizes(), sizes_);
    for (std::size_t size = 1; size < size_targets_.size(); ++size) all_slots_ += size * size_targets_[size];
    label_targets_ = all_slots_ == 0 ? labels_ : samplers::apportion(all_slots_, reference_.labels(), labels_);
    for (const LabelId id : known_)
        ahead_[id] = static_cast<std::int64_t>(Wide{labels_[id]} * all_slots_ - Wide{slots_} * label_targets_[id]);
    for (std::size_t size = 1; size < decks_.size(); ++size) {
        std::uint64_t documents = reference_.sizes()[size];
        if (documents > 0) fill_deck(size, sets_, sizes_[size] / documents);
    }
    sets_ = {};
}

/// With what is left of that round, the `rounds` before having been dealt in full, when `dealt` has been dealt in all.
void Plan::fill_deck(std::size_t size, std::span<const std::uint64_t> dealt, std::uint64_t rounds) {
    Deck& deck = decks_[size];
    deck.at = 0;
    deck.sets.clear();
    for (const std::uint32_t set : reference_.of_size(size)) {
        const std::uint64_t due = (rounds + 1) * reference_.count(set), had = dealt.empty() ? 0 : dealt[set];
        for (std::uint64_t i = had; i < due; ++i) deck.sets.push_back(set);
    }
    random_.shuffle(std::span(deck.sets));
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

void Plan::deal_window() {
    window_.clear();
    window_at_ = 0;
    const std::uint64_t rest = samples_ - planned_, windows = (rest + kWindow - 1) / kWindow;
    if (rest == 0) return;
    for (std::uint64_t left = (rest + windows - 1) / windows; left > 0; --left) {
        const std::size_t size = deal_size();
        window_.push_back(size == 0 ? LabelSet() : deal_set(size));
        if (size == 0) window_.back().insert(*taxonomy_.negative);
        count(window_.back(), size);
    }
    if (planned_ == samples_) settle();
    make_new();
}

/// The number of labels that is furthest behind its share.
std::size_t Plan::deal_size() {
    std::size_t best = 0;
    Wide most = std::numeric_limits<std::int64_t>::min();
    for (std::size_t size = 0; size < size_targets_.size(); ++size) {
        if (sizes_[size] >= size_targets_[size]) continue;
        const Wide behind = Wide{size_targets_[size]} * (planned_ + 1) - Wide{sizes_[size]} * samples_;
        if (behind <= most) continue;
        most = behind;
        best = size;
    }
    return best;
}

/// Of the next sets in the deck the one whose labels are furthest behind.
LabelSet Plan::deal_set(std::size_t size) {
    Deck& deck = decks_[size];
    if (deck.at == deck.sets.size()) fill_deck(size, {}, 0);
    auto least = std::numeric_limits<std::int64_t>::max();
    std::size_t best = deck.at;
    const std::size_t end = std::min(deck.sets.size(), deck.at + kChoice);
    for (std::size_t i = deck.at; i < end; ++i) {
        std::int64_t ahead = 0;
        for (const LabelId id : reference_.set(deck.sets[i])) ahead += ahead_[id];
        if (ahead >= least) continue;
        least = ahead;
        best = i;
    }
    std::swap(deck.sets[best], deck.sets[deck.at]);
    const LabelSet& set = reference_.set(deck.sets[deck.at++]);
    for (const LabelId id : known_) ahead_[id] -= static_cast<std::int64_t>(size * label_targets_[id]);
    for (const LabelId id : set) ahead_[id] += static_cast<std::int64_t>(all_slots_);
    return set;
}

/// At the end: labels that are there too often give places to those that are missing, if need be by way of others,
/// where the data have the set that this makes, or could have it.
void Plan::settle() {
    for (const LabelId label : known_)
        while (labels_[label] > label_targets_[label] && hand_on(label)) {}
}

/// Finds the shortest chain from a label to one that is missing, in which each gives a place to the next.
bool Plan::hand_on(LabelId from) {
    struct Step {
        LabelId label, before;
        std::size_t set;  ///< in which `before` gives its place
    };
    std::vector<Step> steps = {{from, from, 0}};
    std::vector<bool> reached(labels_.size());
    reached[from] = true;
    for (std::size_t at = 0; at < steps.size(); ++at) {
        const LabelId out = steps[at].label;
        for (std::size_t i = 0; i < window_.size(); ++i) {
            if (!window_[i].contains(out)) continue;
            for (const LabelId in : known_) {
                if (reached[in] || window_[i].contains(in)) continue;
                const LabelSet other = exchanged(window_[i], out, in);
                if (new_sets_ == 0 ? is_new(other) : !reference_.plausible(other)) continue;
                reached[in] = true;
                steps.push_back({in, out, i});
                if (labels_[in] >= label_targets_[in]) continue;
                // Back to the start. A set that two steps would change may not take the second change.
                Step step = steps.back();
                std::vector<Step> chain;
                while (step.label != from) {
                    chain.push_back(step);
                    step = *std::ranges::find(steps, step.before, &Step::label);
                }
                bool once = true;
                for (std::size_t k = 1; k < chain.size(); ++k)
                    for (std::size_t l = 0; l < k; ++l) once = once && chain[k].set != chain[l].set;
                if (!once) continue;
                for (const Step& change : chain)
                    window_[change.set] = exchanged(window_[change.set], change.before, change.label);
                --labels_[from];
                ++labels_[in];
                return true;
            }
        }
    }
    return false;
}

/// Lets sets of the window trade labels, which changes no count, until enough of them are new.
void Plan::make_new() {
    traders_.clear();
    for (std::size_t i = 0; i < window_.size(); ++i) {
        new_made_ += is_new(window_[i]) ? 1 : 0;
        if (window_[i].size() >= 2) traders_.push_back(i);
    }
    const auto wanted = static_cast<std::uint64_t>(Wide{planned_} * new_sets_ / 100);
    if (traders_.size() < 2 || new_made_ >= wanted) return;
    const std::uint64_t before = new_made_;
    for (std::uint64_t tries = 0; new_made_ < wanted; ++tries) {
        if (tries == std::min(kMostEffort, kPatience + kEffort * (new_made_ - before))) break;
        const std::size_t a = traders_[random_.below(traders_.size())], b = traders_[random_.below(traders_.size())];
        if (a != b) trade(window_[a], window_[b]);
    }
}

/// A random exchange of two labels that makes at least one new set more. It is accepted as often as the labels that
/// come together meet in the data, compared with those that are parted (Metropolis), so that pairs keep their
/// frequencies.
bool Plan::trade(LabelSet& ours, LabelSet& theirs) {
    const LabelId give = ours[random_.below(ours.size())], take = theirs[random_.below(theirs.size())];
    if (ours.contains(take) || theirs.contains(give)) return false;
    // Cheapest first: most are refused.
    const auto meet = [&](const LabelSet& set, LabelId out, LabelId in) {
        return std::ranges::all_of(set, [&](LabelId with) { return with == out || reference_.pairs(in, with) > 0; });
    };
    const auto accepted = [&](const LabelSet& set, LabelId out, LabelId in) {
        return std::ranges::all_of(set, [&](LabelId with) {
            if (with == out) return true;
            const std::uint64_t met = reference_.pairs(out, with), meets = reference_.pairs(in, with);
            return meets >= met || random_.chance(meets, met);
        });
    };
    if (!meet(ours, give, take) || !meet(theirs, take, give)) return false;
    if (!accepted(ours, give, take) || !accepted(theirs, take, give)) return false;
    const LabelSet our_next = exchanged(ours, give, take), their_next = exchanged(theirs, take, give);
    if (!reference_.plausible(our_next) || !reference_.plausible(their_next)) return false;
    const int before = static_cast<int>(is_new(ours)) + static_cast<int>(is_new(theirs));
    const int after = static_cast<int>(is_new(our_next)) + static_cast<int>(is_new(their_next));
    if (after <= before) return false;
    ours = our_next;
    theirs = their_next;
    new_made_ += static_cast<std::uint64_t>(after - before);
    return true;
}

void Plan::emit(const LabelSet& set, SampleSpec& out) {
    out.labels = out.drawn = set;
    out.primary = *std::ranges::min_element(set, {}, [&](LabelId id) { return primaries_[id]; });
    ++primaries_[out.primary];
}

}  // namespace synth::proportional
