#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/folded_words.hpp"
#include "common/word_runs.hpp"
#include "duplicates/near_index.hpp"
#include "duplicates/reference_index.hpp"
#include "support/process.hpp"
#include "synth/random.hpp"
#include "unit/validators/review.hpp"

namespace synth {
namespace {

using test::codes;
using test::LoadedValidator;
using testing::HasSubstr;

/// So many words of 20,000, by seed; of each a share `changed` is another one.
std::string text_of(std::uint64_t seed, std::size_t words, double changed = 0, std::uint64_t change_seed = 1) {
    Random random(seed), change(change_seed);
    std::string text;
    for (std::size_t i = 0; i < words; ++i) {
        std::uint64_t word = random.below(20'000);
        if (change.below(1'000'000) < static_cast<std::uint64_t>(changed * 1e6)) word = 20'000 + change.below(20'000);
        text += "w" + std::to_string(word) + ((i + 1) % 12 == 0 ? ". " : " ");
    }
    return text;
}

class Set {
public:
    explicit Set(std::string_view options = "{}") : validator_("duplicates", options) {
        auto made = validator_.object().set_check();
        EXPECT_TRUE(made && *made);
        check_ = std::move(*made);
    }
    std::string check(const std::string& text) {
        const Draft draft{.text = text};
        SampleSpec spec;
        spec.index = next_;
        const Review review{.spec = &spec, .draft = &draft};
        auto verdict = check_->check(review);
        EXPECT_TRUE(verdict);
        message_ = verdict->findings.empty() ? "" : verdict->findings[0].message;
        return codes(*verdict);
    }
    /// Checked, then added, as a run does.
    std::string add(const std::string& text) {
        std::string found = check(text);
        const Draft draft{.text = text};
        SampleSpec spec;
        spec.index = next_++;
        EXPECT_TRUE(check_->add({.spec = &spec, .draft = &draft}));
        return found;
    }
    [[nodiscard]] const std::string& message() const { return message_; }

private:
    LoadedValidator validator_;
    std::unique_ptr<SetCheck> check_;
    std::uint64_t next_ = 0;
    std::string message_;
};

TEST(DuplicatesValidator, FindsCopiesWithinTheSet) {
    Set set;
    for (std::uint64_t seed = 0; seed < 50; ++seed) EXPECT_EQ(set.add(text_of(seed, 400)), "") << seed;
    EXPECT_EQ(set.check(text_of(7, 400)), "!duplicate");
    EXPECT_THAT(set.message(), HasSubstr("sample 8 again: write about other objects"));
    // Letters, marks and spaces do not hide it.
    std::string shouted = text_of(7, 400);
    std::ranges::transform(shouted, shouted.begin(), [](char c) { return c == 'w' ? 'W' : c == ' ' ? '\n' : c; });
    EXPECT_EQ(set.check(shouted), "!duplicate");
    int found = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const std::string said = set.check(text_of(seed, 400, 0.1, seed + 100));
        found += said == "!near_duplicate";
        if (said.empty()) continue;
        EXPECT_THAT(set.message(), HasSubstr("sample " + std::to_string(seed + 1) + " ("));
    }
    EXPECT_GE(found, 47);
    EXPECT_EQ(set.check(text_of(7, 400, 0.6)), "");
    EXPECT_EQ(set.check(""), "");
    EXPECT_EQ(set.check("w1"), "");
    EXPECT_EQ(set.add(" \n"), "");
    EXPECT_EQ(set.check(""), "");
}

TEST(DuplicatesValidator, DoesWhatTheOptionsSay) {
    Set set(R"({"duplicate": "warn", "near_duplicate": "off"})");
    set.add(text_of(1, 400));
    EXPECT_EQ(set.check(text_of(1, 400)), "duplicate");
    EXPECT_EQ(set.check(text_of(1, 400, 0.05)), "");
    Set strict(R"({"max_similarity": 0.9, "near_duplicate": "warn"})");
    strict.add(text_of(1, 400));
    EXPECT_EQ(strict.check(text_of(1, 400, 0.1)), "");
    EXPECT_EQ(strict.check(text_of(1, 400, 0.005)), "near_duplicate");
    LoadedValidator off("duplicates", R"({"duplicate": "off", "near_duplicate": "off"})");
    EXPECT_EQ(off.object().set_check()->get(), nullptr);
}

TEST(DuplicatesValidator, FindsWhatIsTakenFromTheReference) {
    const test::TempDir dir;
    std::string lines;
    for (std::uint64_t seed = 0; seed < 20; ++seed) lines += R"({"full_text": ")" + text_of(seed, 300) + "\"}\n";
    test::write_file(dir / "validation.jsonl", lines);
    LoadedValidator validator("duplicates", R"({"reference": ")" + (dir / "validation.jsonl").string() + "\"}");
    EXPECT_EQ(codes(validator.check(text_of(100, 300))), "");
    EXPECT_EQ(codes(validator.check("")), "");
    const auto copied = validator.check(text_of(11, 300));
    ASSERT_EQ(codes(copied), "!contamination");
    EXPECT_EQ(copied.findings[0].value, 1);
    EXPECT_THAT(copied.findings[0].message, HasSubstr("100 % of the text"));
    EXPECT_THAT(copied.findings[0].message, HasSubstr("in its text 12:"));
    EXPECT_EQ(codes(validator.check(text_of(11, 300, 0.1))), "!contamination");
    EXPECT_EQ(codes(validator.check(text_of(100, 200) + text_of(3, 60))), "!contamination") << "a part of it";
    EXPECT_EQ(codes(validator.check(text_of(100, 280) + text_of(3, 20))), "");
    EXPECT_FALSE(test::load<Validator>("duplicates", R"({"reference": "/nowhere"})"));
}

