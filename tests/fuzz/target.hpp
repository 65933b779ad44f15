// A fuzz target is one file with one LLVMFuzzerTestOneInput. libFuzzer drives it (tools/fuzz), or replay.cpp, which
// runs the corpus through it as an ordinary test. Anything that ends the process is a finding.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

/// Only of targets that load plugins: the fuzzer counts what they cover when they are there before it begins.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);

namespace synth::fuzz {

/// Ends the process with `what` when a promise of the code under test does not hold.
inline void require(bool holds, std::string_view what, std::string_view seen = {}) {
    if (holds) return;
    std::cerr << "promise broken: " << what << '\n' << seen << std::endl;
    std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Takes what stands before the next `separator` off the front of `text`, and the separator with it.
inline std::string_view take(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return taken;
}

/// For people and terminals: UTF-8 without control characters, on one line.
inline bool is_one_line(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
        const unsigned char lead = byte(at);
        const std::size_t length = lead < 0x80   ? 1
                                   : lead < 0xc2 ? 0
                                   : lead < 0xe0 ? 2
                                   : lead < 0xf0 ? 3
                                   : lead < 0xf5 ? 4
                                                 : 0;
        if (length == 0 || at + length > text.size() || lead < ' ' || lead == 0x7f) return false;
        for (std::size_t i = 1; i < length; ++i)
            if ((byte(at + i) & 0xc0U) != 0x80) return false;
        if (lead == 0xc2 && byte(at + 1) < 0xa0) return false;  // C1 controls
        at += length;
    }
    return true;
}

}  // namespace synth::fuzz
