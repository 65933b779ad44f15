// Runs files through a fuzz target without libFuzzer: `fuzz-TARGET FILE_OR_FOLDER...`. What a fuzzer once found stays
// found this way, with any compiler.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "target.hpp"

int main(int argc, char** argv) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i) {
        const std::filesystem::path given = argv[i];
        if (std::filesystem::is_directory(given))
            for (const auto& entry : std::filesystem::directory_iterator(given)) files.push_back(entry.path());
        else
            files.push_back(given);
    }
    std::ranges::sort(files);
    if (files.empty()) {
        std::cerr << "no inputs: give the files or folders to run\n";
        return 1;
    }
    LLVMFuzzerTestOneInput(nullptr, 0);
    for (const auto& file : files) {
        std::ifstream in(file, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(in), {}};
        if (!in.is_open()) {
            std::cerr << file.string() << ": cannot be read\n";
            return 1;
        }
        std::cout << file.string() << std::endl;  // before it runs: a crash is then below its name
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    std::cout << files.size() << " inputs\n";
}
