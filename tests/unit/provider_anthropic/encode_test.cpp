// What is sent to the Messages API, to which server, and what is said and refused before.

#include <string>

#include <gmock/gmock.h>
#include <simdjson.h>

#include "support/http_provider.hpp"

namespace synth::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct BodyCase {
    Given options;
    std::vector<Remedy> remedies;
    const char* limit;
    const char* after_messages;  ///< what follows the messages
};

TEST(Body, CarriesWhatTheModelTakesAndWhatWasLearned) {
    const auto without = [](const char* name) { return Remedy{Remedy::Kind::omit_parameter, name, ""}; };
    const BodyCase cases[] = {
        // by default no thinking where it can be turned off; its room where it cannot
        {{}, {}, "3000", R"(,"thinking":{"type":"disabled"}})"},
        {{{"model", "claude-sonnet-5-5"}}, {}, "3000", R"(,"thinking":{"type":"between_tools"}})"},
        {{{"model", "claude-opus-5-5"}}, {}, "11000", "}"},
        {{{"model", "claude-fable-5-1"}}, {}, "28000", "}"},
        {{{"model", "claude-opus-4-8"}}, {}, "3000", "}"},
        // temperature and top_p: both, one, none
        {{{"model", "claude-opus-4-6"}}, {}, "3000", R"(,"temperature":0.8})"},
        {{{"model", "claude-haiku-4-5-20251001"}, {"temperature", "1"}}, {}, "3000", R"(,"temperature":1})"},
        {{{"model", "claude-sonnet-4"}}, {}, "3000", R"(,"temperature":0.8,"top_p":0.9})"},
        {{{"model", "claude-unheard-of"}}, {}, "3000", R"(,"temperature":0.8})"},
        // an effort that was asked for
        {{{"reasoning_effort", "low"}},
         {},
         "7000",
         R"(,"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}})"},
        {{{"reasoning_effort", "medium"}}, {}, "11000", "}"},
        {{{"model", "claude-opus-4-6"}, {"reasoning_effort", "high"}},
         {},
         "28000",
         R"(,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}})"},
        {{{"model", "claude-opus-4-6"}, {"reasoning_effort", "none"}}, {}, "3000", R"(,"temperature":0.8})"},
        {{{"model", "claude-unheard-of"}, {"reasoning_effort", "low"}},
         {},
         "7000",
         R"(,"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}})"},
        {{{"model", "claude-haiku-4-5"}, {"reasoning_effort", "low"}}, {}, "3000", R"(,"temperature":0.8})"},
        {{{"service_tier", "standard_only"}},
         {},
         "3000",
         R"(,"thinking":{"type":"disabled"},"service_tier":"standard_only"})"},
        // learned
        {{}, {without("thinking")}, "11000", "}"},
        {{{"model", "claude-unheard-of"}}, {without("temperature")}, "3000", "}"},
        {{{"model", "claude-opus-5"}, {"reasoning_effort", "low"}},
         {without("output_config")},
         "7000",
         R"(,"thinking":{"type":"adaptive"}})"},
    };
    for (const auto& c : cases) {
        HttpProvider claude("anthropic", c.options, {}, "2026-01-01");
        ASSERT_TRUE(claude.info_.ok());
        claude.remedies_ = c.remedies;
        const HttpRequest http = claude.encode();
        EXPECT_EQ(http.body, "{\"model\":\"" + claude.info_->model + "\",\"max_tokens\":" + c.limit +
                                 R"(,"system":"You write.","messages":[{"role":"user","content":"Write."}])" +
                                 c.after_messages);
        EXPECT_EQ(claude->output_bound(claude.request()).count, std::stoll(c.limit));
    }
}

TEST(Body, HasOneSystemTextOutsideTheConversationAndNoEmptyTexts) {
    HttpProvider claude("anthropic");
    claude.prompt_.messages = {{Role::system, "One \"q\"."}, {Role::user, "Write."}, {Role::assistant, ""},
                               {Role::assistant, "So\n"},    {Role::system, "Two."}, {Role::user, "Again. \xff"}};
    EXPECT_THAT(claude.encode().body,
                HasSubstr(R"("system":"One \"q\".\n\nTwo.","messages":[{"role":"user","content":"Write."},)"
                          R"({"role":"assistant","content":"So\n"},{"role":"user","content":"Again. ?"}])"));
    simdjson::dom::parser parser;
    EXPECT_EQ(parser.parse(claude.encode().body).error(), simdjson::SUCCESS);

    claude.prompt_.messages = {{Role::user, "Write."}};
    EXPECT_THAT(claude.encode().body, testing::Not(HasSubstr("system")));
    claude.prompt_.messages = {{Role::system, "You write."}};
    const auto nothing_to_answer = claude->encode(claude.request());
    ASSERT_FALSE(nothing_to_answer.ok());
    EXPECT_EQ(nothing_to_answer.error().code, ErrorCode::invalid_argument);
}