std::vector<std::uint64_t> runs(const std::string& text, std::size_t length) {
    plugins::FoldedText folded;
    plugins::fold_words(text, folded);
    std::vector<std::uint64_t> hashes;
    validators::hash_runs(folded, length, hashes);
    return hashes;
}

TEST(WordRuns, AreTheSameWhereverTheyStand) {
    const auto one = runs("a b c d e", 3), other = runs("x A, B c d", 3);
    ASSERT_EQ(one.size(), 3U);
    ASSERT_EQ(other.size(), 3U);
    EXPECT_EQ(one[0], other[1]);
    EXPECT_EQ(one[1], other[2]);
    EXPECT_EQ(std::set<std::uint64_t>({one[0], one[1], one[2], other[0]}).size(), 4U);
    EXPECT_NE(runs("a b c", 3)[0], runs("c b a", 3)[0]);
    EXPECT_EQ(runs("a b", 3), runs("a b", 2));
    EXPECT_TRUE(runs("", 3).empty());
}

TEST(NearIndex, FindsTheNearestOfMany) {
    duplicates::NearIndex index;
    const auto signature = [](std::uint64_t seed, double changed = 0) {
        return duplicates::signature_of(runs(text_of(seed, 200, changed), duplicates::kRunLength));
    };
    EXPECT_FALSE(index.nearest(signature(1)));
    for (std::uint64_t seed = 0; seed < 3000; ++seed) index.add(signature(seed));  // grows on the way
    for (const std::uint64_t seed : {0U, 1023U, 2999U}) {
        const auto found = index.nearest(signature(seed));
        ASSERT_TRUE(found);
        EXPECT_EQ(found->text, seed);
        EXPECT_EQ(found->similarity, 1);
    }
    // An estimate of what the runs have in common: 0.9^3 of them are unchanged.
    EXPECT_NEAR(duplicates::similarity(signature(5), signature(5, 0.1)), 0.729 / (2 - 0.729), 0.15);
    // A bucket that everything is in does not hide what is in others.
    duplicates::NearIndex crowded;
    for (int i = 0; i < 500; ++i) crowded.add(signature(1));
    ASSERT_TRUE(crowded.nearest(signature(1)));
    EXPECT_EQ(crowded.nearest(signature(1))->text, 499U);
}

TEST(ReferenceIndex, KeepsAPartOfALargeSet) {
    duplicates::ReferenceIndex all, part(1000);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const auto hashes = runs(text_of(seed, 500), duplicates::ReferenceIndex::kRunLength);
        all.add(hashes);
        part.add(hashes);
    }
    for (const std::uint64_t seed : {0U, 49U}) {
        const auto hashes = runs(text_of(seed, 500), duplicates::ReferenceIndex::kRunLength);
        EXPECT_EQ(all.overlap(hashes).share, 1);
        EXPECT_EQ(all.overlap(hashes).document, seed);
        EXPECT_EQ(part.overlap(hashes).share, 1);
        EXPECT_EQ(part.overlap(hashes).document, seed);
    }
    EXPECT_EQ(part.overlap(runs(text_of(99, 500), 8)).share, 0);
    EXPECT_EQ(part.overlap({}).share, 0);
}

}  // namespace
}  // namespace synth
