// What is sent to generateContent, to which server, and what is said and refused before.

#include <string>

#include <gmock/gmock.h>
#include <simdjson.h>

#include "support/http_provider.hpp"

namespace synth::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct BodyCase {
    Given options;
    std::vector<Remedy> remedies;
    const char* limit;
    const char* after_limit;
};

TEST(Body, CarriesWhatTheModelTakesAndWhatWasLearned) {
    const auto without = [](const char* name) { return Remedy{Remedy::Kind::omit_parameter, name, ""}; };
    const BodyCase cases[] = {
        // by default what the model does by itself, with its room; no thinking where it can be turned off
        {{}, {}, "4000", "}}"},
        {{{"model", "gemini-3.8-flash"}}, {}, "11000", "}}"},
        {{{"model", "gemini-2.5-flash"}},
         {},
         "3000",
         R"(,"temperature":0.8,"topP":0.9,"thinkingConfig":{"thinkingBudget":0}}})"},
        {{{"model", "gemini-2.5-flash-lite"}}, {}, "3000", R"(,"temperature":0.8,"topP":0.9}})"},
        {{{"model", "gemini-2.5-pro"}, {"temperature", "1.5"}}, {}, "28000", R"(,"temperature":1.5,"topP":0.9}})"},
        {{{"model", "gemini-unheard-of"}}, {}, "3000", R"(,"temperature":0.8,"topP":0.9}})"},
        // an effort that was asked for: a level, or for Gemini 2.5 a number of tokens
        {{{"reasoning_effort", "low"}}, {}, "7000", R"(,"thinkingConfig":{"thinkingLevel":"low"}}})"},
        {{{"reasoning_effort", "minimal"}}, {}, "4000", "}}"},
        {{{"model", "gemini-4-neon"}, {"reasoning_effort", "xhigh"}},
         {},
         "53000",
         R"(,"thinkingConfig":{"thinkingLevel":"xhigh"}}})"},
        {{{"model", "gemini-2.5-pro"}, {"reasoning_effort", "low"}},
         {},
         "7000",
         R"(,"temperature":0.8,"topP":0.9,"thinkingConfig":{"thinkingBudget":4000}}})"},
        {{{"model", "gemini-2.5-flash"}, {"reasoning_effort", "xhigh"}},
         {},
         "53000",
         R"(,"temperature":0.8,"topP":0.9,"thinkingConfig":{"thinkingBudget":24576}}})"},
        {{{"model", "gemini-unheard-of"}, {"reasoning_effort", "none"}},
         {},
         "3000",
         R"(,"temperature":0.8,"topP":0.9}})"},
        {{{"service_tier", "flex"}}, {}, "4000", R"(},"serviceTier":"flex"})"},
        // learned
        {{{"model", "gemini-2.5-flash"}},
         {without("thinkingConfig"), without("topP")},
         "28000",
         R"(,"temperature":0.8}})"},
        {{{"model", "gemini-unheard-of"}}, {without("temperature")}, "3000", R"(,"topP":0.9}})"},
    };
    for (const auto& c : cases) {
        HttpProvider gemini("gemini", c.options, {}, "2026-01-01");
        ASSERT_TRUE(gemini.info_.ok());
        gemini.remedies_ = c.remedies;
        EXPECT_EQ(gemini.encode().body,
                  std::string(R"({"systemInstruction":{"parts":[{"text":"You write."}]},"contents":[{"role":"user",)"
                              R"("parts":[{"text":"Write."}]}],"generationConfig":{"maxOutputTokens":)") +
                      c.limit + c.after_limit);
        EXPECT_EQ(gemini->output_bound(gemini.request()).count, std::stoll(c.limit));
    }
}

TEST(Body, HasSystemTextsOutsideTheConversationAndNoEmptyTexts) {
    HttpProvider gemini("gemini");
    gemini.prompt_.messages = {{Role::system, "One \"q\"."}, {Role::user, "Write."}, {Role::assistant, ""},
                               {Role::assistant, "So\n"},    {Role::system, "Two."}, {Role::user, "Again. \xff"}};
    EXPECT_THAT(gemini.encode().body,
                HasSubstr(R"({"systemInstruction":{"parts":[{"text":"One \"q\"."},{"text":"Two."}]},"contents":[)"
                          R"({"role":"user","parts":[{"text":"Write."}]},{"role":"model","parts":[{"text":"So\n"}]},)"
                          R"({"role":"user","parts":[{"text":"Again. ?"}]}])"));
    simdjson::dom::parser parser;
    EXPECT_EQ(parser.parse(gemini.encode().body).error(), simdjson::SUCCESS);

    gemini.prompt_.messages = {{Role::user, "Write."}};
    EXPECT_THAT(gemini.encode().body, testing::StartsWith(R"({"contents":[)"));
    gemini.prompt_.messages = {{Role::system, "You write."}};
    ASSERT_FALSE(gemini->encode(gemini.request()).ok());
}

