#pragma once

#include <memory>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace synth::core {

/// zstd with typical prompts as dictionary: prompts share most of their text. A fast level that looks for matches in
/// the dictionary where it is, instead of copying its tables first. One thread at a time. Throws std::bad_alloc.
class PromptCompressor {
public:
    explicit PromptCompressor(std::string_view dictionary);

    /// Valid until the next call.
    std::string_view operator()(std::string_view prompt);

private:
    struct Free {
        void operator()(ZSTD_CCtx_s* context) const noexcept;
    };
    std::unique_ptr<ZSTD_CCtx_s, Free> context_;  // has a copy of the dictionary
    std::string buffer_;
};

/// What PromptCompressor wrote, with the same dictionary, which is borrowed. One thread at a time.
class PromptDecompressor {
public:
    explicit PromptDecompressor(std::string_view dictionary) : dictionary_(dictionary) {}

    /// Empty when `bytes` is nothing that it wrote.
    std::string operator()(std::string_view bytes);

private:
    struct Free {
        void operator()(ZSTD_DCtx_s* context) const noexcept;
    };
    std::string_view dictionary_;
    std::unique_ptr<ZSTD_DCtx_s, Free> context_;  // made when it is needed
};

}  // namespace synth::core
