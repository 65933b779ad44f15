// What is sent: golden bodies, parameters by model and by what was learned, bounds for budgets.

#include <cstdint>
#include <string>

#include <gmock/gmock.h>
#include <simdjson.h>

#include "openai_provider.hpp"

namespace synth::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kLocal = "http://localhost:1/v1";

struct BodyCase {
    Given options;
    std::vector<Remedy> remedies;
    const char* after_messages;  ///< what follows the messages
};

TEST(Body, CarriesWhatTheModelTakesAndWhatWasLearned) {
    using enum Remedy::Kind;
    const Remedy no_temperature{omit_parameter, "temperature", ""}, no_top_p{omit_parameter, "top_p", ""},
        no_effort{omit_parameter, "reasoning_effort", ""},
        new_limit{rename_parameter, "max_tokens", "max_completion_tokens"},
        old_limit{rename_parameter, "max_completion_tokens", "max_tokens"};
    const BodyCase cases[] = {
        {{}, {}, R"("max_completion_tokens":3000,"temperature":0.8,"top_p":0.9})"},
        {{{"base_url", kLocal}}, {}, R"("max_tokens":3000,"temperature":0.8,"top_p":0.9})"},
        {{{"base_url", kLocal}, {"model", "llama3"}}, {}, R"("max_tokens":3000,"temperature":0.8,"top_p":0.9})"},
        {{{"base_url", kLocal}, {"model", "gpt-6-luna"}},
         {},
         R"("max_completion_tokens":3000,"temperature":0.8,"top_p":0.9,"reasoning_effort":"none"})"},
        {{{"base_url", kLocal}, {"max_tokens_parameter", "max_completion_tokens"}},
         {},
         R"("max_completion_tokens":3000,"temperature":0.8,"top_p":0.9})"},
        {{{"max_tokens_parameter", "max_tokens"}}, {}, R"("max_tokens":3000,"temperature":0.8,"top_p":0.9})"},
        {{{"temperature", "1.25"}, {"top_p", "1"}},
         {},
         R"("max_completion_tokens":3000,"temperature":1.25,"top_p":1})"},
        // effort none lets temperature and top_p through and needs no room for reasoning
        {{{"model", "gpt-6-luna"}},
         {},
         R"("max_completion_tokens":3000,"temperature":0.8,"top_p":0.9,"reasoning_effort":"none"})"},
        {{{"model", "gpt-6-luna"}, {"reasoning_effort", "low"}},
         {},
         R"("max_completion_tokens":7000,"reasoning_effort":"low"})"},
        {{{"model", "gpt-6.2-sol"}}, {}, R"("max_completion_tokens":11000})"},
        {{{"model", "gpt-6.2-sol-2026-11-18"}}, {}, R"("max_completion_tokens":11000})"},
        {{{"model", "gpt-5-mini"}, {"reasoning_effort", "minimal"}},
         {},
         R"("max_completion_tokens":4000,"reasoning_effort":"minimal"})"},
        {{{"reasoning_effort", "low"}}, {}, R"("max_completion_tokens":3000,"temperature":0.8,"top_p":0.9})"},
        {{{"model", "unheard-of"}, {"reasoning_effort", "low"}},
         {},
         R"("max_completion_tokens":7000,"temperature":0.8,"top_p":0.9,"reasoning_effort":"low"})"},
        {{{"service_tier", "flex"}},
         {},
         R"("max_completion_tokens":3000,"temperature":0.8,"top_p":0.9,"service_tier":"flex"})"},
        // learned
        {{{"model", "unheard-of"}}, {no_temperature}, R"("max_completion_tokens":3000,"top_p":0.9})"},
        {{{"model", "unheard-of"}}, {no_temperature, no_top_p}, R"("max_completion_tokens":3000})"},
        {{{"base_url", kLocal}}, {new_limit}, R"("max_completion_tokens":3000,"temperature":0.8,"top_p":0.9})"},
        {{}, {old_limit}, R"("max_tokens":3000,"temperature":0.8,"top_p":0.9})"},
        {{{"model", "gpt-6-luna"}}, {no_effort}, R"("max_completion_tokens":11000})"},
        {{{"model", "gpt-5.4-mini"}}, {no_effort}, R"("max_completion_tokens":3000,"temperature":0.8,"top_p":0.9})"},
    };
    for (const auto& c : cases) {
        OpenAi openai(c.options);
        ASSERT_TRUE(openai.info_.ok());
        openai.remedies_ = c.remedies;
        const std::string expected = "{\"model\":\"" + openai.info_->model +
                                     R"(","messages":[{"role":"system","content":"You write."},)"
                                     R"({"role":"user","content":"Write."}],)" +
                                     c.after_messages;
        const HttpRequest http = openai.encode();
        EXPECT_EQ(http.method, "POST");
        EXPECT_EQ(http.body, expected);
    }
}

