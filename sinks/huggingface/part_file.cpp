#include "huggingface/part_file.hpp"

#include <zstd.h>

#include <cstddef>
#include <utility>

namespace synth::sinks {

namespace {

constexpr std::size_t kChunk = std::size_t{256} * 1024;

}  // namespace

void PartFile::Free::operator()(ZSTD_CCtx_s* context) const noexcept { ZSTD_freeCCtx(context); }

Status PartFile::open(std::string path, bool compressed) {
    if (compressed) {
        compressor_.reset(ZSTD_createCCtx());
        if (!compressor_) return Error{ErrorCode::internal, "no memory for zstd", {}};
        ZSTD_CCtx_setParameter(compressor_.get(), ZSTD_c_checksumFlag, 1);
    }
    return file_.open(std::move(path));
}

Status PartFile::flush_if_full() {
    if (compressor_ && lines_.size() >= kChunk)
        if (Status compressed = compress(false); !compressed) return compressed;
    return file_.flush_if_full();
}

Status PartFile::close() {
    if (compressor_)
        if (Status compressed = compress(true); !compressed) return compressed;
    return file_.close();
}

Status PartFile::compress(bool end) {
    ZSTD_inBuffer in{lines_.data(), lines_.size(), 0};
    std::string& out = file_.buffer();
    for (;;) {
        const std::size_t before = out.size();
        out.resize(before + ZSTD_CStreamOutSize());
        ZSTD_outBuffer room{out.data() + before, out.size() - before, 0};
        const std::size_t left =
            ZSTD_compressStream2(compressor_.get(), &room, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        out.resize(before + room.pos);
        if (ZSTD_isError(left) != 0)
            return Error{ErrorCode::internal, std::string("zstd: ") + ZSTD_getErrorName(left), {}};
        if (end ? left == 0 : in.pos == in.size) break;
    }
    lines_.clear();
    return {};
}

}  // namespace synth::sinks
