#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "strategy.hpp"
#include "synth/random.hpp"

namespace synth::test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Attempt failed(ErrorCode code, std::string reason = {}, std::string text = {}) {
    Attempt attempt;
    attempt.error = code;
    attempt.reason = std::move(reason);
    attempt.text = std::move(text);
    return attempt;
}

Attempt rejected(std::vector<Finding> findings, std::string text) {
    Attempt attempt;
    attempt.findings = std::move(findings);
    attempt.text = std::move(text);
    return attempt;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

/// The part of a prompt from one heading to the next.
std::string section(const std::string& text, const std::string& from, const std::string& to) {
    const std::size_t begin = text.find(from);
    return begin == std::string::npos ? std::string() : text.substr(begin, text.find(to, begin) - begin);
}

TEST(TdammCompose, EveryLabelComesWithItsMeaning) {
    for (const char* name : {"tdamm40", "tdamm36", "cosmos"}) {
        const Taxonomy& classes = taxonomy(name);
        const auto loaded = load<PromptStrategy>("tdamm", "{}", classes);
        ASSERT_TRUE(loaded) << loaded.error().message;
        for (const Label& label : classes.labels) {
            if (classes.negative == classes.find(label.code)) continue;
            const std::string text = user_text(spec_of({label.code}, 3, classes), {}, *loaded);
            EXPECT_THAT(text, HasSubstr("* " + label.name + "\n  Meaning: " + label.meaning + "\n")) << name;
        }
    }
}

TEST(TdammCompose, RequirementsComeWithTheirFamiliesOnly) {
    const std::map<std::string, std::string> families = {
        {"MMA_M_EM", "- Bands of light:"}, {"MMA_M_G", "- Gravitational waves:"}, {"MMA_M_C", "- Particles"},
        {"MMA_M_N", "- Particles"},        {"MMA_O_BI", "- Binaries:"},           {"MMA_O_BH", "- Black holes:"},
        {"MMA_O_N", "- Neutron stars:"},   {"MMA_O_E", "- Exoplanets:"},          {"MMA_O_S", "- Remnants and"},
        {"MMA_S_P", "- Remnants and"},     {"MMA_S_FBOT", "- Transients:"},       {"MMA_S_F", "- Transients:"},
        {"MMA_S_G", "- Transients:"},      {"MMA_S_K", "- Transients:"},          {"MMA_S_N", "- Transients:"},
        {"MMA_S_SU", "- Transients:"},     {"MMA_S_ST", "- Stellar flares:"},
    };
    for (const Label& label : taxonomy().labels) {
        if (label.code == "NOT_TDAMM") continue;
        std::string own;
        for (const auto& [code, text] : families)
            if (label.code == code || label.code.starts_with(code + "_")) own = text;
        ASSERT_FALSE(own.empty()) << label.code;
        const std::string needs = section(user_text(spec_of({label.code})), "WHAT THESE TOPICS NEED", "LENGTH");
        for (const auto& [code, text] : families)
            EXPECT_EQ(needs.find(text) != std::string::npos, text == own) << label.code << ": " << text;
    }
}

TEST(TdammCompose, SharesAreStatedForEveryNumberOfLabels) {
    const std::vector<std::string_view> names = {"Radio",     "Optical", "Novae", "Pulsars",
                                                 "Neutrinos", "Burst",   "X-rays"};
    const std::vector<std::string> expected = {
        "The whole document is about this topic.",
        "Each of the 2 topics takes more than 30 % of the text: about 589 words each, and never fewer than 354.",
        "Each of the 3 topics takes more than 30 % of the text: about 392 words each, and never fewer than 354.",
        "The 4 topics share the text evenly: about 294 words each.",
        "The 5 topics share the text evenly: about 235 words each.",
        "The 6 topics share the text evenly: about 196 words each.",
        "The 7 topics share the text evenly: about 168 words each.",
    };
    for (std::size_t count = 1; count <= names.size(); ++count) {
        SampleSpec spec;
        for (std::size_t i = 0; i < count; ++i) spec.drawn.insert(*taxonomy().find(names[i]));
        spec.labels = spec.drawn;
        const std::string text = user_text(spec);
        EXPECT_THAT(text, HasSubstr("Write about 1178 words"));
        for (std::size_t i = 0; i < expected.size(); ++i)
            EXPECT_EQ(text.find(expected[i]) != std::string::npos, i + 1 == count) << count << ": " << expected[i];
    }
}

TEST(TdammCompose, TargetWordsSetLengthSharesAndOutputLimit) {
    for (const auto& [words, limit, share] :
         {std::tuple(50, 237, "25"), std::tuple(1178, 3339, "589"), std::tuple(20000, 55100, "10000")}) {
        const auto loaded = load<PromptStrategy>("tdamm", R"({"target_words": )" + std::to_string(words) + "}");
        ASSERT_TRUE(loaded);
        const Prompt prompt = compose(spec_of({"Radio", "Novae"}), {}, *loaded);
        EXPECT_EQ(prompt.target_words, static_cast<std::uint32_t>(words));
        EXPECT_EQ(prompt.output_limit.count, limit);
        EXPECT_THAT(prompt.messages.at(1).text, HasSubstr("Write about " + std::to_string(words) + " words"));
        EXPECT_THAT(prompt.messages.at(1).text, HasSubstr(std::string("Share: about ") + share + " words"));
    }
    for (const char* wrong : {R"({"target_words": 49})", R"({"target_words": 20001})", R"({"target_words": "many"})"})
        EXPECT_FALSE(load<PromptStrategy>("tdamm", wrong)) << wrong;
}

TEST(TdammCompose, ACutAnswerDoublesTheOutputLimitOnce) {
    const SampleSpec spec = spec_of({"Radio", "Novae"});
    Attempt cut_by_reason = rejected({{Severity::rejection, "cut", "it was cut"}}, "some text");
    cut_by_reason.finish = FinishReason::length;
    Attempt loop = failed(ErrorCode::malformed, "repetition");
    loop.finish = FinishReason::length;
    Attempt copy = failed(ErrorCode::malformed, "echo");
    copy.finish = FinishReason::length;
    const struct {
        std::vector<Attempt> earlier;
        std::int64_t limit;
    } cases[] = {
        {{}, 3339},
        {{failed(ErrorCode::refused)}, 3339},
        {{failed(ErrorCode::truncated, "cut")}, 6678},
        {{cut_by_reason}, 6678},
        {{loop}, 3339},
        {{copy}, 3339},
        {{failed(ErrorCode::truncated, "cut"), failed(ErrorCode::truncated, "cut")}, 6678},
        {{failed(ErrorCode::truncated, "cut"), failed(ErrorCode::malformed, "empty")}, 6678},
    };
    for (const auto& [earlier, limit] : cases) EXPECT_EQ(compose(spec, earlier).output_limit.count, limit);
}

TEST(TdammCompose, TheSameSeedGivesTheSamePrompt) {
    const auto again = load<PromptStrategy>("tdamm");
    ASSERT_TRUE(again);
    for (std::uint64_t seed = 0; seed < 50; ++seed)
        for (const SampleSpec& spec : {spec_of({"Radio", "Novae", "Exoplanets"}, seed), spec_of({"Non-TDAMM"}, seed)}) {
            const Prompt first = compose(spec);
            const Prompt second = compose(spec, {}, *again);
            EXPECT_EQ(first.messages.at(0).text, second.messages.at(0).text);
            EXPECT_EQ(first.messages.at(1).text, second.messages.at(1).text);
            EXPECT_EQ(first.target_words, second.target_words);
        }
}

TEST(TdammCompose, NoTwoPromptsAreAlike) {
    for (const char* label : {"Novae", "Stochastic", "Non-TDAMM"}) {
        std::set<std::string> texts;
        for (std::uint64_t i = 0; i < 2000; ++i) texts.insert(user_text(spec_of({label}, derive_seed(7, i))));
        EXPECT_EQ(texts.size(), 2000U) << label;
    }
}

TEST(TdammCompose, FactsAreThoseOfTheLabelAndAllOfThemAreUsed) {
    const Label& novae = taxonomy()[*taxonomy().find("Novae")];
    std::set<std::string> unused(novae.terms.begin(), novae.terms.end());
    unused.insert(novae.instruments.begin(), novae.instruments.end());
    unused.insert(novae.objects.begin(), novae.objects.end());
    for (const Quantity& quantity : novae.quantities) unused.insert("- " + quantity.name + ", in " + quantity.unit);
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        const std::string text = user_text(spec_of({"Novae"}, derive_seed(3, seed)));
        std::erase_if(unused, [&](const std::string& fact) { return text.find(fact) != std::string::npos; });
        for (const char* list : {"  Terms to use: ", "  Instruments and facilities: ", "  Objects and events: "})
            EXPECT_THAT(text, HasSubstr(list));
    }
    EXPECT_THAT(unused, testing::IsEmpty());
}

