// The contract of provider `offline`, measured on its texts. Facts are found in a text with a dictionary of the
// taxonomy's facts and the plugin's wording of them, without the plugin's own code.

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../../providers/offline/values.hpp"
#include "support/plugin_loading.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/provider.hpp"
#include "synth/random.hpp"
#include "synth/text.hpp"

namespace {

using synth::Label;
using synth::LabelId;
using synth::LabelSet;
using synth::Provider;
using synth::Quantity;
using synth::Random;
using synth::Taxonomy;
using synth::test::taxonomy;

using Offline = synth::core::Instance<Provider>;

const Offline& offline() {
    static const auto loaded = synth::test::load<Provider>("offline");
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return *loaded;
}

synth::SampleSpec spec_of(std::uint64_t seed, const LabelSet& labels) {
    synth::SampleSpec spec;
    spec.seed = seed;
    spec.labels = spec.drawn = labels;
    spec.primary = labels.empty() ? LabelId{0} : labels[0];
    return spec;
}

synth::Result<synth::Exchange> encode(const Offline& provider, const synth::SampleSpec& spec, std::uint32_t words,
                                      std::uint32_t attempt = 1) {
    synth::Prompt prompt;
    prompt.target_words = words;
    synth::Request request;
    request.spec = &spec;
    request.prompt = &prompt;
    request.attempt = attempt;
    return provider.call([&](Provider& object) { return object.encode(request); });
}

struct Document {
    LabelSet labels;
    std::string title, body;
};

Document write(std::uint64_t seed, const LabelSet& labels, std::uint32_t words = 1'178, std::uint32_t attempt = 1,
               const Offline& provider = offline()) {
    const auto exchange = encode(provider, spec_of(seed, labels), words, attempt);
    if (!exchange) throw std::runtime_error(exchange.error().message);
    const std::string& text = std::get<synth::Reply>(*exchange).completion->text;
    const std::size_t end = text.find("\n\n");
    if (!text.starts_with("TITLE: ") || end == std::string::npos) throw std::runtime_error("no title: " + text);
    return {labels, text.substr(7, end - 7), text.substr(end + 2)};
}

std::size_t word_count(const Document& document) {
    return synth::count_words(document.title) + synth::count_words(document.body);
}

LabelSet negative() {
    LabelSet set;
    set.insert(*taxonomy().negative);
    return set;
}

/// `count` different labels of the texts' taxonomy, none of them the negative one.
LabelSet some_labels(Random& random, std::size_t count) {
    LabelSet set;
    while (set.size() < count) {
        const auto label = static_cast<LabelId>(random.below(taxonomy().labels.size()));
        if (label != taxonomy().negative) set.insert(label);
    }
    return set;
}

/// `count` documents with fewest to most labels in turn, and one in ten about none of them.
std::vector<Document> corpus(std::size_t count, std::size_t fewest, std::size_t most, std::uint32_t words = 1'178) {
    Random random(count * 100 + fewest * 10 + most + words);
    std::vector<Document> documents;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t labels = fewest + i % (most - fewest + 1);
        documents.push_back(write(random.next(), i % 10 == 9 ? negative() : some_labels(random, labels), words));
    }
    return documents;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<signed char>(c) < 0; }

std::string lower(std::string_view text) {
    std::string folded(text);
    for (char& c : folded) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return folded;
}

/// Finds phrases in a text as whole words, the longest first. An abbreviation must match in capitals.
class Dictionary {
public:
    void add(std::string_view phrase, std::size_t id) {
        if (phrase.empty()) return;
        auto& entry = phrases_[std::string(phrase)];
        if (entry.empty()) by_start_[start_of(lower(phrase))].push_back(std::string(phrase));
        if (std::ranges::find(entry, id) == entry.end()) entry.push_back(id);
    }

