// What was asked for and what came of it: samples, labels, words, time. One pass over plan and calls, which are both
// sorted by sample; memory does not depend on their number.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json_writer.hpp"
#include "reporters/common/report_text.hpp"
#include "synth/plugin.hpp"
#include "synth/random.hpp"
#include "synth/reporter.hpp"

namespace {

using namespace synth;
using plugins::counted;
using plugins::JsonWriter;
using plugins::ReportText;

constexpr std::size_t kMissingInJson = 1000;
constexpr std::size_t kMissingInText = 20;
constexpr std::size_t kEventsInJson = 10'000;
constexpr std::string_view kNotTried = "not_tried";

/// How many different values were seen: exact below kKept of them, else an estimate within about half a per cent from
/// the smallest kKept hashes (Bar-Yossef et al., Counting distinct elements in a data stream, 2002).
class DistinctCounter {
public:
    void add(std::uint64_t hash) {
        if (exact()) {
            smallest_.insert(hash);
        } else if (hash < *smallest_.rbegin() && smallest_.insert(hash).second) {
            smallest_.erase(std::prev(smallest_.end()));
        }
    }
    [[nodiscard]] bool exact() const { return smallest_.size() < kKept; }
    [[nodiscard]] std::uint64_t count() const {
        if (exact()) return smallest_.size();
        constexpr double kAllHashes = 18446744073709551616.0;  // 2^64
        return static_cast<std::uint64_t>(static_cast<double>(kKept - 1) * kAllHashes /
                                          static_cast<double>(*smallest_.rbegin()));
    }

private:
    static constexpr std::size_t kKept = 65'536;
    std::set<std::uint64_t> smallest_;
};

/// Pairs of labels that nature brings together, or of which one says the other.
class NaturalPairs {
public:
    explicit NaturalPairs(const Taxonomy& taxonomy) : size_(taxonomy.labels.size()), natural_(size_ * size_, false) {
        for (std::size_t a = 0; a < size_; ++a) {
            for (const Cooccurrence& other : taxonomy.labels[a].cooccurs) join(a, other.label);
            for (const LabelId other : taxonomy.labels[a].entails) join(a, other);
        }
    }
    [[nodiscard]] bool contain(LabelId a, LabelId b) const { return natural_[a * size_ + b]; }

private:
    void join(std::size_t a, std::size_t b) { natural_[a * size_ + b] = natural_[b * size_ + a] = true; }

    std::size_t size_;
    std::vector<bool> natural_;
};

struct LabelCount {
    std::uint64_t target = 0;   ///< drawn in the plan
    std::uint64_t made = 0;     ///< drawn for an accepted sample
    std::uint64_t carried = 0;  ///< in an accepted sample, as a parent of a drawn one too
};

/// Ascending numbers in short: "3, 7-12".
class Ranges {
public:
    void add(std::uint64_t number) {
        if (count_++ == 0) {
            first_ = number;
        } else if (number != last_ + 1) {
            close();
            first_ = number;
        }
        last_ = number;
    }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::string text() const {
        Ranges whole = *this;
        whole.close();
        return whole.text_;
    }

private:
    void close() {
        text_ += (text_.empty() ? "" : ", ") + std::to_string(first_);
        if (last_ != first_) text_ += "-" + std::to_string(last_);
    }

    std::uint64_t first_ = 0, last_ = 0, count_ = 0;
    std::string text_;
};

/// What the run learned and changed while it went on.
struct Events {
    std::vector<RunEvent> first;  ///< of them
    std::uint64_t count = 0, window_changes = 0;
    std::uint64_t smallest_window = 0, largest_window = 0;