TEST(Request, GoesToTheModelsUrlWithTheKeyInItsHeader) {
    const std::pair<const char*, const char*> cases[] = {
        {"https://generativelanguage.googleapis.com",
         "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent"},
        {"https://generativelanguage.googleapis.com/v1/",
         "https://generativelanguage.googleapis.com/v1/models/m:generateContent"},
        {"http://127.0.0.1:4000/v1beta/models", "http://127.0.0.1:4000/v1beta/models/m:generateContent"},
        {"https://a.example/gemini?x=1", "https://a.example/gemini/models/m:generateContent?x=1"},
    };
    for (const auto& [given, url] : cases) {
        const HttpRequest http = HttpProvider("gemini", Given{{"base_url", given}, {"model", "models/m"}}).encode();
        EXPECT_EQ(http.url, url);
        EXPECT_THAT(http.headers, ElementsAre(std::pair("Content-Type", "application/json")));
        ASSERT_TRUE(http.auth);
        EXPECT_EQ(http.auth->secret, "GEMINI_API_KEY");
        EXPECT_EQ(http.auth->header, "x-goog-api-key");
        EXPECT_EQ(http.auth->prefix, "");
    }
    const Settings environment{{"GOOGLE_GEMINI_BASE_URL", "http://localhost:1"}};
    EXPECT_THAT(HttpProvider("gemini", {}, environment).encode().url, HasSubstr("http://localhost:1/v1beta/models/"));

    const std::pair<Given, const char*> wrong[] = {
        {{{"base_url", "http://10.0.0.1"}}, "allow_http"},
        {{{"base_url", "https://a.example/v1beta?key=AIza123"}}, "holds a key"},
        {{{"model", "a/../b"}}, "a/../b"},
        {{{"model", "m?key=1"}}, "characters"},
    };
    for (const auto& [options, why] : wrong) {
        const auto made = try_provider("gemini", options);
        ASSERT_FALSE(made.ok()) << why;
        EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(made.error().message, HasSubstr(why));
        EXPECT_THAT(made.error().message, testing::Not(HasSubstr("AIza123")));
    }
}

TEST(Key, IsTheOneThatIsSetAsInTheOfficialClient) {
    const auto secret = [](std::vector<std::string> set) {
        return HttpProvider("gemini", {}, {}, "2026-11-22", std::move(set)).info_->secret;
    };
    EXPECT_EQ(secret({}), "GEMINI_API_KEY");
    EXPECT_EQ(secret({"GEMINI_API_KEY"}), "GEMINI_API_KEY");
    EXPECT_EQ(secret({"GOOGLE_API_KEY"}), "GOOGLE_API_KEY");
    EXPECT_EQ(secret({"GEMINI_API_KEY", "GOOGLE_API_KEY"}), "GOOGLE_API_KEY");
    EXPECT_EQ(HttpProvider("gemini", Given{{"base_url", "http://localhost:1"}}).info_->secret, "");
}

TEST(Info, NamesModelAndPricesAndWhatAUserWouldNotExpect) {
    const HttpProvider gemini("gemini");
    EXPECT_EQ(gemini.info_->model, "gemini-3.5-flash-lite");
    EXPECT_EQ(gemini.info_->endpoint, "https://generativelanguage.googleapis.com/v1beta");
    EXPECT_EQ(gemini.info_->prices_as_of, "2026-09-23");
    EXPECT_THAT(gemini.info_->notices, ElementsAre(HasSubstr("temperature and top_p are not sent")));

    const auto notices = [](const Given& options) { return HttpProvider("gemini", options).info_->notices; };
    EXPECT_THAT(notices(Given{{"model", "gemini-2.5-flash-lite"}}), IsEmpty());
    EXPECT_THAT(notices(Given{{"model", "gemini-9"}}), ElementsAre(HasSubstr("cost is unknown")));
    EXPECT_THAT(notices(Given{{"model", "gemini-2.5-flash"}}),
                ElementsAre(HasSubstr("will be shut down by Google on 2026-12-01; official replacement: "
                                      "gemini-3.5-flash-lite")));
    EXPECT_THAT(notices(Given{{"service_tier", "flex"}}), Contains(HasSubstr("--timeout 900")));
    EXPECT_EQ(HttpProvider("gemini", Given{{"service_tier", "priority"}}).info_->prices_as_of, "");

    EXPECT_FALSE(HttpProvider("gemini", Given{{"model", "gemini-2.5-pro"}}, {}, "2026-12-01").info_.ok());
    EXPECT_FALSE(HttpProvider("gemini", Given{{"reasoning_effort", "none"}}).info_.ok());
}

TEST(ResolvedOptions, MakeTheSameProvider) {
    const HttpProvider first("gemini", Given{{"top_p", "0.25"}, {"reasoning_effort", "low"}},
                             {{"GOOGLE_GEMINI_BASE_URL", "http://localhost:1/x?y=1"}});
    simdjson::dom::parser parser;
    Given options;
    for (const auto& [key, value] : simdjson::dom::object(parser.parse(first.info_->resolved_options)))
        options[std::string(key)] =
            value.is_string() ? std::string(std::string_view(value)) : std::string(simdjson::minify(value));
    const HttpProvider again("gemini", options, {}, "2029-01-01");
    EXPECT_EQ(again.info_->resolved_options, first.info_->resolved_options);
    EXPECT_EQ(again.encode().url, first.encode().url);
    EXPECT_EQ(again.encode().body, first.encode().body);
}

TEST(Bounds, AreWhatCanBeBilledAtMost) {
    HttpProvider gemini("gemini");
    EXPECT_GE(gemini->input_bound(gemini.request()).count, 16 + 10 + 6);
    EXPECT_LE(gemini->input_bound(gemini.request()).count, 100);
    gemini.prompt_.messages.push_back({Role::user, std::string(5000, 'x')});
    EXPECT_GE(gemini->input_bound(gemini.request()).count, 5000);
    gemini.prompt_.messages.push_back({Role::user, std::string(5'000'000, 'x')});
    EXPECT_EQ(gemini->input_bound(gemini.request()).count, 1'048'576) << "more than the context window is refused";
    gemini.prompt_.output_limit = {500'000};
    EXPECT_EQ(gemini->output_bound(gemini.request()).count, 65'536) << "the model's own limit";
}

}  // namespace
}  // namespace synth::test
