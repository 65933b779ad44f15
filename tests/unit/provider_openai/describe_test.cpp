// Which server, which model, on which day: what the plugin says and refuses before anything is sent.

#include <cstdio>
#include <fstream>
#include <string>

#include <gmock/gmock.h>

#include "openai_provider.hpp"
#include "support/plugin_loading.hpp"

namespace synth::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct UrlCase {
    const char *given, *base, *url;
};

TEST(BaseUrl, IsTakenAsPeopleWriteIt) {
    const UrlCase cases[] = {
        {"https://api.openai.com/v1", "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"},
        {"https://api.openai.com", "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"},
        {"https://api.openai.com/", "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"},
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/chat/completions"},
        {" http://localhost:11434/v1/ ", "http://localhost:11434/v1", "http://localhost:11434/v1/chat/completions"},
        {"HTTP://LocalHost:1/v1//", "http://localhost:1/v1", "http://localhost:1/v1/chat/completions"},
        {"http://[::1]:8000/v1", "http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"},
        {"http://127.9.8.7/x/", "http://127.9.8.7/x", "http://127.9.8.7/x/chat/completions"},
        {"https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1",
         "https://api.groq.com/openai/v1/chat/completions"},
        {"https://a.example/v1/chat/completions", "https://a.example/v1", "https://a.example/v1/chat/completions"},
        {"https://a.example/v1beta/openai/", "https://a.example/v1beta/openai",
         "https://a.example/v1beta/openai/chat/completions"},
        {"https://r.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
         "https://r.openai.azure.com/openai/deployments/d",
         "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.given);
        const OpenAi openai(Given{{"base_url", c.given}});
        ASSERT_TRUE(openai.info_.ok());
        EXPECT_EQ(openai.info_->endpoint, c.base);
        EXPECT_EQ(openai.encode().url, c.url);
    }
}

TEST(BaseUrl, ThatIsWrongSaysWhy) {
    const std::pair<const char*, const char*> cases[] = {
        {"localhost:11434", "is not an http:// or https:// URL"},
        {"ftp://localhost/v1", "is not an http:// or https:// URL"},
        {"nonsense", "is not an http:// or https:// URL"},
        {"http://", "names no host"},
        {"http://:8080/v1", "names no host"},
        {"http://[::1/v1", "names no host"},
        {"https://a b.example/v1", "spaces"},
        {"https://ex\xc3\xa4mple/v1", "non-ASCII"},
        {"https://a.example\n/v1", "control"},
        {"https://user:pass@a.example/v1", "user name or password"},
        {"https://a.example/v1#part", "'#'"},
        {"https://a.example:0/v1", "port"},
        {"https://a.example:70000/v1", "port"},
        {"https://a.example:80x/v1", "port"},
        {"http://192.168.1.5:8000/v1", "allow_http"},
        {"http://127.evil.example/v1", "allow_http"},
        {"http://127.0.0.1.evil.example/v1", "allow_http"},
        {"http://localhost.evil.example/v1", "allow_http"},
        {"http://api.openai.com/v1", "allow_http"},
    };
    for (const auto& [given, why] : cases) {
        SCOPED_TRACE(given);
        const auto made = try_openai(Given{{"base_url", given}});
        ASSERT_FALSE(made.ok());
        EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(made.error().message, AllOf(HasSubstr("provider.base_url"), HasSubstr(why)));
        EXPECT_THAT(made.error().message, Not(HasSubstr("pass@")));
    }
}

TEST(BaseUrl, MayBePlainHttpElsewhereOnlyWhenTheUserSaysSo) {
    const OpenAi openai(Given{{"base_url", "http://192.168.1.5:8000/v1"}, {"allow_http", "true"}});
    EXPECT_EQ(openai.info_->endpoint, "http://192.168.1.5:8000/v1");
}

TEST(BaseUrl, ComesFromTheOptionThenTheEnvironmentThenIsOpenAis) {
    const Settings environment{{"OPENAI_BASE_URL", "http://localhost:1/v1"}};
    EXPECT_EQ(OpenAi(Given{{"base_url", "http://localhost:2/v1"}}, environment).info_->endpoint,
              "http://localhost:2/v1");
    EXPECT_EQ(OpenAi(Given{}, environment).info_->endpoint, "http://localhost:1/v1");
    EXPECT_EQ(OpenAi().info_->endpoint, "https://api.openai.com/v1");
    EXPECT_THAT(try_openai(Given{}, {{"OPENAI_BASE_URL", "x"}}).error().message, HasSubstr("OPENAI_BASE_URL 'x'"));
}

struct PresetCase {
    Given options;
    Settings environment;
    const char *url, *limit, *model, *secret_needed, *header;
};

TEST(Preset, IsOneNameForTheSettingsOfAServer) {
    const char* resource = "https://r.openai.azure.com/";
    const PresetCase cases[] = {
        {{{"preset", "ollama"}, {"model", "llama3.2"}},
         {},
         "http://127.0.0.1:11434/v1/chat/completions",
         "max_tokens",
         "llama3.2",
         "",
         "Authorization"},
        {{{"preset", "llama.cpp"}},
         {},
         "http://127.0.0.1:8080/v1/chat/completions",
         "max_tokens",
         "default",
         "",
         "Authorization"},
        {{{"preset", "vllm"}, {"model", "m"}},
         {},
         "http://127.0.0.1:8000/v1/chat/completions",
         "max_completion_tokens",
         "m",
         "",
         "Authorization"},
        {{{"preset", "lmstudio"}, {"model", "gpt-6-luna"}},
         {},
         "http://127.0.0.1:1234/v1/chat/completions",
         "max_tokens",
         "gpt-6-luna",
         "",
         "Authorization"},
        // what is given wins; the environment does not
        {{{"preset", "ollama"},
          {"model", "m"},
          {"base_url", "http://localhost:7/v1"},
          {"max_tokens_parameter", "max_completion_tokens"},
          {"auth", "api-key"}},
         {},
         "http://localhost:7/v1/chat/completions",
         "max_completion_tokens",
         "m",
         "",
         "api-key"},
        {{{"preset", "ollama"}, {"model", "m"}},
         {{"OPENAI_BASE_URL", "http://localhost:7/v1"}},
         "http://127.0.0.1:11434/v1/chat/completions",
         "max_tokens",
         "m",
         "",
         "Authorization"},
        // Azure: a resource, with and without a version; a deployment under another name; a whole URL
        {{{"preset", "azure"}, {"base_url", resource}, {"model", "gpt-4o-mini"}},
         {},
         "https://r.openai.azure.com/openai/v1/chat/completions",
         "max_completion_tokens",
         "gpt-4o-mini",
         "AZURE_OPENAI_API_KEY",
         "api-key"},
        {{{"preset", "azure"},
          {"base_url", resource},
          {"model", "gpt-4o-mini"},
          {"deployment", "mine"},
          {"api_version", "2024-10-21"}},
         {},
         "https://r.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21",
         "max_completion_tokens",
         "mine",
         "AZURE_OPENAI_API_KEY",
         "api-key"},
        {{{"preset", "azure"}, {"deployment", "mine"}, {"auth", "bearer"}},
         {{"AZURE_OPENAI_ENDPOINT", resource}, {"OPENAI_API_VERSION", "2024-10-21"}},
         "https://r.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21",
         "max_completion_tokens",
         "mine",
         "AZURE_OPENAI_API_KEY",
         "Authorization"},
        {{{"preset", "azure"},
          {"model", "m"},
          {"base_url", "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=1"}},
         {},
         "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
         "max_completion_tokens",
         "m",
         "AZURE_OPENAI_API_KEY",
         "api-key"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.url);
        const OpenAi openai(c.options, c.environment);
        ASSERT_TRUE(openai.info_.ok()) << openai.info_.error().message;
        EXPECT_EQ(openai.info_->secret, c.secret_needed);
        const HttpRequest http = openai.encode();
        EXPECT_EQ(http.url, c.url);
        EXPECT_EQ(http.auth->header, c.header);
        EXPECT_EQ(http.auth->secret, *c.secret_needed ? c.secret_needed : "OPENAI_API_KEY");
        EXPECT_THAT(http.body, AllOf(HasSubstr("\"model\":\"" + std::string(c.model) + "\""),
                                     HasSubstr("\"" + std::string(c.limit) + "\":3000")));

        const auto again = load<Provider>("openai", openai.info_->resolved_options);  // as a resumed run does
        ASSERT_TRUE(again.ok()) << again.error().message;
        const auto exchange = again->object().encode(openai.request());
        EXPECT_EQ(std::get<HttpRequest>(*exchange).url, c.url);
        EXPECT_EQ(std::get<HttpRequest>(*exchange).body, http.body);
    }
}

TEST(Preset, ThatLacksSomethingSaysWhat) {
    const std::pair<Given, const char*> cases[] = {
        {{{"preset", "ollama"}}, "ollama list"},
        {{{"preset", "vllm"}}, "--model NAME"},
        {{{"preset", "azure"}, {"model", "m"}}, "AZURE_OPENAI_ENDPOINT"},
        {{{"preset", "azure"}, {"base_url", "https://r.openai.azure.com"}}, "needs a deployment"},
        {{{"preset", "azure"}, {"base_url", "https://r.openai.azure.com"}, {"deployment", "a/b"}}, "'a/b'"},
        {{{"preset", "azure"}, {"base_url", "https://r.openai.azure.com/openai/deployments/d"}, {"model", "m"}},
         "provider.api_version"},
        {{{"preset", "azure"}, {"base_url", "http://r.openai.azure.com"}, {"model", "m"}}, "allow_http"},
    };
    for (const auto& [options, why] : cases) {
        const auto made = try_openai(options);
        ASSERT_FALSE(made.ok()) << why;
        EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(made.error().message, HasSubstr(why));
    }
    const Reply refused = OpenAi(Given{{"preset", "azure"}, {"base_url", "https://r.openai.azure.com"}, {"model", "m"}})
                              .decode(401, R"({"error":{"code":"401","message":"Access denied"}})");
    EXPECT_THAT(refused.error->message, HasSubstr("AZURE_OPENAI_API_KEY"));
}

TEST(Key, IsNeededByOpenAiOnlyAndTheHelpNamesThreeWaysOn) {
    for (const char* own : {"https://api.openai.com/v1", "https://eu.api.openai.com/v1"}) {
        const OpenAi openai(Given{{"base_url", own}});
        EXPECT_EQ(openai.info_->secret, "OPENAI_API_KEY");
        EXPECT_THAT(openai.info_->secret_help, AllOf(HasSubstr("OPENAI_API_KEY"), HasSubstr("provider.base_url"),
                                                     HasSubstr("--provider offline")));
    }
    for (const char* other :
         {"http://localhost:1/v1", "https://api.openai.com.evil.example/v1", "https://notapi.openai.com"})
        EXPECT_EQ(OpenAi(Given{{"base_url", other}}).info_->secret, "") << other;
}

TEST(Key, IsNamedInEveryRequestAndNeverIncluded) {
    for (const char* url : {"https://api.openai.com/v1", "http://localhost:1/v1"}) {
        const HttpRequest http = OpenAi(Given{{"base_url", url}}).encode();
        ASSERT_TRUE(http.auth);
        EXPECT_EQ(http.auth->secret, "OPENAI_API_KEY");
        EXPECT_EQ(http.auth->header, "Authorization");
        EXPECT_EQ(http.auth->prefix, "Bearer ");
        EXPECT_THAT(http.headers, ElementsAre(std::pair("Content-Type", "application/json")));
    }
    const HttpRequest azure = OpenAi(Given{{"auth", "api-key"}}).encode();
    EXPECT_EQ(azure.auth->header, "api-key");
    EXPECT_EQ(azure.auth->prefix, "");
}

TEST(Account, OfOrganizationAndProjectGoesIntoHeaders) {
    const OpenAi openai(Given{}, {{"OPENAI_ORG_ID", "org-1"}, {"OPENAI_PROJECT_ID", "proj-2"}});
    EXPECT_THAT(openai.encode().headers,
                ElementsAre(std::pair("Content-Type", "application/json"), std::pair("OpenAI-Organization", "org-1"),
                            std::pair("OpenAI-Project", "proj-2")));
    const auto injected = try_openai(Given{}, {{"OPENAI_ORG_ID", "org-1\r\nX-Evil: 1"}});
    ASSERT_FALSE(injected.ok());
    EXPECT_THAT(injected.error().message, HasSubstr("OPENAI_ORG_ID"));
}

TEST(DefaultModel, IsTheOriginalsUntilTheDayOfItsShutdown) {
    for (const auto& [today, model] : {std::pair("2026-11-22", "gpt-4o-mini"), std::pair("2027-01-13", "gpt-4o-mini"),
                                       std::pair("2027-01-14", "gpt-6-luna"), std::pair("2029-05-05", "gpt-6-luna")}) {
        SCOPED_TRACE(today);
        const OpenAi openai(Given{}, {}, today);
        ASSERT_TRUE(openai.info_.ok());
        EXPECT_EQ(openai.info_->model, model);
        EXPECT_THAT(openai.encode().body, HasSubstr("\"model\":\"" + std::string(model) + "\""));
    }
}

TEST(ResolvedOptions, MakeTheSameProviderWhateverEnvironmentAndDate) {
    const char* azure = "https://r.openai.azure.com/openai/deployments/d?api-version=1";
    const OpenAi first(Given{{"temperature", "0.25"}, {"auth", "api-key"}, {"service_tier", "a\"b"}},
                       {{"OPENAI_BASE_URL", azure}}, "2027-01-13");
    const auto again = load<Provider>("openai", first.info_->resolved_options);
    ASSERT_TRUE(again.ok()) << again.error().message;
    const auto info = again->object().describe(day("2028-01-01"));
    ASSERT_TRUE(info.ok());
    EXPECT_EQ(info->model, "gpt-4o-mini");
    EXPECT_EQ(info->endpoint, first.info_->endpoint);
    EXPECT_EQ(info->resolved_options, first.info_->resolved_options);
    const auto exchange = again->object().encode(first.request());
    ASSERT_TRUE(exchange.ok());
    EXPECT_EQ(std::get<HttpRequest>(*exchange).url, first.encode().url);
    EXPECT_EQ(std::get<HttpRequest>(*exchange).body, first.encode().body);
    EXPECT_EQ(std::get<HttpRequest>(*exchange).auth->header, "api-key");
}

struct ShutdownCase {
    const char *model, *base_url, *today;
    enum { none, notice, error } expected;
    const char *date, *replacement;
};

TEST(Shutdown, StopsAtOpenAiAndWarnsBeforeAndElsewhere) {
    const char* own = "https://api.openai.com/v1";
    const char* other = "http://localhost:1/v1";
    const ShutdownCase cases[] = {
        {"gpt-4o-mini", own, "2026-10-15", ShutdownCase::none, "", ""},
        {"gpt-4o-mini", own, "2026-10-16", ShutdownCase::notice, "2027-01-14", "gpt-6-luna"},
        {"gpt-4o-mini", own, "2027-01-13", ShutdownCase::notice, "2027-01-14", "gpt-6-luna"},
        {"gpt-4o-mini", own, "2027-01-14", ShutdownCase::error, "2027-01-14", "gpt-6-luna"},
        {"gpt-4o-mini-2024-07-18", own, "2027-01-14", ShutdownCase::error, "2027-01-14", "gpt-6-luna"},
        {"gpt-4", own, "2026-11-22", ShutdownCase::error, "2026-10-23", "gpt-5.6-sol"},
        {"gpt-3.5-turbo", own, "2026-11-22", ShutdownCase::error, "2026-10-23", "gpt-5.6-terra"},
        {"gpt-5.1", own, "2027-04-01", ShutdownCase::error, "2027-04-01", "no replacement"},
        {"gpt-4", other, "2026-11-22", ShutdownCase::notice, "2026-10-23", "gpt-5.6-sol"},
        {"gpt-4o-mini", other, "2026-11-22", ShutdownCase::none, "", ""},
        {"gpt-5.6-luna", own, "2026-11-22", ShutdownCase::none, "", ""},
        {"llama3", other, "2026-11-22", ShutdownCase::none, "", ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.model) + " " + c.base_url + " " + c.today);
        const OpenAi openai(Given{{"model", c.model}, {"base_url", c.base_url}}, {}, c.today);
        if (c.expected == ShutdownCase::error) {
            ASSERT_FALSE(openai.info_.ok());
            EXPECT_EQ(openai.info_.error().code, ErrorCode::unauthorized);
            EXPECT_EQ(openai.info_.error().reason, "model_shut_down");
            EXPECT_THAT(openai.info_.error().message,
                        AllOf(HasSubstr(c.model), HasSubstr(c.date), HasSubstr(c.replacement)));
            continue;
        }
        ASSERT_TRUE(openai.info_.ok()) << openai.info_.error().message;
        if (c.expected == ShutdownCase::none)
            EXPECT_THAT(openai.info_->notices, IsEmpty());
        else
            EXPECT_THAT(openai.info_->notices, ElementsAre(AllOf(HasSubstr(c.date), HasSubstr(c.replacement))));
    }
}

