#include "run/plan_blocks.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace synth::core {

namespace {

/// Little-endian.
template <class Number>
void put(Number number, std::string& bytes) {
    for (unsigned shift = 0; shift < 8 * sizeof number; shift += 8) bytes += static_cast<char>(number >> shift & 0xFFU);
}

template <class Number>
Number get(std::string_view bytes, std::size_t at) {
    std::uint64_t number = 0;
    for (std::size_t i = sizeof(Number); i-- > 0;) number = number << 8U | static_cast<unsigned char>(bytes[at + i]);
    return static_cast<Number>(number);
}

}  // namespace

void pack(const SampleSpec& spec, std::string& bytes) {
    bytes += static_cast<char>(spec.drawn.size());
    bytes += static_cast<char>(spec.labels.size());
    put(spec.primary, bytes);
    put(spec.variant, bytes);
    for (const LabelId id : spec.drawn) put(id, bytes);
    for (const LabelId id : spec.labels)
        if (!spec.drawn.contains(id)) put(id, bytes);
}

bool unpack(std::string_view& bytes, SampleSpec& spec) {
    if (bytes.size() < kPackedSpec) return false;
    const auto drawn = static_cast<std::size_t>(bytes[0]);
    const auto labels = static_cast<std::size_t>(bytes[1]);
    if (drawn > labels || labels > LabelSet::kCapacity || bytes.size() < kPackedSpec + kPackedLabel * labels)
        return false;
    spec.primary = get<LabelId>(bytes, 2);
    spec.variant = get<std::uint32_t>(bytes, 4);
    spec.drawn = spec.labels = {};
    for (std::size_t i = 0; i < labels; ++i) {
        const auto id = get<LabelId>(bytes, kPackedSpec + kPackedLabel * i);
        if (i < drawn) spec.drawn.insert(id);
        spec.labels.insert(id);
    }
    bytes.remove_prefix(kPackedSpec + kPackedLabel * labels);
    return true;
}

bool within(const SampleSpec& spec, std::size_t labels) {
    const auto known = [labels](const LabelSet& set) { return set.empty() || set[set.size() - 1] < labels; };
    return spec.primary < labels && known(spec.labels) && known(spec.drawn);
}

PlanDigest::PlanDigest() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }

void PlanDigest::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

void PlanDigest::add(std::string_view packed) { EVP_DigestUpdate(context_.get(), packed.data(), packed.size()); }

std::string PlanDigest::hexadecimal() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        text += kDigits[digest[i] >> 4U];
        text += kDigits[digest[i] & 15U];
    }
    return text;
}

Result<PlanSum> sum_up(PlanStream& plan) {
    PlanSum sum;
    PlanDigest digest;
    std::vector<SampleSpec> specs(kSpecsPerBlock);
    std::string bytes;
    for (;;) {
        auto got = plan.next(specs);
        if (!got) return std::move(got).error();
        if (*got == 0) break;
        bytes.clear();
        for (std::size_t i = 0; i < *got; ++i) pack(specs[i], bytes);
        digest.add(bytes);
        sum.samples += *got;
    }
    sum.digest = digest.hexadecimal();
    return sum;
}

Result<std::size_t> PlanSlice::next(std::span<SampleSpec> out) {
    if (skip_ > 0) {
        std::vector<SampleSpec> skipped(kSpecsPerBlock);
        while (skip_ > 0) {
            auto got = plan_.next(
                std::span(skipped).first(static_cast<std::size_t>(std::min<std::uint64_t>(skip_, skipped.size()))));
            if (!got || *got == 0) return got;
            skip_ -= *got;
        }
    }
    if (left_ == 0) return std::size_t{0};
    auto got = plan_.next(out.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, out.size()))));
    if (got) left_ -= *got;
    return got;
}

}  // namespace synth::core
