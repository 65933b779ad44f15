// Sampler `list`: the label sets of a file, one row a sample, in its order.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/data_source.hpp"
#include "common/options.hpp"
#include "common/requests.hpp"
#include "synth/plugin.hpp"
#include "synth/sampler.hpp"

namespace {

using synth::LabelId;
using synth::LabelSet;
using synth::PlanRequest;
using synth::Result;
using synth::SampleSpec;
using synth::Status;
using synth::Taxonomy;
using synth::samplers::DataSource;
using synth::samplers::invalid;

constexpr const char* kOptions = R"({
  "type": "object",
  "properties": {
    "data": {"type": "string", "description": "file of label sets, one row a sample: CSV, JSON Lines or a JSON array"},
    "repeat": {"type": "boolean", "default": false,
      "description": "begin again when the file is at its end; otherwise more samples than rows are an error"},
    )" SYNTH_LABELLED_DATA_OPTIONS R"(
  },
  "additionalProperties": false
})";

/// The rows of a file: a few bytes for each, and every different set once.
struct Rows {
    struct Entry {
        LabelSet labels;
        LabelId primary = 0;          ///< the first of the row
        std::uint64_t first_row = 0;  ///< from 1, as the file counts
    };
    std::vector<Entry> entries;
    std::vector<std::uint32_t> order;  ///< of all rows, into `entries`
};

Result<Rows> read_rows(const DataSource& source) {
    struct Hash {
        std::size_t operator()(const std::pair<LabelSet, LabelId>& key) const noexcept {
            return synth::samplers::LabelSetHash{}(key.first) * 31 + key.second;
        }
    };
    std::unordered_map<std::pair<LabelSet, LabelId>, std::uint32_t, Hash> known;
    Rows rows;
    const Status read = source.read([&](const synth::plugins::LabelledDocument& document) -> Status {
        const LabelSet labels = synth::samplers::as_set(document.labels);
        const LabelId primary = document.labels.front();
        const auto [place, fresh] =
            known.try_emplace({labels, primary}, static_cast<std::uint32_t>(rows.entries.size()));
        if (fresh) rows.entries.push_back({labels, primary, document.row});
        rows.order.push_back(place->second);
        return {};
    });
    if (!read) return read.error();
    return rows;
}

/// Borrows the rows.
class Plan final : public synth::PlanStream {
public:
    Plan(const Rows& rows, std::uint64_t samples) : rows_(rows), samples_(samples) {}

    [[nodiscard]] const Rows::Entry& entry(std::uint64_t sample) const {
        return rows_.entries[rows_.order[sample % rows_.order.size()]];
    }
    void go_on_from(std::uint64_t planned) { planned_ = planned; }

    Result<std::size_t> next(std::span<SampleSpec> out) override {
        std::size_t filled = 0;
        for (; filled < out.size() && planned_ < samples_; ++filled, ++planned_) {
            const Rows::Entry& row = entry(planned_);
            out[filled].labels = out[filled].drawn = row.labels;
            out[filled].primary = row.primary;
        }
        return filled;
    }

private:
    const Rows& rows_;
    const std::uint64_t samples_;
    std::uint64_t planned_ = 0;
};

class List final : public synth::Sampler {
public:
    static Result<std::unique_ptr<synth::Sampler>> create(synth::Host& host, std::string_view options_json) {
        const synth::plugins::Options given(options_json);
        auto path = synth::samplers::required_file(given, "data", "a file of label sets");
        if (!path) return std::move(path).error();
        return std::unique_ptr<synth::Sampler>(
            std::make_unique<List>(host.taxonomy(), DataSource(host, *std::move(path), given), given.flag("repeat")));
    }

    List(const Taxonomy& taxonomy, DataSource source, bool repeat)
        : taxonomy_(taxonomy), source_(std::move(source)), repeat_(repeat) {}

    Result<std::unique_ptr<synth::PlanStream>> plan(const PlanRequest& request) const override {
        if (Status fits = synth::samplers::check(request, taxonomy_); !fits) return fits.error();
        if (Status refused = synth::samplers::refuse_samples_per_class(request, "list"); !refused)
            return refused.error();
        if (!rows_) {
            auto rows = read_rows(source_);
            if (!rows) return std::move(rows).error();
            rows_ = std::move(*rows);
        }
        if (Status fits = check_rows(request); !fits) return fits.error();
        auto plan = std::make_unique<Plan>(*rows_, request.samples);
        std::uint64_t at = 0;
        const auto counted = synth::samplers::replay(request, taxonomy_, [&](const SampleSpec& sample) -> Status {
            if (sample.drawn == plan->entry(at).labels) return ++at, Status();
            return invalid("sample " + std::to_string(at + 1) +
                           " of the plan to go on from does not have the labels of its row in " + source_.path() +
                           ": the file is another one or was changed");
        });
        if (!counted) return counted.error();
        plan->go_on_from(*counted);
        return std::unique_ptr<synth::PlanStream>(std::move(plan));
    }

private:
    Status check_rows(const PlanRequest& request) const {
        const auto number = [](std::uint64_t value) { return std::to_string(value); };
        if (!repeat_ && request.samples > rows_->order.size())
            return invalid(source_.path() + " has " + number(rows_->order.size()) + " rows for " +
                           number(request.samples) +
                           " samples: ask for fewer, or let it begin again (-o sampler.repeat=true)");
        std::size_t least = LabelSet::kCapacity, most = 0;
        const Rows::Entry* outside = nullptr;
        for (const Rows::Entry& row : rows_->entries) {
            const std::size_t size = row.labels.size();
            if (taxonomy_.is_negative(row.labels)) continue;
            least = std::min(least, size);
            most = std::max(most, size);
            if (outside == nullptr && (size < request.min_labels || size > request.max_labels)) outside = &row;
        }
        if (outside == nullptr) return {};
        return invalid("row " + number(outside->first_row) + " of " + source_.path() + " has " +
                       number(outside->labels.size()) + " labels, not " +
                       synth::samplers::range_text(request.min_labels, request.max_labels) + ": the rows have " +
                       synth::samplers::range_text(least, most) + " (--min-labels, --max-labels)");
    }

    const Taxonomy& taxonomy_;
    const DataSource source_;
    const bool repeat_;
    mutable std::optional<Rows> rows_;  // read once, when first needed: an instance is called by one thread at a time
};

}  // namespace

SYNTH_PLUGIN(synth::Sampler, List, "list", "1.0.0", "the label sets of a file, one row a sample, in its order",
             kOptions);
