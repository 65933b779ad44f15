#include "common/label_spellings.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "synth/text.hpp"

namespace synth::plugins {
namespace {

/// ASCII in lower case; runs of space, '-' and '_' are one space. Everything else stays.
std::string folded(std::string_view text) {
    std::string out;
    for (const char c : trim(text)) {
        const bool gap = is_space(c) || c == '-' || c == '_';
        if (gap && !out.empty() && out.back() == ' ') continue;
        out += gap ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

std::string_view last_part(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// Levenshtein's.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

}  // namespace

LabelSpellings::LabelSpellings(const Taxonomy& taxonomy) : taxonomy_(taxonomy) {
    const auto add = [](Folded& to, std::string_view spelling, LabelId id) {
        const auto [place, fresh] = to.try_emplace(folded(spelling), id);
        if (!fresh && place->second != id) place->second.reset();
    };
    for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) {
        const auto id = static_cast<LabelId>(i);
        const Label& label = taxonomy.labels[i];
        // As Taxonomy::find: the first label of that name or code.
        exact_.emplace(label.name, id);
        exact_.emplace(label.code, id);
        add(names_, label.name, id);
        add(names_, label.code, id);
        add(parts_, last_part(label.name), id);
        for (const std::string& alias : label.aliases) add(aliases_, alias, id);
    }
}

std::optional<LabelId> LabelSpellings::find(std::string_view spelling) const {
    if (const auto found = exact_.find(spelling); found != exact_.end()) return found->second;
    const std::string whole = folded(spelling), part = folded(last_part(spelling));
    for (const auto& [known, key] : std::array<std::pair<const Folded*, const std::string*>, 5>{
             {{&names_, &whole}, {&names_, &part}, {&parts_, &part}, {&aliases_, &whole}, {&aliases_, &part}}})
        if (const auto found = known->find(*key); found != known->end()) return found->second;
    return std::nullopt;
}

std::string_view LabelSpellings::nearest(std::string_view spelling) const {
    const std::string wanted = folded(last_part(spelling));
    std::string_view best;
    std::size_t least = std::max<std::size_t>(2, wanted.size() / 2) + 1;
    for (const Label& label : taxonomy_.labels)
        if (const std::size_t own = distance(wanted, folded(last_part(label.name))); own < least) {
            least = own;
            best = label.name;
        }
    return best;
}

}  // namespace synth::plugins