    /// Calls `found(begin, length, ids)` from left to right; matches do not overlap.
    void scan(std::string_view text,
              const std::function<void(std::size_t, std::size_t, const std::vector<std::size_t>&)>& found) const {
        const std::string folded = lower(text);
        for (std::size_t at = 0; at < text.size();) {
            if ((at > 0 && is_word(text[at - 1]) && is_word(text[at]))) {
                ++at;
                continue;
            }
            const std::string* best = nullptr;
            if (const auto start = by_start_.find(start_of(std::string_view(folded).substr(at, 3)));
                start != by_start_.end())
                for (const auto& phrase : start->second)
                    if ((best == nullptr || phrase.size() > best->size()) && matches(text, folded, at, phrase))
                        best = &phrase;
            if (best == nullptr) {
                ++at;
                continue;
            }
            found(at, best->size(), phrases_.find(*best)->second);
            at += best->size();
        }
    }

private:
    static std::string start_of(std::string_view folded) { return std::string(folded.substr(0, 2)); }

    static bool matches(std::string_view text, std::string_view folded, std::size_t at, const std::string& phrase) {
        const bool abbreviation = std::ranges::none_of(phrase, [](char c) { return c >= 'a' && c <= 'z'; });
        if (abbreviation ? text.substr(at, phrase.size()) != phrase : folded.substr(at, phrase.size()) != lower(phrase))
            return false;
        std::size_t end = at + phrase.size();
        if (end < text.size() && text[end] == 's' && is_word(phrase.back())) ++end;
        return end >= text.size() || !is_word(text[end]) || !is_word(text[end - 1]);
    }

    std::map<std::string, std::vector<std::size_t>, std::less<>> phrases_;
    std::map<std::string, std::vector<std::string>, std::less<>> by_start_;
};

std::multimap<std::string, std::string> read_wording(const std::string& file) {
    std::multimap<std::string, std::string> wording;
    const auto plugin = synth::test::registry().find("provider", "offline");
    std::ifstream in((*plugin)->data_dir / file);
    for (std::string line; std::getline(in, line);) {
        const std::size_t sign = line.find('=');
        if (line.starts_with("#") || sign == std::string::npos) continue;
        std::string_view values = std::string_view(line).substr(sign + 1);
        while (true) {
            const std::size_t bar = values.find('|');
            wording.emplace(synth::trim(line.substr(0, sign)), synth::trim(values.substr(0, bar)));
            if (bar == std::string_view::npos) break;
            values.remove_prefix(bar + 1);
        }
    }
    return wording;
}

std::string_view without_article(std::string_view noun) {
    if (noun.starts_with("the ")) noun.remove_prefix(4);
    return noun;
}

/// A fact of a class (its place in the taxonomy) or of a negative category (−1).
struct Known {
    int label = -1;
    bool instrument = false;
    const Quantity* quantity = nullptr;
};

/// All that a document with these labels may speak of.
class Facts {
public:
    explicit Facts(const LabelSet& labels) {
        if (taxonomy().is_negative(labels)) {
            for (const auto& category : taxonomy().negative_categories) {
                add_common(-1, category.id, category.terms, category.instruments, category.quantities);
            }
            return;
        }
        for (const LabelId id : labels) {
            const Label& label = taxonomy()[id];
            add_common(id, label.code, label.terms, label.instruments, label.quantities);
            for (const auto& object : label.objects) add(object, {id, false, nullptr});
            for (const auto& alias : label.aliases) add(alias, {id, false, nullptr});
            add(label.name, {id, false, nullptr});
        }
    }

    const Known& operator[](std::size_t id) const { return known_[id]; }
    const Dictionary& dictionary() const { return dictionary_; }
    const std::set<std::string>& units() const { return units_; }

private:
    void add_common(int label, const std::string& key, const std::vector<std::string>& terms,
                    const std::vector<std::string>& instruments, const std::vector<Quantity>& quantities) {
        static const auto topics = read_wording("topics.txt");
        const auto [first, last] = topics.equal_range(key);
        for (auto topic = first; topic != last; ++topic)
            add(std::string(without_article(topic->second)), {label, false, nullptr});
        for (const auto& term : terms) add(term, {label, false, nullptr});
        for (const auto& instrument : instruments) add(instrument, {label, true, nullptr});
        for (const auto& quantity : quantities) {
            add(quantity.name, {label, false, &quantity});
            if (!quantity.unit.empty()) units_.insert(quantity.unit);
        }
    }

