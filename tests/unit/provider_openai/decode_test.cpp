// What an answer means, whatever a server sends: completions, usage, errors in all dialects, limits, and nonsense.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "openai_provider.hpp"

namespace synth::test {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAnswer = R"({"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini-2024-07-18",
 "choices":[{"index":0,"message":{"role":"assistant","content":"A text.\nMore: µ \"q\" \ud83c\udf0c","refusal":null,
 "annotations":[]},"logprobs":null,"finish_reason":"stop"}],
 "usage":{"prompt_tokens":1543,"completion_tokens":1611,"total_tokens":3154,
 "prompt_tokens_details":{"cached_tokens":1024,"cache_write_tokens":100,"audio_tokens":0},
 "completion_tokens_details":{"reasoning_tokens":64}},"service_tier":"default","system_fingerprint":"fp"})";

TEST(Answer, GivesTextUsageModelTierAndId) {
    const Reply reply = OpenAi().decode(200, kAnswer, {{"x-request-id", "req_1"}});
    EXPECT_FALSE(reply.error) << reply.error->message;
    ASSERT_TRUE(reply.completion);
    EXPECT_EQ(reply.completion->text, "A text.\nMore: µ \"q\" 🌌");
    EXPECT_EQ(reply.completion->finish, FinishReason::stop);
    EXPECT_EQ(reply.usage, (Usage{{1543}, {1024}, {100}, {1611}, {64}}));
    EXPECT_EQ(reply.model, "gpt-4o-mini-2024-07-18");
    EXPECT_EQ(reply.tier, "default");
    EXPECT_EQ(reply.request_id, "req_1");
    EXPECT_TRUE(reply.retry_may_help);
    EXPECT_FALSE(reply.remedy);
}

struct AnswerCase {
    const char* body;
    std::optional<ErrorCode> error;
    const char* reason;
    std::optional<std::string> text;  ///< nothing: no completion
    FinishReason finish = FinishReason::unknown;
};

