#include "huggingface/card.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "common/json_writer.hpp"
#include "common/record_json.hpp"
#include "synth/random.hpp"

namespace synth::sinks {

namespace {

constexpr std::uint64_t unmix64(std::uint64_t z) noexcept {
    z = (z ^ (z >> 31U) ^ (z >> 62U)) * 0x319642b2d24d8ec3ULL;
    z = (z ^ (z >> 27U) ^ (z >> 54U)) * 0x96de1b173f119089ULL;
    return z ^ (z >> 30U) ^ (z >> 60U);
}

constexpr std::uint64_t unseed(std::uint64_t derived, std::uint64_t index) noexcept {
    constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
    return unmix64(unmix64(derived) - (index + 1) * kGolden) - kGolden;
}
static_assert(unseed(derive_seed(0, 0), 0) == 0 && unseed(derive_seed(~0ULL, 12'345), 12'345) == ~0ULL);

/// A YAML scalar: JSON's strings are ones.
std::string quoted(std::string_view text) {
    std::string out;
    plugins::append_json_string(out, text);
    return out;
}

/// Text in a cell of a Markdown table: what would end it or begin something else is escaped.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (std::string_view("|\\`*<>[]").find(c) != std::string_view::npos) out += '\\';
        out += c == '\n' || c == '\r' ? ' ' : c;
    }
    return out;
}

std::string grouped(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
    return digits;
}

std::string shortly(double number) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.4g", number);
    return text.data();
}

std::uint64_t sum(const CardFacts::Counts& counts) { return counts[0] + counts[1] + counts[2]; }