    void add(const RunEvent& event) {
        if (count++ < kEventsInJson) first.push_back(event);
        if (event.kind != "window") return;
        const auto digit = event.detail.find_first_of("0123456789");
        const auto size = digit == std::string::npos ? 0 : std::strtoull(event.detail.c_str() + digit, nullptr, 10);
        smallest_window = window_changes == 0 ? size : std::min<std::uint64_t>(smallest_window, size);
        largest_window = std::max<std::uint64_t>(largest_window, size);
        ++window_changes;
    }
};

struct MissingSample {
    std::uint64_t index = 0;
    LabelSet labels;
    std::string reason, message;
};

std::optional<double> ratio(double part, double whole) {
    return whole > 0 ? std::optional(part / whole) : std::nullopt;
}
std::optional<double> ratio(std::uint64_t part, std::uint64_t whole) {
    return ratio(static_cast<double>(part), static_cast<double>(whole));
}

class Words {
public:
    void add(std::uint64_t words, std::uint32_t target) {
        ++by_length_[words];
        sum_ += words;
        ++texts_;
        lowest_target_ = texts_ == 1 ? target : std::min(lowest_target_, target);
        highest_target_ = std::max(highest_target_, target);
        with_target_ += target != 0;
        below_ += words < target;
    }
    [[nodiscard]] std::uint64_t texts() const { return texts_; }
    [[nodiscard]] std::uint64_t below() const { return below_; }
    /// Of all texts; nothing when they had none or different ones.
    [[nodiscard]] std::optional<std::uint32_t> target() const {
        return highest_target_ != 0 && lowest_target_ == highest_target_ ? std::optional(highest_target_)
                                                                         : std::nullopt;
    }
    [[nodiscard]] std::optional<double> mean() const { return ratio(sum_, texts_); }
    [[nodiscard]] std::optional<double> median() const {
        if (texts_ == 0) return std::nullopt;
        return static_cast<double>(at_rank((texts_ - 1) / 2) + at_rank(texts_ / 2)) / 2;
    }
    [[nodiscard]] std::optional<std::uint64_t> least() const {
        return texts_ == 0 ? std::nullopt : std::optional(by_length_.begin()->first);
    }
    [[nodiscard]] std::optional<std::uint64_t> most() const {
        return texts_ == 0 ? std::nullopt : std::optional(by_length_.rbegin()->first);
    }
    /// Of the texts that had a target.
    [[nodiscard]] std::optional<double> below_target() const { return ratio(below_, with_target_); }

private:
    [[nodiscard]] std::uint64_t at_rank(std::uint64_t rank) const {
        for (const auto& [words, texts] : by_length_) {
            if (rank < texts) return words;
            rank -= texts;
        }
        return by_length_.rbegin()->first;
    }

    std::map<std::uint64_t, std::uint64_t> by_length_;  ///< as many entries as there are different lengths
    std::uint64_t sum_ = 0, texts_ = 0, with_target_ = 0, below_ = 0;
    std::uint32_t lowest_target_ = 0, highest_target_ = 0;
};

/// Everything that the report says, counted.
struct Tally {
    explicit Tally(const Taxonomy& taxonomy) : natural(taxonomy), labels(taxonomy.labels.size()) {}

    NaturalPairs natural;
    std::vector<LabelCount> labels;  ///< by LabelId
    std::uint64_t accepted = 0, attempts = 0, requests = 0, throttled = 0;
    std::map<std::string, std::uint64_t> failures;  ///< attempts that were not accepted, by reason
    /// Warnings that samples were accepted with, by validator and code: samples that have one.
    std::map<std::string, std::map<std::string, std::uint64_t>> warnings;
    std::uint64_t missing_count = 0;
    std::vector<MissingSample> missing;               ///< the first of them
    std::map<std::string, Ranges> missing_by_reason;  ///< all of them, numbered from 1 as in their links
    Events events;
    DistinctCounter distinct_sets;
    std::uint64_t pairs = 0, unnatural_pairs = 0;
    Words words;
    std::chrono::milliseconds busy{};  ///< sum over all requests

    [[nodiscard]] std::optional<double> unnatural_pair_share() const { return ratio(unnatural_pairs, pairs); }
    [[nodiscard]] std::optional<double> success_rate() const { return ratio(accepted, attempts); }
    [[nodiscard]] bool has_parents() const {
        return std::ranges::any_of(labels, [](const LabelCount& count) { return count.carried != count.made; });
    }