TEST(Answer, InEveryDialectIsReadOrRefused) {
    using enum ErrorCode;
    using enum FinishReason;
    const std::optional<ErrorCode> none;
    const AnswerCase cases[] = {
        {R"({"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]})", none, "", "x", stop},
        {R"({"choices":[{"message":{"content":"x"},"finish_reason":null}]})", none, "", "x", unknown},
        {R"({"choices":[{"message":{"content":"x"}}]})", none, "", "x", unknown},
        {R"({"choices":[{"message":{"content":"x"},"finish_reason":"eos"}],"error":null})", none, "", "x", stop},
        {R"({"choices":[{"message":{"content":"x"},"finish_reason":"tool_calls"}]})", none, "", "x", other},
        {R"({"choices":[{"message":{"content":"x"},"finish_reason":"length"}]})", none, "", "x", length},
        {R"({"choices":[{"message":{"content":"x","reasoning_content":"hm"},"finish_reason":"stop"}],"timings":{}})",
         none, "", "x", stop},
        {R"({"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}}]})", none, "",
         "ab"},
        {"\xef\xbb\xbf{\"choices\":[{\"message\":{\"content\":\"x\"}}]}", none, "", "x"},
        // paid for: what is almost JSON is repaired
        {R"({"choices":[{"message":{"content":"a\ud83dz \\ud83d"}}]})", none, "", "a\xef\xbf\xbdz \\ud83d"},
        {R"({"choices":[{"message":{"content":"\udc00 \ud83c\udf0c \n"}}]})", none, "", "\xef\xbf\xbd 🌌 \n"},
        {"{\"choices\":[{\"message\":{\"content\":\"a\xffz\"}}]}", none, "", "a\xef\xbf\xbdz"},
        // declined
        {R"({"choices":[{"message":{"content":null,"refusal":"I can't."},"finish_reason":"stop"}]})", refused,
         "refusal", "", stop},
        {R"({"choices":[{"message":{"content":[{"type":"refusal","refusal":"No."}]}}]})", refused, "refusal", ""},
        {R"({"choices":[{"message":{"content":"beg"},"finish_reason":"content_filter"}]})", refused, "content_filter",
         "beg", content_filter},
        {R"({"choices":[{"message":{"content":null},"finish_reason":"content_filter"}]})", refused, "content_filter",
         "", content_filter},
        // cut before any text came
        {R"({"choices":[{"message":{"content":""},"finish_reason":"length"}]})", truncated, "cut", "", length},
        {R"({"choices":[{"message":{"content":null},"finish_reason":"length"}],"usage":{"prompt_tokens":1,)"
         R"("completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":9}}})",
         truncated, "reasoning_used_up", "", length},
        {R"({"choices":[{"message":{"content":"","reasoning_content":"hm"},"finish_reason":"length"}]})", truncated,
         "reasoning_used_up", "", length},
        // unusable
        {R"({"choices":[{"message":{"content":""},"finish_reason":"stop"}]})", malformed, "empty", "", stop},
        {R"({"choices":[{"message":{"content":" \n\t"},"finish_reason":"stop"}]})", malformed, "empty", " \n\t", stop},
        {R"({"choices":[{"message":{"content":null,"tool_calls":[]},"finish_reason":"tool_calls"}]})", malformed,
         "empty", "", other},
        {R"({"choices":[{"message":{}}]})", malformed, "empty", ""},
        {R"({"choices":[{"message":null}]})", malformed, "no_choices", {}},
        {R"({"choices":[{}]})", malformed, "no_choices", {}},
        {R"({"choices":[]})", malformed, "no_choices", {}},
        {R"({"choices":null})", malformed, "no_choices", {}},
        {R"({"choices":{"message":{"content":"x"}}})", malformed, "no_choices", {}},
        {R"({})", malformed, "no_choices", {}},
        {R"([])", malformed, "no_choices", {}},
        {R"({"error":{"message":"overloaded","code":503}})", malformed, "error_in_body", {}},
        {R"({"error":"boom"})", malformed, "error_in_body", {}},
        {R"({"error":"boom","choices":[{"message":{"content":"x"}}]})", malformed, "error_in_body", "x"},
        {R"({"choices":[{"message":{"content":"x"},"finish_reason":"error"}]})", malformed, "error_in_body", "x",
         other},
        {"", malformed, "not_json", {}},
        {"null", malformed, "not_json", {}},
        {"42", malformed, "not_json", {}},
        {"<html><title>Hi</title></html>", malformed, "not_json", {}},
        {R"({"choices":[{"message":{"content":"cut off)", malformed, "not_json", {}},
    };
    const OpenAi openai;
    for (const auto& c : cases) {
        SCOPED_TRACE(c.body);
        const Reply reply = openai.decode(200, c.body);
        ASSERT_EQ(reply.error.has_value(), c.error.has_value()) << (reply.error ? reply.error->message : "");
        if (c.error) {
            EXPECT_EQ(name_of(reply.error->code), name_of(*c.error));
            EXPECT_EQ(reply.error->reason, c.reason);
        }
        ASSERT_EQ(reply.completion.has_value(), c.text.has_value());
        if (c.text) {
            EXPECT_EQ(reply.completion->text, *c.text);
            EXPECT_EQ(name_of(reply.completion->finish), name_of(c.finish));
        }
    }
}

TEST(Answer, OfAReasoningModelThatIsEmptyAndCutWasUsedUpByReasoning) {
    const OpenAi openai(Given{{"model", "gpt-6.2-sol"}});
    const Reply reply = openai.decode(200, R"({"choices":[{"message":{"content":""},"finish_reason":"length"}]})");
    EXPECT_EQ(reply.error->reason, "reasoning_used_up");
    EXPECT_THAT(reply.error->message, HasSubstr("11000"));
}