    void add(const std::string& fact, const Known& known) {
        static const auto nouns = read_wording("nouns.txt");
        known_.push_back(known);
        const std::size_t id = known_.size() - 1;
        for (std::string_view rest = fact; !rest.empty();) {
            const std::size_t slash = rest.find(" / ");
            std::string plain;
            int depth = 0;
            for (const char c : rest.substr(0, slash)) {
                if (c == '(') ++depth;
                if (depth == 0 && !(c == ' ' && plain.ends_with(' '))) plain += c;
                if (c == ')') --depth;
            }
            plain = synth::trim(plain);
            dictionary_.add(plain, id);
            const auto [first, last] = nouns.equal_range(plain);
            for (auto noun = first; noun != last; ++noun) dictionary_.add(without_article(noun->second), id);
            if (slash == std::string_view::npos) break;
            rest.remove_prefix(slash + 3);
        }
        dictionary_.add(fact, id);
    }

    std::vector<Known> known_;
    std::set<std::string> units_;
    Dictionary dictionary_;
};

/// One sentence, point or row, with facts replaced by #, values with their units by 0, and people by @.
struct Sentence {
    std::string frame, text;
    std::vector<std::size_t> facts;
    struct Value {
        double number;
        std::string unit;
    };
    std::vector<Value> values;
};

/// Takes a number off the front: -1.5, 1.5e-12, 1.5 × 10^-12.
std::size_t number_at(std::string_view text, double& number) {
    std::size_t size = text.starts_with('-') ? 1 : 0;
    const auto digits = [&] {
        const std::size_t before = size;
        while (size < text.size() && std::isdigit(static_cast<unsigned char>(text[size])) != 0) ++size;
        return size - before;
    };
    if (digits() == 0) return 0;
    if (size + 1 < text.size() && text[size] == '.' && std::isdigit(static_cast<unsigned char>(text[size + 1])) != 0) {
        ++size;
        digits();
    }
    std::string plain(text.substr(0, size));
    constexpr std::string_view kTimes = " × 10^";
    const bool typeset = text.substr(size).starts_with(kTimes);
    if (typeset || (text.substr(size).starts_with('e') && size + 1 < text.size() &&
                    (text[size + 1] == '-' || std::isdigit(static_cast<unsigned char>(text[size + 1])) != 0))) {
        size += typeset ? kTimes.size() : 1;
        const std::size_t exponent = size;
        if (text[size] == '-') ++size;
        digits();
        plain += "e" + std::string(text.substr(exponent, size - exponent));
    }
    number = std::stod(plain);
    return size;
}

