#include <zstd.h>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "support/process.hpp"
#include "synth/random.hpp"
#include "unit/reporters/reporter.hpp"

namespace synth {
namespace {

using nlohmann::json;
using test::FakeRun;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Result<Section> report(const FakeRun& run, std::string_view options = "{}") {
    auto reporter = test::load<Reporter>("html", options, run.classes);
    if (!reporter) return reporter.error();
    return reporter->call([&](Reporter& loaded) { return loaded.report(run); });
}

/// As page.js does it.
std::string block(std::string_view page, std::string_view id) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'()*+,-./:;=>?@[]^_`{|}~";
    const std::string opening = "id=\"" + std::string(id) + "\" data-bytes=\"";
    const auto at = page.find(opening);
    if (at == std::string_view::npos) throw std::runtime_error("no block " + std::string(id));
    page.remove_prefix(at + opening.size());
    const std::size_t size = std::stoul(std::string(page.substr(0, page.find('"'))));
    page.remove_prefix(page.find('>') + 1);
    page = page.substr(0, page.find('<'));
    std::string bytes;
    std::uint32_t held = 0;
    unsigned bits = 0;
    for (std::size_t i = 0; i + 1 < page.size(); i += 2) {
        held |= static_cast<std::uint32_t>(kAlphabet.find(page[i]) + 91 * kAlphabet.find(page[i + 1])) << bits;
        for (bits += 13; bits >= 8; bits -= 8, held >>= 8U) bytes += static_cast<char>(held & 255U);
    }
    bytes.resize(size);
    std::string content(ZSTD_getFrameContentSize(bytes.data(), bytes.size()), '\0');
    const auto read = ZSTD_decompress(content.data(), content.size(), bytes.data(), bytes.size());
    if (ZSTD_isError(read) != 0) throw std::runtime_error(ZSTD_getErrorName(read));
    return content;
}

json figures(const Section& section) { return json::parse(block(section.page, "figures")); }
json samples(const Section& section) { return json::parse(block(section.page, "samples")); }

/// An accepted sample with this text.
Record& accept(FakeRun& run, const LabelSet& labels, std::string text) {
    const auto index = run.plan_sample(labels).index;
    CallRow& call = run.call(index, Outcome::accepted);
    call.words = 5;
    call.target_words = 10;
    Record record;
    record.index = index;
    record.text = std::move(text);
    record.labels = labels;
    record.words = 5;
    run.documents.push_back(std::move(record));
    return run.documents.back();
}

/// A rejected attempt at sample `index` that said this.
CallRow& reject(FakeRun& run, std::uint64_t index, std::string reason, std::string text) {
    CallRow& call = run.call(index, Outcome::rejected, std::move(reason));
    call.message = "it was not good";
    run.unused.push_back({call, std::move(text)});
    return run.unused.back().call;
}

/// The spans of all samples as page.js reads them: begin and end in UTF-16, label.
std::vector<std::vector<std::array<std::uint64_t, 3>>> spans(const Section& section) {
    const std::string bytes = block(section.page, "spans");
    std::size_t at = 0;
    const auto next = [&] {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const auto byte = static_cast<unsigned char>(bytes.at(at++));
            value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
            if (byte < 0x80) return value;
        }
    };
    std::array<std::uint64_t, 5> sizes{};
    for (auto& size : sizes) size = next();
    std::array<std::vector<std::uint64_t>, 5> columns;
    for (std::size_t column = 0; column < columns.size(); ++column) {
        const std::size_t end = at + sizes[column];
        while (at < end) columns[column].push_back(next());
    }
    EXPECT_EQ(at, bytes.size());
    std::vector<std::vector<std::array<std::uint64_t, 3>>> found;
    std::size_t place = 0;
    for (const std::uint64_t count : columns[0]) {
        auto& here = found.emplace_back();
        std::uint64_t begin = 0;
        for (std::uint64_t i = 0; i < count; ++i, ++place) {
            begin += columns[1][place];
            here.push_back({begin, begin + columns[2][place], columns[3][place]});
        }
    }
    return found;
}