TEST(Usage, ThatIsMissingOrMakesNoSenseIsUnknownNotZero) {
    const std::pair<const char*, std::optional<Usage>> cases[] = {
        {R"({"prompt_tokens":7,"completion_tokens":9})", Usage{{7}, {}, {}, {9}, {}}},
        {R"({"prompt_tokens":7.0,"completion_tokens":9.0})", Usage{{7}, {}, {}, {9}, {}}},
        {R"({"prompt_tokens":0,"completion_tokens":0})", Usage{}},
        {R"({"prompt_tokens":7,"completion_tokens":9,"prompt_tokens_details":null,"completion_tokens_details":{}})",
         Usage{{7}, {}, {}, {9}, {}}},
        {R"({"prompt_tokens":7,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":null}})",
         Usage{{7}, {}, {}, {9}, {}}},
        {R"({"prompt_tokens":7,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":50,"cache_write_tokens":5}})",
         Usage{{7}, {7}, {0}, {9}, {}}},
        {"null", {}},
        {"{}", {}},
        {"[]", {}},
        {R"({"prompt_tokens":7})", {}},
        {R"({"completion_tokens":7})", {}},
        {R"({"prompt_tokens":-7,"completion_tokens":9})", {}},
        {R"({"prompt_tokens":"7","completion_tokens":9})", {}},
        {R"({"prompt_tokens":1e300,"completion_tokens":9})", {}},
        {R"({"prompt_tokens":9223372036854775807,"completion_tokens":9})", {}},
    };
    const OpenAi openai;
    for (const auto& [usage, expected] : cases) {
        SCOPED_TRACE(usage);
        const Reply reply =
            openai.decode(200, std::string(R"({"choices":[{"message":{"content":"x"}}],"usage":)") + usage + "}");
        EXPECT_TRUE(reply.completion);
        EXPECT_EQ(reply.usage, expected);
    }
    EXPECT_FALSE(openai.decode(200, R"({"choices":[{"message":{"content":"x"}}]})").usage);
}

struct ErrorCase {
    int status;
    const char* body;
    ErrorCode code;
    const char* reason;
    bool retry_may_help;
    const char* message = "";  ///< part of it
    Headers headers{};
};

