// Ledgers as a crash, a bad disk or a stranger may leave them: opened, read through every cursor, and where all of it
// reads well, opened for going on as `resume` does. Input: the bytes of the file.

#include "run/ledger.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "config/run_config.hpp"
#include "scratch_file.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace {

using namespace synth;
using fuzz::require;

void check_error(const Error& error) {
    require(error.code == ErrorCode::io && !error.message.empty(), "a damaged ledger is an io error", error.message);
}

template <class Row>
void check(const Row&) {}
void check(const CallRow& row) {
    require(row.outcome <= Outcome::abandoned, "an outcome is one of those that there are");
    require(row.finish <= FinishReason::other, "a finish reason is one of those that there are");
}
void check(const core::CallEntry& entry) {
    check(entry.row);
    require(!entry.error || *entry.error <= ErrorCode::internal, "an error code is one of those that there are");
}

/// True when all rows could be read.
template <class Row>
bool read_all(Cursor<Row>& cursor) {
    Row row;
    for (;;) {
        const auto more = cursor.next(row);
        if (!more) return check_error(more.error()), false;
        if (!*more) return true;
        check(row);
    }
}

bool read_plan(PlanStream& plan, std::uint64_t first, std::uint64_t samples, std::size_t labels) {
    std::vector<SampleSpec> specs(256);
    for (;;) {
        const auto got = plan.next(specs);
        if (!got) return check_error(got.error()), false;
        if (*got == 0) {
            require(first >= samples, "the plan is as long as promised");
            return true;
        }
        require(first + *got <= samples, "the plan is no longer than promised");
        for (std::size_t i = 0; i < *got; ++i, ++first) {
            require(specs[i].index == first, "the plan has every index once, in order");
            require(specs[i].primary < labels, "labels are those of the taxonomy");
            for (const LabelId label : specs[i].labels) require(label < labels, "labels are those of the taxonomy");
        }
    }
}

bool read_everything(core::LedgerReader& reader) {
    bool whole = true;
    const auto take = [&](const auto& result) {
        if (!result.ok()) check_error(result.error());
        whole = result.ok() && whole;
        return result.ok();
    };
    whole = core::parse_run_config(reader.head().config_json).ok() && whole;
    const auto taxonomy = core::parse_taxonomy(reader.head().taxonomy_json, "ledger");
    whole = taxonomy.ok() && whole;
    take(reader.progress());
    const auto remedies = reader.remedies();
    if (take(remedies))
        for (const auto& learned : *remedies)
            require(learned.remedy.kind <= Remedy::Kind::rename_parameter, "a remedy is one of those that there are");
    if (taxonomy)
        for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{3}})
            whole = read_plan(*reader.plan(first), first, reader.head().samples, taxonomy->labels.size()) && whole;
    whole = read_all(*reader.calls()) && whole;
    whole = read_all(*reader.events()) && whole;
    whole = read_all(*reader.accepted()) && whole;
    std::vector<std::uint64_t> samples;
    take(reader.each_sample([&](std::uint64_t sample, bool) {
        if (samples.size() < 8) samples.push_back(sample);
    }));
    for (const std::uint64_t sample : samples) {
        const auto calls = reader.calls_of(sample);
        if (!take(calls)) continue;
        for (const auto& call : *calls) {
            check(call);
            take(reader.prompt_of(sample, call.row.attempt));
        }
    }
    return whole;
}

/// Goes on with the ledger: a call, an event, a remedy, and a clean end.
void resume(const std::filesystem::path& file) {
    auto writer = core::LedgerWriter::open(file, [] {});
    if (!writer) return check_error(writer.error());
    core::CallEntry entry;
    entry.row.role = "write";
    entry.row.usage = Usage{{100}, {}, {}, {50}, {}};
    entry.row.cost = PicoUsd{123};
    entry.prompt = "a prompt";
    (*writer)->append(entry);
    (*writer)->append(RunEvent{{}, "started", "again"});
    const Status closed = (*writer)->close();
    if (!closed) check_error(closed.error());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::ScratchFile scratch("run.ledger.sqlite");
    const auto& file = scratch.holding(fuzz::as_text(data, size));
    bool whole = false;
    {
        auto reader = core::LedgerReader::open(file);
        if (!reader) return check_error(reader.error()), 0;
        whole = read_everything(*reader);
    }
    if (whole) resume(file);
    return 0;
}

#if SYNTH_FUZZER
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

/// Changes a database where it counts: B-tree headers, cell pointers, record headers and whole pages. Changes that
/// know nothing of pages come in between.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    std::uint32_t state = seed * 2654435761U + 1;
    const auto draw = [&](std::size_t below) {
        state ^= state << 13U;
        state ^= state >> 17U;
        state ^= state << 5U;
        return below == 0 ? std::size_t{0} : state % below;
    };
    const std::size_t page = size < 100 ? 0 : static_cast<std::size_t>(data[16]) << 8U | data[17];
    if (page < 512 || size < 2 * page || draw(8) == 0) return LLVMFuzzerMutate(data, size, max_size);
    const std::size_t pages = size / page;
    for (std::size_t changes = 1 + draw(3); changes > 0; --changes) {
        const std::size_t number = draw(pages);
        std::uint8_t* const start = data + number * page;
        std::uint8_t* const tree = start + (number == 0 ? 100 : 0);
        const std::size_t room = page - (number == 0 ? 100U : 0U);
        const std::size_t cells = std::min<std::size_t>(std::size_t{tree[3]} << 8U | tree[4], (room - 12) / 2);
        const std::size_t head = tree[0] == 2 || tree[0] == 5 ? 12 : 8;
        std::uint8_t* const pointer = tree + head + 2 * draw(cells);  // of a cell; within the page: cells is bounded
        const std::size_t cell = std::size_t{pointer[0]} << 8U | pointer[1];
        switch (draw(9)) {
            case 0: tree[draw(12)] = static_cast<std::uint8_t>(draw(256)); break;
            case 1: tree[draw(12)] ^= static_cast<std::uint8_t>(1U << draw(8)); break;
            case 2: pointer[draw(2)] = static_cast<std::uint8_t>(draw(256)); break;
            case 3:  // the sizes and types at the beginning of a record
                if (cell + 24 < page) start[cell + draw(24)] = static_cast<std::uint8_t>(draw(256));
                break;
            case 4:
                if (cell + 24 < page) start[cell + draw(24)] ^= static_cast<std::uint8_t>(1U << draw(8));
                break;
            case 5: {  // the content of a record
                const std::size_t at = cell < page ? cell : draw(page);
                const std::size_t length = std::min<std::size_t>(page - at, 1 + draw(64));
                LLVMFuzzerMutate(start + at, length, length);
                break;
            }
            case 6: start[draw(page)] = static_cast<std::uint8_t>(draw(256)); break;
            case 7: std::memmove(start, data + draw(pages) * page, page); break;
            default:  // a page number: the right child, or the left one of a cell
                tree[head == 12 ? 11 : 8] = static_cast<std::uint8_t>(draw(pages + 2));
                if (head == 12 && cell + 4 < page) start[cell + 3] = static_cast<std::uint8_t>(draw(pages + 2));
                break;
        }
    }
    if (draw(32) == 0) size -= draw(size / 4);
    return size;
}
#endif