TEST(TdammCompose, SuggestedValuesLieInTheirRanges) {
    int values = 0;
    for (const Label& label : taxonomy().labels)
        for (std::uint64_t seed = 0; seed < 50; ++seed)
            for (const std::string& line : lines_of(user_text(spec_of({label.code}, derive_seed(11, seed))))) {
                const std::size_t near = line.find(": near ");
                const std::size_t within = line.find("always within ");
                if (near == std::string::npos || within == std::string::npos) continue;
                char* to = nullptr;
                const double value = std::strtod(line.c_str() + near + 7, nullptr);
                const double low = std::strtod(line.c_str() + within + 14, &to);
                ASSERT_THAT(std::string(to), StartsWith(" to ")) << line;
                const double high = std::strtod(to + 4, nullptr);
                EXPECT_LE(low, value) << line;
                EXPECT_LE(value, high) << line;
                ++values;
            }
    EXPECT_GT(values, 3000);
}

TEST(TdammCompose, OtherTopicsAreNamedAsOutsideButNeverOwnOrEntailedOnes) {
    const Taxonomy& classes = taxonomy();
    const std::size_t count = classes.labels.size();
    for (std::size_t a = 0; a < count; ++a)
        for (std::size_t b = a + 1; b < count; ++b) {
            SampleSpec spec;
            spec.drawn.insert(static_cast<LabelId>(a));
            spec.drawn.insert(static_cast<LabelId>(b));
            spec.labels = spec.drawn;
            if (spec.drawn.contains(*classes.negative)) continue;
            const std::string text = user_text(spec);
            const std::string outside = text.substr(std::min(text.find("NOT TOPICS OF THIS DOCUMENT"), text.size()));
            for (std::size_t other = 0; other < count; ++other) {
                const auto id = static_cast<LabelId>(other);
                const Label& label = classes[id];
                const std::string line = "- " + label.name + ": " + label.meaning;
                bool confusable = false;
                for (const LabelId own : spec.drawn)
                    for (const LabelId candidate : classes[own].confusable) confusable |= candidate == id;
                const bool expected = confusable && !classes.covers(spec.labels, id) && id != *classes.negative;
                EXPECT_EQ(outside.find(line) != std::string::npos, expected) << text;
            }
        }
    EXPECT_THAT(user_text(spec_of({"Binary Black Holes"})), HasSubstr("at most a passing mention: "));
    EXPECT_THAT(section(user_text(spec_of({"Binary Black Holes"})), "NOT TOPICS", "\x01"),
                Not(HasSubstr(" Black Holes,")));
}

