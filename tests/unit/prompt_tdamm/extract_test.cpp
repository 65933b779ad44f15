#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>

#include "strategy.hpp"
#include "synth/random.hpp"

namespace synth::test {
namespace {

Result<Draft> extract(std::string text, FinishReason finish = FinishReason::stop) {
    return strategy().call([&](PromptStrategy& plugin) {
        return plugin.extract(spec_of({"Novae"}), {}, Completion{std::move(text), finish});
    });
}

const std::string kTitle = "Radio Shells of Two Novae";
const std::string kBody =
    "V1324 Sco was observed with the VLA for 300 days. The flux density peaked at 2.1 mJy.\n\n"
    "A second source brightened by 3.4 mag in 2 d.";
const std::string kDocument = kTitle + "\n\n" + kBody;

TEST(TdammExtract, TakesOffWhatIsNotTheDocument) {
    const std::string answer = "TITLE: " + kTitle + "\n\n" + kBody;
    const std::vector<std::pair<const char*, std::string>> cases = {
        {"as asked for", answer},
        {"spaces around", "\n\n  " + answer + " \n\n"},
        {"a byte order mark", "\xEF\xBB\xBF" + answer},
        {"Windows line ends", "TITLE: " + kTitle + "\r\n\r\n" + kBody},
        {"no blank line", "TITLE: " + kTitle + "\n" + kBody},
        {"title on its own line", "TITLE:\n" + kTitle + "\n\n" + kBody},
        {"bold label", "**TITLE:** " + kTitle + "\n\n" + kBody},
        {"bold label and title", "**Title: " + kTitle + "**\n\n" + kBody},
        {"heading and label", "# Title: " + kTitle + "\n\n" + kBody},
        {"title in quotation marks", "Title: \"" + kTitle + "\"\n\n" + kBody},
        {"markdown title", "# " + kTitle + "\n\n" + kBody},
        {"second-level markdown title", "## **" + kTitle + "**\n" + kBody},
        {"bold title", "**" + kTitle + "**\n\n" + kBody},
        {"title said twice", answer.substr(0, answer.find('\n')) + "\n\n# " + kTitle + "\n\n" + kBody},
        {"a quoted label", "\"TITLE: " + kTitle + "\"\n\n" + kBody},
        {"bold label alone", "**TITLE**: " + kTitle + "\n\n" + kBody},
        {"a header of ChatML", "<|im_start|>assistant\n" + answer + "<|im_end|>"},
        {"a header of Gemma", "<bos><start_of_turn>model\n" + answer + "<end_of_turn>\n"},
        {"a header of Llama", "<|start_header_id|>assistant<|end_header_id|>\n\n" + answer + "<|eot_id|>"},
        {"a rest of Mistral's", "[/INST] " + answer + "</s>"},
        {"another turn", answer + "\n<|im_end|>\n<|im_start|>user\nWrite one about jets.<|im_end|>\nTITLE: Jets"},
        {"a fence", "```\n" + answer + "\n```"},
        {"a named fence", "```markdown\n" + answer + "\n```\n"},
        {"a fence that is not closed", "```text\n" + answer},
        {"a preamble", "Sure! Here is the document you asked for:\n\n" + answer},
        {"one word before", "Certainly!\n\n" + answer},
        {"one sentence before", "I'd be happy to write this document for you.\n\n" + answer},
        {"a typographic apostrophe", "Here\xE2\x80\x99s a news feature on two topics:\n\n# " + kTitle + "\n\n" + kBody},
        {"a request repeated", "Here is a document written as requested, with both topics covered.\n\n" + answer},
        {"a bold preamble", "**Here is the document:**\n\n" + answer},
        {"preamble, fence, closing",
         "Of course. Below is the page:\n\n```\n" + answer + "\n```\n\nLet me know if you would like changes!"},
        {"a separator after the preamble", "Okay, here's the text:\n\n" + answer + "\n\n---\n\n*Word count: 1,178*"},
        {"a word count", answer + "\n\n(Word count: 1178)"},
        {"words in brackets", answer + "\n\n[approximately 1,200 words]"},
        {"two closings", answer + "\n\nI hope this helps.\nPlease let me know if you need anything else."},
        {"an end mark", answer + "\n\n**End of document**"},
        {"reasoning", "<think>\nThe user wants novae. TITLE: no\n</think>\n\n" + answer},
        {"reasoning in capitals", "<THINK>hm</Think>" + answer},
        {"reasoning opened by the template", "The user wants novae.\n</think>\n" + answer},
        {"two blocks of reasoning", "<thinking>a</thinking>\n<think>b</think>\nSure, here it is:\n" + answer},
        {"JSON", R"({"title": ")" + kTitle + R"(", "text": "V1324 Sco was observed with the VLA for 300 days. )" +
                     R"(The flux density peaked at 2.1 mJy.\n\nA second source brightened by 3.4 mag in 2 d."})"},
        {"JSON with a title of two lines",
         R"({"title": ")" + kTitle + R"(\n revised", "text": "V1324 Sco was observed with the VLA for 300 days. )" +
             R"(The flux density peaked at 2.1 mJy.\n\nA second source brightened by 3.4 mag in 2 d."})"},
        {"JSON in a fence",
         "```json\n{\"text\": \"TITLE: " + kTitle +
             "\\n\\nV1324 Sco was observed with the VLA for 300 days. The flux " +
             "density peaked at 2.1 mJy.\\n\\nA second source brightened by 3.4 mag in 2 d.\"}\n```"},
    };
    for (const auto& [what, text] : cases) {
        const auto draft = extract(text);
        ASSERT_TRUE(draft) << what << ": " << draft.error().message;
        EXPECT_EQ(draft->title, kTitle) << what;
        std::string plain = draft->text;
        std::erase(plain, '\r');
        EXPECT_EQ(plain, kDocument) << what;
    }
}

