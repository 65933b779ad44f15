// Writes small valid ledgers for the corpus, and ones with something wrong inside that SQLite does not see:
// `make-ledgers FOLDER`. Pages of 512 bytes keep them small and give the fuzzer trees that are deep enough.

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "run/ledger.hpp"

namespace {

using namespace synth;

constexpr const char* kConfig =
    R"({"batch_size":20,"budget_picousd":1500000000000,"drain_timeout_s":30,"give_up_after_s":900,"max_attempts":3,)"
    R"("max_concurrent":20,"max_labels":3,"min_labels":2,"name":"run","output_dir":"data","plugins":[{"id":"balanced",)"
    R"("kind":"sampler","options":{},"sha256":"","version":"1"}],"rpm":60.0,"samples":6,"samples_per_class":0,"seed":7,)"
    R"("taxonomy":"small","timeout_s":600,"tpm":null})";
constexpr const char* kTaxonomy =
    R"({"name":"small","labels":[{"code":"X","name":"X-rays"},{"code":"BH","name":"Black Holes"},)"
    R"({"code":"N","name":"Novae"},{"code":"NO","name":"None"}],"negative":"NO",)"
    R"("negative_categories":[{"id":"solar","name":"Solar"}]})";

class Plan final : public PlanStream {
public:
    Result<std::size_t> next(std::span<SampleSpec> out) override {
        std::size_t filled = 0;
        for (; made_ < 6 && filled < out.size(); ++made_, ++filled) {
            SampleSpec spec;
            spec.primary = static_cast<LabelId>(made_ % 3);
            spec.drawn.insert(spec.primary);
            if (made_ % 2 == 0) spec.drawn.insert(static_cast<LabelId>((made_ + 1) % 3));
            spec.labels = spec.drawn;
            spec.variant = static_cast<std::uint32_t>(made_);
            out[filled] = spec;
        }
        return filled;
    }

private:
    std::size_t made_ = 0;
};

void need(const Status& status) {
    if (!status) throw std::runtime_error(status.error().message);
}

core::CallEntry entry(std::uint64_t sample, std::uint32_t attempt, Outcome outcome) {
    core::CallEntry e;
    e.row = {.sample = sample,
             .attempt = attempt,
             .role = "write",
             .outcome = outcome,
             .model = "gpt-4o-mini",
             .tier = "default"};
    e.row.finish = FinishReason::stop;
    e.row.usage = Usage{{1543}, {1024}, {}, {1611}, {64}};
    e.row.cost = PicoUsd{1'044'150'000};
    e.row.words = 1201;
    e.row.target_words = 1178;
    e.row.sent = true;
    e.row.began = TimePoint(std::chrono::milliseconds(1'795'000'000'000));
    e.row.ended = e.row.began + std::chrono::seconds(9);
    e.status = 200;
    e.request_id = "req_1";
    e.output_limit = {3000};
    e.prompt_hash = 0x1234'5678'9abc'def0;
    e.prompt = "[system] You write.\n[user] Write about novae and X-rays.";
    e.title = "Shells of Novae";
    e.text = "Shells of Novae\n\nV1324 Sco was observed for 300 days.";
    if (outcome == Outcome::rejected) {
        e.error = ErrorCode::malformed;
        e.row.reason = "empty";
        e.row.message = "the answer contains no document";
        e.row.findings = {{Severity::rejection, "too_short", "has 12 words"},
                          {Severity::warning, "no_title", "lacks a title"}};
    }
    return e;
}

void write_calls(const std::filesystem::path& file) {
    auto writer = core::LedgerWriter::open(file, [] {});
    if (!writer) throw std::runtime_error(writer.error().message);
    (*writer)->append(RunEvent{TimePoint(std::chrono::milliseconds(1'795'000'000'000)), "started", "window 20"});
    (*writer)->append(core::LearnedRemedy{
        "http://127.0.0.1/v1", "m", {Remedy::Kind::rename_parameter, "max_tokens", "max_completion_tokens"}});
    (*writer)->append(entry(1, 1, Outcome::rejected));
    (*writer)->append(entry(1, 2, Outcome::accepted));
    (*writer)->append(entry(0, 1, Outcome::accepted));
    (*writer)->append(entry(4, 1, Outcome::throttled));
    need((*writer)->close());
}

/// A ledger under `name`, after `sql` has been run on it.
void make(const std::filesystem::path& folder, const std::string& name, bool with_calls, const std::string& sql) {
    const auto file = folder / name;
    std::filesystem::remove(file);
    core::LedgerHead head;
    head.config_json = kConfig;
    head.taxonomy_json = kTaxonomy;
    head.seed = 7;
    head.dictionary = "[system] You write.\n[user] Write about";
    Plan plan;
    need(core::create_ledger(file, head, plan));
    if (with_calls) write_calls(file);
    auto database = core::Database::open(file, core::Database::Mode::read_write);
    if (!database) throw std::runtime_error(database.error().message);
    need(database->execute(sql + ";PRAGMA page_size=512; VACUUM"));
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) throw std::runtime_error("which folder?");
    const std::filesystem::path folder = argv[1];
    make(folder, "new.ledger", false, "");
    make(folder, "with-calls.ledger", true, "");
    const std::pair<const char*, const char*> wrong[] = {
        {"config-is-no-json", "UPDATE meta SET value='{' WHERE key='config'"},
        {"config-leads-elsewhere",
         "UPDATE meta SET value=replace(value, '\"name\":\"run\"', '\"name\":\"../run\"') WHERE key='config'"},
        {"config-with-a-window-of-none",
         "UPDATE meta SET value=replace(value, '\"max_concurrent\":20', '\"max_concurrent\":0') WHERE key='config'"},
        {"config-with-a-number-beyond-all",
         "UPDATE meta SET value=replace(value, '\"timeout_s\":600', '\"timeout_s\":1e300') WHERE key='config'"},
        {"findings-of-numbers", "UPDATE call SET findings='[[\"warning\", 1, 2]]'"},
        {"outcome-unknown", "UPDATE call SET outcome=200"},
        {"finish-unknown", "UPDATE call SET finish=200"},
        {"error-unknown", "UPDATE call SET error=77"},
        {"usage-negative", "UPDATE call SET input=-1"},
        {"cost-negative", "UPDATE call SET cost=-1"},
        {"time-beyond-all", "UPDATE call SET began=-9223372036854775808, ended=9223372036854775807"},
        {"remedy-unknown", "UPDATE remedy SET kind=9"},
        {"progress-overflows", "UPDATE progress SET exposure=9223372036854775807, unaccounted=9223372036854775807"},
        {"progress-missing", "DELETE FROM progress"},
        {"plan-missing", "DELETE FROM plan"},
        {"plan-moved", "UPDATE plan SET first=5"},
        {"plan-shorter-than-promised", "UPDATE meta SET value='7' WHERE key='samples'"},
        {"plan-longer-than-promised", "UPDATE meta SET value='5' WHERE key='samples'"},
        {"plan-of-more-samples-than-memory", "UPDATE meta SET value='1000000000000000000' WHERE key='samples'"},
        {"plan-no-zstd", "UPDATE plan SET specs='abc'"},
        {"plan-without-end",
         "DROP TABLE plan; CREATE VIEW plan AS WITH RECURSIVE n(first, specs) AS (SELECT 0, '' UNION ALL SELECT first "
         "+ 1, '' "
         "FROM n) SELECT * FROM n"},
        {"labels-beyond-the-taxonomy",
         "UPDATE meta SET value='{\"name\":\"small\",\"labels\":[{\"name\":\"X\"}]}' WHERE key='taxonomy'"},
    };
    for (const auto& [name, sql] : wrong) make(folder, std::string(name) + ".ledger", true, sql);
    return 0;
} catch (const std::exception& failed) {
    std::cerr << failed.what() << '\n';
    return 1;
}