TEST(TdammCompose, ParentsAreMentionedAsUmbrellaAndHaveNoShare) {
    SampleSpec spec = spec_of({"Continuous", "Radio"});
    const std::string without = user_text(spec);
    EXPECT_THAT(without, Not(HasSubstr("Wider topics")));
    const LabelId parent = *taxonomy().find("Gravitational Waves");
    spec.labels.insert(parent);
    const std::string text = user_text(spec);
    EXPECT_THAT(section(text, "Wider topics", "WHAT THESE"),
                HasSubstr("- Gravitational Waves: " + taxonomy()[parent].meaning));
    EXPECT_THAT(text, HasSubstr("Each of the 2 topics"));
    EXPECT_THAT(text, Not(HasSubstr("* Gravitational Waves")));
}

TEST(TdammCompose, FormsAreDrawnAndTheSystemMessageFitsThem) {
    std::map<std::string, std::set<std::string>> systems;
    std::set<std::string> quiet_forms;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const Prompt prompt = compose(spec_of({"Gamma-ray Bursts"}, derive_seed(5, seed)));
        systems[lines_of(prompt.messages.at(1).text).at(0)].insert(prompt.messages.at(0).text);
        quiet_forms.insert(lines_of(user_text(spec_of({"Exoplanets"}, derive_seed(5, seed)))).at(0));
    }
    EXPECT_EQ(systems.size(), 7U);
    std::set<std::string> different;
    for (const auto& [form, texts] : systems) {
        EXPECT_EQ(texts.size(), 1U) << form;
        different.insert(texts.begin(), texts.end());
    }
    EXPECT_EQ(different.size(), systems.size());
    // Nobody alerts telescopes to a planet.
    EXPECT_TRUE(systems.contains("Kind of document: GCN circular"));
    EXPECT_FALSE(quiet_forms.contains("Kind of document: GCN circular"));
    EXPECT_EQ(quiet_forms.size(), 6U);
}

