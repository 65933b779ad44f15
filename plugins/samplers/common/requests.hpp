// What every sampler asks of a request, and how it goes on from an earlier plan.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "synth/random.hpp"
#include "synth/sampler.hpp"

namespace synth::samplers {

[[nodiscard]] Error invalid(std::string message);

/// invalid_argument when no plan whatever could satisfy the request.
Status check(const PlanRequest& request, const Taxonomy& taxonomy);

/// For samplers whose data decide about primaries: invalid_argument when samples per class are asked for. `sampler`:
/// its id.
Status refuse_samples_per_class(const PlanRequest& request, const char* sampler);

/// invalid_argument when sample `number` (from 1) of an earlier plan is one too many, or not of this taxonomy.
Status check_prior(const PlanRequest& request, const Taxonomy& taxonomy, const SampleSpec& sample,
                   std::uint64_t number);

/// Calls `each(const SampleSpec&)`, which returns a Status, for every sample of the plan to go on from, all checked.
/// Gives how many they are.
template <class Function>
Result<std::uint64_t> replay(const PlanRequest& request, const Taxonomy& taxonomy, Function&& each) {
    std::uint64_t count = 0;
    if (request.prior == nullptr) return count;
    std::vector<SampleSpec> block(256);
    for (;;) {
        const auto read = request.prior->next(block);
        if (!read) return read.error();
        if (*read == 0) return count;
        for (std::size_t i = 0; i < *read; ++i) {
            if (Status fits = check_prior(request, taxonomy, block[i], ++count); !fits) return fits.error();
            if (Status done = each(block[i]); !done) return done.error();
        }
    }
}

/// "2 to 3", "2".
[[nodiscard]] std::string range_text(std::uint64_t least, std::uint64_t most);

/// The labels that are drawn: all but the negative one, in taxonomy order.
[[nodiscard]] std::vector<LabelId> drawable(const Taxonomy& taxonomy);

/// n / d, half up: how many negative samples n samples of d classes hold.
[[nodiscard]] constexpr std::uint64_t divide_rounded(std::uint64_t n, std::uint64_t d) noexcept {
    return n / d + static_cast<std::uint64_t>(n % d >= d - n % d);
}

/// invalid_argument when `count` samples with that primary are more than were asked for.
Status check_primaries(const Taxonomy& taxonomy, LabelId primary, std::uint64_t count, std::uint64_t samples_per_class);

/// Deals out primaries so that every label is one exactly as often as asked, in random order.
class PrimaryQuota {
public:
    /// The taxonomy is borrowed. 0 samples per class: there is no quota.
    PrimaryQuota(const Taxonomy& taxonomy, std::uint64_t samples_per_class);

    [[nodiscard]] bool exact() const noexcept { return each_ > 0; }
    /// Of a sample that stands.
    Status count(LabelId primary);
    /// One that is still due; only when `exact`.
    [[nodiscard]] LabelId draw(Random& random);

private:
    const Taxonomy& taxonomy_;
    std::uint64_t each_;
    std::vector<std::uint64_t> left_;
};

}  // namespace synth::samplers