TEST(Body, EscapesTextAndReplacesWhatIsNotUtf8) {
    const std::pair<std::string, std::string> cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"a \"quoted\" \\ back", R"(a \"quoted\" \\ back)"},
        {"line\nline\r\ttab", R"(line\nline\r\ttab)"},
        {std::string("nul\0bell\x07 esc\x1b us\x1f.", 19), R"(nul\u0000bell\u0007 esc\u001b us\u001f.)"},
        {"del\x7f", "del\x7f"},
        {"µm ± 10⁻⁸ erg 🌌", "µm ± 10⁻⁸ erg 🌌"},
        {"bad \xff byte", "bad ? byte"},
        {"cut \xe2\x82", "cut ??"},
        {"overlong \xc0\xaf", "overlong ??"},
        {"surrogate \xed\xa0\x80", "surrogate ???"},
        {"beyond \xf4\x90\x80\x80", "beyond ????"},
        {"long run of plain text before a \"quote\" and after it",
         R"(long run of plain text before a \"quote\" and after it)"},
    };
    OpenAi openai;
    for (const auto& [text, escaped] : cases) {
        openai.prompt_.messages = {{Role::user, text}};
        EXPECT_THAT(openai.encode().body, HasSubstr("\"content\":\"" + escaped + "\"}"));
    }
}

TEST(Body, IsJsonThatReadsBackTheSameForAnyText) {
    OpenAi openai;
    std::uint64_t state = 42;
    const auto draw = [&](std::uint64_t below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (state >> 33) % below;
    };
    simdjson::dom::parser parser;
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (std::uint64_t length = draw(60); length > 0; --length)
            text += static_cast<char>(draw(4) ? 32 + draw(95) : draw(256));
        openai.prompt_.messages = {{Role::assistant, text}};
        const std::string body = openai.encode().body;
        simdjson::dom::element root;
        ASSERT_EQ(parser.parse(body).get(root), simdjson::SUCCESS) << body;
        std::string_view back;
        ASSERT_EQ(root.at_pointer("/messages/0/content").get(back), simdjson::SUCCESS);
        ASSERT_EQ(back.size(), text.size());
        if (simdjson::validate_utf8(text)) {
            ASSERT_EQ(back, text);
        }
    }
}

TEST(Body, QuotesTheModelsNameToo) {
    EXPECT_THAT(OpenAi(Given{{"model", "a\"b"}}).encode().body, HasSubstr(R"({"model":"a\"b",)"));
}

TEST(Bounds, KnownWordsAreOneTokenWhereTheTokenizerIsKnown) {
    // Tokens as o200k_base counts them (gpt-tokenizer, npm), and the bound that follows.
    const std::tuple<std::string, std::int64_t, std::int64_t> cases[] = {
        {"You write documents that train a text classifier.", 9, 11},  // "You" and the full stop by their bytes
        {"It's  spaced\n twice, and d'Alembert's", 12, 34},            // only the "and" is sure to be one
        {"X-rays of M87* at 230 GHz with 20 \u00b5as", 15, 30},
        {"", 0, 0}};
    for (const auto& [text, tokens, bound] : cases) {
        OpenAi openai;
        openai.prompt_.messages = {{Role::user, text}};
        const auto marks = 16 + 8;
        EXPECT_EQ(openai->input_bound(openai.request()).count - marks, bound) << text;
        EXPECT_GE(bound, tokens);
        OpenAi other(Given{{"model", "gpt-6-luna"}});
        other.prompt_.messages = openai.prompt_.messages;
        EXPECT_EQ(other->input_bound(other.request()).count - marks, static_cast<std::int64_t>(text.size()))
            << "not known";
    }
}

TEST(Bounds, AreWhatCanBeBilledAtMost) {
    OpenAi openai;
    EXPECT_EQ(openai->output_bound(openai.request()).count, 3000);
    EXPECT_GE(openai->input_bound(openai.request()).count, 16 + 10 + 6);
    EXPECT_LE(openai->input_bound(openai.request()).count, 100);
    openai.prompt_.messages.push_back({Role::user, std::string(5000, 'x')});
    EXPECT_GE(openai->input_bound(openai.request()).count, 5000);
    openai.prompt_.messages.push_back({Role::user, std::string(500'000, 'x')});
    EXPECT_EQ(openai->input_bound(openai.request()).count, 128'000) << "more than the context window is refused";

    openai.prompt_.output_limit = {50'000};
    EXPECT_EQ(openai->output_bound(openai.request()).count, 16'384) << "the model's own limit";

    OpenAi reasoning(Given{{"model", "gpt-6.2-sol"}});
    EXPECT_EQ(reasoning->output_bound(reasoning.request()).count, 11'000) << "reasoning is billed as output";
}

}  // namespace
}  // namespace synth::test
