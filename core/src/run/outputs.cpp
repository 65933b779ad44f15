#include "run/outputs.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.hpp"
#include "base/format.hpp"
#include "common/json_text.hpp"
#include "run/accepted.hpp"

namespace synth::core {

namespace fs = std::filesystem;

namespace {

constexpr const char* kLinkBase = "https://synthetic-data-gen.example.com/sample_";

Record to_record(const SampleSpec& spec, CallEntry& entry, const std::string& provider) {
    Record record;
    record.index = spec.index;
    record.link = kLinkBase + std::to_string(spec.index + 1);
    record.title = std::move(entry.title);
    record.text = std::move(entry.text);
    record.labels = spec.labels;
    record.seed = spec.seed;
    record.attempt = entry.row.attempt;
    record.provider = provider;
    record.model = std::move(entry.row.model);
    record.prompt_hash = hex64(entry.prompt_hash);
    record.finish = entry.row.finish;
    record.usage = entry.row.usage;
    record.cost = entry.row.cost;
    record.words = entry.row.words;
    record.findings = std::move(entry.row.findings);
    record.attributes = std::move(entry.row.attributes);
    record.sent = entry.row.began;
    record.received = entry.row.ended;
    return record;
}

class RecordCursor final : public Cursor<Record> {
public:
    RecordCursor(AcceptedSamples samples, std::string provider)
        : samples_(std::move(samples)), provider_(std::move(provider)) {}

    Result<bool> next(Record& record) override {
        const SampleSpec* spec = nullptr;
        auto more = samples_.next(spec, entry_);
        if (more && *more) record = to_record(*spec, entry_, provider_);
        return more;
    }

private:
    AcceptedSamples samples_;
    std::string provider_;
    CallEntry entry_;
};

/// A ledger as reporters see it.
class LedgerView final : public RunView {
public:
    LedgerView(LedgerReader& ledger, const Taxonomy& taxonomy, const Instance<Provider>& provider, RunFacts facts)
        : ledger_(ledger), taxonomy_(taxonomy), provider_(provider), facts_(std::move(facts)) {}

    [[nodiscard]] const RunFacts& facts() const override { return facts_; }
    [[nodiscard]] const Taxonomy& taxonomy() const override { return taxonomy_; }
    [[nodiscard]] std::unique_ptr<Cursor<SampleSpec>> plan() const override {
        return std::make_unique<PlanCursor>(ledger_.plan());
    }
    [[nodiscard]] std::unique_ptr<Cursor<CallRow>> calls() const override { return ledger_.calls(); }
    [[nodiscard]] std::unique_ptr<Cursor<RunEvent>> events() const override { return ledger_.events(); }
    [[nodiscard]] std::unique_ptr<Cursor<Record>> records() const override {
        return std::make_unique<RecordCursor>(AcceptedSamples(ledger_), facts_.provider);
    }
    [[nodiscard]] std::unique_ptr<Cursor<RejectedText>> rejected() const override { return ledger_.rejected(); }
    [[nodiscard]] Result<std::string> prompt(std::uint64_t sample, std::uint32_t attempt) const override {
        return ledger_.prompt_of(sample, attempt);
    }
    [[nodiscard]] std::span<const ModelInfo> models() const override {
        return provider_ ? provider_.object().models() : std::span<const ModelInfo>();
    }
    [[nodiscard]] std::optional<PicoUsd> price(const Usage& usage, const Billing& billing) const override {
        return provider_ ? provider_.object().cost(usage, billing) : std::nullopt;
    }

private:
    class PlanCursor : public Cursor<SampleSpec> {
    public:
        explicit PlanCursor(std::unique_ptr<PlanStream> plan) : plan_(std::move(plan)) {}
        Result<bool> next(SampleSpec& spec) override {
            if (at_ == buffer_.size()) {
                buffer_.resize(256);
                auto got = plan_->next(buffer_);
                if (!got) return std::move(got).error();
                buffer_.resize(*got);
                at_ = 0;
                if (*got == 0) return false;
            }
            spec = buffer_[at_++];
            return true;
        }

    private:
        std::unique_ptr<PlanStream> plan_;
        std::vector<SampleSpec> buffer_;
        std::size_t at_ = 0;
    };

