// How varied the texts are, how what was drawn for them is spread over the labels, and from which word on each label
// shows. Attributes are counted over all samples; texts are measured on at most `max_samples` of them, evenly over the
// plan.

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json_writer.hpp"
#include "common/labelled_data.hpp"
#include "common/options.hpp"
#include "common/topic_matcher.hpp"
#include "reporters/common/report_text.hpp"
#include "spread.hpp"
#include "synth/plugin.hpp"
#include "synth/reporter.hpp"
#include "text_measures.hpp"

namespace {

using namespace synth;
using diversity::Measures;
using diversity::Spread;
using diversity::TextSample;
using plugins::JsonWriter;
using plugins::ReportText;

constexpr std::size_t kMostBytes = 32'000'000, kMostUnmet = 500, kMostValues = 50;

constexpr const char* kOptions = R"({"type": "object", "properties": {
  "reference": {"type": "string", "default": "",
    "description": "data set (JSON, JSON Lines, CSV) of real documents to compare with, by as many words of each"},
  "max_samples": {"type": "integer", "minimum": 1, "maximum": 100000, "default": 2000,
    "description": "texts that are measured; of more, up to that many evenly over the plan"},
  "lead_words": {"type": "integer", "minimum": 1, "maximum": 100000, "default": 350,
    "description": "words that a reader of the first 512 tokens sees: how often does every label show in them"}
}})";

struct Options {
    std::string reference;
    std::size_t max_samples = 0;
    std::uint32_t lead_words = 0;
};

/// Where the labels of texts show first.
class Positions {
public:
    Positions(const Taxonomy& taxonomy, std::uint32_t lead_words)
        : matcher_(taxonomy), lead_words_(lead_words), labels_(taxonomy.labels.size()), negative_(taxonomy.negative) {}

    struct Label {
        std::vector<std::uint32_t> first;  ///< words before it
        std::uint64_t never = 0, in_lead = 0;
        [[nodiscard]] std::uint64_t texts() const { return first.size() + never; }
    };

    template <class Labels>
    void add(std::string_view text, const Labels& labels) {
        matcher_.read(text, reading_);
        bool every = true, any = false;
        for (const LabelId id : labels) {
            if (negative_ == id) continue;  // nothing speaks for it
            any = true;
            Label& label = labels_[id];
            const auto first = reading_.first_word(id);
            if (first)
                label.first.push_back(*first);
            else
                ++label.never;
            const bool in_lead = first && *first < lead_words_;
            label.in_lead += in_lead;
            every = every && in_lead;
        }
        texts_ += any;
        every_in_lead_ += any && every;
    }
    void close() {
        for (Label& label : labels_) std::ranges::sort(label.first);
    }
    [[nodiscard]] const std::vector<Label>& labels() const { return labels_; }
    [[nodiscard]] std::optional<double> every_in_lead() const {
        if (texts_ == 0) return std::nullopt;
        return static_cast<double>(every_in_lead_) / static_cast<double>(texts_);
    }
    /// Words before the label in the text at that part of those of the label; nothing where it never shows there.
    static std::optional<std::uint32_t> at(const Label& label, double part) {
        if (label.texts() == 0) return std::nullopt;
        const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(label.texts()))) - 1;
        return rank < label.first.size() ? std::optional(label.first[rank]) : std::nullopt;
    }

private:
    plugins::TopicMatcher matcher_;
    plugins::TopicReading reading_;
    std::uint32_t lead_words_;
    std::vector<Label> labels_;
    std::optional<LabelId> negative_;
    std::uint64_t texts_ = 0, every_in_lead_ = 0;
};

/// A set of texts, measured.
struct Set {
    Measures all;
    std::optional<Measures> equal;  ///< of as many words as the set that it is compared with has
    std::optional<double> every_in_lead;
};

struct Compared {
    std::string name;
    std::uint64_t documents = 0;
    Set set;
};

struct Findings {
    std::uint64_t samples = 0;
    Set run;
    std::optional<Compared> reference;
    std::vector<Spread::Report> attributes, negative_attributes;
    std::vector<Positions::Label> positions;
};

