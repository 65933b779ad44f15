#include "run/prompt_compression.hpp"

#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_c_forceAttachDict; a library without it attaches as it likes
#include <zstd.h>

#include <algorithm>
#include <new>

namespace synth::core {
namespace {

constexpr int kLevel = -5;
constexpr unsigned long long kMostBytes = 1U << 28U;

}  // namespace

void PromptCompressor::Free::operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
void PromptCompressor::Free::operator()(ZSTD_CDict* dictionary) const noexcept { ZSTD_freeCDict(dictionary); }
void PromptDecompressor::Free::operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }

PromptCompressor::PromptCompressor(std::string_view dictionary)
    : dictionary_(ZSTD_createCDict(dictionary.data(), dictionary.size(), kLevel)), context_(ZSTD_createCCtx()) {
    if (!dictionary_ || !context_) throw std::bad_alloc();
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_forceAttachDict, ZSTD_dictForceAttach);
    ZSTD_CCtx_refCDict(context_.get(), dictionary_.get());
}

std::string_view PromptCompressor::operator()(std::string_view prompt) {
    buffer_.resize(std::max(buffer_.size(), ZSTD_compressBound(prompt.size())));
    const auto size = ZSTD_compress2(context_.get(), buffer_.data(), buffer_.size(), prompt.data(), prompt.size());
    if (ZSTD_isError(size) != 0) throw std::bad_alloc();  // there is room for the result, so nothing else can go wrong
    return {buffer_.data(), size};
}

std::string PromptDecompressor::operator()(std::string_view bytes) {
    const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMostBytes) return {};
    if (!context_) context_.reset(ZSTD_createDCtx());
    std::string text(size, '\0');
    const auto got = ZSTD_decompress_usingDict(context_.get(), text.data(), text.size(), bytes.data(), bytes.size(),
                                               dictionary_.data(), dictionary_.size());
    return ZSTD_isError(got) != 0 ? std::string{} : text;
}

}  // namespace synth::core
