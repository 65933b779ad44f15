#include "common/apportion.hpp"

#include <algorithm>
#include <cstddef>

namespace synth::samplers {

__extension__ using Wide = unsigned __int128;

std::vector<std::uint64_t> apportion(std::uint64_t total, std::span<const std::uint64_t> weights,
                                     std::span<const std::uint64_t> least) {
    std::vector<std::uint64_t> parts(least.begin(), least.end());
    std::vector<std::size_t> open;  // parts that are still shared out
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (weights[i] > 0)
            open.push_back(i);
        else
            total -= parts[i];
    }
    std::vector<std::uint64_t> remainders(parts.size());
    for (;;) {
        Wide sum = 0;
        for (const std::size_t i : open) sum += weights[i];
        if (open.empty()) return parts;
        std::uint64_t rest = total;
        for (const std::size_t i : open) {
            const Wide share = Wide{total} * weights[i];
            parts[i] = static_cast<std::uint64_t>(share / sum);
            remainders[i] = static_cast<std::uint64_t>(share % sum);
            rest -= parts[i];
        }
        std::vector<std::size_t> order = open;
        std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
            return remainders[a] != remainders[b] ? remainders[a] > remainders[b] : a < b;
        });
        for (std::size_t i = 0; i < rest; ++i) ++parts[order[i]];

        const auto exceeded = [&](std::size_t i) { return parts[i] < least[i]; };
        if (std::ranges::none_of(open, exceeded)) return parts;
        for (const std::size_t i : open)
            if (exceeded(i)) {
                parts[i] = least[i];
                total -= parts[i];
                remainders[i] = 0;
            } else {
                remainders[i] = 1;
            }
        std::erase_if(open, [&](std::size_t i) { return remainders[i] == 0; });
    }
}

}  // namespace synth::samplers
