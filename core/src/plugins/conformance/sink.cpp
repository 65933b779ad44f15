#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "plugins/conformance/checks.hpp"
#include "synth/sink.hpp"

namespace synth::core::conformance {

namespace fs = std::filesystem;

namespace {

std::vector<Record> some_records(const Taxonomy& taxonomy) {
    std::vector<Record> records;
    std::uint64_t index = 0;
    for (const auto& spec : some_specs(taxonomy)) {
        Record record;
        record.index = index;
        record.link = "https://synthetic-data-gen.example.com/sample_" + number(index + 1);
        record.title = index % 3 == 0 ? "" : "A \"burst\", seen by\ttwo";
        record.text = some_document(index % 4 == 0 ? 3000 : 60) + "\n\"quoted\", back\\slash, <tag> & 漢字 \x01\n";
        record.labels = spec.labels;
        record.seed = spec.seed;
        record.attempt = 1 + static_cast<std::uint32_t>(index % 2);
        record.provider = "check";
        if (index % 5 != 0) record.model = "model-1";
        record.prompt_hash = "0123456789abcdef";
        record.finish = FinishReason::stop;
        if (index % 2 == 0) record.usage = Usage{{900}, {0}, {0}, {1500}, {0}};
        if (index % 4 == 0) record.cost = PicoUsd{1'035'000'000};
        record.words = count_words(record.text);
        if (index % 3 == 1) record.findings = {{Severity::warning, "too_short", "the text has 60 words"}};
        record.sent = TimePoint(std::chrono::milliseconds(1'795'000'000'000 + static_cast<std::int64_t>(index)));
        record.received = record.sent + std::chrono::milliseconds(900);
        records.push_back(std::move(record));
        index += index % 5 == 4 ? 2 : 1;  // some samples are missing
    }
    return records;
}

Status write_all(const Instance<Sink>& sink, const Taxonomy& taxonomy, const fs::path& staging, const std::string& stem,
                 const std::vector<Record>& records) {
    SinkContext context;
    context.taxonomy = &taxonomy;
    context.staging_dir = staging.string();
    context.stem = stem;
    context.samples = records.empty() ? 20 : records.back().index + 1;
    if (auto opened = sink.call([&](Sink& s) { return s.open(context); }); !opened) return opened;
    for (const auto& record : records)
        if (auto written = sink.call([&](Sink& s) { return s.write(record); }); !written) return written;
    return sink.call([&](Sink& s) { return s.finish({records.size(), context.samples}); });
}

/// Relative path and content of all that is below a folder.
Result<std::map<std::string, std::string>> contents(const fs::path& folder) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        std::string text = "/";
        if (!entry.is_directory()) {
            auto read = read_file(entry.path());
            if (!read) return std::move(read).error();
            text = std::move(*read);
        }
        found.emplace(entry.path().lexically_relative(folder).string(), std::move(text));
    }
    return found;
}

/// Files can be made, but not one byte fits into any of them, as on a disk that is full.
class FullDisk {
public:
    FullDisk() {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit none = before_;
        none.rlim_cur = 0;
        ::setrlimit(RLIMIT_FSIZE, &none);
    }
    ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

private:
    rlimit before_{};
};

}  // namespace

void check_sink(Checks& checks) {
    {
        Instance<Sink> one, other;
        if (!checks.make(one, other)) return;
    }  // destroyed without having been opened
    const auto records = some_records(checks.taxonomy);
    const std::string stem = checks.scratch.filename().string();  // of no file but these
    const fs::path out = checks.scratch / "out", again = checks.scratch / "again", none = checks.scratch / "none";
    for (const auto& folder : {out, again, none}) fs::create_directory(folder);
    const auto write_to = [&](const fs::path& folder, const std::vector<Record>& what) {
        return write_all(checks.make<Sink>(), checks.taxonomy, folder, stem, what);
    };

    std::map<std::string, std::string> output;
    bool written = false;
    checks.run("records are written", [&]() -> Problem {
        if (const Status done = write_to(out, records); !done) return described(done.error());
        auto found = contents(out);
        if (!found) return described(found.error());
        output = std::move(*found);
        if (output.empty()) return "nothing is in the staging folder";
        written = true;
        std::size_t bytes = 0;
        for (const auto& [name, text] : output) bytes += text.size();
        checks.note = number(records.size()) + " records, " + number(bytes) + " bytes";
        return {};
    });
    checks.run("the same records give the same bytes", [&]() -> Problem {
        if (const Status done = write_to(again, records); !done) return described(done.error());
        const auto found = contents(again);
        if (!found) return described(found.error());
        for (const auto& [name, text] : *found)
            if (!output.contains(name)) return name + " is there only the second time";
        for (const auto& [name, text] : output) {
            if (!found->contains(name)) return name + " is there only the first time";
            if (found->at(name) != text) return name + " differs";
        }
        return {};
    });
    checks.run("an output without records can be written", [&]() -> Problem {
        if (const Status done = write_to(none, {}); !done) return described(done.error());
        return {};
    });
    checks.run("what is left is named STEM.something and can be published", [&]() -> Problem {
        const fs::path dir = checks.scratch / "published";
        fs::create_directory(dir);
        auto staging = StagingDir::make(dir, stem);
        if (!staging) return described(staging.error());
        if (const Status done = write_to(staging->path(), records); !done) return described(done.error());
        const auto published = staging->publish(dir, stem, false);
        if (!published) return published.error().message;
        for (const auto& file : *published)
            checks.note += (checks.note.empty() ? "" : ", ") + file.filename().string().substr(stem.size());
        return {};
    });
    checks.run("nothing is written outside the staging folder", [&]() -> Problem {
        for (const auto& entry : fs::directory_iterator(checks.scratch))
            if (const auto name = entry.path().filename();
                name != "out" && name != "again" && name != "none" && name != "published")
                return name.string() + " appeared beside it";
        for (const auto& folder : {fs::current_path(), fs::temp_directory_path()})
            for (const auto& entry : fs::directory_iterator(folder))
                if (const auto name = entry.path().filename().string(); name.starts_with(stem + "."))
                    return entry.path().string() + " appeared";
        return {};
    });
    const auto expect_io = [&](const Status& status) -> Problem {
        if (status) return "nothing was said of it";
        if (status.error().code != ErrorCode::io) return described(status.error()) + " (a failure of the disk is io)";
        if (!one_line(status.error().message)) return "an error without one line that says why";
        return {};
    };
    checks.run("a staging folder that is gone is an io error",
               [&]() -> Problem { return expect_io(write_to(checks.scratch / "gone", records)); });
    checks.run("a full disk is an io error", [&]() -> Problem {
        if (!written) return "nothing could be written to begin with";
        const fs::path folder = checks.scratch / "full";
        fs::create_directory(folder);
        const auto sink = checks.make<Sink>();
        const FullDisk full;
        return expect_io(write_all(sink, checks.taxonomy, folder, stem, records));
    });
    checks.run("an output can be given up halfway", [&]() -> Problem {
        const fs::path folder = checks.scratch / "half";
        fs::create_directory(folder);
        auto sink = checks.make<Sink>();
        SinkContext context{&checks.taxonomy, folder.string(), stem, 20};
        if (auto opened = sink.call([&](Sink& s) { return s.open(context); }); !opened)
            return described(opened.error());
        for (const auto& record : std::span(records).first(3))
            if (auto done = sink.call([&](Sink& s) { return s.write(record); }); !done) return described(done.error());
        sink = {};
        return {};
    });
}

}  // namespace synth::core::conformance