TEST(Request, GoesToTheBaseUrlAsPeopleWriteItWithTheKeyInItsHeader) {
    const std::pair<const char*, const char*> cases[] = {
        {"https://api.anthropic.com", "https://api.anthropic.com/v1/messages"},
        {"https://api.anthropic.com/v1/", "https://api.anthropic.com/v1/messages"},
        {"https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"},
        {"http://127.0.0.1:4000/anthropic", "http://127.0.0.1:4000/anthropic/v1/messages"},
        {"https://a.example/v1?x=1", "https://a.example/v1/messages?x=1"},
    };
    for (const auto& [given, url] : cases) {
        const HttpRequest http = HttpProvider("anthropic", Given{{"base_url", given}}).encode();
        EXPECT_EQ(http.url, url);
        EXPECT_THAT(http.headers, ElementsAre(std::pair("Content-Type", "application/json"),
                                              std::pair("anthropic-version", "2023-06-01")));
        ASSERT_TRUE(http.auth);
        EXPECT_EQ(http.auth->secret, "ANTHROPIC_API_KEY");
        EXPECT_EQ(http.auth->header, "x-api-key");
        EXPECT_EQ(http.auth->prefix, "");
    }
    const Settings environment{{"ANTHROPIC_BASE_URL", "http://localhost:1"}};
    EXPECT_EQ(HttpProvider("anthropic", {}, environment).encode().url, "http://localhost:1/v1/messages");
    EXPECT_EQ(HttpProvider("anthropic", Given{{"base_url", "http://localhost:2"}}, environment).encode().url,
              "http://localhost:2/v1/messages");
    EXPECT_EQ(HttpProvider("anthropic").encode().url, "https://api.anthropic.com/v1/messages");

    const auto wrong = try_provider("anthropic", Given{{"base_url", "http://10.0.0.1"}});
    ASSERT_FALSE(wrong.ok());
    EXPECT_THAT(wrong.error().message, HasSubstr("allow_http"));
}

TEST(Info, NamesKeyModelAndPricesAndWhatAUserWouldNotExpect) {
    const HttpProvider claude("anthropic");
    EXPECT_EQ(claude.info_->model, "claude-haiku-5-5");
    EXPECT_EQ(claude.info_->endpoint, "https://api.anthropic.com");
    EXPECT_EQ(claude.info_->secret, "ANTHROPIC_API_KEY");
    EXPECT_EQ(claude.info_->prices_as_of, "2026-10-24");
    EXPECT_THAT(claude.info_->notices, ElementsAre(HasSubstr("takes no temperature")));
    EXPECT_EQ(HttpProvider("anthropic", Given{{"base_url", "http://localhost:1"}}).info_->secret, "");

    const auto notices = [](const Given& options) { return HttpProvider("anthropic", options).info_->notices; };
    EXPECT_THAT(notices(Given{{"model", "claude-unheard-of"}}), ElementsAre(HasSubstr("cost is unknown")));
    EXPECT_THAT(notices(Given{{"model", "claude-haiku-4-5"}}), ElementsAre(HasSubstr("temperature is sent")));
    EXPECT_THAT(notices(Given{{"model", "claude-haiku-4-5"}, {"reasoning_effort", "low"}}),
                Contains(HasSubstr("not sent")));
    EXPECT_THAT(notices(Given{{"model", "claude-sonnet-4"}, {"base_url", "http://localhost:1"}}),
                ElementsAre(HasSubstr("was shut down by Anthropic on 2026-06-15")));

    for (const Given& options : {Given{{"model", "claude-sonnet-4-20250514"}},
                                 Given{{"model", "claude-opus-5-5"}, {"reasoning_effort", "none"}}})
        EXPECT_FALSE(HttpProvider("anthropic", options).info_.ok());
}

TEST(ResolvedOptions, MakeTheSameProvider) {
    const HttpProvider first("anthropic", Given{{"temperature", "0.25"}, {"reasoning_effort", "low"}},
                             {{"ANTHROPIC_BASE_URL", "http://localhost:1/x?y=1"}});
    simdjson::dom::parser parser;
    Given options;
    for (const auto& [key, value] : simdjson::dom::object(parser.parse(first.info_->resolved_options)))
        options[std::string(key)] =
            value.is_string() ? std::string(std::string_view(value)) : std::string(simdjson::minify(value));
    const HttpProvider again("anthropic", options, {}, "2029-01-01");
    EXPECT_EQ(again.info_->resolved_options, first.info_->resolved_options);
    EXPECT_EQ(again.encode().url, first.encode().url);
    EXPECT_EQ(again.encode().body, first.encode().body);
}

TEST(Bounds, AreWhatCanBeBilledAtMost) {
    HttpProvider claude("anthropic");
    EXPECT_GE(claude->input_bound(claude.request()).count, 16 + 10 + 6);
    EXPECT_LE(claude->input_bound(claude.request()).count, 100);
    const auto bound_of = [&](std::string text) {
        claude.prompt_.messages = {{Role::user, std::move(text)}};
        return claude->input_bound(claude.request()).count;
    };
    EXPECT_GE(bound_of(std::string(5000, 'x')), 5000);
    std::string letters;
    for (int i = 0; i < 100; ++i) letters += "\xef\xb7\xba";
    EXPECT_GE(bound_of(letters), 3300) << "letters that NFKC writes out as 33 bytes each";
    EXPECT_EQ(bound_of(std::string(5'000'000, 'x')), 1'000'000) << "more than the context window is refused";
    claude.prompt_.output_limit = {500'000};
    EXPECT_EQ(claude->output_bound(claude.request()).count, 128'000) << "the model's own limit";
}

}  // namespace
}  // namespace synth::test