TEST(Failure, IsDecidedByCodeThenTypeThenStatus) {
    using enum ErrorCode;
    const ErrorCase cases[] = {
        // requests that are wrong
        {400,
         R"({"error":{"message":"This model's maximum context length is 128000","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}})",
         invalid_argument, "context_length_exceeded", false, "maximum context length"},
        {400, R"({"error":{"message":"m","code":"content_policy_violation"}})", refused, "content_policy_violation",
         false},
        {400, R"({"error":{"message":"m","code":"content_filter","status":400}})", refused, "content_filter", false},
        {400, R"({"error":{"message":"m","type":"invalid_request_error","code":"invalid_prompt"}})", refused,
         "invalid_prompt", false},
        {400, R"({"error":{"message":"m","type":"invalid_request_error","code":null}})", invalid_argument, "http_400",
         false},
        {413, "", invalid_argument, "http_413", false},
        {422, R"({"detail":[{"loc":["body"],"msg":"field required","type":"missing"}]})", invalid_argument, "http_422",
         false, "field required"},
        {418, "teapot", invalid_argument, "http_418", false, "teapot"},
        // access
        {401,
         R"({"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}})",
         unauthorized, "invalid_api_key", false, "OPENAI_API_KEY"},
        {401, "", unauthorized, "http_401", false},
        {403, R"({"error":{"message":"Country not supported","code":"unsupported_country_region_territory"}})",
         unauthorized, "unsupported_country_region_territory", false},
        {403, "<html>", unauthorized, "http_403", false},
        {400, R"({"error":{"message":"API key not valid","code":"invalid_api_key"}})", unauthorized, "invalid_api_key",
         false},
        // models and endpoints
        {404,
         R"({"error":{"message":"The model does not exist","type":"invalid_request_error","code":"model_not_found"}})",
         unauthorized, "model_not_found", false, "2027-01-14, its replacement gpt-6-luna"},
        {400, R"({"error":{"message":"m","code":"model_not_found"}})", unauthorized, "model_not_found", false,
         "provider.model"},
        {404,
         R"({"error":{"message":"model \"x\" not found, try pulling it first","type":"not_found_error","param":null,"code":null}})",
         unauthorized, "http_404", false, "try pulling it first"},
        {404, "404 page not found", unauthorized, "http_404", false, "provider.base_url"},
        {405, R"({"detail":"Method Not Allowed"})", unauthorized, "http_405", false, "Method Not Allowed"},
        {301, "", unauthorized, "http_301", false},
        // their side
        {408, "", unavailable, "http_408", true},
        {409, "", unavailable, "http_409", true},
        {500, R"({"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}})",
         unavailable, "server_error", true, "The server had an error"},
        {502, "<html>\n<head><TITLE>502 Bad\n Gateway</TITLE></head></html>", unavailable, "http_502", true,
         "'502 Bad Gateway'"},
        {504, "<!doctype html>", unavailable, "http_504", true, "an HTML page"},
        {524, "", unavailable, "http_524", true},
        {529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})", unavailable,
         "overloaded_error", true},
        {503, R"({"error":{"message":"m","type":"server_error","code":"server_is_overloaded"}})", unavailable,
         "server_is_overloaded", true},
        {503, R"({"error":{"message":"Loading model","type":"unavailable_error","code":503}})", unavailable, "loading",
         true, "Loading model"},
        {503, R"({"error":{"code":503,"message":"Loading model"}})", unavailable, "loading", true},
        // waiting
        {429,
         R"({"error":{"message":"Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, Requested 2,000. Please try again in 2s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}})",
         rate_limited, "rate_limit_exceeded", true},
        {429,
         R"({"error":{"message":"Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 45,000.","type":"tokens","code":"rate_limit_exceeded"}})",
         invalid_argument, "request_above_limit", false, "larger than the rate limit"},
        {429, R"({"error":{"message":"m","code":"slow_down"}})", rate_limited, "slow_down", true},
        {503, R"({"error":{"message":"m","code":"slow_down"}})", rate_limited, "slow_down", true},
        {429, "", rate_limited, "http_429", true},
        {429, R"({"error":{"message":"insufficient quota: 10 requests per minute","type":"requests","code":"429"}})",
         rate_limited, "http_429", true},
        {500, R"({"error":{"message":"m","code":"429"}})", rate_limited, "http_429", true},
        {500, R"({"error":{"message":"m","code":429}})", rate_limited, "http_429", true},
        {429,
         R"({"error":{"message":"You exceeded your quota per minute","code":"rate_limit_exceeded","type":"insufficient_quota"}})",
         rate_limited, "rate_limit_exceeded", true},
        // money
        {429,
         R"({"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}})",
         exhausted, "insufficient_quota", false},
        {429, R"({"error":{"message":"m","type":"insufficient_quota","code":null}})", exhausted, "insufficient_quota",
         false},
        {429, R"({"error":{"message":"m","code":"credit_balance_exhausted"}})", exhausted, "credit_balance_exhausted",
         false},
        {429, R"({"error":{"message":"m","code":"organization_spend_limit_exceeded"}})", exhausted,
         "organization_spend_limit_exceeded", false},
        {429, R"({"error":{"message":"m","code":"project_spend_limit_exceeded"}})", exhausted,
         "project_spend_limit_exceeded", false},
        {429, R"({"error":{"message":"m","code":"organization_usage_limit_exceeded"}})", exhausted,
         "organization_usage_limit_exceeded", false},
        {429, R"({"error":{"message":"m","code":"billing_not_active"}})", exhausted, "billing_not_active", false},
        {402, R"({"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}})",
         exhausted, "invalid_request_error", false},
        // dialects
        {400, R"({"error":"plain words"})", invalid_argument, "http_400", false, "plain words"},
        {404,
         R"({"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404})",
         unauthorized, "http_404", false, "does not exist"},
        {400, R"({"detail":{"message":"inside","code":"context_length_exceeded"}})", invalid_argument,
         "context_length_exceeded", false, "inside"},
        {429, R"([{"error":{"code":429,"message":"Resource exhausted","status":"RESOURCE_EXHAUSTED"}}])", rate_limited,
         "http_429", true, "Resource exhausted"},
        {429, R"({"message":"top","code":"INSUFFICIENT_QUOTA"})", exhausted, "insufficient_quota", false, "top"},
        {400, R"({"error":{"message":["not","text"],"code":{"a":1},"type":7}})", invalid_argument, "http_400", false},
        {400, R"({"error":{"message":"m","code":"has spaces & more"}})", invalid_argument, "http_400", false},
        // x-should-retry overrides the status, not the code
        {400, "", unavailable, "http_400", true, "", {{"x-should-retry", "true"}}},
        {503, "", unavailable, "http_503", false, "", {{"x-should-retry", "false"}}},
        {429, "", rate_limited, "http_429", false, "", {{"x-should-retry", "false"}}},
        {429,
         R"({"error":{"message":"m","code":"insufficient_quota"}})",
         exhausted,
         "insufficient_quota",
         false,
         "",
         {{"x-should-retry", "true"}}},
        // nonsense
        {0, "", malformed, "http_0", true},
        {100, "", malformed, "http_100", true},
    };
    const OpenAi openai;
    for (const auto& c : cases) {
        SCOPED_TRACE(std::to_string(c.status) + " " + c.body);
        const Reply reply = openai.decode(c.status, c.body, c.headers);
        ASSERT_TRUE(reply.error);
        EXPECT_EQ(name_of(reply.error->code), name_of(c.code));
        EXPECT_EQ(reply.error->reason, c.reason);
        EXPECT_EQ(reply.retry_may_help, c.retry_may_help);
        EXPECT_THAT(reply.error->message, HasSubstr(c.message));
        EXPECT_FALSE(reply.completion);
        EXPECT_FALSE(reply.remedy);
    }
}