TEST(TdammExtract, KeepsTheStarOfAName) {
    for (const char* line :
         {"TITLE: Flares of Sgr A* and M87*", "TITLE: **Flares of Sgr A* and M87***",
          "**TITLE:** Flares of Sgr A* and M87*", "**TITLE: Flares of Sgr A* and M87***",
          "**TITLE**: Flares of Sgr A* and M87*", "# Title: Flares of Sgr A* and M87*",
          "*Title:* Flares of Sgr A* and M87*", "# Flares of Sgr A* and M87*", "Flares of Sgr A* and M87*"}) {
        const auto draft = extract(std::string(line) + "\n\n" + kBody);
        ASSERT_TRUE(draft) << line << ": " << draft.error().message;
        EXPECT_EQ(draft->title, "Flares of Sgr A* and M87*") << line;
        EXPECT_EQ(draft->text, "Flares of Sgr A* and M87*\n\n" + kBody) << line;
    }
    EXPECT_EQ(extract("TITLE: *Fermi* and M87*\n\n" + kBody)->title, "*Fermi* and M87*");
}

TEST(TdammExtract, LeavesADocumentAsItIs) {
    const struct {
        const char* what;
        std::string text, title;
    } cases[] = {
        {"a plain title", kDocument, kTitle},
        {"no title", kBody, ""},
        {"Certain as first word", "Certain novae are seen in gamma rays.\n\nThey are shocks.", ""},
        {"Certainly in a sentence", "Certainly, the shell of V1324 Sco is not round.\n\nIt has lobes.", ""},
        {"Sure in a name", "Sure-shot photometry\n\nThe method uses 3 stars.", "Sure-shot photometry"},
        {"Great Observatories", "Great Observatories Origins\n\nA survey of 300 arcmin^2.",
         "Great Observatories Origins"},
        {"Here is in a sentence", "Here is where the shell was resolved.\nIt took 3 days.", ""},
        {"below in a sentence", "Below is a region that no survey covered.\nIt is large.", ""},
        {"a header of lines",
         "SUBJECT: V1324 Sco: radio detection\nDATE: 24/05/01 12:00:00 GMT\nFROM: A. Author\n\nWe report.", ""},
        {"an apology in a diary", "I'm sorry to say that we missed the launch.\n\nThe weather was bad.", ""},
        {"an offer of help by a service", kDocument + "\n\nFor questions please contact the help desk.", kTitle},
        {"a closing word in a longer one", kDocument + "\n\nWord counts by author are in Table 3.", kTitle},
        {"a title-like word", "Titles of the talks: three.\nMore will follow.", ""},
        {"code first", "```python\nimport sherpa\n```\n\nThe module loads models.\n\n```python\nfit()\n```", ""},
        {"code inside", kDocument + "\n\n```\nfit()\n```\n\nIt prints 2.1.", kTitle},
        {"a list", "- first item of the release\n- second item\n- third item", ""},
        {"braces", "{x} is a set of sources with fluxes in {1, 2}", ""},
        {"emphasis", "*F*-statistic searches look for *continuous* waves.\nThey are deep.", ""},
        {"other scripts", "Η Νέα Χ\n\nΜια κατάσταση 2.1 mJy 🛰", "Η Νέα Χ"},
    };
    for (const auto& [what, text, title] : cases) {
        const auto draft = extract(text);
        ASSERT_TRUE(draft) << what << ": " << draft.error().message;
        EXPECT_EQ(draft->text, text) << what;
        EXPECT_EQ(draft->title, title) << what;
    }
}

