#include "example_pool.hpp"

#include <algorithm>
#include <compare>
#include <span>
#include <unordered_map>
#include <utility>

#include "common/utf8.hpp"
#include "synth/random.hpp"
#include "synth/text.hpp"

namespace synth::examples {
namespace {

constexpr std::string_view kCut = " […]";

/// The documents of one label that are kept: those with the smallest keys, as a heap with the largest on top.
struct Kept {
    std::uint64_t key;
    std::uint64_t row;
    auto operator<=>(const Kept&) const = default;
};

struct Held {
    Example example;
    std::size_t users = 0;  ///< labels that keep it
};

}  // namespace

std::string beginning_of(std::string_view text, std::size_t bytes) {
    std::string out;
    if (text.size() <= bytes) {
        plugins::append_text(out, text);
        return out;
    }
    std::size_t end = bytes > kCut.size() ? bytes - kCut.size() : 0;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    const std::string_view head = text.substr(0, end);
    std::size_t sentence = head.npos;
    for (const std::string_view mark : {". ", ".\n", "!\n", "?\n", "\n\n"})
        if (const std::size_t at = head.rfind(mark); at != head.npos && (sentence == head.npos || at + 1 > sentence))
            sentence = at + 1;
    std::size_t word = head.size();
    while (word > 0 && !is_space(head[word - 1])) --word;
    const std::size_t stop = sentence != head.npos && sentence * 2 > end ? sentence : word > 0 ? word : end;
    plugins::append_text(out, trim(head.substr(0, stop)));
    return out += kCut;
}

Result<ExamplePool> ExamplePool::read(plugins::LabelledData& data, const Taxonomy& taxonomy, const Limits& limits) {
    // A document may be kept for several labels, so this is an upper bound of all.
    const std::size_t most =
        std::max<std::size_t>(8, limits.total_bytes / (taxonomy.labels.size() * limits.text_bytes));
    std::vector<std::vector<Kept>> kept(taxonomy.labels.size());
    std::unordered_map<std::uint64_t, Held> held;
    const auto release = [&](std::uint64_t row) {
        const auto found = held.find(row);
        if (--found->second.users == 0) held.erase(found);
    };
    const Status done = for_each_document(data, [&](const plugins::LabelledDocument& document) -> Status {
        const std::string_view text = trim(document.text);
        if (text.empty()) return {};
        const std::uint64_t key = mix64(document.row);
        Held here;
        for (const LabelId label : document.labels) {
            auto& heap = kept[label];
            if (heap.size() == most) {
                if (heap.front().key <= key) continue;
                std::ranges::pop_heap(heap);
                release(heap.back().row);
                heap.pop_back();
            }
            heap.push_back({key, document.row});
            std::ranges::push_heap(heap);
            ++here.users;
        }
        if (here.users == 0) return {};
        here.example.text = beginning_of(text, limits.text_bytes);
        here.example.labels = document.labels;
        std::ranges::sort(here.example.labels);
        held.emplace(document.row, std::move(here));
        return {};
    });
    if (!done) return done.error();

    std::vector<std::uint64_t> rows;
    for (const auto& [row, one] : held) rows.push_back(row);
    std::ranges::sort(rows);
    ExamplePool pool;
    pool.by_label_.resize(taxonomy.labels.size());
    for (const std::uint64_t row : rows) {
        const auto place = static_cast<std::uint32_t>(pool.examples_.size());
        pool.examples_.push_back(std::move(held.find(row)->second.example));
        for (const LabelId label : pool.examples_.back().labels) pool.by_label_[label].push_back(place);
    }
    return pool;
}

std::vector<std::uint32_t> ExamplePool::choose(const LabelSet& labels, const Taxonomy& taxonomy, std::uint64_t index,
                                               std::size_t count, std::uint64_t seed) const {
    std::vector<std::uint32_t> chosen;
    std::vector<LabelId> having;
    for (const LabelId label : labels)
        if (!by_label_[label].empty()) having.push_back(label);
    if (having.empty()) return chosen;

    for (std::size_t turn = 0; turn < count; ++turn) {
        // Which label comes first changes from sample to sample, so that with few examples none is left out for good.
        const LabelId label = having[(Random(derive_seed(seed, index)).below(having.size()) + turn) % having.size()];
        const std::vector<std::uint32_t>& all = by_label_[label];
        const std::uint64_t place = index * count + turn;
        std::vector<std::uint32_t> order(all);
        Random random(derive_seed(derive_seed(seed, taxonomy[label].code), place / all.size()));
        random.shuffle(std::span(order));
        // What another label or turn has given already is passed over.
        for (std::size_t step = 0; step < order.size(); ++step) {
            const std::uint32_t candidate = order[(place + step) % order.size()];
            if (std::ranges::find(chosen, candidate) != chosen.end()) continue;
            chosen.push_back(candidate);
            break;
        }
    }
    return chosen;
}

}  // namespace synth::examples