std::string_view size_category(std::uint64_t records) {
    if (records < 1'000) return "n<1K";
    if (records < 10'000) return "1K<n<10K";
    if (records < 100'000) return "10K<n<100K";
    if (records < 1'000'000) return "100K<n<1M";
    if (records < 10'000'000) return "1M<n<10M";
    if (records < 100'000'000) return "10M<n<100M";
    return "100M<n<1B";
}

constexpr std::string_view kMetadataFeatures = R"(  - name: title
    dtype: string
  - name: metadata
    struct:
    - name: id
      dtype: int64
    - name: label_codes
      sequence: string
    - name: provider
      dtype: string
    - name: model
      dtype: string
    - name: prompt_hash
      dtype: string
    - name: seed
      dtype: string
    - name: attempt
      dtype: int64
    - name: finish_reason
      dtype: string
    - name: usage
      struct:
      - name: input_tokens
        dtype: int64
      - name: cached_tokens
        dtype: int64
      - name: cache_write_tokens
        dtype: int64
      - name: output_tokens
        dtype: int64
      - name: reasoning_tokens
        dtype: int64
    - name: cost_usd
      dtype: float64
    - name: words
      dtype: int64
    - name: findings
      list:
      - name: severity
        dtype: string
      - name: code
        dtype: string
      - name: message
        dtype: string
      - name: validator
        dtype: string
      - name: label
        dtype: string
      - name: value
        dtype: float64
      - name: limit
        dtype: float64
    - name: attributes
      list:
      - name: name
        dtype: string
      - name: value
        dtype: string
    - name: sent
      dtype: string
    - name: received
      dtype: string
)";

void append_front_matter(std::string& out, const CardFacts& facts, const CardSettings& settings,
                         const LabelProfile& profile) {
    out += "---\n";
    out += settings.license.empty() ? "# license: not set; name one here before you publish this\n"
                                    : "license: " + quoted(settings.license) + "\n";
    out += "pretty_name: " + quoted(settings.name) + "\nlanguage:\n- " + quoted(settings.language) + "\n";
    out += "size_categories:\n- " + std::string(size_category(sum(facts.records))) + "\n";
    out +=
        "task_categories:\n- text-classification\ntask_ids:\n- multi-label-classification\n"
        "annotations_creators:\n- machine-generated\nlanguage_creators:\n- machine-generated\n"
        "tags:\n- synthetic\n- " +
        quoted(profile.name()) + "\n";
    const bool none = sum(facts.records) == 0;
    std::string files, parts;
    for (std::size_t part = 0; part < kParts; ++part) {
        if (facts.records[part] == 0 && !(none && part == 0)) continue;
        const std::string name(kPartNames[part]);
        files +=
            "  - split: " + name + "\n    path: " + quoted("data/" + name + std::string(settings.extension)) + "\n";
        parts += "  - name: " + name + "\n    num_bytes: " + std::to_string(facts.bytes[part]) +
                 "\n    num_examples: " + std::to_string(facts.records[part]) + "\n";
    }
    out += "configs:\n- config_name: default\n  data_files:\n" + files;
    out +=
        "dataset_info:\n  features:\n  - name: link\n    dtype: string\n  - name: full_text\n    dtype: string\n"
        "  - name: labels\n    sequence:\n      class_label:\n        names:\n";
    for (std::size_t i = 0; i < profile.labels().size(); ++i)
        out += "          '" + std::to_string(i) + "': " + quoted(profile.labels()[i].name) + "\n";
    if (settings.metadata) out += kMetadataFeatures;
    out += "  splits:\n" + parts + "---\n\n";
}

void append_provenance(std::string& out, const CardFacts& facts, const CardSettings& settings,
                       const LabelProfile& profile) {
    out += "## Where it comes from\n\n| | |\n|---|---|\n| made by | tdamm-synth " TDAMM_SYNTH_VERSION " |\n";
    out += "| run | " + cell(settings.name) + " |\n| seed of the run | " +
           (facts.seed ? std::to_string(*facts.seed) : std::string("not known")) + " |\n";
    out += "| provider | " + (facts.provider.empty() ? "not known" : cell(facts.provider)) + " |\n| models | ";
    std::string models;
    for (const auto& [model, records] : facts.models)
        models +=
            (models.empty() ? "" : ", ") + (model.empty() ? "none named" : cell(model)) + " (" + grouped(records) + ")";
    if (facts.of_other_models > 0) models += ", others (" + grouped(facts.of_other_models) + ")";
    out += models + " |\n| labels | " + cell(profile.name()) + " |\n";
    if (const auto first = iso_time(facts.first), last = iso_time(facts.last); first && last)
        out += "| written | " + *first + " to " + *last + " |\n";
    out += '\n';
}

void append_parts(std::string& out, const CardFacts& facts, const CardSettings& settings) {
    out += "## Splits\n\n| split | share | texts |\n|---|---:|---:|\n";
    for (std::size_t part = 0; part < kParts; ++part)
        out += "| " + std::string(kPartNames[part]) + " | " + shortly(settings.shares[part] * 100) + " % | " +
               grouped(facts.records[part]) + " |\n";
    out += "\nStratified by label and label set with seed " + std::to_string(settings.split_seed) +
           ": the same records give the same splits, and records added behind the last one move none.\n\n";
}

void append_labels(std::string& out, const CardFacts& facts, const CardSettings& settings,
                   const LabelProfile& profile) {
    out +=
        "## Labels\n\n`labels` is a list of class labels, with these names in this order.\n\n"
        "| | label | code | train | validation | test | all |\n|---:|---|---|---:|---:|---:|---:|\n";
    double most = 0;
    std::string where;
    for (std::size_t i = 0; i < profile.labels().size(); ++i) {
        const auto& counts = facts.of_label[i];
        const ExportedLabel& label = profile.labels()[i];
        out += "| " + std::to_string(i) + " | " + cell(label.name) + " | " + cell(label.code);
        for (std::size_t part = 0; part < kParts; ++part) {
            out += " | " + grouped(counts[part]);
            const double meant = settings.shares[part] * static_cast<double>(sum(counts));
            const double off = std::abs(static_cast<double>(counts[part]) - meant);
            if (off <= most) continue;
            most = off;
            where = cell(label.name) + " in " + std::string(kPartNames[part]) + ", " + grouped(counts[part]) +
                    " texts where its share is " + shortly(meant);
        }
        out += " | " + grouped(sum(counts)) + " |\n";
    }
    if (most > 0) out += "\nFarthest from its share: " + where + ".\n";
    if (const std::string account = profile.account(); !account.empty())
        out += "\nThe run had labels that this list lacks: " + cell(account) + ".\n";
    out += '\n';
}

}  // namespace

std::uint64_t run_seed_of(std::uint64_t sample_seed, std::uint64_t index) noexcept {
    return unseed(sample_seed, index);
}

void CardFacts::add(const Record& record, const LabelSet& labels, std::size_t part) {
    ++records[part];
    for (const LabelId label : labels) ++of_label[label][part];
    if (const auto found = models.find(record.model); found != models.end())
        ++found->second;
    else if (models.size() < kModels)
        models.emplace(record.model, 1);
    else
        ++of_other_models;
    provider = record.provider;
    const std::uint64_t run_seed = run_seed_of(record.seed, record.index);
    if (!any_)
        seed = run_seed;
    else if (seed != run_seed)
        seed.reset();
    if (record.sent != TimePoint{}) first = first == TimePoint{} ? record.sent : std::min(first, record.sent);
    last = std::max(last, record.received);
    any_ = true;
}

std::string card(const CardFacts& facts, const CardSettings& settings, const LabelProfile& profile) {
    const std::uint64_t records = sum(facts.records);
    std::string out;
    append_front_matter(out, facts, settings, profile);
    out += "# " + cell(settings.name) + "\n\n";
    out += "**All texts are synthetic.** " + grouped(records) + " documents";
    if (records < settings.planned) out += " (of " + grouped(settings.planned) + " planned)";
    out +=
        " were written by a program to carry given labels, to train classifiers of documents. None is a real document; "
        "what they state may be wrong, and they are no reference for anything.\n\n";
    out +=
        settings.license.empty()
            ? "**No licence is set.** Choose one before you publish: `license:` in the front matter of this file, or "
              "`-o sink.license=…` when it is made. What the terms of the model allow is for you to check.\n\n"
            : "Licence: " + cell(settings.license) + "\n\n";
    out += "    from datasets import load_dataset\n    data = load_dataset(\"this folder\")\n\n";
    append_provenance(out, facts, settings, profile);
    append_parts(out, facts, settings);
    append_labels(out, facts, settings, profile);
    out.pop_back();
    return out;
}

}  // namespace synth::sinks