std::vector<Sentence> sentences(const Document& document, const Facts& facts) {
    const std::string_view body = document.body;
    std::vector<std::array<std::size_t, 2>> spans;
    std::vector<const std::vector<std::size_t>*> ids;
    facts.dictionary().scan(body, [&](std::size_t at, std::size_t size, const std::vector<std::size_t>& found) {
        spans.push_back({at, size});
        ids.push_back(&found);
    });

    std::vector<Sentence> all;
    Sentence current;
    const auto finish = [&] {
        const bool fact_free_heading = current.facts.empty() && !current.frame.ends_with('.');
        if (!current.frame.empty() && !fact_free_heading) all.push_back(current);
        current = {};
    };
    std::size_t span = 0;
    for (std::size_t at = 0; at < body.size();) {
        const std::string_view rest = body.substr(at);
        const bool word_start = at == 0 || !is_word(body[at - 1]);
        std::size_t size = 1;
        while (span < spans.size() && spans[span][0] < at) ++span;  // a unit that is a term as well
        if (span < spans.size() && spans[span][0] == at) {
            size = spans[span][1];
            for (const std::string_view article : {"the ", "The "})
                if (current.frame.ends_with(article)) current.frame.resize(current.frame.size() - article.size());
            current.frame += '#';
            for (const auto id : *ids[span]) current.facts.push_back(id);
            ++span;
        } else if (double number = 0; word_start && number_at(rest, number) > 0) {
            size = number_at(rest, number);
            std::string unit;
            for (const auto& known : facts.units()) {
                const std::string_view after = rest.substr(size);
                const bool here =
                    after.starts_with(" " + known) &&
                    (after.size() == known.size() + 1 || !is_word(after[known.size() + 1]) || !is_word(known.back()));
                if (here && known.size() > unit.size()) unit = known;
            }
            if (!unit.empty()) size += unit.size() + 1;
            current.values.push_back({number, unit});
            current.frame += '0';
        } else if (word_start && rest.size() > 3 && std::isupper(static_cast<unsigned char>(rest[0])) != 0 &&
                   rest[1] == '.' && rest[2] == ' ' && std::isupper(static_cast<unsigned char>(rest[3])) != 0) {
            size = 3;  // an initial
            if (rest[4] != '.') {
                while (size < rest.size() && std::isalpha(static_cast<unsigned char>(rest[size])) != 0) ++size;
                current.frame += '@';
            }
        } else if (rest[0] == '\n') {
            finish();
        } else if (rest[0] == '.' && rest.size() > 2 && rest[1] == ' ' &&
                   (std::isupper(static_cast<unsigned char>(rest[2])) != 0 || rest[2] == '"' ||
                    (span < spans.size() && spans[span][0] == at + 2))) {
            current.frame += '.';
            current.text += '.';
            finish();
            size = 2;
            at += size;
            continue;
        } else {
            current.frame += rest[0];
        }
        current.text += rest.substr(0, size);
        at += size;
    }
    finish();
    return all;
}

bool in_range(double value, const Quantity& quantity) {
    constexpr double kRounding = 1e-9;  // of the reader of this test, not of the texts
    if (quantity.low && quantity.high)
        return value >= *quantity.low - std::abs(*quantity.low) * kRounding &&
               value <= *quantity.high + std::abs(*quantity.high) * kRounding;
    // Only "A-B" or "A to B" in words.
    double low = 0, high = 0;
    std::string_view typical = quantity.typical;
    typical.remove_prefix(number_at(typical, low));
    while (typical.starts_with(' ') || typical.starts_with("to")) typical.remove_prefix(typical[0] == ' ' ? 1 : 2);
    if (typical.starts_with('-') && !quantity.typical.starts_with('-')) typical.remove_prefix(1);
    while (typical.starts_with(' ')) typical.remove_prefix(1);
    if (number_at(typical, high) == 0) return false;
    return value >= std::min(low, high) && value <= std::max(low, high);
}

std::string names_of(const LabelSet& labels) {
    std::string names;
    for (const LabelId label : labels) names += (names.empty() ? "" : ", ") + taxonomy()[label].name;
    return names;
}

TEST(OfflineProvider, GivesAReadyReplyThatCostNothing) {
    const auto exchange = encode(offline(), spec_of(1, negative()), 300);
    ASSERT_TRUE(exchange);
    const auto& reply = std::get<synth::Reply>(*exchange);
    ASSERT_TRUE(reply.completion);
    EXPECT_EQ(reply.completion->finish, synth::FinishReason::stop);
    EXPECT_EQ(reply.model, "offline");
    EXPECT_FALSE(reply.error);
    EXPECT_EQ(reply.usage, synth::Usage{});
    EXPECT_EQ(offline().object().cost(*reply.usage, {}), synth::PicoUsd{0});
}

