// Counting words: eight places at a time has to say what one at a time says.

#include "synth/text.hpp"

#include <gtest/gtest.h>

#include <string>

#include "synth/random.hpp"

namespace synth {
namespace {

std::size_t one_by_one(std::string_view text) {
    std::size_t words = 0;
    bool inside = false;
    for (const char c : text) {
        words += !is_space(c) && !inside ? 1U : 0U;
        inside = !is_space(c);
    }
    return words;
}

static_assert(count_words("") == 0 && count_words(" \n") == 0 && count_words(" two\twords ") == 2);

TEST(Text, AWordIsARunOfWhatIsNoSpace) {
    EXPECT_EQ(count_words({}), 0U);
    EXPECT_EQ(count_words("one"), 1U);
    EXPECT_EQ(count_words("\xC2\xA0 caf\xC3\xA9\v\x7F\f\x1F\x20\x21"), 5U);  // a no-break space is none
}

TEST(Text, EveryByteCountsAsItDoesAlone) {
    for (int byte = 0; byte < 256; ++byte)
        for (std::size_t at = 0; at < 17; ++at) {
            std::string text(17, 'a');
            text[at] = static_cast<char>(byte);
            EXPECT_EQ(count_words(text), one_by_one(text)) << byte << " at " << at;
        }
}

TEST(Text, CountsAreTheSameAtAnyLengthAndPlace) {
    Random random(1);
    std::string text(5000, ' ');  // more than the sums of eight bits hold
    for (char& c : text)
        c = random.below(2) == 0 ? " \n\t\r\v\f"[random.below(6)] : static_cast<char>(random.below(256));
    for (std::size_t from = 0; from < 40; ++from)
        for (std::size_t size = 0; size < 40; ++size)
            EXPECT_EQ(count_words(std::string_view(text).substr(from, size)), one_by_one(text.substr(from, size)));
    for (const char* each : {" a", "a "}) {
        text.clear();
        while (text.size() < 9000) text += each;
        EXPECT_EQ(count_words(text), 4500U);
    }
    EXPECT_EQ(count_words(std::string(9000, 'a')), 1U);
}

}  // namespace
}  // namespace synth