void write(JsonWriter& json, const Measures& measures) {
    json.begin_object();
    json.member("texts", measures.texts);
    json.member("words", measures.words);
    json.member("distinct_1", measures.distinct[0]);
    json.member("distinct_2", measures.distinct[1]);
    json.member("distinct_3", measures.distinct[2]);
    json.member("compression_ratio", measures.compression);
    json.member("self_repetition", measures.self_repetition);
    json.key("phrases");
    json.begin_array();
    for (const auto& phrase : measures.phrases) {
        json.begin_object();
        json.member("text", phrase.text);
        json.member("texts", phrase.texts);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

void write(JsonWriter& json, const Set& set) {
    json.key("texts");
    write(json, set.all);
    if (set.equal) {
        json.key("at_equal_size");
        write(json, *set.equal);
    }
    json.member("every_label_in_lead", set.every_in_lead);
}

void write(JsonWriter& json, const Spread::Report& report, const Taxonomy& taxonomy) {
    json.key(report.attribute);
    json.begin_object();
    json.member("values", report.values.size());
    json.member("uncounted", report.other);
    json.member("evenness", report.evenness);
    json.member("label_pairs", report.pairs);
    json.member("label_pairs_met", report.met);
    json.key("counts");
    json.begin_object();
    for (std::size_t i = 0; i < std::min(report.values.size(), kMostValues); ++i)
        json.member(report.values[i].name, report.values[i].samples);
    json.end_object();
    json.key("unmet");
    json.begin_array();
    for (std::size_t i = 0; i < std::min(report.unmet.size(), kMostUnmet); ++i) {
        json.begin_array();
        json.value(taxonomy[report.unmet[i].first].name);
        json.value(report.values[report.unmet[i].second].name);
        json.end_array();
    }
    json.end_array();
    json.end_object();
}

std::string to_json(const Findings& found, const Options& options, const Taxonomy& taxonomy) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("diversity");
    json.begin_object();
    json.member("samples", found.samples);
    write(json, found.run);
    if (found.reference) {
        json.key("reference");
        json.begin_object();
        json.member("name", found.reference->name);
        json.member("documents", found.reference->documents);
        write(json, found.reference->set);
        json.end_object();
    }
    for (const auto& [key, reports] :
         {std::pair("attributes", &found.attributes), std::pair("negative_attributes", &found.negative_attributes)}) {
        json.key(key);
        json.begin_object();
        for (const auto& report : *reports) write(json, report, taxonomy);
        json.end_object();
    }
    json.member("lead_words", options.lead_words);
    json.key("positions");
    json.begin_object();
    for (std::size_t i = 0; i < found.positions.size(); ++i) {
        const auto& label = found.positions[i];
        if (label.texts() == 0) continue;
        json.key(taxonomy.labels[i].name);
        json.begin_object();
        json.member("texts", label.texts());
        json.member("median_word", Positions::at(label, 0.5));  // words before it; null: in fewer texts than that
        json.member("p90_word", Positions::at(label, 0.9));
        json.member("in_lead", label.in_lead);
        json.member("never", label.never);
        json.end_object();
    }
    json.end_object();
    json.end_object();
    json.end_object();
    return out;
}

std::string percent_of(const std::optional<double>& share) { return share ? plugins::percent(*share) : "unknown"; }

std::string in_short(const Measures& measures) {
    return "distinct " + percent_of(measures.distinct[0]) + " / " + percent_of(measures.distinct[1]) + " / " +
           percent_of(measures.distinct[2]) + ", compression " +
           (measures.compression ? plugins::figure(*measures.compression) : "unknown") + ", repeated " +
           percent_of(measures.self_repetition);
}

void print_texts(ReportText& text, const Findings& found) {
    const Measures& all = found.run.all;
    std::string line = plugins::counted(all.texts, "text");
    if (all.texts != found.samples) line += " of " + plugins::grouped(found.samples) + ", evenly chosen,";
    text.row("Texts", line + " with " + plugins::counted(all.words, "word"));
    if (all.words == 0) return;
    text.row("Words", "distinct sequences of 1 / 2 / 3 words: " + percent_of(all.distinct[0]) + " / " +
                          percent_of(all.distinct[1]) + " / " + percent_of(all.distinct[2]));
    text.row("Repeats", percent_of(all.self_repetition) + " of a text's sequences of " +
                            std::to_string(Measures::kSharedWords) +
                            " words stand in another text; all together compress " +
                            (all.compression ? plugins::figure(*all.compression) : "an unknown number of") + " times");
    for (std::size_t i = 0; i < all.phrases.size(); ++i)
        text.row(i == 0 ? "Phrases" : "",
                 plugins::percent(static_cast<double>(all.phrases[i].texts) / static_cast<double>(all.texts)) +
                     " of the texts: \"" + plugins::clipped(all.phrases[i].text, 70) + "\"");
    if (!found.reference) return;
    const Compared& other = *found.reference;
    if (!found.run.equal || !other.set.equal) {
        text.row("Reference", other.name + " has no words to compare with");
        return;
    }
    text.row("Reference", other.name + ", " + plugins::counted(other.documents, "document") + "; by about " +
                              plugins::counted(std::min(found.run.equal->words, other.set.equal->words), "word") +
                              " of each:");
    text.row("", "this run: " + in_short(*found.run.equal));
    text.row("", "reference: " + in_short(*other.set.equal));
}

void print_attributes(ReportText& text, const Findings& found, const Taxonomy& taxonomy) {
    bool first = true;
    const auto print = [&](const Spread::Report& report, const std::string& whose) {
        std::string line = report.attribute + whose + ": " + plugins::counted(report.values.size(), "value");
        if (report.other != 0) line += " and more";
        if (report.evenness) line += ", evenness " + plugins::figure(*report.evenness);
        if (whose.empty() && report.pairs != 0) {
            line += "; labels met " + plugins::grouped(report.met) + " of " + plugins::grouped(report.pairs) +
                    " values that they could have";
            if (report.met != report.pairs)
                line += ", not: " + taxonomy[report.unmet[0].first].name + " a " +
                        plugins::clipped(report.values[report.unmet[0].second].name, 40) +
                        (report.unmet.size() > 1 ? ", \xE2\x80\xA6" : "");
        }
        text.row(first ? "Spread" : "", line);
        first = false;
    };
    for (const auto& report : found.attributes) print(report, "");
    for (const auto& report : found.negative_attributes) print(report, " of " + taxonomy[*taxonomy.negative].name);
}

void print_positions(ReportText& text, const Findings& found, const Options& options, const Taxonomy& taxonomy) {
    if (!found.run.every_in_lead) return;
    std::string line = percent_of(found.run.every_in_lead) + " of the texts show every label within the first " +
                       plugins::counted(options.lead_words, "word");
    if (found.reference && found.reference->set.every_in_lead)
        line += " (reference: " + percent_of(found.reference->set.every_in_lead) + ")";
    text.row("Position", line);
    std::vector<ReportText::Cell> cells;
    for (std::size_t i = 0; i < found.positions.size(); ++i) {
        const auto& label = found.positions[i];
        if (label.texts() == 0) continue;
        const auto half = Positions::at(label, 0.5), most = Positions::at(label, 0.9);
        const auto word = [](const std::optional<std::uint32_t>& before) {
            return before ? plugins::grouped(std::uint64_t{*before} + 1) : std::string("-");
        };
        cells.push_back({taxonomy.labels[i].name, word(half) + " / " + word(most)});
    }
    text.table("Word from which each label shows: in half / nine tenths of its texts (-: in fewer)", cells);
}

class DiversityReporter final : public Reporter {
public:
    static Result<std::unique_ptr<Reporter>> create(Host&, std::string_view options_json) {
        const plugins::Options given(options_json);
        Options options;
        options.reference = given.text("reference");
        options.max_samples = given.count("max_samples");
        options.lead_words = static_cast<std::uint32_t>(given.count("lead_words"));
        return std::unique_ptr<Reporter>(std::make_unique<DiversityReporter>(std::move(options)));
    }

    explicit DiversityReporter(Options options) : options_(std::move(options)) {}

    Result<Section> report(const RunView& run) const override {
        const Taxonomy& taxonomy = run.taxonomy();
        Findings found;
        Spread spread(taxonomy.labels.size()), negatives(taxonomy.labels.size());
        Positions positions(taxonomy, options_.lead_words);
        TextSample texts(options_.max_samples, kMostBytes);
        if (Status done = read(run, spread, negatives, positions, texts, found.samples); !done) return done.error();
        positions.close();
        found.positions = positions.labels();
        found.attributes = spread.reports();
        found.negative_attributes = negatives.reports();
        found.run.all = diversity::measure(texts.texts());
        found.run.every_in_lead = positions.every_in_lead();
        if (!options_.reference.empty()) {
            auto compared = compare(taxonomy, texts, found.run);
            if (!compared) return std::move(compared).error();
            found.reference = std::move(*compared);
        }
        ReportText text;
        print_texts(text, found);
        print_attributes(text, found, taxonomy);
        print_positions(text, found, options_, taxonomy);
        return Section{"Diversity", std::move(text).take(), to_json(found, options_, taxonomy)};
    }

private:
    [[nodiscard]] Status read(const RunView& run, Spread& spread, Spread& negatives, Positions& positions,
                              TextSample& texts, std::uint64_t& samples) const {
        // A ledger that cannot be read to its end is an error for who reads its texts only, too.
        const auto calls = run.calls();
        CallRow call;
        for (;;) {
            const Result<bool> more = calls->next(call);
            if (!more) return more.error();
            if (!*more) break;
            samples += call.outcome == Outcome::accepted;
        }
        // Of more samples than are measured, every n-th is looked at for its positions.
        const std::uint64_t every =
            std::max<std::uint64_t>(1, (samples + options_.max_samples - 1) / options_.max_samples);
        samples = 0;
        const auto records = run.records();
        Record record;
        for (;;) {
            const Result<bool> more = records->next(record);
            if (!more) return more.error();
            if (!*more) return {};
            (run.taxonomy().is_negative(record.labels) ? negatives : spread).add(record.labels, record.attributes);
            if (samples++ % every != 0) continue;
            texts.add(record.text);
            positions.add(record.text, record.labels);
        }
    }

    /// Measures the reference, and of both sets as many words as the smaller one has.
    Result<Compared> compare(const Taxonomy& taxonomy, const TextSample& own, Set& run) const {
        using Data = plugins::LabelledDataOptions;
        auto data = plugins::LabelledData::open(
            options_.reference, taxonomy,
            {.unknown = Data::Unknown::skip, .unlabelled = Data::Unlabelled::skip, .texts = true});
        if (!data) return std::move(data).error();
        Compared compared;
        compared.name = options_.reference.substr(options_.reference.rfind('/') + 1);
        TextSample texts(options_.max_samples, kMostBytes);
        Positions positions(taxonomy, options_.lead_words);
        Status read = plugins::for_each_document(*data, [&](const plugins::LabelledDocument& document) -> Status {
            ++compared.documents;
            texts.add(document.text);
            if (compared.documents <= options_.max_samples) positions.add(document.text, document.labels);
            return {};
        });
        if (!read) return std::move(read).error();
        Set& other = compared.set;
        other.all = diversity::measure(texts.texts());
        other.every_in_lead = positions.every_in_lead();
        const std::uint64_t words = std::min(run.all.words, other.all.words);
        if (words > 0) {
            run.equal = diversity::measure(diversity::part_of(own.texts(), run.all.words, words));
            other.equal = diversity::measure(diversity::part_of(texts.texts(), other.all.words, words));
        }
        return compared;
    }

    const Options options_;
};

}  // namespace

SYNTH_PLUGIN(synth::Reporter, DiversityReporter, "diversity", "0.1.0",
             "how varied the texts are, how forms are spread over labels, where labels show", kOptions);