TEST(OfflineProvider, SaysThatNoLanguageModelWroteTheTexts) {
    const auto info = offline().call([](Provider& provider) { return provider.describe({}); });
    ASSERT_TRUE(info);
    EXPECT_EQ(info->model, "offline");
    EXPECT_EQ(info->endpoint, "");
    EXPECT_EQ(info->secret, "");
    ASSERT_EQ(info->notices.size(), 1U);
    EXPECT_THAT(info->notices[0], testing::HasSubstr("no language model"));
    EXPECT_THAT(info->disclaimer, testing::HasSubstr("no language model"));
}

TEST(OfflineProvider, RefusesASampleWithoutLabels) {
    const auto exchange = encode(offline(), spec_of(1, {}), 300);
    ASSERT_FALSE(exchange);
    EXPECT_EQ(exchange.error().code, synth::ErrorCode::invalid_argument);
}

TEST(OfflineProvider, KeepsTheLength) {
    for (const std::uint32_t target : {50U, 90U, 150U, 300U, 1'178U, 4'000U})
        for (const auto& document : corpus(200, 1, 7, target)) {
            const auto words = static_cast<double>(word_count(document));
            EXPECT_NEAR(words, target, target * 0.1) << names_of(document.labels) << "\n" << document.body;
        }
    const auto words = static_cast<double>(word_count(write(5, negative(), 0)));
    EXPECT_NEAR(words, 1'178, 118) << "without a target";
}

TEST(OfflineProvider, GivesEveryLabelItsShareOfTheSentences) {
    for (const std::uint32_t target : {600U, 1'178U})
        for (const auto& document : corpus(200, 1, 7, target)) {
            if (taxonomy().is_negative(document.labels)) continue;
            const Facts facts(document.labels);
            const auto all = sentences(document, facts);
            for (const LabelId label : document.labels) {
                const auto carrying = std::ranges::count_if(all, [&](const Sentence& sentence) {
                    return std::ranges::any_of(sentence.facts, [&](std::size_t id) {
                        return facts[id].label == label && !facts[id].instrument;
                    });
                });
                const double share = static_cast<double>(carrying) / static_cast<double>(all.size());
                const double fair = 1.0 / static_cast<double>(document.labels.size());
                EXPECT_GE(share, document.labels.size() <= 3 ? 0.3 : fair * 0.8)
                    << taxonomy()[label].name << " of " << names_of(document.labels) << "\n"
                    << document.body;
            }
        }
}

TEST(OfflineProvider, KeepsOtherTopicsOut) {
    Dictionary names;
    for (std::size_t id = 0; id < taxonomy().labels.size(); ++id) {
        if (id == taxonomy().negative) continue;
        const std::string& name = taxonomy().labels[id].name;
        names.add(name, id);
        if (name.ends_with('s')) names.add(std::string_view(name).substr(0, name.size() - 1), id);
        for (const auto& alias : taxonomy().labels[id].aliases) names.add(alias, id);
    }
    for (const auto& document : corpus(400, 1, 3)) {
        const std::string text = document.title + "\n" + document.body;
        names.scan(text, [&](std::size_t at, std::size_t size, const std::vector<std::size_t>& ids) {
            EXPECT_TRUE(std::ranges::any_of(
                ids, [&](std::size_t id) { return taxonomy().covers(document.labels, static_cast<LabelId>(id)); }))
                << "'" << text.substr(at, size) << "' in a text about " << names_of(document.labels) << ": "
                << text.substr(at < 60 ? 0 : at - 60, 120);
        });

        const Facts own(document.labels);
        Dictionary foreign;
        for (std::size_t id = 0; id < taxonomy().labels.size(); ++id) {
            if (taxonomy().covers(document.labels, static_cast<LabelId>(id))) continue;
            for (const auto& term : taxonomy().labels[id].terms) foreign.add(term, id);
            for (const auto& object : taxonomy().labels[id].objects) foreign.add(object, id);
        }
        for (const auto& sentence : sentences(document, own))
            foreign.scan(sentence.frame, [&](std::size_t at, std::size_t size, const auto& ids) {
                ADD_FAILURE() << "'" << sentence.frame.substr(at, size) << "' belongs to "
                              << taxonomy().labels[ids[0]].name << ", in: " << sentence.text;
            });
    }
}

TEST(OfflineProvider, StatesNumbersWithUnitsInRange) {
    std::size_t checked = 0;
    for (const auto& document : corpus(400, 1, 7)) {
        const Facts facts(document.labels);
        for (const auto& sentence : sentences(document, facts))
            for (const auto& value : sentence.values) {
                ++checked;
                EXPECT_TRUE(std::ranges::any_of(
                    sentence.facts,
                    [&](std::size_t id) {
                        const Quantity* quantity = facts[id].quantity;
                        return quantity != nullptr && in_range(value.number, *quantity) &&
                               (quantity->unit == value.unit ||
                                // A range states its unit once, after the second number.
                                (value.unit.empty() && sentence.frame.find("0 to 0") != std::string::npos));
                    }))
                    << value.number << " '" << value.unit << "' in: " << sentence.text;
            }
    }
    EXPECT_GT(checked, 4'000U);
}

TEST(OfflineProvider, UsesNoFrameInMoreThanAFifthOfTheDocuments) {
    const std::array corpora{corpus(200, 2, 3), corpus(200, 1, 1), corpus(200, 4, 7), corpus(2'000, 1, 7)};
    for (const auto& documents : corpora) {
        std::map<std::string, std::size_t> found_in;
        for (const auto& document : documents) {
            std::set<std::string> frames;
            for (const auto& sentence : sentences(document, Facts(document.labels))) frames.insert(sentence.frame);
            for (const auto& frame : frames) ++found_in[frame];
        }
        const auto& worst = *std::ranges::max_element(found_in, {}, [](const auto& entry) { return entry.second; });
        EXPECT_LE(worst.second * 5, documents.size()) << worst.first;
        EXPECT_GT(found_in.size(), 20 * documents.size()) << "too few frames to measure anything";
        std::printf("%zu documents: %zu frames, the most frequent in %.1f %%: %s\n", documents.size(), found_in.size(),
                    100.0 * static_cast<double>(worst.second) / static_cast<double>(documents.size()),
                    worst.first.c_str());
    }
}

TEST(OfflineProvider, WritesNoTextTwice) {
    std::set<std::string> bodies, titles;
    for (std::uint64_t i = 0; i < 2'000; ++i) {
        LabelSet labels;
        labels.insert(static_cast<LabelId>(i % 2));  // as alike as samples can be
        const Document document = write(synth::derive_seed(7, i), labels, 300);
        EXPECT_TRUE(bodies.insert(document.body).second);
        titles.insert(document.title);
    }
    EXPECT_GT(titles.size(), 1'000U);
}

TEST(OfflineProvider, WritesTheSameForTheSameSeedAndAnewForTheNextAttempt) {
    Random random(3);
    const LabelSet labels = some_labels(random, 3);
    EXPECT_EQ(write(42, labels).body, write(42, labels).body);
    EXPECT_NE(write(42, labels).body, write(43, labels).body);
    EXPECT_NE(write(42, labels).body, write(42, labels, 1'178, 2).body);
}

TEST(OfflineProvider, IsReadByTheDefaultPromptStrategyAsItWasWritten) {
    const auto strategy = synth::test::load<synth::PromptStrategy>("tdamm");
    ASSERT_TRUE(strategy) << strategy.error().message;
    for (const std::uint32_t target : {100U, 1'178U})
        for (const auto& document : corpus(200, 1, 7, target)) {
            const synth::Completion completion{"TITLE: " + document.title + "\n\n" + document.body,
                                               synth::FinishReason::stop};
            const auto draft = strategy->call([&](synth::PromptStrategy& object) {
                return object.extract(spec_of(1, document.labels), {}, completion);
            });
            ASSERT_TRUE(draft) << draft.error().message << "\n" << completion.text;
            EXPECT_EQ(draft->title, document.title);
            EXPECT_EQ(draft->text, document.title + "\n\n" + document.body);
        }
}

TEST(OfflineProvider, CoversEveryNegativeCategory) {
    std::map<std::string, std::size_t> of_category;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        const std::string text = lower(write(synth::derive_seed(11, seed), negative(), 400).body);
        std::string best;
        std::size_t most = 0;
        for (const auto& category : taxonomy().negative_categories) {
            std::size_t hits = 0;
            for (const auto& term : category.terms) hits += text.find(lower(term)) != std::string::npos ? 1 : 0;
            if (hits > most) most = hits, best = category.id;
        }
        EXPECT_GE(most, 4U) << text;
        ++of_category[best];
    }
    EXPECT_EQ(of_category.size(), taxonomy().negative_categories.size());
}

/// A taxonomy of a user: codes that the plugin has never heard of, classes with hardly any facts.
Taxonomy bare_taxonomy() {
    Taxonomy classes;
    classes.name = "bare";
    for (const char* name : {"Zeta", "Theta"}) {
        Label label;
        label.code = label.name = name;
        classes.labels.push_back(label);
    }
    classes.labels[1].terms = {"theta wave", "Zeta border"};
    classes.labels[1].quantities = {{"width", "m", "", 1.0, 2.0}, {"colour", "", "red", {}, {}}};
    return classes;
}

TEST(OfflineProvider, WritesAboutClassesThatItHasNoDataFor) {
    static const Taxonomy classes = bare_taxonomy();
    const auto provider = synth::test::load<Provider>("offline", "{}", classes);
    ASSERT_TRUE(provider) << provider.error().message;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        LabelSet zeta, theta;
        zeta.insert(0);
        theta.insert(1);
        const Document about_zeta = write(seed, zeta, 300, 1, *provider);
        EXPECT_THAT(about_zeta.body, testing::HasSubstr("Zeta"));
        EXPECT_THAT(about_zeta.body, testing::Not(testing::HasSubstr("heta")));
        const Document about_theta = write(seed, theta, 300, 1, *provider);
        EXPECT_THAT(about_theta.body, testing::HasSubstr("heta wave"));
        EXPECT_THAT(about_theta.body, testing::Not(testing::HasSubstr("Zeta")));
        EXPECT_THAT(about_theta.body, testing::Not(testing::HasSubstr("colour")));
    }
}

/// Changes with every change of the grammar: then put the new number here. It must be the same on every machine.
TEST(OfflineProvider, WritesTheSameTextOnEveryMachine) {
    static const Taxonomy classes = bare_taxonomy();
    const auto provider = synth::test::load<Provider>("offline", "{}", classes);
    ASSERT_TRUE(provider) << provider.error().message;
    std::uint64_t hash = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        LabelSet labels;
        labels.insert(1);
        if (seed % 2 == 1) labels.insert(0);
        const Document document = write(seed, labels, 1'178, 1, *provider);
        hash = synth::derive_seed(hash, document.title + document.body);
    }
    EXPECT_EQ(hash, 1773231157513471049U);
}

struct RangeCase {
    Quantity quantity;
    double low, high;  ///< that draws must come near to and not leave
};

class Values : public testing::TestWithParam<RangeCase> {};

TEST_P(Values, StayInRangeAndFillIt) {
    const auto& [quantity, low, high] = GetParam();
    const auto range = offline::ValueRange::of(quantity);
    ASSERT_TRUE(range);
    Random random(1);
    double least = HUGE_VAL, most = -HUGE_VAL;
    for (int i = 0; i < 20'000; ++i) {
        for (const auto notation : {offline::Notation::programmer, offline::Notation::typeset}) {
            std::string text;
            append(text, range->draw(random), notation);
            double value = 0;
            ASSERT_EQ(number_at(text, value), text.size()) << text;
            least = std::min(least, value);
            most = std::max(most, value);
        }
        const auto [first, second] = range->draw_two(random);
        std::string smaller, larger;
        append(smaller, first, offline::Notation::programmer);
        append(larger, second, offline::Notation::programmer);
        ASSERT_LE(std::stod(smaller), std::stod(larger));
    }
    EXPECT_GE(least, low - std::abs(low) * 1e-9);
    EXPECT_LE(most, high + std::abs(high) * 1e-9);
    const double reach = low > 0 && high > 100 * low ? low : std::abs(high - low) * 0.02;
    EXPECT_NEAR(least, low, reach);
    EXPECT_NEAR(most, high, std::abs(high - low) * 0.05);
}

INSTANTIATE_TEST_SUITE_P(
    All, Values,
    testing::Values(RangeCase{{"index", "", "1.5-3.0", 1.0, 4.5}, 1.5, 3.0},
                    RangeCase{{"wide", "erg", "1e49 - 1e55", 1e46, 2e55}, 1e49, 1e55},
                    RangeCase{{"no interval in words", "TeV", "13/3 predicted", 0.0, 7.0}, 0.0, 7.0},
                    RangeCase{{"words beyond the range", "K", "1-100", 5.0, 50.0}, 5.0, 50.0},
                    RangeCase{{"negative", "mag", "-14 to -22", -24.0, -12.0}, -22, -14},
                    RangeCase{{"both signs", "", "-0.3 to +0.7 (O3)", -1.0, 1.0}, -0.3, 0.7},
                    RangeCase{{"tiny and both signs", "Hz s^-1", "-1e-8 to 1e-9", -1e-6, 1e-7}, -1e-8, 1e-9},
                    RangeCase{{"narrow", "K", "2.725", 2.7, 2.75}, 2.7, 2.75},
                    RangeCase{{"words only", "ppm", "415-430", {}, {}}, 415, 430},
                    RangeCase{{"odd ends", "s", "", 0.0347, 712.0}, 0.0347, 712.0},
                    RangeCase{{"huge", "K", "", 10.0, 1e40}, 10.0, 1e40}));

TEST(ValueRange, IsNothingWhereNothingIsPlausible) {
    EXPECT_FALSE(offline::ValueRange::of({"version", "", "semver", {}, {}}));
    EXPECT_FALSE(offline::ValueRange::of({"class", "GOES", "A-X", {}, {}}));
    EXPECT_FALSE(offline::ValueRange::of({"limit", "", "<800", {}, 5.0}));
}

TEST(ValueRange, CountsInWholeNumbers) {
    const auto range = offline::ValueRange::of({"years", "", "", 1970.0, 2026.0});
    ASSERT_TRUE(range);
    Random random(2);
    for (int i = 0; i < 1'000; ++i) EXPECT_GE(range->draw(random).exponent, 0);
}

TEST(Decimal, IsWrittenAsPeopleWriteIt) {
    const auto written = [](std::int64_t digits, int exponent, offline::Notation notation) {
        std::string text;
        append(text, {digits, exponent}, notation);
        return text;
    };
    using enum offline::Notation;
    EXPECT_EQ(written(152, -2, programmer), "1.52");
    EXPECT_EQ(written(152, 2, programmer), "15200");
    EXPECT_EQ(written(152, 3, programmer), "1.52e5");
    EXPECT_EQ(written(150, -14, typeset), "1.5 × 10^-12");
    EXPECT_EQ(written(100, -14, programmer), "1e-12");
    EXPECT_EQ(written(-152, -5, programmer), "-0.00152");
    EXPECT_EQ(written(-152, -6, programmer), "-1.52e-4");
    EXPECT_EQ(written(0, -2, programmer), "0.00");
}

}  // namespace