TEST(TdammExtract, RecognisesARefusal) {
    for (const char* text :
         {"I'm sorry, but I can't help with that.",
          "I\xE2\x80\x99m sorry, but I can\xE2\x80\x99t assist with that request.",
          "I am sorry, but this goes against my guidelines.", "Sorry, but I cannot do this.",
          "I cannot fulfill this request. I am a language model.", "I can't create synthetic documents.",
          "As an AI language model, I don't write fake circulars.", "Unfortunately, I can't write this document.",
          "I'm unable to produce a document of that length.", "**I'm sorry, but I can't continue.**", "I must decline.",
          "\"I apologize, but I cannot comply.\"", "<think>Not allowed.</think>I'm sorry, but no."}) {
        const auto draft = extract(text);
        ASSERT_FALSE(draft) << text;
        EXPECT_EQ(draft.error().code, ErrorCode::refused) << text;
        EXPECT_EQ(draft.error().reason, "refusal") << text;
    }
}

TEST(TdammExtract, SaysWhyAnAnswerIsNoDocument) {
    std::string loop = "TITLE: Shells\n\n";
    for (int i = 0; i < 40; ++i) loop += "The shell of the nova expands at a velocity of 1,000 km/s. ";
    std::string late_loop = "TITLE: Shells\n\n";
    for (int i = 0; i < 200; ++i) late_loop += "word" + std::to_string(i) + " ";
    for (int i = 0; i < 200; ++i) late_loop += "and so on";
    for (int i = 0; i < 200; ++i) late_loop += " and so on";
    const struct {
        const char* what;
        std::string text;
        FinishReason finish;
        ErrorCode code;
        const char* reason;
    } cases[] = {
        {"a content filter", kDocument, FinishReason::content_filter, ErrorCode::refused, "content_filter"},
        {"the output limit", kDocument, FinishReason::length, ErrorCode::truncated, "cut"},
        {"reasoning used the limit up", "", FinishReason::length, ErrorCode::truncated, "cut"},
        {"nothing", "", FinishReason::stop, ErrorCode::malformed, "empty"},
        {"spaces", " \n\t ", FinishReason::unknown, ErrorCode::malformed, "empty"},
        {"a fence around nothing", "```\n```", FinishReason::stop, ErrorCode::malformed, "empty"},
        {"reasoning only", "<think>hm", FinishReason::stop, ErrorCode::malformed, "empty"},
        {"reasoning and nothing else", "<think>hm</think>\n", FinishReason::stop, ErrorCode::malformed, "empty"},
        {"a title only", "TITLE: " + kTitle, FinishReason::stop, ErrorCode::malformed, "empty"},
        {"JSON without text", R"({"title": "x", "text": " "})", FinishReason::stop, ErrorCode::malformed, "empty"},
        {"a broken sequence", "TITLE: x\n\n\xC3\x28", FinishReason::stop, ErrorCode::malformed, "invalid_utf8"},
        {"an overlong form", "a\xC0\xAF", FinishReason::stop, ErrorCode::malformed, "invalid_utf8"},
        {"a surrogate", "a\xED\xA0\x80", FinishReason::stop, ErrorCode::malformed, "invalid_utf8"},
        {"beyond Unicode", "a\xF4\x90\x80\x80", FinishReason::stop, ErrorCode::malformed, "invalid_utf8"},
        {"a sequence cut short", "a\xE2\x80", FinishReason::stop, ErrorCode::malformed, "invalid_utf8"},
        {"an end mark only", "<|im_end|>\n", FinishReason::stop, ErrorCode::malformed, "empty"},
        {"somebody else's turn", "<|im_start|>user\n" + kDocument, FinishReason::stop, ErrorCode::malformed,
         "template"},
        {"a turn begins inside", kDocument + "\n[INST] Go on. " + kBody, FinishReason::stop, ErrorCode::malformed,
         "template"},
        {"channels", "<|channel|>analysis<|message|>Novae.<|start|>assistant<|channel|>final<|message|>" + kDocument,
         FinishReason::stop, ErrorCode::malformed, "template"},
        {"a loop", loop, FinishReason::stop, ErrorCode::malformed, "repetition"},
        {"a loop up to the output limit", loop, FinishReason::length, ErrorCode::malformed, "repetition"},
        {"a loop without sentences", late_loop, FinishReason::unknown, ErrorCode::malformed, "repetition"},
    };
    for (const auto& [what, text, finish, code, reason] : cases) {
        const auto draft = extract(text, finish);
        ASSERT_FALSE(draft) << what;
        EXPECT_EQ(draft.error().code, code) << what;
        EXPECT_EQ(draft.error().reason, reason) << what;
        EXPECT_FALSE(draft.error().message.empty()) << what;
    }
}

