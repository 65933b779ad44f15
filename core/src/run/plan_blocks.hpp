// A plan as bytes: packed blocks of specs and the digest over all of them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "synth/result.hpp"
#include "synth/sampler.hpp"
#include "synth/types.hpp"

struct evp_md_ctx_st;

namespace synth::core {

inline constexpr std::size_t kSpecsPerBlock = 4096;

/// Bytes of a packed spec without labels, and of each label.
inline constexpr std::size_t kPackedSpec = 8, kPackedLabel = 2;

/// Appends labels and variant of `spec` to `bytes`.
void pack(const SampleSpec& spec, std::string& bytes);

/// Takes one spec off the front of `bytes`; false when they are damaged.
bool unpack(std::string_view& bytes, SampleSpec& spec);

/// Whether a spec names only labels that there are: everybody indexes the taxonomy with them.
bool within(const SampleSpec& spec, std::size_t labels);

/// SHA-256 over packed specs, whatever blocks they come in.
class PlanDigest {
public:
    PlanDigest();
    void add(std::string_view packed);
    [[nodiscard]] std::string hexadecimal();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// What a whole plan amounts to.
struct PlanSum {
    std::uint64_t samples = 0;
    std::string digest;
};
/// Reads a plan to its end.
Result<PlanSum> sum_up(PlanStream& plan);

/// `samples` specs of a plan, from `first` on.
class PlanSlice final : public PlanStream {
public:
    /// `plan` is borrowed and at its beginning.
    PlanSlice(PlanStream& plan, std::uint64_t first, std::uint64_t samples)
        : plan_(plan), skip_(first), left_(samples) {}
    Result<std::size_t> next(std::span<SampleSpec> out) override;

private:
    PlanStream& plan_;
    std::uint64_t skip_, left_;
};

}  // namespace synth::core
