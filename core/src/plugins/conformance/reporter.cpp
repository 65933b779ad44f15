#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json_text.hpp"
#include "plugins/conformance/checks.hpp"
#include "synth/reporter.hpp"

namespace synth::core::conformance {

namespace {

template <class Row>
class VectorRows final : public Cursor<Row> {
public:
    VectorRows(std::span<const Row> rows, bool broken) : rows_(rows), broken_(broken) {}
    Result<bool> next(Row& row) override {
        if (at_ < rows_.size()) {
            row = rows_[at_++];
            return true;
        }
        if (broken_) return Error{ErrorCode::io, "the ledger cannot be read", "ledger"};
        return false;
    }

private:
    std::span<const Row> rows_;
    bool broken_;
    std::size_t at_ = 0;
};

class SmallRun final : public RunView {
public:
    explicit SmallRun(const Taxonomy& taxonomy) : taxonomy_(taxonomy), specs(some_specs(taxonomy)) {
        run.name = "check";
        run.seed = 7;
        run.plan_digest = std::string(64, 'a');
        run.samples = specs.size();
        run.min_labels = 1;
        run.max_labels = 4;
        run.max_attempts = 3;
        run.window = run.batch_size = 20;
        run.provider = "check";
        run.model = "model-1";
        run.endpoint = "https://api.example.com/v1";
    }
    [[nodiscard]] const RunFacts& facts() const override { return run; }
    [[nodiscard]] const Taxonomy& taxonomy() const override { return taxonomy_; }
    [[nodiscard]] std::unique_ptr<Cursor<SampleSpec>> plan() const override { return rows_of(specs); }
    [[nodiscard]] std::unique_ptr<Cursor<CallRow>> calls() const override { return rows_of(call_rows); }
    [[nodiscard]] std::unique_ptr<Cursor<RunEvent>> events() const override { return rows_of(event_rows); }
    [[nodiscard]] std::unique_ptr<Cursor<Record>> records() const override { return rows_of(record_rows); }
    [[nodiscard]] std::unique_ptr<Cursor<RejectedText>> rejected() const override { return rows_of(rejected_rows); }
    [[nodiscard]] Result<std::string> prompt(std::uint64_t sample, std::uint32_t) const override {
        return "[user]\nWrite document " + std::to_string(sample + 1) + ".\n";
    }
    [[nodiscard]] std::span<const ModelInfo> models() const override { return model_rows; }
    [[nodiscard]] std::optional<PicoUsd> price(const Usage& usage, const Billing& billing) const override {
        if (billing.model != "model-1") return std::nullopt;
        return usage.input * PicoUsd{150'000} + usage.output * PicoUsd{600'000};
    }