/// An answer to the prompt of a sample, after `earlier` attempts.
Result<Draft> answer(const SampleSpec& spec, const std::string& text, std::span<const Attempt> earlier = {}) {
    return strategy().call(
        [&](PromptStrategy& plugin) { return plugin.extract(spec, earlier, Completion{text, FinishReason::stop}); });
}

std::string sentences(int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
        text += "Epoch " + std::to_string(i) + " gave " + std::to_string(100 + 37 * i) + " counts in band " +
                std::to_string(i % 7) + ". ";
    return text;
}

TEST(TdammExtract, ACopyOfThePromptIsNoDocument) {
    const SampleSpec spec = spec_of({"X-rays", "Novae"});
    const Prompt prompt = compose(spec);
    const std::string& system = prompt.messages.at(0).text;
    const std::string& user = prompt.messages.at(1).text;
    std::string marked = "### " + user;
    for (std::size_t at = 0; (at = marked.find("\n* ", at)) != marked.npos; at += 3) marked.replace(at, 3, "\n1. **");
    std::string quoted;  // each word in marks, some of them inside it
    for (std::size_t at = 0; at < user.size(); ++at) {
        const bool begins = user[at] != ' ' && user[at] != '\n' && (at == 0 || user[at - 1] == ' ');
        quoted += begins ? std::string("\"") + user[at] + "'" : std::string(1, user[at]);
        if (at % 11 == 0 && user[at] != '\n') quoted += '.';
    }
    const std::string labels = user.substr(user.find("* X-rays"), user.find("WHAT THESE") - user.find("* X-rays"));
    const std::pair<const char*, std::string> cases[] = {
        {"the message", user},
        {"the guidelines", system},
        {"in capitals, with markdown", marked},
        {"with marks in its words", quoted},
        {"the topics before a document", "TITLE: Shells\n\n" + labels + sentences(60)},
        {"the title that stands for one", "TITLE: the title of the document\n\n" + sentences(60)},
        {"the form of the answer", system.substr(system.find("TITLE: the title"))},
    };
    for (const auto& [what, text] : cases) {
        const auto draft = answer(spec, text);
        ASSERT_FALSE(draft) << what;
        EXPECT_EQ(draft.error().code, ErrorCode::malformed) << what;
        EXPECT_EQ(draft.error().reason, "echo") << what;
    }
    const auto cut_copy = strategy().call([&](PromptStrategy& plugin) {
        return plugin.extract(spec, {}, Completion{user.substr(0, user.size() / 2), FinishReason::length});
    });
    ASSERT_FALSE(cut_copy);
    EXPECT_EQ(cut_copy.error().reason, "echo");
    // What an earlier failure added to the prompt is part of it.
    const Attempt cut{.error = ErrorCode::truncated, .reason = "cut"};
    const std::string repair = user_text(spec, {&cut, 1}).substr(user.size());
    EXPECT_TRUE(answer(spec, repair));
    const auto copied = answer(spec, repair, {&cut, 1});
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().reason, "echo");
}