TEST(Prices, AreDatedWhereTheyAreKnown) {
    const auto as_of = [](const Given& options) { return OpenAi(options).info_->prices_as_of; };
    EXPECT_EQ(as_of(Given{}), "2026-10-28");
    EXPECT_EQ(as_of(Given{{"service_tier", "flex"}}), "2026-10-28");
    EXPECT_EQ(as_of(Given{{"service_tier", "priority"}}), "");
    EXPECT_EQ(as_of(Given{{"model", "gpt-6.2-sol"}}), "2026-11-18");
    EXPECT_EQ(as_of(Given{{"model", "gpt-unheard-of"}}), "");
}

TEST(Notices, SayWhatAUserWouldNotExpect) {
    const auto notices = [](const Given& options) { return OpenAi(options).info_->notices; };
    EXPECT_THAT(notices(Given{{"model", "gpt-unheard-of"}}), ElementsAre(HasSubstr("cost is unknown")));
    EXPECT_THAT(notices(Given{{"model", "gpt-6.2-sol"}}), ElementsAre(HasSubstr("takes no temperature and top_p")));
    EXPECT_THAT(notices(Given{{"model", "gpt-6-luna"}}), IsEmpty());
    EXPECT_THAT(notices(Given{{"model", "gpt-6-luna"}, {"reasoning_effort", "low"}}),
                ElementsAre(HasSubstr("takes no temperature and top_p")));
    EXPECT_THAT(notices(Given{{"reasoning_effort", "low"}}), Contains(HasSubstr("does not reason")));
    EXPECT_THAT(notices(Given{{"service_tier", "flex"}}), Contains(HasSubstr("--timeout 900")));
}