struct RemedyCase {
    Given options;
    const char *code, *param, *message;
    std::vector<Remedy> learned;
    std::optional<Remedy> expected;
};

TEST(Failure, OfAParameterBringsTheRemedyOnce) {
    using enum Remedy::Kind;
    const Given local{{"base_url", "http://localhost:1/v1"}}, unknown{{"model", "new"}};
    const Remedy to_new{rename_parameter, "max_tokens", "max_completion_tokens"},
        to_old{rename_parameter, "max_completion_tokens", "max_tokens"}, temperature{omit_parameter, "temperature", ""};
    const char* message =
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    const RemedyCase cases[] = {
        {local, "unsupported_parameter", "\"max_tokens\"", "", {}, to_new},
        {local, "unsupported_parameter", "null", message, {}, to_new},
        {{}, "unsupported_parameter", "\"max_completion_tokens\"", "", {}, to_old},
        {unknown, "unsupported_value", "\"temperature\"", "", {}, temperature},
        {unknown, "unsupported_parameter", "\"top_p\"", "", {}, Remedy{omit_parameter, "top_p", ""}},
        {unknown, "unsupported_value", "\"top_p\"", "", {temperature}, Remedy{omit_parameter, "top_p", ""}},
        {{{"model", "gpt-6-luna"}},
         "unsupported_value",
         "\"reasoning_effort\"",
         "",
         {},
         Remedy{omit_parameter, "reasoning_effort", ""}},
        {{{"model", "gpt-6-luna"}},
         "unsupported_value",
         "\"reasoning.effort\"",
         "",
         {},
         Remedy{omit_parameter, "reasoning_effort", ""}},
        // the same again would go on for ever
        {unknown, "unsupported_value", "\"temperature\"", "", {temperature}, {}},
        {local, "unsupported_parameter", "\"max_completion_tokens\"", "", {to_new}, {}},
        {{}, "unsupported_parameter", "\"max_tokens\"", "", {to_old}, {}},
        // not sent, not ours to leave out, or not told
        {{}, "unsupported_parameter", "\"max_tokens\"", "", {}, {}},
        {{{"service_tier", "flex"}}, "unsupported_value", "\"service_tier\"", "", {}, {}},
        {{}, "unsupported_value", "\"max_completion_tokens\"", "", {}, {}},
        {{}, "unsupported_parameter", "\"messages\"", "", {}, {}},
        {{}, "unsupported_parameter", "null", "no name", {}, {}},
        {{}, "unsupported_parameter", "\"\"", "a quote that never ends: 'temp", {}, {}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.code) + " " + c.param);
        OpenAi openai(c.options);
        openai.remedies_ = c.learned;
        const Reply reply =
            openai.decode(400, std::string(R"({"error":{"type":"invalid_request_error","code":")") + c.code +
                                   R"(","param":)" + c.param + R"(,"message":")" + c.message + "\"}}");
        ASSERT_TRUE(reply.error);
        EXPECT_EQ(reply.error->code, ErrorCode::invalid_argument);
        EXPECT_EQ(reply.remedy, c.expected);
        EXPECT_EQ(reply.retry_may_help, c.expected.has_value());
    }
}