    /// Fewest and most samples of a label; the negative one has a number of its own and does not count.
    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> extremes(const Taxonomy& taxonomy) const {
        std::optional<std::pair<std::uint64_t, std::uint64_t>> seen;
        for (std::size_t i = 0; i < labels.size(); ++i) {
            if (taxonomy.negative == static_cast<LabelId>(i)) continue;
            const std::uint64_t made = labels[i].made;
            seen = seen ? std::pair(std::min(seen->first, made), std::max(seen->second, made)) : std::pair(made, made);
        }
        return seen.value_or(std::pair<std::uint64_t, std::uint64_t>{});
    }

    /// One call; true when it was accepted.
    bool add(const CallRow& call) {
        if (call.sent) {
            ++requests;
            busy += std::max(call.ended - call.began, std::chrono::milliseconds::zero());
        }
        throttled += call.outcome == Outcome::throttled;
        if (call.outcome == Outcome::accepted) {
            ++attempts;
            ++accepted;
            words.add(call.words, call.target_words);
            add_warnings(call.findings);
            return true;
        }
        if (is_failure(call)) {
            ++attempts;
            ++failures[reason_of(call)];
        }
        return false;
    }

    void add_warnings(const std::vector<Finding>& findings) {
        for (auto finding = findings.begin(); finding != findings.end(); ++finding) {
            const bool known = std::any_of(findings.begin(), finding, [&](const Finding& before) {
                return before.validator == finding->validator && before.code == finding->code;
            });
            if (!known) ++warnings[finding->validator][finding->code];
        }
    }

    void add_made(const SampleSpec& spec) {
        std::uint64_t hash = 0;
        for (std::size_t i = 0; i < spec.drawn.size(); ++i) {
            ++labels[spec.drawn[i]].made;
            hash = mix64(hash + spec.drawn[i] + 1);
            for (std::size_t j = 0; j < i; ++j) {
                ++pairs;
                unnatural_pairs += !natural.contain(spec.drawn[j], spec.drawn[i]);
            }
        }
        for (const LabelId label : spec.labels) ++labels[label].carried;
        distinct_sets.add(hash);
    }

    void add_missing(const MissingSample& sample) {
        if (missing_count++ < kMissingInJson) missing.push_back(sample);
        missing_by_reason[sample.reason].add(sample.index + 1);
    }