TEST(TdammCompose, AllPromptsShareALongPrefixWithTheRules) {
    std::string shared = compose(spec_of({"Novae"})).messages.at(0).text;
    for (std::uint64_t seed = 0; seed < 300; ++seed)
        for (const SampleSpec& spec : {spec_of({"Radio", "Burst"}, seed), spec_of({"Non-TDAMM"}, seed)}) {
            const Prompt prompt = compose(spec);
            ASSERT_EQ(prompt.messages.size(), 2U);
            EXPECT_EQ(prompt.messages[0].role, Role::system);
            EXPECT_EQ(prompt.messages[1].role, Role::user);
            const std::string& system = prompt.messages[0].text;
            std::size_t same = 0;
            while (same < shared.size() && same < system.size() && shared[same] == system[same]) ++same;
            shared.resize(same);
        }
    // OpenAI caches prefixes from 1,024 tokens; English prose has fewer than 5 bytes in a token.
    EXPECT_GT(shared.size(), 5 * 1024U);
    EXPECT_THAT(shared, HasSubstr("never uses the phrase \"Time-Domain and Multi-Messenger Astronomy\""));
    EXPECT_THAT(shared, HasSubstr("never lists its topics"));
    EXPECT_THAT(shared, HasSubstr("does not open with a markdown title"));
    EXPECT_THAT(shared, HasSubstr("False negatives come before false positives"));
    EXPECT_THAT(shared, HasSubstr("TITLE: "));
}

TEST(TdammCompose, NegativesTakeAllCategoriesAndFormsWithTheirExclusions) {
    std::set<std::string> missing;
    for (const NegativeCategory& category : taxonomy().negative_categories)
        for (const std::string& form : category.forms) missing.insert(category.name + " as " + form);
    std::set<std::string> systems;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        const Prompt prompt = compose(spec_of({"Non-TDAMM"}, derive_seed(2, seed)));
        const std::string& text = prompt.messages.at(1).text;
        const std::string form = lines_of(text).at(0).substr(std::string("Kind of document: ").size());
        for (const NegativeCategory& category : taxonomy().negative_categories) {
            if (text.find("Its subject is " + category.name + ".\nMeaning: " + category.meaning) == std::string::npos)
                continue;
            missing.erase(category.name + " as " + form);
            EXPECT_EQ(text.find("difficult case on purpose") != std::string::npos, category.hard) << category.id;
            EXPECT_THAT(text, HasSubstr(category.notes));
        }
        EXPECT_THAT(text, HasSubstr("No measurements, analyses or explanations of transient"));
        EXPECT_THAT(text, HasSubstr("Write about " + std::to_string(prompt.target_words) + " words"));
        EXPECT_THAT(prompt.messages.at(0).text, Not(HasSubstr("the usual author of such texts"))) << form;
        systems.insert(prompt.messages.at(0).text);
    }
    EXPECT_THAT(missing, testing::IsEmpty());
    EXPECT_GT(systems.size(), 15U);
}

TEST(TdammCompose, ShortNegativesAskForFewWordsAndNoneForMoreThanTheTarget) {
    const auto terse = load<PromptStrategy>("tdamm", R"({"target_words": 100})");
    ASSERT_TRUE(terse);
    std::set<std::uint32_t> lengths;
    bool full = false;
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
        const SampleSpec spec = spec_of({"Non-TDAMM"}, derive_seed(9, seed));
        const Prompt prompt = compose(spec);
        full = full || prompt.target_words == 1178;
        EXPECT_LE(compose(spec, {}, *terse).target_words, 100U);
        if (!prompt.messages.at(1).text.starts_with("Kind of document: short navigation page")) continue;
        lengths.insert(prompt.target_words);
        EXPECT_GE(prompt.target_words, 56U);
        EXPECT_LE(prompt.target_words, 173U);
        EXPECT_EQ(prompt.output_limit.count, 11 * std::int64_t{prompt.target_words} / 4 + 100);
    }
    EXPECT_TRUE(full);
    EXPECT_GT(lengths.size(), 5U);
}