TEST(Failure, OfAKnownModelThatIsGoneNamesDateAndReplacement) {
    const OpenAi openai(Given{{"model", "gpt-4"}, {"base_url", "http://localhost:1/v1"}});
    const Reply reply = openai.decode(404, R"({"error":{"message":"gone","code":"model_not_found"}})");
    EXPECT_THAT(reply.error->message, AllOf(HasSubstr("2026-10-23"), HasSubstr("gpt-5.6-sol"), HasSubstr("gpt-4")));
}

TEST(Failure, KeepsTheServersWordsShortAndOnOneLine) {
    const OpenAi openai;
    const std::string noise = "line one\\nline\\ttwo\\u001b[31m red\\u0000\\u0085 end";
    const Reply reply = openai.decode(400, R"({"error":{"message":")" + noise + "\"}}");
    EXPECT_THAT(reply.error->message, HasSubstr("line one line two [31m red end"));

    for (const std::string& text : {std::string(5000, 'x'), std::string(), std::string("\xff\xfe\x80\n\n")}) {
        std::string many;
        for (int i = 0; i < 400; ++i) many += "µ";
        for (const std::string& body : {text, many, R"({"error":{"message":")" + many + "\"}}"}) {
            const std::string message = openai.decode(400, body).error->message;
            EXPECT_LE(message.size(), 340u);
            for (const char c : message) EXPECT_FALSE(static_cast<unsigned char>(c) < ' ' || c == 0x7f);
        }
    }
}

