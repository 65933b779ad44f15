#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "leakage/phrase_counts.hpp"
#include "support/process.hpp"
#include "synth/random.hpp"
#include "unit/validators/review.hpp"

namespace synth {
namespace {

using test::codes;
using test::LoadedValidator;
using testing::HasSubstr;

TEST(LeakageValidator, FindsWhatGivesATextAway) {
    const struct {
        const char *text, *found;
    } cases[] = {
        {"", ""},
        {"We saw neutron stars and black holes with gamma rays.", ""},
        {"Neutron Stars are dense. Black Holes are, too. Pulsars pulse. Kilonovae fade.", ""},
        {"Results\nNeutron Stars\nBlack Holes\nGravitational Waves\nActive Galactic Nuclei\n", "!label_list"},
        {"Neutron Stars\nThey are dense.\nBlack Holes\nThey are not.\nPulsars\nThey pulse.", ""},
        {"A study of Neutron Stars near Black Holes with Gravitational Waves.", "label_name"},
        {"A study of Neutron Stars near Black Holes.", ""},  // as many as are allowed
        {"The X-rays, radio, optical and infrared of AGN, and all that.", ""},
        {"Topics: Gamma rays, X-rays, Neutrinos", "!label_list"},
        {"Labels: Gamma rays; Kilonovae and Fast Radio Bursts.", "!label_list"},
        {"Labels: Kilonovae", "!label_list"},
        {"Keywords: Gamma rays, Kilonovae", "!label_list"},
        {"It has labels. Kilonovae fade.", ""},
        {"Tags kilonovae neutron stars", ""},
        {"It was in gamma rays, X-rays and radio.", ""},
        {"(MMA_M_EM_G)", "!label_list"},
        {"This is Time-Domain and Multi-Messenger Astronomy.", "!telltale_phrase"},
        {"time domain and multi\u2011messenger ASTRONOMY", "!telltale_phrase"},
        {"A TDAMM network", "!telltale_phrase"},
        {"In the vast expanse of space, a star died.", "!telltale_phrase"},
        {"A star died in the vast expanse of space.", ""},
        {"This document reports a burst.", "!telltale_phrase"},
    };
    LoadedValidator leakage("leakage");
    for (const auto& one : cases) EXPECT_EQ(codes(leakage.check(one.text)), one.found) << one.text;
}

TEST(LeakageValidator, DoesWhatTheOptionsSay) {
    LoadedValidator leakage("leakage", R"({"phrases": ["Beyond our wildest dreams"], "telltale_phrase": "warn",
                                           "label_list": "off", "max_label_names": 0})");
    EXPECT_EQ(codes(leakage.check("It went beyond our wildest dreams.")), "telltale_phrase");
    EXPECT_EQ(codes(leakage.check("MMA_M_EM_G")), "");
    const auto verdict = leakage.check("A study of Neutron Stars.");
    ASSERT_EQ(codes(verdict), "label_name");
    EXPECT_EQ(
        verdict.findings[0].message,
        "label names stand in the text as the label list spells them, 1 time (\"Neutron Stars\"), at most 0 may be: "
        "write them as a sentence does, or in other words");
}

/// A sentence of words that no other text has, so many of them.
std::string filler(std::uint64_t seed, int words = 30) {
    Random random(seed);
    std::string text;
    for (int i = 0; i < words; ++i) text += "w" + std::to_string(random.below(100'000'000)) + " ";
    return text;
}

constexpr std::string_view kPhrase = "a new era of discovery has begun for all who watch the sky. ";

class TextSet {
public:
    explicit TextSet(std::string_view options = "{}") : validator_("leakage", options) {
        auto made = validator_.object().set_check();
        EXPECT_TRUE(made && *made);
        check_ = std::move(*made);
    }
    Verdict check(const std::string& text) {
        const Draft draft{.text = text};
        const SampleSpec spec;
        return *check_->check({.spec = &spec, .draft = &draft});
    }
    void add(const std::string& text) {
        const Draft draft{.text = text};
        const SampleSpec spec;
        EXPECT_TRUE(check_->add({.spec = &spec, .draft = &draft}));
    }

private:
    LoadedValidator validator_;
    std::unique_ptr<SetCheck> check_;
};

TEST(LeakageValidator, FindsPhrasesThatManyTextsShare) {
    TextSet set;
    const std::string last = filler(1000) + std::string(kPhrase) + filler(1001);
    for (std::uint64_t i = 0; i < 50; ++i) {
        if (i == 19) {
            EXPECT_EQ(codes(set.check(last)), "") << "too few to tell";
        }
        set.add(filler(i) + (i % 5 == 0 ? std::string(kPhrase) : ""));
    }
    const auto verdict = set.check(last);
    ASSERT_EQ(codes(verdict), "shared_phrase");
    EXPECT_THAT(verdict.findings[0].message,
                HasSubstr("\"a new era of discovery has begun for all who watch the sky\" stands in 20 %"));
    EXPECT_DOUBLE_EQ(verdict.findings[0].value.value(), 0.2);
    EXPECT_EQ(codes(set.check(filler(1002))), "");
    for (std::uint64_t i = 100; i < 200; ++i) set.add(filler(i));
    EXPECT_EQ(codes(set.check(last)), "") << "6.7 %";
    LoadedValidator off("leakage", R"({"shared_phrase": "off"})");
    EXPECT_EQ(off.object().set_check()->get(), nullptr);
}

TEST(LeakageValidator, ComparesPhrasesWithAReference) {
    const test::TempDir dir;
    std::string often, rarely;
    for (std::uint64_t i = 0; i < 100; ++i) {
        often += R"({"text": ")" + (i % 10 == 0 ? std::string(kPhrase) : filler(i)) + "\"}\n";
        rarely += R"({"text": ")" + (i == 0 ? std::string(kPhrase) : filler(i)) + "\"}\n";
    }
    test::write_file(dir / "often", often);
    test::write_file(dir / "rarely", rarely);
    for (const char* name : {"often", "rarely"}) {
        TextSet set(R"({"reference": ")" + (dir / name).string() + "\"}");
        for (std::uint64_t i = 0; i < 50; ++i) set.add(filler(i) + (i % 3 == 0 ? std::string(kPhrase) : ""));
        EXPECT_EQ(codes(set.check(filler(999) + std::string(kPhrase))), name[0] == 'o' ? "" : "shared_phrase") << name;
    }
}

TEST(PhraseCounts, KeepWhatIsFrequentInBoundedMemory) {
    leakage::PhraseCounts counts(0.01);
    std::size_t most = 0;
    Random random(1);
    for (std::uint32_t text = 0; text < 20'000; ++text) {
        std::vector<std::uint64_t> hashes{7, 7};
        if (text % 20 == 3) hashes.push_back(8);
        for (int i = 0; i < 50; ++i) hashes.push_back(random.next());
        counts.add(hashes);
        most = std::max(most, counts.kept());
    }
    EXPECT_EQ(counts.texts(), 20'000U);
    EXPECT_EQ(counts.texts_with(7), 20'000U) << "once a text";
    EXPECT_GE(counts.texts_with(8), 1'000U - 200U);
    EXPECT_LE(counts.texts_with(8), 1'000U);
    EXPECT_EQ(counts.texts_with(9), 0U);
    EXPECT_LT(most, 2U * 100 * 52);
}

}  // namespace
}  // namespace synth