TEST(TdammCompose, RepairsTellWhatWasWrong) {
    const Finding finding{Severity::rejection, "of_another_plugin", "half of the text is about pulsars"};
    const Finding warning{Severity::warning, "odd", "a warning is not told"};
    const Finding too_short{Severity::rejection, "too_short", "wanted at least 1000 words"};
    const struct {
        std::vector<Attempt> earlier;
        std::vector<std::string> told;
    } cases[] = {
        {{failed(ErrorCode::refused, "refusal", "I'm sorry, but no.")}, {"WAS DECLINED", "synthetic"}},
        {{failed(ErrorCode::refused, "content_filter")}, {"WAS DECLINED"}},
        {{failed(ErrorCode::truncated, "cut", "A long text")}, {"RAN INTO THE OUTPUT LIMIT", "plan it for 1178 words"}},
        {{failed(ErrorCode::malformed, "invalid_utf8")}, {"WAS NOT USABLE"}},
        {{failed(ErrorCode::malformed, "empty")}, {"CONTAINED NO DOCUMENT"}},
        {{failed(ErrorCode::malformed, "repetition")}, {"REPEATED ITSELF"}},
        {{failed(ErrorCode::malformed)}, {"WAS NOT USABLE"}},
        {{rejected({finding, warning}, "the text")}, {"WAS REJECTED", "- half of the text is about pulsars\n"}},
        {{rejected({too_short}, "only four words here")}, {"WAS TOO SHORT: 4 words", "- wanted at least 1000 words\n"}},
        {{rejected({finding}, "the text"), failed(ErrorCode::unavailable, "http_503"),
          rejected({finding, too_short}, "one two three")},
         {"WAS REJECTED", "- half of the text is about pulsars\nWrite", "WAS TOO SHORT: 3 words"}},
    };
    const SampleSpec spec = spec_of({"Radio", "Novae"});
    const std::string plain = user_text(spec);
    std::set<std::string> different;
    for (const auto& [earlier, told] : cases) {
        const std::string text = user_text(spec, earlier);
        EXPECT_THAT(text, StartsWith(plain)) << "what went before must stay in the prompt cache";
        for (const std::string& words : told) EXPECT_THAT(text, HasSubstr(words));
        EXPECT_THAT(text, Not(HasSubstr("a warning is not told")));
        EXPECT_THAT(text,
                    Not(AnyOf(HasSubstr("the text\n"), HasSubstr("A long text"), HasSubstr("I'm sorry, but no"))));
        different.insert(text);
    }
    EXPECT_EQ(user_text(spec, std::vector{failed(ErrorCode::unavailable, "http_503")}), plain);
    EXPECT_EQ(different.size(), 8U);
}

std::string sentences(int from, int to) {
    std::string text;
    for (int i = from; i < to; ++i)
        text += "Epoch " + std::to_string(i) + " of the nova gave " + std::to_string(7 * i) +
                " mJy in the radio band, as run " + std::to_string(13 * i) + " did. ";
    return text.substr(0, text.size() - 1);
}

