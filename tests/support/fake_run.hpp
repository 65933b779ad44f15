// A run in memory, for tests of reporters: a plan, calls and prices that a test writes down.

#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/small_taxonomy.hpp"
#include "synth/reporter.hpp"

namespace synth::test {

template <class Row>
class VectorCursor final : public Cursor<Row> {
public:
    VectorCursor(const std::vector<Row>& rows, const std::optional<Error>& broken) : rows_(rows), broken_(broken) {}
    Result<bool> next(Row& row) override {
        if (at_ == rows_.size()) return broken_ ? Result<bool>(*broken_) : Result<bool>(false);
        row = rows_[at_++];
        return true;
    }

private:
    const std::vector<Row>& rows_;
    const std::optional<Error>& broken_;
    std::size_t at_ = 0;
};

/// Prices of one token, in 10^-12 dollars.
struct TokenPrices {
    std::int64_t input = 0, cached_input = 0, output = 0;
    bool batch = true;                  ///< half of it in batch mode; else no price there
    std::int64_t long_input = 272'000;  ///< more input than this in one call doubles it
};

class FakeRun final : public RunView {
public:
    RunFacts run_facts;
    Taxonomy classes = small_taxonomy();
    std::vector<SampleSpec> samples;
    std::vector<CallRow> rows;
    std::vector<RunEvent> happenings;
    std::vector<Record> documents;  ///< accepted samples
    std::vector<RejectedText> unused;
    std::map<std::uint64_t, std::string> prompts;  ///< by sample
    std::vector<ModelInfo> known_models;
    std::map<std::string, TokenPrices> prices;
    std::optional<Error> broken;  ///< what reading past the last call gives

    /// A planned sample that carries what was drawn for it.
    SampleSpec& plan_sample(const LabelSet& drawn) {
        SampleSpec spec{.index = samples.size(), .seed = 7, .labels = drawn, .drawn = drawn, .primary = drawn[0]};
        samples.push_back(spec);
        run_facts.samples = samples.size();
        return samples.back();
    }

    /// A call over the network that took one second.
    CallRow& call(std::uint64_t sample, Outcome outcome, std::string reason = {}) {
        CallRow row;
        row.sample = sample;
        row.role = "write";
        row.outcome = outcome;
        row.reason = std::move(reason);
        row.model = "gpt-small";
        row.sent = true;
        row.began = TimePoint(std::chrono::milliseconds(1'795'000'000'000));
        row.ended = row.began + std::chrono::seconds(1);
        rows.push_back(row);
        return rows.back();
    }

    const RunFacts& facts() const override { return run_facts; }
    const Taxonomy& taxonomy() const override { return classes; }
    std::unique_ptr<Cursor<SampleSpec>> plan() const override { return cursor(samples, whole_); }
    std::unique_ptr<Cursor<CallRow>> calls() const override { return cursor(rows, broken); }
    std::unique_ptr<Cursor<RunEvent>> events() const override { return cursor(happenings, whole_); }
    std::unique_ptr<Cursor<Record>> records() const override { return cursor(documents, whole_); }
    std::unique_ptr<Cursor<RejectedText>> rejected() const override { return cursor(unused, whole_); }
    Result<std::string> prompt(std::uint64_t sample, std::uint32_t) const override {
        const auto found = prompts.find(sample);
        return found == prompts.end() ? std::string() : found->second;
    }
    std::span<const ModelInfo> models() const override { return known_models; }
    std::optional<PicoUsd> price(const Usage& usage, const Billing& billing) const override {
        const auto found = prices.find(billing.model);
        if (found == prices.end()) return std::nullopt;
        const TokenPrices& each = found->second;
        const bool batch = billing.mode == Billing::Mode::batch;
        if (batch && !each.batch) return std::nullopt;
        PicoUsd sum = (usage.input - usage.cached_input) * PicoUsd{each.input} +
                      usage.cached_input * PicoUsd{each.cached_input} + usage.output * PicoUsd{each.output};
        if (usage.input.count > each.long_input) sum += sum;
        return PicoUsd{batch ? sum.value / 2 : sum.value};
    }

private:
    template <class Row>
    static std::unique_ptr<Cursor<Row>> cursor(const std::vector<Row>& rows, const std::optional<Error>& broken) {
        return std::make_unique<VectorCursor<Row>>(rows, broken);
    }

    const std::optional<Error> whole_;
};

}  // namespace synth::test
