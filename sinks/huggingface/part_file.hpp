// The file of one part: JSON Lines, compressed with zstd or not.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/buffered_file.hpp"
#include "synth/result.hpp"

struct ZSTD_CCtx_s;

namespace synth::sinks {

class PartFile {
public:
    Status open(std::string path, bool compressed);

    /// To be appended to: whole lines.
    [[nodiscard]] std::string& buffer() noexcept { return compressor_ ? lines_ : file_.buffer(); }

    /// To be called after each record.
    Status flush_if_full();
    Status close();

private:
    Status compress(bool end);

    struct Free {
        void operator()(ZSTD_CCtx_s* context) const noexcept;
    };
    BufferedFile file_;
    std::string lines_;  ///< not yet compressed
    std::unique_ptr<ZSTD_CCtx_s, Free> compressor_;
};

}  // namespace synth::sinks