TEST(Limits, AreReadFromHeaders) {
    const Reply reply = OpenAi().decode(200, kAnswer,
                                        {{"x-ratelimit-limit-requests", "500"},
                                         {"x-ratelimit-limit-tokens", "200000"},
                                         {"x-ratelimit-remaining-requests", "499"},
                                         {"x-ratelimit-remaining-tokens", " 195000 "},
                                         {"x-ratelimit-reset-requests", "120ms"},
                                         {"x-ratelimit-reset-tokens", "1m30.5s"}});
    EXPECT_EQ(reply.limits.limit_requests, 500);
    EXPECT_EQ(reply.limits.limit_tokens, 200000);
    EXPECT_EQ(reply.limits.remaining_requests, 499);
    EXPECT_EQ(reply.limits.remaining_tokens, 195000);
    EXPECT_EQ(reply.limits.reset_requests, milliseconds(120));
    EXPECT_EQ(reply.limits.reset_tokens, milliseconds(90'500));
    EXPECT_FALSE(reply.limits.retry_after);
}

TEST(Limits, ThatAreNotPositiveOrNotNumbersAreAbsent) {
    for (const char* value : {"-1", "0", "", "many", "1.5", "99999999999999999999", "5 0"}) {
        const RateLimits limits =
            OpenAi()
                .decode(200, kAnswer, {{"x-ratelimit-limit-requests", value}, {"x-ratelimit-remaining-tokens", value}})
                .limits;
        EXPECT_FALSE(limits.limit_requests) << value;
        EXPECT_FALSE(limits.remaining_tokens) << value;
    }
}

TEST(Limits, ResetInDurationsOfEveryForm) {
    const std::pair<const char*, std::optional<std::int64_t>> cases[] = {
        {"12ms", 12},       {"1s", 1000},     {"1m12s", 72'000},  {"6m0s", 360'000},     {"1h0m0s", 3'600'000},
        {"59.70s", 59'700}, {"7.66s", 7'660}, {"1m0.5s", 60'500}, {"2d3h", 183'600'000}, {"500us", 1},
        {"500µs", 1},       {"1", 1000},      {"0.25", 250},      {" 20 ", 20'000},      {"1s5ms", 1005},
        {"0s", {}},         {"0", {}},        {"-1", {}},         {"-1s", {}},           {"", {}},
        {"s", {}},          {"1x", {}},       {"1s2", {}},        {"1 s", {}},           {"1e3s", {}},
        {"nan", {}},        {"inf", {}},      {"1735689600", {}}, {"9999999h", {}},      {"2026-11-22T00:00:00Z", {}},
    };
    const OpenAi openai;
    for (const auto& [text, expected] : cases) {
        const auto reset = openai.decode(429, "", {{"x-ratelimit-reset-tokens", text}}).limits.reset_tokens;
        EXPECT_EQ(reset ? std::optional(reset->count()) : std::nullopt, expected) << text;
    }
}

struct RetryCase {
    Headers headers;
    std::optional<std::int64_t> ms;
};

TEST(Limits, SayWhenToComeBack) {
    const char* now = "Sun, 22 Nov 2026 10:00:00 GMT";
    const RetryCase cases[] = {
        {{{"retry-after-ms", "1500"}, {"retry-after", "9"}}, 1500},
        {{{"retry-after-ms", "12.2"}}, 13},
        {{{"retry-after-ms", "0"}, {"retry-after", "9"}}, 9000},
        {{{"retry-after-ms", "soon"}, {"retry-after", "9"}}, 9000},
        {{{"retry-after", "20"}}, 20'000},
        {{{"retry-after", "0.5"}}, 500},
        {{{"retry-after", "0"}}, {}},
        {{{"retry-after", "-5"}}, {}},
        {{{"retry-after", "later"}}, {}},
        {{{"retry-after", "Sun, 22 Nov 2026 10:01:30 GMT"}, {"date", now}}, 90'000},
        {{{"retry-after", "Mon, 23 Nov 2026 00:00:00 GMT"}, {"date", now}}, 50'400'000},
        {{{"retry-after", "Sun, 22 Nov 2026 09:59:59 GMT"}, {"date", now}}, {}},
        {{{"retry-after", "Sun, 22 Nov 2026 10:01:30 GMT"}}, {}},
        {{{"retry-after", "Sun, 22 Nov 2026 10:01:30 GMT"}, {"date", "yesterday"}}, {}},
        {{{"retry-after", "Sun, 32 Nov 2026 10:01:30 GMT"}, {"date", now}}, {}},
        {{{"retry-after", "Sun, 22 Nvo 2026 10:01:30 GMT"}, {"date", now}}, {}},
    };
    const OpenAi openai;
    for (const auto& c : cases) {
        const auto wait = openai.decode(429, "", c.headers).limits.retry_after;
        EXPECT_EQ(wait ? std::optional(wait->count()) : std::nullopt, c.ms) << c.headers[0].second;
    }
}

TEST(Decode, TakesWhateverComes) {
    const OpenAi openai;
    const std::vector<std::string> seeds{
        kAnswer,
        R"({"error":{"message":"Rate limit: Limit 30000, Requested 45,000","type":"tokens","param":"max_tokens","code":"unsupported_parameter"}})",
        R"([{"error":{"code":"429","message":"m"}},{"detail":[{"msg":"x"}]}])", "<html><title>x</title>",
        "\xef\xbb\xbf{\"choices\":[{\"message\":{\"content\":\"\\ud83d\\u00\\\\\\udc00\xff\"}}]}"};
    take_whatever_comes(openai, seeds);
}

}  // namespace
}  // namespace synth::test