TEST(Configuration, ThatTheModelRefusesStopsBeforeAnythingIsSent) {
    const OpenAi effort(Given{{"model", "gpt-6.1-sol"}, {"reasoning_effort", "none"}});
    ASSERT_FALSE(effort.info_.ok());
    EXPECT_EQ(effort.info_.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(effort.info_.error().message, HasSubstr("reasoning_effort"));

    const OpenAi responses_only(Given{{"model", "gpt-5-pro"}});
    ASSERT_FALSE(responses_only.info_.ok());
    EXPECT_THAT(responses_only.info_.error().message, HasSubstr("Chat Completions"));
}

TEST(Models, AreListedForAdvice) {
    const OpenAi openai;
    EXPECT_EQ(openai->models().size(), 32u);  // 35 less the three that Chat Completions does not offer
    const auto models = openai->models();
    const auto mini = std::find_if(models.begin(), models.end(), [](const auto& m) { return m.name == "gpt-4o-mini"; });
    ASSERT_NE(mini, models.end());
    EXPECT_EQ(mini->prices_as_of, "2026-10-28");
    EXPECT_EQ(mini->shutdown, "2027-01-14");
    EXPECT_EQ(mini->replacement, "gpt-6-luna");
    EXPECT_TRUE(mini->batch);
}

class ModelFile : public testing::Test {
protected:
    std::string write(std::string_view text) const {
        std::ofstream(path_) << text;
        return path_;
    }
    void TearDown() override { std::remove(path_.c_str()); }

    const std::string path_ = testing::TempDir() + "openai_models_" + std::to_string(::getpid()) + ".json";
};

TEST_F(ModelFile, OverridesAndAdds) {
    const std::string file = write(R"({"models": [
        {"name": "gpt-4o-mini", "price": {"input": "0.2", "output": "0.7"}, "as_of": "2026-11-20"},
        {"name": "house-model", "price": {"input": "0.000001", "output": "1"}, "as_of": "2026-01-02", "max_output": 100}]})");
    const OpenAi openai(Given{{"models", file}});
    EXPECT_EQ(openai.info_->prices_as_of, "2026-11-20");
    EXPECT_THAT(openai.info_->notices, Contains(HasSubstr("2027-01-14"))) << "what the file does not name stays";
    EXPECT_EQ(openai->cost({.input = {1000000}, .cached_input = {1000000}}, {"gpt-4o-mini", "", {}})->value,
              200000000000);
    EXPECT_EQ(openai->cost({.input = {7}}, {"house-model", "", {}})->value, 7);

    const OpenAi house(Given{{"models", file}, {"model", "house-model"}});
    EXPECT_EQ(house.info_->prices_as_of, "2026-01-02");
    EXPECT_EQ(house->output_bound(house.request()).count, 100);
}

