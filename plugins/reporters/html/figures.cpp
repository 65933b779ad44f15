#include "figures.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/labelled_data.hpp"
#include "reporters/common/report_text.hpp"
#include "synth/text.hpp"

namespace synth::html {

using plugins::JsonWriter;

namespace {

constexpr std::size_t kMostEvents = 5000, kMostMessage = 400, kMostFindings = 4000;

void write_histogram(JsonWriter& json, std::string_view name, const std::map<std::uint64_t, std::uint64_t>& counts) {
    // Of ever longer classes where texts are of too many lengths.
    constexpr std::uint64_t kMostBars = 2000;
    const std::uint64_t width = counts.empty() ? 1 : 1 + (counts.rbegin()->first - counts.begin()->first) / kMostBars;
    std::map<std::uint64_t, std::uint64_t> classes;
    for (const auto& [words, texts] : counts) classes[words / width * width] += texts;
    json.key(name);
    json.begin_array();
    for (const auto& [words, texts] : classes) {
        json.value(words);
        json.value(texts);
    }
    json.end_array();
}

void write_labels_of(JsonWriter& json, const LabelSet& labels) {
    json.begin_array();
    for (const LabelId label : labels) json.value(label);
    json.end_array();
}

/// A text that did not become one of the set, and was asked for.
bool unusable(const CallRow& call) {
    return call.outcome == Outcome::rejected || call.outcome == Outcome::failed || call.outcome == Outcome::abandoned ||
           call.outcome == Outcome::halted;
}

}  // namespace

bool billed(const CallRow& call) {
    return call.sent && (call.usage || call.cost || call.outcome == Outcome::accepted ||
                         call.outcome == Outcome::rejected || call.outcome == Outcome::answered);
}

void Money::add(const CallRow& call) {
    reserved += call.reserved;
    if (!billed(call)) return;
    ++calls;
    unknown += !call.cost;
    if (call.cost) spent += *call.cost;
    if (call.usage) {
        input += call.usage->input;
        output += call.usage->output;
    }
}

void Money::write(JsonWriter& json) const {
    json.member("calls", calls);
    json.member("unknown", unknown);
    json.member("usd", spent);
    json.member("reserved_usd", reserved);
    json.member("input", input);
    json.member("output", output);
}

void Timeline::Slice::add(const Slice& other) {
    accepted += other.accepted;
    unusable += other.unusable;
    throttled += other.throttled;
    began += other.began;
    ended += other.ended;
    input += other.input;
    output += other.output;
    spent += other.spent;
    busy_ms += other.busy_ms;
}

Timeline::Slice& Timeline::at(TimePoint time) {
    const auto key = [&] { return time.time_since_epoch() / width_; };
    if (const auto found = slices_.find(key()); found != slices_.end()) return found->second;
    while (slices_.size() >= kMostSlices) {
        std::map<std::int64_t, Slice> wider;
        for (auto& [place, slice] : slices_) {
            if (place % 2 == 0)  // its end moves
                slice.busy_ms +=
                    width_.count() * (static_cast<std::int64_t>(slice.began) - static_cast<std::int64_t>(slice.ended));
            wider[place / 2].add(slice);
        }
        width_ *= 2;
        slices_ = std::move(wider);
    }
    return slices_[key()];
}

void Timeline::add(const CallRow& call) {
    if (call.ended == TimePoint{}) return;
    const auto left = [this](TimePoint time) { return (width_ - time.time_since_epoch() % width_).count(); };
    {
        Slice& slice = at(call.ended);
        slice.accepted += call.outcome == Outcome::accepted;
        slice.unusable += html::unusable(call);
        slice.throttled += call.outcome == Outcome::throttled;
        if (call.sent) {
            ++slice.ended;
            slice.busy_ms -= left(call.ended);
        }
        if (billed(call)) {
            if (call.usage) {
                slice.input += call.usage->input;
                slice.output += call.usage->output;
            }
            if (call.cost) slice.spent += *call.cost;
        }
    }
    if (!call.sent) return;
    Slice& slice = at(call.began);
    ++slice.began;
    slice.busy_ms += left(call.began);
}

void Timeline::write(JsonWriter& json) const {
    json.member("slice_ms", width_.count());
    json.key("slices");
    json.begin_array();
    for (const auto& [place, slice] : slices_) {
        json.begin_array();
        json.value(place * width_.count());
        json.value(slice.accepted);
        json.value(slice.unusable);
        json.value(slice.throttled);
        json.value(slice.began);
        json.value(slice.ended);
        json.value(slice.input);
        json.value(slice.output);
        json.value(slice.spent);
        json.value(slice.busy_ms);
        json.end_array();
    }
    json.end_array();
}

Result<Reference> Reference::read(const std::string& path, const Taxonomy& taxonomy) {
    using Options = plugins::LabelledDataOptions;
    auto data = plugins::LabelledData::open(
        path, taxonomy, {.unknown = Options::Unknown::skip, .unlabelled = Options::Unlabelled::skip, .texts = true});
    if (!data) return std::move(data).error();
    Reference reference;
    reference.name = path.substr(path.rfind('/') + 1);
    reference.labels.resize(taxonomy.labels.size());
    Status read = plugins::for_each_document(*data, [&](const plugins::LabelledDocument& document) -> Status {
        ++reference.documents;
        for (const LabelId label : document.labels) ++reference.labels[label];
        ++reference.words[count_words(document.text)];
        return {};
    });
    if (!read) return std::move(read).error();
    return reference;
}

Figures::Figures(const RunView& run)
    : run_(run),
      taxonomy_(run.taxonomy()),
      labels_(taxonomy_.labels.size()),
      pairs_(taxonomy_.labels.size() * taxonomy_.labels.size()) {}

void Figures::add_planned(const SampleSpec& spec) {
    for (const LabelId label : spec.drawn) ++labels_[label].target;
}

void Figures::add_call(const CallRow& call) {
    timeline_.add(call);
    by_role_[call.role].add(call);
    if (call.outcome == Outcome::rejected) add_findings(call.findings, &Found::rejected);
    if (call.outcome == Outcome::accepted || call.outcome == Outcome::answered || call.outcome == Outcome::held) return;
    const auto key = std::tuple(call.role, call.outcome, call.reason);
    by_reason_[key].add(call);
    ++times_[key];
    if (!unusable(call)) return;
    ++unusable_;
    if (failures_.size() < kMostRows) failures_.push_back(call);
}

void Figures::add_findings(const std::vector<Finding>& findings, std::uint64_t Found::* count) {
    for (const Finding& finding : findings) {
        auto key = std::tuple(finding.validator, finding.code, finding.label);
        if (findings_.size() >= kMostFindings && !findings_.contains(key)) std::get<2>(key).clear();
        ++(findings_[key].*count);
    }
}

void Figures::add_accepted(const SampleSpec& spec, const Record& record, std::uint32_t target_words) {
    ++accepted_;
    for (const LabelId label : spec.drawn) ++labels_[label].made;
    for (std::size_t i = 0; i < record.labels.size(); ++i) {
        ++labels_[record.labels[i]].carried;
        for (std::size_t j = 0; j <= i; ++j) ++pairs_[record.labels[j] * labels_.size() + record.labels[i]];
    }
    ++words_[record.words];
    if (target_words != 0) ++targets_[target_words];
    below_target_ += record.words < target_words;
    add_findings(record.findings, &Found::accepted);
}

void Figures::add_missing(const SampleSpec& spec, const std::string& reason, const std::string& message) {
    ++missing_;
    ++misses_by_reason_[reason];
    if (misses_.size() < kMostRows) misses_.push_back({spec.index, spec.labels, reason, message});
}

void Figures::add_event(const RunEvent& event) {
    if (events_in_all_++ < kMostEvents) events_.push_back(event);
}

void Figures::write_run(JsonWriter& json) const {
    const RunFacts& facts = run_.facts();
    json.key("run");
    json.begin_object();
    json.member("name", facts.name);
    json.member("seed", std::to_string(facts.seed));  // JavaScript's numbers end at 2^53
    json.member("plan_digest", facts.plan_digest);
    json.member("provider", facts.provider);
    json.member("model", facts.model);
    json.member("endpoint", facts.endpoint);
    json.member("prices_as_of", facts.prices_as_of);
    json.member("disclaimer", facts.disclaimer);
    json.member("taxonomy", taxonomy_.name);
    json.member("seconds", facts.seconds);
    json.member("sessions", facts.sessions);
    json.member("window", facts.window);
    json.member("max_attempts", facts.max_attempts);
    json.member("samples", facts.samples);
    json.member("accepted", accepted_);
    json.member("missing", missing_);
    json.member("unaccounted_usd", facts.unaccounted);
    json.end_object();
}

void Figures::write_labels(JsonWriter& json) const {
    json.key("labels");
    json.begin_array();
    for (std::size_t i = 0; i < labels_.size(); ++i) {
        const auto& label = taxonomy_.labels[i];
        json.begin_object();
        json.member("code", label.code);
        json.member("name", label.name);
        json.member("group", label.group);
        json.member("target", labels_[i].target);
        json.member("made", labels_[i].made);
        json.member("carried", labels_[i].carried);
        json.end_object();
    }
    json.end_array();
    json.member("negative", taxonomy_.negative);
    json.key("pairs");
    json.begin_array();
    for (std::size_t a = 0; a < labels_.size(); ++a)
        for (std::size_t b = a + 1; b < labels_.size(); ++b) {
            const std::uint64_t met = pairs_[a * labels_.size() + b];
            if (met == 0) continue;
            json.value(a);
            json.value(b);
            json.value(met);
        }
    json.end_array();
}

void Figures::write_words(JsonWriter& json) const {
    json.key("words");
    json.begin_object();
    write_histogram(json, "texts", words_);
    json.key("targets");
    json.begin_array();
    for (const auto& [target, texts] : targets_) {
        json.value(target);
        json.value(texts);
    }
    json.end_array();
    json.member("below_target", below_target_);
    json.end_object();
}

void Figures::write_findings(JsonWriter& json) const {
    json.key("findings");
    json.begin_array();
    for (const auto& [key, found] : findings_) {
        const auto& [validator, code, label] = key;
        json.begin_object();
        json.member("validator", validator);
        json.member("code", code);
        json.member("label", label);
        json.member("accepted", found.accepted);
        json.member("rejected", found.rejected);
        json.end_object();
    }
    json.end_array();
}

void Figures::write_failures(JsonWriter& json) const {
    json.key("reasons");
    json.begin_array();
    for (const auto& [key, money] : by_reason_) {
        const auto& [role, outcome, reason] = key;
        json.begin_object();
        json.member("role", role);
        json.member("outcome", name_of(outcome));
        json.member("reason", reason);
        json.member("times", times_.at(key));
        money.write(json);
        json.end_object();
    }
    json.end_array();
    json.key("failures");
    json.begin_array();
    for (const CallRow& call : failures_) {
        json.begin_object();
        json.member("sample", call.sample);
        json.member("attempt", call.attempt);
        json.member("role", call.role);
        json.member("outcome", name_of(call.outcome));
        json.member("reason", call.reason);
        json.member("message", plugins::clipped(call.message, kMostMessage));
        json.member("words", call.words);
        json.member("usd", call.sent ? call.cost : std::optional(PicoUsd{}));
        json.member("at", call.ended.time_since_epoch().count());
        json.end_object();
    }
    json.end_array();
    json.member("failures_in_all", unusable_);
    json.key("missing");
    json.begin_array();
    for (const Miss& miss : misses_) {
        json.begin_object();
        json.member("sample", miss.index);
        json.key("labels");
        write_labels_of(json, miss.labels);
        json.member("reason", miss.reason);
        json.member("message", plugins::clipped(miss.message, kMostMessage));
        json.end_object();
    }
    json.end_array();
    json.key("missing_by_reason");
    json.begin_object();
    for (const auto& [reason, times] : misses_by_reason_) json.member(reason, times);
    json.end_object();
}

std::string Figures::json(const std::optional<Reference>& reference, std::uint64_t shown,
                          std::uint64_t rejected) const {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_run(json);
    json.member("shown", shown);
    json.member("rejected_texts", rejected);
    write_labels(json);
    write_words(json);
    if (reference) {
        json.key("reference");
        json.begin_object();
        json.member("name", reference->name);
        json.member("documents", reference->documents);
        json.key("labels");
        json.begin_array();
        for (const std::uint64_t times : reference->labels) json.value(times);
        json.end_array();
        write_histogram(json, "words", reference->words);
        json.end_object();
    }
    write_findings(json);
    json.key("money");
    json.begin_array();
    for (const auto& [role, money] : by_role_) {
        json.begin_object();
        json.member("role", role);
        money.write(json);
        json.end_object();
    }
    json.end_array();
    write_failures(json);
    json.key("time");
    json.begin_object();
    timeline_.write(json);
    json.end_object();
    json.key("events");
    json.begin_array();
    for (const RunEvent& event : events_) {
        json.begin_array();
        json.value(event.at.time_since_epoch().count());
        json.value(event.kind);
        json.value(plugins::clipped(event.detail, kMostMessage));
        json.end_array();
    }
    json.end_array();
    json.member("events_in_all", events_in_all_);
    json.end_object();
    return out;
}

}  // namespace synth::html