TEST(Html, NoTextBreaksOutOfThePage) {
    const std::string wild = "</script><script>alert(1)</script><!-- \xE2\x80\xAE \x01 \xFF X-rays";
    FakeRun plain, run;
    accept(plain, test::labels({test::kXRays}), "calm");
    Record& record = accept(run, test::labels({test::kXRays}), wild);
    record.title = record.model = record.link = wild;
    record.attributes = {{wild, wild}};
    record.findings = {{Severity::warning, wild, wild, wild, 1, 2, wild}};
    run.prompts[0] = wild;
    run.run_facts.name = run.run_facts.model = wild;
    run.happenings = {{TimePoint{}, wild, wild}};
    run.call(0, Outcome::rejected, wild).message = wild;
    const auto calm = report(plain), made = report(run);
    ASSERT_TRUE(calm && made) << (made ? calm.error().message : made.error().message);
    const auto count = [](std::string_view page, std::string_view what) {
        std::size_t times = 0;
        for (std::size_t at = 0; (at = page.find(what, at)) != std::string_view::npos; ++at) ++times;
        return times;
    };
    for (const char* tag : {"<script", "</script", "<!--", "\x01", "\xE2\x80\xAE"})
        EXPECT_EQ(count(made->page, tag), count(calm->page, tag)) << tag;
    EXPECT_THAT(made->page, HasSubstr("&lt;/script&gt;"));
    // What was not UTF-8 is replaced; all else is in the page as it was.
    const std::string clean = "</script><script>alert(1)</script><!-- \xE2\x80\xAE \x01 \xEF\xBF\xBD X-rays";
    EXPECT_EQ(block(made->page, "texts"), clean + '\0');
    EXPECT_EQ(block(made->page, "prompts"), clean + '\0');
    EXPECT_EQ(samples(*made)[0]["title"], clean);
}

TEST(Html, ThePageAsksForNothing) {
    FakeRun run;
    accept(run, test::labels({test::kXRays}), "X-rays");
    const auto made = report(run);
    ASSERT_TRUE(made);
    EXPECT_THAT(made->page, StartsWith("<!DOCTYPE html>"));
    EXPECT_THAT(made->page,
                AllOf(HasSubstr("default-src 'none'"), Not(HasSubstr("src=\"http")), Not(HasSubstr("href=\"http")),
                      Not(HasSubstr("@import")), Not(HasSubstr("{{title}}")), Not(HasSubstr("{{data}}"))));
}

