// A file in memory for code that opens what it reads: in a folder of its own, removed with everything in it.

#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "target.hpp"

namespace synth::fuzz {

class ScratchFile {
public:
    explicit ScratchFile(std::string_view name) {
        std::error_code error;
        const std::filesystem::path memory = "/dev/shm";
        const bool there = std::filesystem::is_directory(memory, error) && ::access(memory.c_str(), W_OK) == 0;
        std::string folder =
            ((there ? memory : std::filesystem::temp_directory_path()) / "tdamm-synth-fuzz-XXXXXX").string();
        require(::mkdtemp(folder.data()) != nullptr, "a scratch folder can be made");
        folder_ = folder;
        file_ = folder_ / name;
    }
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;
    ~ScratchFile() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    /// The file with `bytes` in it, and nothing beside it.
    const std::filesystem::path& holding(std::string_view bytes) {
        for (const auto& entry : std::filesystem::directory_iterator(folder_)) std::filesystem::remove(entry.path());
        std::ofstream(file_, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return file_;
    }

private:
    std::filesystem::path folder_, file_;
};

}  // namespace synth::fuzz
