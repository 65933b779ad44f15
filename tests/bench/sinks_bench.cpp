// How many records a second of processor time a sink writes: sinks_bench [RECORDS [BYTES [SINK [OPTIONS]]]]

#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/plugin_loading.hpp"
#include "synth/random.hpp"
#include "synth/sink.hpp"

namespace {

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double measure(const std::string& id, const std::string& options, std::uint64_t records, std::size_t bytes) {
    const auto sink = synth::test::load<synth::Sink>(id, options);
    if (!sink) {
        std::fprintf(stderr, "%s\n", sink.error().message.c_str());
        std::exit(1);
    }
    std::string folder = (std::filesystem::temp_directory_path() / "sinks-bench-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) std::exit(1);
    synth::SinkContext context;
    context.taxonomy = &synth::test::taxonomy();
    context.staging_dir = folder;
    context.stem = "run";
    context.samples = records;
    // English as models write it: a quote, a line end or a character beyond ASCII every hundred bytes or so.
    synth::Record record;
    record.model = "gpt-small";
    synth::Random random(1);
    while (record.text.size() < bytes) {
        for (std::uint64_t n = random.below(120); n > 0; --n)
            record.text += n % 6 == 0 ? ' ' : static_cast<char>('a' + random.below(26));
        static const char* const kOdd[] = {"\"", "\n\n", "–", "µ", ", "};
        record.text += kOdd[random.below(5)];
    }
    const double start = cpu_seconds();
    auto ok = sink->object().open(context);
    for (std::uint64_t i = 0; i < records && ok; ++i) {
        record.index = i;
        record.link = "https://synthetic-data-gen.example.com/sample_" + std::to_string(i + 1);
        record.seed = synth::derive_seed(1, i);
        record.labels = {};
        for (std::uint64_t k = 0; k < 3; ++k) record.labels.insert(static_cast<synth::LabelId>((i * 7 + k * 11) % 39));
        ok = sink->object().write(record);
    }
    if (ok) ok = sink->object().finish({records, records});
    const double spent = cpu_seconds() - start;
    std::filesystem::remove_all(folder);
    if (!ok) {
        std::fprintf(stderr, "%s\n", ok.error().message.c_str());
        std::exit(1);
    }
    return static_cast<double>(records) / spent;
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 50'000;
    const std::size_t bytes = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 10'000;
    std::vector<std::string> ids = {"json", "jsonl", "csv", "huggingface", "multihot", "sqlite"};
    if (argc > 3) ids = {argv[3]};
    for (const std::string& id : ids)
        std::printf("%s: %.0f records of %zu bytes a second of processor time\n", id.c_str(),
                    measure(id, argc > 4 ? argv[4] : "{}", records, bytes), bytes);
}