    /// An attempt at a text that came to nothing; what validators ask for is not an attempt.
    static bool is_failure(const CallRow& call) {
        return call.role == "write" && (call.outcome == Outcome::rejected || call.outcome == Outcome::failed);
    }
    /// A request for a text that is no attempt and has no answer, so that the sample is not untried.
    static bool came_to_nothing(const CallRow& call) {
        return call.role == "write" && (call.outcome == Outcome::throttled || call.outcome == Outcome::halted ||
                                        call.outcome == Outcome::abandoned || call.outcome == Outcome::probed);
    }
    static std::string reason_of(const CallRow& call) {
        return call.reason.empty() ? std::string(name_of(call.outcome)) : call.reason;
    }
};

Result<Tally> count(const RunView& run) {
    Tally tally(run.taxonomy());
    const auto plan = run.plan();
    const auto calls = run.calls();
    CallRow call;
    Result<bool> called = calls->next(call);
    SampleSpec spec;
    MissingSample sample;
    while (true) {
        const Result<bool> planned = plan->next(spec);
        if (!planned) return planned.error();
        if (!*planned) break;
        for (const LabelId label : spec.drawn) ++tally.labels[label].target;

        bool accepted = false;
        sample.index = spec.index;
        sample.labels = spec.labels;
        sample.reason = kNotTried;
        sample.message = "nothing was sent for it";
        for (; called && *called && call.sample <= spec.index; called = calls->next(call)) {
            if (tally.add(call)) accepted = true;
            if (Tally::is_failure(call) || (Tally::came_to_nothing(call) && sample.reason == kNotTried)) {
                sample.reason = Tally::reason_of(call);
                sample.message = call.message;
            }
        }
        if (!called) return called.error();
        if (accepted)
            tally.add_made(spec);
        else
            tally.add_missing(sample);
    }
    const auto events = run.events();
    RunEvent event;
    for (;;) {
        const Result<bool> more = events->next(event);
        if (!more) return more.error();
        if (!*more) return tally;
        tally.events.add(event);
    }
}

struct Pace {
    std::optional<double> samples_per_second, window_busy;
};

Pace pace(const Tally& tally, const RunFacts& facts) {
    Pace pace{.samples_per_second = ratio(static_cast<double>(tally.accepted), facts.seconds)};
    if (tally.requests != 0) {
        const std::chrono::duration<double> busy = tally.busy;
        pace.window_busy = ratio(busy.count(), facts.seconds * facts.window);
        if (pace.window_busy) pace.window_busy = std::min(*pace.window_busy, 1.0);
    }
    return pace;
}

void write_samples(JsonWriter& json, const Tally& tally, const RunFacts& facts, const Taxonomy& taxonomy) {
    json.key("samples");
    json.begin_object();
    json.member("asked", facts.samples);
    json.member("accepted", tally.accepted);
    json.member("missing", tally.missing_count);
    json.member("attempts", tally.attempts);
    json.member("success_rate", tally.success_rate());
    json.key("failures");
    json.begin_object();
    for (const auto& [reason, times] : tally.failures) json.member(reason, times);
    json.end_object();
    json.key("warnings");
    json.begin_object();
    for (const auto& [validator, codes] : tally.warnings) {
        json.key(validator);
        json.begin_object();
        for (const auto& [code, samples] : codes) json.member(code, samples);
        json.end_object();
    }
    json.end_object();
    json.key("missing_by_reason");
    json.begin_object();
    for (const auto& [reason, samples] : tally.missing_by_reason) {
        json.key(reason);
        json.begin_object();
        json.member("count", samples.count());
        json.member("samples", samples.text());
        json.end_object();
    }
    json.end_object();
    json.key("missing_samples");
    json.begin_array();
    for (const MissingSample& sample : tally.missing) {
        json.begin_object();
        json.member("index", sample.index);
        json.key("labels");
        json.begin_array();
        for (const LabelId label : sample.labels) json.value(taxonomy[label].name);
        json.end_array();
        json.member("reason", sample.reason);
        json.member("message", sample.message);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

void write_label_counts(JsonWriter& json, std::string_view name, const Tally& tally, const Taxonomy& taxonomy,
                        std::uint64_t LabelCount::* count) {
    json.key(name);
    json.begin_object();
    for (std::size_t i = 0; i < tally.labels.size(); ++i) json.member(taxonomy.labels[i].name, tally.labels[i].*count);
    json.end_object();
}

std::string to_json(const Tally& tally, const RunFacts& facts, const Taxonomy& taxonomy) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_samples(json, tally, facts, taxonomy);

    const auto [fewest, most] = tally.extremes(taxonomy);
    json.key("labels");
    json.begin_object();
    write_label_counts(json, "counts", tally, taxonomy, &LabelCount::made);
    write_label_counts(json, "targets", tally, taxonomy, &LabelCount::target);
    if (tally.has_parents()) write_label_counts(json, "counts_with_parents", tally, taxonomy, &LabelCount::carried);
    json.member("spread", most - fewest);
    json.member("distinct_sets", tally.distinct_sets.count());
    json.member("distinct_sets_exact", tally.distinct_sets.exact());
    json.member("unnatural_pair_share", tally.unnatural_pair_share());
    json.end_object();

    json.key("words");
    json.begin_object();
    json.member("target", tally.words.target());
    json.member("mean", tally.words.mean());
    json.member("median", tally.words.median());
    json.member("min", tally.words.least());
    json.member("max", tally.words.most());
    json.member("below_target", tally.words.below_target());
    json.end_object();

    const Pace speed = pace(tally, facts);
    json.key("time");
    json.begin_object();
    json.member("seconds", facts.seconds);
    json.member("samples_per_second", speed.samples_per_second);
    json.member("window_busy", speed.window_busy);
    json.member("requests", tally.requests);
    json.member("throttled", tally.throttled);
    json.member("sessions", facts.sessions);
    json.member("window_changes", tally.events.window_changes);
    json.end_object();

    json.key("events");
    json.begin_array();
    for (const RunEvent& event : tally.events.first) {
        json.begin_object();
        json.member("at_ms", event.at.time_since_epoch().count());
        json.member("kind", event.kind);
        json.member("detail", event.detail);
        json.end_object();
    }
    json.end_array();
    json.member("events_in_all", tally.events.count);
    json.end_object();
    return out;
}

std::string names(const LabelSet& labels, const Taxonomy& taxonomy) {
    std::string out;
    for (const LabelId label : labels) out += (out.empty() ? "" : ", ") + taxonomy[label].name;
    return out;
}

/// Label ids, most frequent first, ties in taxonomy order.
std::vector<std::size_t> by_frequency(const Tally& tally) {
    std::vector<std::size_t> order(tally.labels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(~tally.labels[i].made, i); });
    return order;
}

void print_samples(ReportText& text, const Tally& tally, const RunFacts& facts, const Taxonomy& taxonomy) {
    std::string line = plugins::grouped(tally.accepted) + " of " + plugins::grouped(facts.samples) + " accepted";
    if (tally.missing_count != 0) line += ", " + plugins::grouped(tally.missing_count) + " missing";
    line += "; " + counted(tally.attempts, "attempt");
    if (const auto rate = tally.success_rate()) line += ", " + plugins::percent(*rate) + " successful";
    text.row("Samples", line);

    if (!tally.failures.empty()) {
        std::vector<std::pair<std::string, std::uint64_t>> order(tally.failures.begin(), tally.failures.end());
        std::ranges::sort(order, {}, [](const auto& entry) { return std::pair(~entry.second, entry.first); });
        line.clear();
        for (const auto& [reason, times] : order)
            line += (line.empty() ? "" : ", ") + plugins::grouped(times) + " " + reason;
        text.row("Failures", line);
    }
    if (!tally.warnings.empty()) {
        line.clear();
        for (const auto& [validator, codes] : tally.warnings)
            for (const auto& [code, samples] : codes)
                line += (line.empty() ? "" : ", ") + plugins::grouped(samples) + " " + code;
        text.row("Warnings", line + " (accepted samples that have one)");
    }
    std::size_t named = 0;
    for (const MissingSample& sample : tally.missing) {
        if (sample.reason == kNotTried || named == kMissingInText) continue;
        line = "sample_" + std::to_string(sample.index + 1) + " (" + names(sample.labels, taxonomy) +
               "): " + sample.reason;
        if (!sample.message.empty()) line += ": " + plugins::clipped(sample.message, 200);
        text.row(named++ == 0 ? "Missing" : "", line);
    }
    // All of them, where they are more than the few above.
    for (const auto& [reason, samples] : tally.missing_by_reason)
        if (reason == kNotTried || named == kMissingInText)
            text.row(named++ == 0 ? "Missing" : "", (reason == kNotTried ? "not tried" : reason) + ": " +
                                                        counted(samples.count(), "sample") + ", " +
                                                        plugins::clipped(samples.text(), 200));
}

std::string balance(const Tally& tally, const Taxonomy& taxonomy) {
    const auto [fewest, most] = tally.extremes(taxonomy);
    std::string line = (fewest == most ? "" : plugins::grouped(fewest) + " to ") + counted(most, "sample") +
                       " a label (spread " + plugins::grouped(most - fewest) + ")";
    if (taxonomy.negative)
        line +=
            ", " + plugins::grouped(tally.labels[*taxonomy.negative].made) + " " + taxonomy[*taxonomy.negative].name;

    std::size_t short_of = 0, furthest = 0;
    std::uint64_t gap = 0;
    for (std::size_t i = 0; i < tally.labels.size(); ++i) {
        const LabelCount& count = tally.labels[i];
        if (count.made >= count.target) continue;
        ++short_of;
        if (count.target - count.made > gap) {
            gap = count.target - count.made;
            furthest = i;
        }
    }
    if (short_of == 0) return line + "; exactly as planned";
    const LabelCount& worst = tally.labels[furthest];
    return line + "; " + counted(short_of, "label") + " short of the plan, furthest " + taxonomy.labels[furthest].name +
           " with " + plugins::grouped(worst.made) + " of " + plugins::grouped(worst.target);
}

void print_labels(ReportText& text, const Tally& tally, const Taxonomy& taxonomy) {
    text.row("Labels", balance(tally, taxonomy));
    std::string line =
        (tally.distinct_sets.exact() ? "" : "about ") + counted(tally.distinct_sets.count(), "distinct label set");
    if (const auto share = tally.unnatural_pair_share())
        line += "; " + plugins::percent(*share) + " of the label pairs are not met in nature";
    text.row("", line);

    const bool parents = tally.has_parents();
    const auto cell = [&](std::size_t i) {
        const LabelCount& count = tally.labels[i];
        std::string figure = plugins::grouped(count.made);
        if (count.made != count.target) figure += " of " + plugins::grouped(count.target);
        if (parents) figure += " (" + plugins::grouped(count.carried) + ")";
        return ReportText::Cell{taxonomy.labels[i].name, figure};
    };
    constexpr std::size_t kTop = 10;
    std::vector<ReportText::Cell> top, all;
    for (const std::size_t i : by_frequency(tally))
        if (top.size() < kTop && tally.labels[i].made != 0) top.push_back(cell(i));
    for (std::size_t i = 0; i < tally.labels.size(); ++i) all.push_back(cell(i));
    const std::string note = parents ? " (with those that came as parents)" : "";
    if (!top.empty()) text.table("Most frequent labels" + note, top);
    text.table("All labels" + note, all);
}

void print_words(ReportText& text, const Words& words) {
    if (words.texts() == 0) return text.row("Words", "no texts");
    std::string line = "mean " + plugins::figure(*words.mean()) + ", median " + plugins::figure(*words.median()) +
                       ", " + plugins::grouped(*words.least()) + " to " + plugins::grouped(*words.most());
    if (const auto below = words.below_target()) {
        line += "; " + plugins::percent(*below) + " below the target";
        if (const auto target = words.target()) line += " of " + plugins::grouped(*target);
    }
    text.row("Words", line);
}

void print_time(ReportText& text, const Tally& tally, const RunFacts& facts) {
    const Pace speed = pace(tally, facts);
    std::string line = plugins::duration(facts.seconds);
    if (facts.sessions > 1) line += " in " + counted(facts.sessions, "session");
    if (speed.samples_per_second) line += ", " + plugins::figure(*speed.samples_per_second) + " samples a second";
    line += "; ";
    line += tally.requests == 0 ? "nothing was sent" : counted(tally.requests, "request");
    if (tally.throttled != 0) line += ", told to wait " + counted(tally.throttled, "time");
    if (speed.window_busy)
        line += ", window of " + plugins::grouped(facts.window) + " busy " + plugins::percent(*speed.window_busy);
    text.row("Time", line);
    const Events& events = tally.events;
    if (events.window_changes != 0)
        text.row("", "window changed " + counted(events.window_changes, "time") + ", " +
                         plugins::grouped(events.smallest_window) + " to " + plugins::grouped(events.largest_window) +
                         " in flight at most");
    for (const std::string_view kind : {"limits", "service", "parked", "remedy"}) {
        const auto last = std::ranges::find(events.first.rbegin(), events.first.rend(), kind, &RunEvent::kind);
        if (last == events.first.rend()) continue;
        const auto times = static_cast<std::uint64_t>(std::ranges::count(events.first, kind, &RunEvent::kind));
        text.row("", last->detail + (times > 1 ? " (" + counted(times, "such event") + ")" : ""));
    }
}

class StatisticsReporter final : public Reporter {
public:
    static Result<std::unique_ptr<Reporter>> create(Host&, std::string_view) {
        return std::unique_ptr<Reporter>(std::make_unique<StatisticsReporter>());
    }

    Result<Section> report(const RunView& run) const override {
        const Result<Tally> tally = count(run);
        if (!tally) return tally.error();
        ReportText text;
        print_samples(text, *tally, run.facts(), run.taxonomy());
        print_words(text, tally->words);
        print_time(text, *tally, run.facts());
        print_labels(text, *tally, run.taxonomy());
        return Section{"Statistics", std::move(text).take(), to_json(*tally, run.facts(), run.taxonomy())};
    }
};

}  // namespace

SYNTH_PLUGIN(synth::Reporter, StatisticsReporter, "statistics", "0.1.0",
             "samples, label balance, words and time of a run", R"({"type": "object", "properties": {}})");
