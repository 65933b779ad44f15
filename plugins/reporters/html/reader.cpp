#include "reader.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "common/json_writer.hpp"
#include "common/utf8.hpp"
#include "reporters/common/report_text.hpp"
#include "synth/text.hpp"

namespace synth::html {

using plugins::JsonWriter;

namespace {

void append_number(std::string& out, std::uint64_t number) {  // seven bits a byte, the lowest first
    while (number >= 0x80) {
        out += static_cast<char>(0x80 | (number & 0x7F));
        number >>= 7U;
    }
    out += static_cast<char>(number);
}

/// Where each byte of a text is in the UTF-16 that JavaScript has.
void utf16_places(std::string_view text, std::vector<std::uint32_t>& places) {
    places.clear();
    std::uint32_t place = 0;
    for (const char c : text) {
        places.push_back(place);
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xC0U) != 0x80) place += byte >= 0xF0 ? 2 : 1;
    }
    places.push_back(place);
    // The bytes inside of a character: of no use as borders.
}

void write_finding(JsonWriter& json, const Finding& finding) {
    json.begin_object();
    json.member("validator", finding.validator);
    json.member("code", finding.code);
    json.member("message", plugins::clipped(finding.message, 400));
    if (!finding.label.empty()) json.member("label", finding.label);
    if (finding.value) json.member("value", *finding.value);
    if (finding.limit) json.member("limit", *finding.limit);
    json.end_object();
}

void write_sample(JsonWriter& json, const Shown& shown, const plugins::TopicReading& reading) {
    const Record& record = shown.record;
    json.begin_object();
    json.member("index", record.index);
    json.member("link", record.link);
    json.member("title", record.title);
    json.key("labels");
    json.begin_array();
    for (const LabelId label : record.labels) json.value(label);
    json.end_array();
    json.key("shares");  // by label: part of the words, first word
    json.begin_array();
    for (const LabelId label : record.labels) {
        json.value(std::round(reading.share(label) * 1000) / 1000);
        json.value(reading.first_word(label));
    }
    json.end_array();
    json.member("words", record.words);
    json.member("target", shown.target_words);
    json.member("seed", std::to_string(record.seed));
    json.member("attempt", record.attempt);
    json.member("provider", record.provider);
    json.member("model", record.model);
    json.member("prompt_hash", record.prompt_hash);
    json.member("finish", name_of(record.finish));
    if (record.usage) {
        json.member("input", record.usage->input);
        json.member("output", record.usage->output);
    }
    json.member("usd", record.cost);
    json.member("sent", record.sent.time_since_epoch().count());
    json.member("ms", (record.received - record.sent).count());
    json.key("findings");
    json.begin_array();
    for (const Finding& finding : record.findings) write_finding(json, finding);
    json.end_array();
    json.key("attributes");
    json.begin_array();
    for (const Attribute& attribute : record.attributes) {
        json.value(attribute.name);
        json.value(attribute.value);
    }
    json.end_array();
    json.key("tries");
    json.begin_array();
    for (const Try& one : shown.tries) {
        json.begin_object();
        json.member("attempt", one.attempt);
        json.member("role", one.role);
        json.member("outcome", one.outcome);
        json.member("reason", one.reason);
        json.member("message", plugins::clipped(one.message, 400));
        json.member("usd", one.cost);
        json.end_object();
    }
    json.end_array();
    if (shown.rejection) {
        json.member("reason", shown.rejection->reason);
        json.member("message", plugins::clipped(shown.rejection->message, 400));
        json.member("accepted", shown.rejection->accepted_attempt);
    }
    json.end_object();
}

}  // namespace

Shown shown_of(const SampleSpec& spec, RejectedText rejected, const std::string& provider) {
    constexpr std::size_t kMostText = 20'000;  // characters: loops, and bodies of answers, can be far longer
    CallRow& call = rejected.call;
    Shown shown;
    Record& record = shown.record;
    record.index = spec.index;
    record.text = plugins::clipped(rejected.text, kMostText);
    record.labels = spec.labels;
    record.seed = spec.seed;
    record.attempt = call.attempt;
    record.provider = provider;
    record.model = std::move(call.model);
    record.finish = call.finish;
    record.usage = call.usage;
    record.cost = call.sent ? call.cost : std::optional(PicoUsd{});
    record.words = call.words != 0 ? call.words : count_words(rejected.text);
    record.findings = std::move(call.findings);
    record.attributes = std::move(call.attributes);
    record.sent = call.began;
    record.received = call.ended;
    shown.target_words = call.target_words;
    shown.rejection = Rejection{std::move(call.reason), std::move(call.message)};
    return shown;
}