TEST(TdammCompose, AGoodTextThatIsShortIsContinued) {
    const SampleSpec spec = spec_of({"Radio", "Novae"});
    const Finding too_short{Severity::rejection, "too_short", "wanted at least 1000 words"};
    const Finding foreign{Severity::rejection, "foreign_topic", "half of the text is about pulsars"};
    const std::string half = sentences(0, 40), rest = sentences(40, 70);  // 16 words each
    const auto messages = [&](const std::vector<Attempt>& earlier) { return compose(spec, earlier).messages; };
    const auto draft = [&](const std::vector<Attempt>& earlier, const std::string& answer) {
        const auto made = strategy().call([&](PromptStrategy& plugin) {
            return plugin.extract(spec, earlier, Completion{answer, FinishReason::stop});
        });
        return made ? *made : Draft{"", made.error().message};
    };

    const std::vector<Attempt> begun = {rejected({too_short}, "TITLE: A nova\n\n" + half)};
    const auto asked = messages(begun);
    ASSERT_EQ(asked.size(), 4U);
    EXPECT_EQ(asked[1].text, user_text(spec)) << "what went before must stay in the prompt cache";
    EXPECT_EQ(asked[2].role, Role::assistant);
    EXPECT_THAT(asked[2].text, HasSubstr(half));
    EXPECT_THAT(asked[3].text, HasSubstr("has 64"));
    const Draft whole = draft(begun, rest);
    EXPECT_THAT(whole.text, AllOf(HasSubstr(half), HasSubstr(rest)));
    EXPECT_EQ(whole.title, draft({}, "TITLE: A nova\n\n" + half).title);
    EXPECT_EQ(draft(begun, asked[2].text + " " + rest).text, asked[2].text + " " + rest) << "all of it once more";

    // Again too short: more of the same, whether the ledger has the last answer or, after a ruling, all of the text.
    for (const std::string& last : {rest, whole.text}) {
        const std::vector<Attempt> twice = {begun[0], rejected({too_short}, last)};
        EXPECT_EQ(messages(twice)[2].text, whole.text);
        const std::vector<Attempt> thrice = {twice[0], twice[1], rejected({too_short}, "Little more came of it.")};
        EXPECT_EQ(messages(thrice).size(), 2U) << "two continuations are enough";
    }
    EXPECT_EQ(messages({rejected({too_short, foreign}, half)}).size(), 2U) << "more is wrong with it";
    EXPECT_EQ(messages({rejected({too_short}, sentences(0, 20))}).size(), 2U) << "too little to go on from";
    EXPECT_EQ(messages({begun[0], rejected({foreign}, rest)}).size(), 2U);
}

TEST(TdammCompose, RepairsKnowWhatValidatorsFind) {
    const SampleSpec spec = spec_of({"Radio", "Novae"});
    int codes = 0;
    for (const auto& plugin : registry().plugins()) {
        if (plugin.kind != "validator") continue;
        // An option that is named as a finding says what becomes of it.
        const auto schema = nlohmann::json::parse(plugin.options_schema);
        for (const auto& [code, option] : schema.at("properties").items()) {
            if (!option.contains("enum") || option.at("enum") != nlohmann::json({"off", "warn", "reject"})) continue;
            if (code == "judge_unusable") continue;  // nothing that a writer could do about
            ++codes;
            const std::string text =
                user_text(spec, {{rejected({{Severity::rejection, code, "what it was"}}, "a text")}});
            EXPECT_THAT(text, AllOf(HasSubstr("EARLIER ANSWER TO THIS REQUEST"), HasSubstr("Write"))) << code;
            EXPECT_THAT(text, Not(HasSubstr("WAS REJECTED"))) << code << " has no paragraph of its own";
            EXPECT_THAT(text, HasSubstr("\n- what it was\n")) << code;
        }
    }
    EXPECT_GE(codes, 20);
}

TEST(TdammCompose, ASpecThatDoesNotFitTheTaxonomyIsAnError) {
    SampleSpec none;
    SampleSpec unknown;
    unknown.drawn.insert(static_cast<LabelId>(taxonomy().labels.size()));
    for (const SampleSpec& spec : {none, unknown}) {
        const auto prompt = strategy().call([&](PromptStrategy& plugin) { return plugin.compose(spec, {}); });
        ASSERT_FALSE(prompt);
        EXPECT_EQ(prompt.error().code, ErrorCode::internal);
    }
}

TEST(TdammCompose, ALeadIsAskedForWhereTheTextIsLonger) {
    const auto with = [](const char* options) {
        auto loaded = load<PromptStrategy>("tdamm", options);
        if (!loaded) throw std::runtime_error(loaded.error().message);
        return user_text(spec_of({"Pulsars", "Kilonovae"}), {}, *loaded);
    };
    const std::string plain = with("{}"), lead = with(R"({"lead_words": 350})");
    EXPECT_THAT(lead, HasSubstr("only the first 350 words"));
    EXPECT_THAT(plain, Not(HasSubstr("only the first")));
    EXPECT_EQ(with(R"({"lead_words": 1178})"), plain);
    // Nothing else changes.
    const auto lines = lines_of(plain);
    for (const std::string& line : lines_of(lead))
        if (line.find("first 350 words") == std::string::npos) {
            EXPECT_THAT(lines, testing::Contains(line));
        }
}

}  // namespace
}  // namespace synth::test
