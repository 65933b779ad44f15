// A plan as bytes: packed blocks of specs and the digest over all of them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "synth/result.hpp"
#include "synth/types.hpp"

struct evp_md_ctx_st;

namespace synth::core {

inline constexpr std::size_t kSpecsPerBlock = 4096;

/// Appends the labels of `spec` to `bytes`.
void pack(const SampleSpec& spec, std::string& bytes);

/// Takes one spec off the front of `bytes`; false when they are damaged.
bool unpack(std::string_view& bytes, SampleSpec& spec);

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

}  // namespace synth::core