    LedgerReader& ledger_;
    const Taxonomy& taxonomy_;
    const Instance<Provider>& provider_;
    RunFacts facts_;
};

Result<std::vector<fs::path>> write_output(Assembly& assembly, PluginChoice& choice, const RunConfig& config,
                                           LedgerReader& ledger, const fs::path& dir, Overwrite overwrite,
                                           std::uint64_t* lost) {
    auto sink = assembly.create<Sink>(choice);
    if (!sink) return std::move(sink).error();
    auto staging = StagingDir::make(dir, config.name);
    if (!staging) return std::move(staging).error();
    SinkContext context;
    context.taxonomy = &assembly.taxonomy();
    context.staging_dir = staging->path().string();
    context.stem = config.name;
    context.samples = ledger.head().samples;
    if (auto opened = sink->call([&](Sink& s) { return s.open(context); }); !opened) return std::move(opened).error();
    const auto* provider = config.find("provider");
    RecordCursor records(AcceptedSamples(lost != nullptr ? ledger.salvaged(*lost) : ledger.accepted(), ledger.plan()),
                         provider != nullptr ? provider->id : std::string());
    Record record;
    std::uint64_t written = 0;
    for (;; ++written) {
        auto more = records.next(record);
        if (!more) return std::move(more).error();
        if (!*more) break;
        if (auto done = sink->call([&](Sink& s) { return s.write(record); }); !done) return std::move(done).error();
    }
    if (auto done = sink->call([&](Sink& s) { return s.finish({written, context.samples}); }); !done)
        return std::move(done).error();
    return staging->publish(dir, config.name, overwrite == Overwrite::yes);
}

RunFacts facts_of(const RunConfig& config, const LedgerHead& head, const Progress& progress, const ProviderInfo& info) {
    RunFacts facts;
    facts.name = config.name;
    facts.seed = config.seed;
    facts.plan_digest = head.plan_digest;
    facts.samples = head.samples;
    facts.samples_per_class = config.samples_per_class;
    facts.min_labels = config.min_labels;
    facts.max_labels = config.max_labels;
    facts.max_attempts = config.max_attempts;
    facts.window = config.max_concurrent;
    facts.batch_size = config.batch_size;
    if (const auto* provider = config.find("provider")) facts.provider = provider->id;
    facts.model = info.model;
    facts.endpoint = info.endpoint;
    facts.prices_as_of = info.prices_as_of;
    facts.disclaimer = info.disclaimer;
    facts.seconds = static_cast<double>(progress.active_ms) / 1000;
    facts.sessions = static_cast<std::uint32_t>(progress.sessions);
    facts.unaccounted = progress.unaccounted;
    facts.unaccounted_requests = static_cast<std::uint64_t>(progress.unaccounted_requests);
    return facts;
}

}  // namespace

Result<std::vector<fs::path>> write_outputs(Assembly& assembly, std::vector<PluginChoice>& sinks,
                                            const RunConfig& config, LedgerReader& ledger, const fs::path& dir,
                                            Overwrite overwrite, std::uint64_t* lost) {
    std::vector<fs::path> files;
    for (auto& choice : sinks) {
        auto written = write_output(assembly, choice, config, ledger, dir, overwrite, lost);
        if (!written) return std::move(written).error();
        files.insert(files.end(), written->begin(), written->end());
    }
    return files;
}

Result<Report> make_report(Assembly& assembly, RunConfig& config, LedgerReader& ledger,
                           const Instance<Provider>& provider, const ProviderInfo& info, std::optional<int> exit_code) {
    using nlohmann::ordered_json;
    auto progress = ledger.progress();
    if (!progress) return std::move(progress).error();
    const LedgerView view(ledger, assembly.taxonomy(), provider, facts_of(config, ledger.head(), *progress, info));
    Report report;
    ordered_json object = ordered_json::object();
    for (auto& choice : config.plugins) {
        if (choice.kind != Reporter::kKind) continue;
        auto reporter = assembly.create<Reporter>(choice);
        if (!reporter) return std::move(reporter).error();
        auto section = reporter->call([&](Reporter& r) { return r.report(view); });
        if (!section) return std::move(section).error();
        const auto members = plugins::parse_ordered_json(section->json);
        if (!members.is_object())
            return Error{ErrorCode::internal, "reporter " + choice.id + " made a section that is not a JSON object",
                         "reporter_json"};
        object.update(members);
        if (!section->page.empty()) report.page = std::move(section->page);
        report.text += section->title + "\n" + section->text;
        if (!report.text.ends_with('\n')) report.text += '\n';
        report.text += '\n';
    }
    ordered_json plugins = ordered_json::array();
    for (const auto& choice : config.plugins)
        plugins.push_back(
            {{"kind", choice.kind}, {"id", choice.id}, {"version", choice.version}, {"sha256", choice.sha256}});
    const RunFacts& facts = view.facts();
    object["run"] = {{"name", facts.name},
                     {"seed", facts.seed},
                     {"plan_digest", facts.plan_digest},
                     {"provider", facts.provider},
                     {"model", facts.model.empty() ? ordered_json() : ordered_json(facts.model)},
                     {"endpoint", facts.endpoint.empty() ? ordered_json() : ordered_json(facts.endpoint)},
                     {"taxonomy", config.taxonomy},
                     {"sessions", facts.sessions},
                     {"disclaimer", facts.disclaimer.empty() ? ordered_json() : ordered_json(facts.disclaimer)},
                     {"plugins", plugins},
                     {"exit_code", exit_code ? ordered_json(*exit_code) : ordered_json()}};
    report.json = plugins::json_text(object, 2) + "\n";
    return report;
}

}  // namespace synth::core