TEST(TdammExtract, ADocumentMayUseTheWordsOfItsPrompt) {
    const SampleSpec spec = spec_of({"X-rays", "Novae"});
    const std::string user = user_text(spec);
    const std::size_t at = user.find("Meaning: ") + 9;
    const std::string meaning = user.substr(at, user.find('\n', at) - at);
    const auto draft = answer(spec, "TITLE: Shells\n\n" + sentences(40) + meaning + " " + sentences(5));
    EXPECT_TRUE(draft) << draft.error().message;
    // Of a text of a few words no share can be said.
    EXPECT_TRUE(answer(spec, "TITLE: Shells\n\n" + meaning.substr(0, meaning.find(' ', 40))));
}

TEST(TdammExtract, ALongTextWithAFewRepeatedLinesIsNoLoop) {
    std::string text = "Catalogue of novae\n\n";
    for (int i = 0; i < 60; ++i) {
        text += "Entry " + std::to_string(i) + " has a peak of " + std::to_string(7 * i % 19) + " mag after " +
                std::to_string(11 * i % 23) + " days and a velocity of " + std::to_string(100 + 37 * i) + " km/s. ";
        if (i % 6 == 0) text += "Values are from the second release of the catalogue and carry its flags.\n";
    }
    const auto draft = extract(text);
    ASSERT_TRUE(draft) << draft.error().message;
    EXPECT_EQ(draft->title, "Catalogue of novae");
}

/// So many words that nobody said before.
std::string new_words(std::size_t count, Random& random) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        for (auto letters = random.between(2, 10); letters > 0; --letters)
            text += static_cast<char>('a' + random.below(26));
        text += random.chance(1, 9) ? ", " : random.chance(1, 60) ? ".\n\n" : " ";
    }
    return text;
}

TEST(TdammExtract, FindsALoopInALongTextWhateverItsLength) {
    Random random(1);
    for (const std::size_t words : {1U, 2U, 5U, 12U, 40U, 150U})
        for (int i = 0; i < 40; ++i) {
            std::string text = "TITLE: Shells\n\n" + new_words(700, random), said = new_words(words, random);
            for (std::size_t again = 0; again < 500 + words; again += words) text += said;
            const auto draft = extract(text);
            ASSERT_FALSE(draft) << words;
            EXPECT_EQ(draft.error().reason, "repetition") << words;
        }
}

TEST(TdammExtract, FindsACopyInALongTextWhereverItStands) {
    const SampleSpec spec = spec_of({"X-rays", "Novae"});
    const std::string user = user_text(spec);
    Random random(2);
    for (int i = 0; i < 100; ++i) {
        const std::string copy = user.substr(random.below(user.size() - 1'800), 1'800);
        const auto draft = answer(spec, "TITLE: Shells\n\n" + new_words(600, random) + copy + new_words(600, random));
        ASSERT_FALSE(draft) << i << copy;
        EXPECT_EQ(draft.error().reason, "echo");
        EXPECT_TRUE(answer(spec, "TITLE: Shells\n\n" + new_words(1'200, random) + copy.substr(0, 200)));
    }
}

TEST(TdammExtract, EndsQuicklyOnGarbage) {
    constexpr std::size_t kSize = 4U << 20U;
    for (const std::string_view piece :
         {"{",  "{\"a\":[", "`",        "```\n",    "# ",     "#\n",   "<think>",      "</think>",
          "**", "* ",       "TITLE:\n", "sure ",    "sure\n", "---\n", "word count\n", "a",
          " ",  "\n",       "a\n",      "\xC2\xA0", "(",      "\"",    "\\",           "_*"}) {
        std::string text;
        while (text.size() < kSize) text += piece;
        const auto draft = extract(text);
        EXPECT_TRUE(!draft || !draft->text.empty()) << piece;
    }
    constexpr std::size_t kDepth = 300'000;
    EXPECT_TRUE(extract("{\"a\":" + std::string(kDepth, '[') + std::string(kDepth, ']') + "}"));
}

}  // namespace
}  // namespace synth::test