    /// Calls of every outcome, with and without what need not be known.
    void add_calls() {
        run.seconds = 12.5;
        run.prices_as_of = "2026-11-01";
        run.unaccounted = {5};
        run.unaccounted_requests = 1;
        model_rows = {{"model-1", "2026-11-01", "2027-01-01", "model-2", true}, {"model-3", "", "", "", false}};
        const TimePoint began(std::chrono::milliseconds(1'795'000'000'000));
        event_rows = {{began, "started", "session 1"}, {began, "window", "20 requests in flight"}};
        constexpr std::array kOutcomes = {Outcome::accepted, Outcome::rejected,  Outcome::failed, Outcome::answered,
                                          Outcome::remedied, Outcome::throttled, Outcome::halted, Outcome::abandoned,
                                          Outcome::probed,   Outcome::held};
        for (const auto& spec : std::span(specs).first(specs.size() - 1))
            for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
                const auto outcome = kOutcomes[kOutcomes.size() - 1 - i];
                CallRow row;
                row.sample = spec.index;
                row.attempt = static_cast<std::uint32_t>(1 + i / 4);
                row.role = outcome == Outcome::answered ? "judge" : "write";
                row.outcome = outcome;
                if (outcome != Outcome::accepted) {
                    row.reason =
                        std::string(name_of(outcome)) + (i % 2 == 0 ? "_of_a_reason_that_has_a_very_long_name" : "");
                    row.message = "something was wrong";
                }
                row.model = spec.index % 2 == 0 ? "model-1" : "";
                row.finish = FinishReason::stop;
                if ((spec.index + i) % 2 == 0) row.usage = Usage{{900}, {100}, {0}, {1500}, {20}};
                if (row.usage && spec.index % 3 == 0) row.cost = PicoUsd{1'035'000'000};
                if (outcome == Outcome::abandoned) row.reserved = {2'000'000'000};
                row.words = outcome == Outcome::accepted ? 300 + spec.index : 0;
                row.target_words = 300;
                row.sent = spec.index % 2 == 0;
                row.began = began + std::chrono::seconds(spec.index);
                row.ended = row.began + std::chrono::milliseconds(700);
                row.attributes = {{"form", spec.index % 2 == 0 ? "GCN circular" : "research <abstract> & more"}};
                if (row.words > 0 && spec.index % 2 == 0)
                    row.findings = {{Severity::warning, "too_short", "the text has 60 words",
                                     taxonomy_[spec.primary].code, 60, 300, "length"}};
                if (outcome == Outcome::accepted) record_rows.push_back(record_of(spec, row));
                if (outcome == Outcome::rejected)
                    rejected_rows.push_back({row, spec.index % 2 == 0 ? some_document(90) + "\n</script> \xff" : ""});
                call_rows.push_back(std::move(row));
            }
    }

private:
    static Record record_of(const SampleSpec& spec, const CallRow& row) {
        Record record;
        record.index = spec.index;
        record.title = "A <title> & \"more\"";
        record.text = some_document(row.words) + "\n</script> \xce\xb1";
        record.labels = spec.labels;
        record.attempt = row.attempt;
        record.words = row.words;
        record.findings = row.findings;
        record.attributes = row.attributes;
        return record;
    }

    template <class Row>
    std::unique_ptr<Cursor<Row>> rows_of(const std::vector<Row>& rows) const {
        return std::make_unique<VectorRows<Row>>(rows, broken);
    }
    const Taxonomy& taxonomy_;

public:
    RunFacts run;
    std::vector<SampleSpec> specs;
    std::vector<CallRow> call_rows;
    std::vector<RunEvent> event_rows;
    std::vector<Record> record_rows;
    std::vector<RejectedText> rejected_rows;
    std::vector<ModelInfo> model_rows;
    bool broken = false;
};

/// Bytes that do not continue a character, which is close to columns for what is written here.
std::size_t columns(std::string_view line) {
    return static_cast<std::size_t>(
        std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

Problem wrong_section(const Section& section) {
    if (!one_line(section.title)) return "a title that is not one line";
    std::string_view text = section.text;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto here = text.substr(0, end);
        if (columns(here) > 100)
            return "line " + number(line) + " of the text has " + number(columns(here)) + " columns, 100 are the most";
        if (std::ranges::any_of(here, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
            return "line " + number(line) + " of the text has a control character";
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    const auto members = plugins::parse_json(section.json);
    if (!members.is_object()) return "the JSON is not an object";
    if (members.contains("run")) return "the JSON has a member 'run', which is the core's";
    return {};
}

}  // namespace

void check_reporter(Checks& checks) {
    Instance<Reporter> reporter, other;
    if (!checks.make(reporter, other)) return;
    const auto report = [](const Instance<Reporter>& one, const RunView& run) {
        return one.call([&](Reporter& r) { return r.report(run); });
    };
    SmallRun empty(checks.taxonomy), small(checks.taxonomy);
    small.add_calls();
    for (const auto& [name, run] : {std::pair{"a run without calls is reported", &empty},
                                    {"a run with calls of every outcome is reported", &small}})
        checks.run(name, [&]() -> Problem {
            const auto section = report(reporter, *run);
            if (!section) return described(section.error());
            return wrong_section(*section);
        });
    checks.run("the same run has the same report", [&]() -> Problem {
        for (const auto* run : {&small, &empty})
            for (const auto* one : {&reporter, &other}) {
                const auto first = report(reporter, *run), again = report(*one, *run);
                if (!first || !again || first->title != again->title || first->text != again->text ||
                    first->json != again->json)
                    return std::string("differs ") + (one == &reporter ? "when asked again" : "from another instance");
            }
        return {};
    });
    checks.run("a ledger that cannot be read is an error, not half a report", [&]() -> Problem {
        SmallRun broken(checks.taxonomy);
        broken.add_calls();
        broken.broken = true;
        if (report(reporter, broken)) return "reported as if it had been read";
        return {};
    });
}

}  // namespace synth::core::conformance