bool Selection::wants_next() {
    const std::uint64_t number = seen_++;
    if (expected_ > most_) {
        // One each time that number × most / expected passes a whole number.
        __extension__ using Wide = unsigned __int128;
        const auto due = static_cast<std::uint64_t>((Wide{number} + 1) * most_ / expected_);
        if (due == static_cast<std::uint64_t>(Wide{number} * most_ / expected_)) return false;
    }
    return most_ > 0 && wanted_++ % every_ == 0;
}

void Selection::add(Shown sample) {
    bytes_ += sample.record.text.size();
    samples_.push_back(std::move(sample));
    if (bytes_ <= most_bytes_ || samples_.size() < 2) return;
    every_ *= 2;
    thin_out(samples_, 0.5);
    wanted_ = samples_.size() * every_;
    bytes_ = 0;
    for (const Shown& kept : samples_) bytes_ += kept.record.text.size();
}

bool RejectedSelection::wants_next(const std::string& reason) {
    ++seen_;
    Part& part = parts_[reason];
    return most_ > 0 && part.wanted++ % part.every == 0;
}

void RejectedSelection::add(Shown text) {
    parts_[text.rejection->reason].texts.push_back(std::move(text));
    if (++held_ <= 2 * most_) return;
    const auto size = [](const auto& part) { return part.second.texts.size(); };
    Part& largest = std::ranges::max_element(parts_, {}, size)->second;
    held_ -= largest.texts.size();
    thin_out(largest.texts, 0.5);
    held_ += largest.texts.size();
    largest.every *= 2;
    largest.wanted = largest.texts.size() * largest.every;
}

std::vector<Shown> RejectedSelection::take() && {
    std::multimap<std::size_t, std::vector<Shown>*> by_size;
    for (auto& [reason, part] : parts_) by_size.emplace(part.texts.size(), &part.texts);
    std::vector<Shown> all;
    std::size_t left = by_size.size();
    for (auto& [size, texts] : by_size) {  // what a rare reason leaves of its share is the others'
        const std::size_t share = (most_ - all.size()) / left--;
        if (size > share) thin_out(*texts, static_cast<double>(share) / static_cast<double>(size));
        std::ranges::move(*texts, std::back_inserter(all));
    }
    std::ranges::sort(all, {}, [](const Shown& one) { return std::pair(one.record.index, one.record.attempt); });
    return all;
}

void thin_out(std::vector<Shown>& samples, double part) {
    std::vector<Shown> kept;
    double due = 0;
    for (Shown& sample : samples) {
        due += part;
        if (due < 1 - 1e-9) continue;
        due -= 1;
        kept.push_back(std::move(sample));
    }
    samples = std::move(kept);
}

Contents contents_of(const std::vector<Shown>& accepted, const std::vector<Shown>& rejected,
                     const plugins::TopicMatcher& matcher) {
    Contents contents;
    JsonWriter json(contents.samples);
    std::string text;
    plugins::TopicReading reading;
    std::vector<std::uint32_t> places;
    enum Column : std::uint8_t { kCount, kBegin, kLength, kLabel, kKind };
    std::array<std::string, kKind + 1> columns;
    json.begin_array();
    const auto append = [&](const Shown& shown) {
        text.clear();
        plugins::append_text(text, shown.record.text);  // as page.js gets it
        matcher.read(text, reading);
        utf16_places(text, places);
        write_sample(json, shown, reading);
        std::uint64_t count = 0;
        std::uint32_t last = 0;
        for (const plugins::TopicSpan& span : reading.spans()) {
            // What speaks for its labels, and what strongly speaks for others.
            const bool own = shown.record.labels.contains(span.label);
            if (!own && (!span.strong || span.nested || matcher.taxonomy().covers(shown.record.labels, span.label)))
                continue;
            const std::uint32_t begin = places[span.begin];
            append_number(columns[kBegin], begin - last);
            append_number(columns[kLength], places[span.end] - begin);
            append_number(columns[kLabel], span.label);
            append_number(columns[kKind], static_cast<std::uint64_t>(span.kind) * 2 + (span.strong ? 1 : 0));
            last = begin;
            ++count;
        }
        append_number(columns[kCount], count);
        contents.texts += text;
        contents.texts += '\0';
        plugins::append_text(contents.prompts, shown.prompt);
        contents.prompts += '\0';
    };
    std::ranges::for_each(accepted, append);
    std::ranges::for_each(rejected, append);
    json.end_array();
    for (const std::string& column : columns) append_number(contents.spans, column.size());
    for (const std::string& column : columns) contents.spans += column;
    return contents;
}

}  // namespace synth::html