TEST_F(ModelFile, ThatIsWrongSaysWhere) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "is not JSON"},
        {"{", "is not JSON"},
        {"[]", "is not an object"},
        {R"({"modles": []})", "unknown field 'modles'"},
        {R"({"models": {}})", "models is not an array"},
        {R"({"models": [{"price": {}}]})", "has no name"},
        {R"({"models": [{"name": "m", "prise": {}}]})", "model 'm' has an unknown field 'prise'"},
        {R"({"models": [{"name": "m", "price": {"input": "1"}, "as_of": "2026-01-01"}]})", "needs both"},
        {R"({"models": [{"name": "m", "price": {"input": 0.1, "output": "1"}}]})", "price.input is not a price"},
        {R"({"models": [{"name": "m", "price": {"input": "0.0000001", "output": "1"}}]})", "at most 6 decimals"},
        {R"({"models": [{"name": "m", "price": {"input": "-1", "output": "1"}}]})", "is not a price"},
        {R"({"models": [{"name": "m", "price": {"input": "1e3", "output": "1"}}]})", "is not a price"},
        {R"({"models": [{"name": "m", "price": {"input": "1", "output": "1"}}]})", "without as_of"},
        {R"({"models": [{"name": "m", "as_of": "2026-13-01"}]})", "as_of is not a date"},
        {R"({"models": [{"name": "m", "max_output": -1}]})", "max_output is not a whole number"},
    };
    for (const auto& [text, why] : cases) {
        SCOPED_TRACE(text);
        const auto made = try_openai(Given{{"models", write(text)}});
        ASSERT_FALSE(made.ok());
        EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
        EXPECT_THAT(made.error().message, AllOf(HasSubstr(path_), HasSubstr(why)));
    }
    const auto missing = try_openai(Given{{"models", "/nowhere/models.json"}});
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ErrorCode::io);
    EXPECT_THAT(missing.error().message, HasSubstr("/nowhere/models.json"));
}

}  // namespace
}  // namespace synth::test