TEST(Html, CountsLabelsPairsAndWords) {
    FakeRun run;
    accept(run, test::labels({test::kXRays, test::kBinaries}), "one");
    accept(run, test::labels({test::kXRays, test::kBinaries}), "two");
    accept(run, test::labels({test::kNovae}), "three");
    run.plan_sample(test::labels({test::kNovae}));
    CallRow& lost = run.call(3, Outcome::rejected, "too_short");
    lost.findings = {{Severity::rejection, "too_short", "3 words", "N", 3, 10, "length"}};
    lost.cost = PicoUsd{5'000'000'000};
    lost.usage = Usage{.input = {10}, .output = {20}};
    const auto made = report(run);
    ASSERT_TRUE(made);
    const json all = figures(*made);
    EXPECT_EQ(all["labels"][test::kXRays]["made"], 2);
    EXPECT_EQ(all["labels"][test::kNovae]["made"], 1);
    EXPECT_EQ(all["labels"][test::kNovae]["target"], 2);
    EXPECT_EQ(all["pairs"], json({test::kXRays, test::kBinaries, 2}));
    EXPECT_EQ(all["words"]["texts"], json({5, 3}));
    EXPECT_EQ(all["words"]["below_target"], 3);
    EXPECT_EQ(all["run"]["missing"], 1);
    EXPECT_EQ(all["missing"][0]["reason"], "too_short");
    EXPECT_EQ(all["findings"][0]["rejected"], 1);
    EXPECT_EQ(all["findings"][0]["label"], "N");
    EXPECT_EQ(all["reasons"][0]["usd"], 0.005);
    EXPECT_EQ(all["failures"].size(), 1);
    EXPECT_THAT(made->text, HasSubstr("all 3 samples can be read in it"));
    EXPECT_EQ(json::parse(made->json)["page"]["bytes"], made->page.size());
}

TEST(Html, SpansCountAsJavaScriptCounts) {
    FakeRun run;
    // A character outside of the basic plane is two there and four bytes here.
    accept(run, test::labels({test::kXRays}), "\xF0\x9D\x9B\xBE\xC3\xA9 binary black holes and X-rays");
    const auto made = report(run);
    ASSERT_TRUE(made);
    // What is not its label is shown, too, once it speaks for that by itself.
    EXPECT_THAT(spans(*made),
                ElementsAre(ElementsAre(ElementsAre(4, 22, test::kBinaries), ElementsAre(27, 33, test::kXRays))));
    EXPECT_EQ(samples(*made)[0]["shares"][1], 5);
}

TEST(Html, OfManySamplesAnEvenPartIsShown) {
    FakeRun run;
    for (int i = 0; i < 1000; ++i) accept(run, test::labels({test::kXRays}), std::to_string(i));
    const auto made = report(run, R"({"max_samples": 4})");
    ASSERT_TRUE(made);
    EXPECT_EQ(block(made->page, "texts"), std::string("249\0"
                                                      "499\0"
                                                      "749\0"
                                                      "999\0",
                                                      16));
    EXPECT_EQ(figures(*made)["labels"][test::kXRays]["made"], 1000);
    EXPECT_THAT(made->text, HasSubstr("4 of 1,000 samples can be read in it"));
    const auto none = report(run, R"({"max_samples": 0})");
    ASSERT_TRUE(none);
    EXPECT_EQ(samples(*none).size(), 0);
}

TEST(Html, APageThatWouldBeTooLargeShowsFewerSamples) {
    FakeRun run;
    Random random(3);
    for (int i = 0; i < 40; ++i) {
        std::string noise;
        while (noise.size() < 60'000) noise += static_cast<char>(' ' + random.below(95));
        accept(run, test::labels({test::kXRays}), noise);
    }
    const auto made = report(run, R"({"max_megabytes": 1})");
    ASSERT_TRUE(made);
    EXPECT_LE(made->page.size(), 1'000'000);
    EXPECT_GT(made->page.size(), 700'000);
    EXPECT_GT(samples(*made).size(), 5);
    EXPECT_LT(samples(*made).size(), 30);
}

TEST(Html, RejectedTextsCanBeReadBesideTheSampleThatCameOfThem) {
    FakeRun run;
    accept(run, test::labels({test::kXRays}), "X-rays").attempt = 3;
    CallRow& call = reject(run, 0, "uncovered_label", "Binary black holes, X-rays and then nothing");
    call.findings = {{Severity::rejection, "uncovered_label", "too little", "N", 0.1, 0.3, "coverage"}};
    call.usage = Usage{.input = {10}, .output = {20}};
    call.cost = PicoUsd{5'000'000'000};
    reject(run, 0, "malformed", " \n").attempt = 2;  // nothing to read
    run.plan_sample(test::labels({test::kNovae}));
    reject(run, 1, "echo", std::string(30'000, 'x'));
    run.prompts[0] = "[user]\nWrite.";
    const auto made = report(run);
    ASSERT_TRUE(made) << made.error().message;
    const json all = samples(*made);
    ASSERT_EQ(all.size(), 3);
    EXPECT_FALSE(all[0].contains("reason"));
    EXPECT_EQ(all[1]["index"], 0);
    EXPECT_EQ(all[1]["attempt"], 1);
    EXPECT_EQ(all[1]["reason"], "uncovered_label");
    EXPECT_EQ(all[1]["message"], "it was not good");
    EXPECT_EQ(all[1]["accepted"], 3);
    EXPECT_EQ(all[1]["words"], 7);
    EXPECT_EQ(all[1]["usd"], 0.005);
    EXPECT_EQ(all[1]["labels"], json({test::kXRays}));
    EXPECT_EQ(all[1]["findings"][0]["message"], "too little");
    EXPECT_EQ(spans(*made)[1].size(), 2);
    EXPECT_EQ(all[2]["accepted"], 0);
    const std::string texts = block(made->page, "texts"), end(1, '\0');
    EXPECT_THAT(texts, StartsWith("X-rays" + end + "Binary black holes, X-rays and then nothing" + end + "xxx"));
    EXPECT_LT(texts.size(), 20'100);
    EXPECT_THAT(block(made->page, "prompts"), StartsWith("[user]\nWrite." + end + "[user]\nWrite." + end));
    EXPECT_EQ(figures(*made)["rejected_texts"], 2);
    EXPECT_THAT(made->text, HasSubstr("all 1 sample and all 2 rejected texts can be read in it"));
    EXPECT_EQ(json::parse(made->json)["page"]["rejected_shown"], 2);
}

TEST(Html, OfManyRejectedTextsThoseOfRareReasonsStay) {
    FakeRun run;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        run.plan_sample(test::labels({test::kXRays}));
        reject(run, i, i % 400 == 7 ? "refused" : "echo", std::to_string(i));
    }
    const auto made = report(run, R"({"max_rejected": 20})");
    ASSERT_TRUE(made);
    std::map<std::string, std::vector<std::uint64_t>> by_reason;
    std::uint64_t last = 0;
    for (const json& one : samples(*made)) {
        by_reason[one["reason"]].push_back(one["index"]);
        EXPECT_GE(one["index"], last);
        last = one["index"];
    }
    EXPECT_THAT(by_reason["refused"], ElementsAre(7, 407, 807));
    ASSERT_EQ(by_reason["echo"].size(), 17);
    for (std::size_t i = 0; i + 1 < 17; ++i) EXPECT_LT(by_reason["echo"][i + 1] - by_reason["echo"][i], 200);
    EXPECT_THAT(made->text, HasSubstr("20 of 1,000 rejected texts can be read in it"));
    const auto none = report(run, R"({"max_rejected": 0})");
    ASSERT_TRUE(none);
    EXPECT_EQ(samples(*none).size(), 0);
}

TEST(Html, APageThatWouldBeTooLargeLosesRejectedTextsFirst) {
    FakeRun run;
    Random random(3);
    const auto noise = [&] {
        std::string text;
        while (text.size() < 10'000) text += static_cast<char>(' ' + random.below(95));
        return text;
    };
    for (std::uint64_t i = 0; i < 40; ++i) {
        accept(run, test::labels({test::kXRays}), noise());
        for (int attempt = 0; attempt < 3; ++attempt) reject(run, i, "echo", noise());
    }
    const auto made = report(run, R"({"max_megabytes": 1})");
    ASSERT_TRUE(made);
    EXPECT_LE(made->page.size(), 1'000'000);
    const json counts = json::parse(made->json)["page"];
    EXPECT_EQ(counts["samples_shown"], 40);
    EXPECT_GT(counts["rejected_shown"], 5);
    EXPECT_LT(counts["rejected_shown"], 60);
}

TEST(Html, AReferenceIsReadForItsLengths) {
    const test::TempDir dir;
    test::write_file(dir / "real.jsonl", R"({"full_text": "a b c", "labels": ["X-rays"]})"
                                         "\n"
                                         R"({"full_text": "a b", "labels": ["X-rays", "Quarks"]})"
                                         "\n");
    FakeRun run;
    accept(run, test::labels({test::kXRays}), "X-rays");
    const auto made = report(run, json{{"reference", (dir / "real.jsonl").string()}}.dump());
    ASSERT_TRUE(made) << made.error().message;
    const json reference = figures(*made)["reference"];
    EXPECT_EQ(reference["documents"], 2);
    EXPECT_EQ(reference["words"], json({2, 1, 3, 1}));
    EXPECT_EQ(reference["labels"][test::kXRays], 2);
    const auto missing = report(run, R"({"reference": "/nowhere.json"})");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message, HasSubstr("/nowhere.json"));
}

TEST(Html, TimeIsKeptInBoundedSlices) {
    FakeRun run;
    run.plan_sample(test::labels({test::kXRays}));
    for (int i = 0; i < 5000; ++i) {
        CallRow& call = run.call(0, Outcome::throttled);
        call.began += std::chrono::milliseconds(i * 37);
        call.ended = call.began + std::chrono::milliseconds(900);
    }
    const auto made = report(run);
    ASSERT_TRUE(made);
    const json time = figures(*made)["time"];
    EXPECT_LE(time["slices"].size(), 600);
    std::uint64_t began = 0, ended = 0, throttled = 0;
    double busy = 0, flying = 0;
    const double width = time["slice_ms"];
    std::int64_t next = time["slices"][0][0];
    for (const json& slice : time["slices"]) {
        ASSERT_EQ(slice[0], next);  // no gap in this run
        next += static_cast<std::int64_t>(width);
        busy += flying * width + slice[9].get<double>();
        flying += slice[4].get<double>() - slice[5].get<double>();
        began += slice[4].get<std::uint64_t>();
        ended += slice[5].get<std::uint64_t>();
        throttled += slice[3].get<std::uint64_t>();
    }
    EXPECT_EQ(began, 5000);
    EXPECT_EQ(ended, 5000);
    EXPECT_EQ(throttled, 5000);
    EXPECT_EQ(busy, 5000 * 900);
}

TEST(Html, ALedgerThatCannotBeReadIsAnError) {
    FakeRun run;
    accept(run, test::labels({test::kXRays}), "X-rays");
    run.broken = Error{ErrorCode::io, "cannot read the ledger", {}};
    EXPECT_FALSE(report(run));
}

}  // namespace
}  // namespace synth
