// What an answer of generateContent means: completions, usage, waiting times, errors, and nonsense.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <gmock/gmock.h>

#include "support/http_provider.hpp"

namespace synth::test {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

const HttpProvider& gemini() {
    static const HttpProvider provider("gemini");
    return provider;
}

constexpr const char* kAnswer = R"({"candidates":[{"content":{"parts":[{"text":"hm","thought":true},
 {"text":"A text.\n","thoughtSignature":"c2ln"},{"text":"More: µ \"q\" \ud83c\udf0c"}],"role":"model"},
 "finishReason":"STOP","index":0,"safetyRatings":[]}],
 "usageMetadata":{"promptTokenCount":1543,"candidatesTokenCount":1547,"thoughtsTokenCount":64,"totalTokenCount":3154,
 "cachedContentTokenCount":1024,"promptTokensDetails":[{"modality":"TEXT","tokenCount":1543}],
 "serviceTier":"standard"},"modelVersion":"gemini-3.5-flash-lite","responseId":"abc"})";

TEST(Answer, GivesTextUsageModelTierAndId) {
    const Reply reply = gemini().decode(200, kAnswer);
    EXPECT_FALSE(reply.error) << reply.error->message;
    ASSERT_TRUE(reply.completion);
    EXPECT_EQ(reply.completion->text, "A text.\nMore: µ \"q\" 🌌");
    EXPECT_EQ(reply.completion->finish, FinishReason::stop);
    EXPECT_EQ(reply.usage, (Usage{{1543}, {1024}, {}, {1611}, {64}}));
    EXPECT_EQ(reply.model, "gemini-3.5-flash-lite");
    EXPECT_EQ(reply.tier, "standard");
    EXPECT_EQ(reply.request_id, "abc");
    EXPECT_TRUE(reply.retry_may_help);
    EXPECT_FALSE(reply.remedy);
    EXPECT_EQ(gemini().decode(200, kAnswer, {{"x-gemini-service-tier", "FLEX"}}).tier, "flex");
    EXPECT_EQ(gemini().decode(200, R"({"modelVersion":"models/m"})").model, "m");
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
        {R"({"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]})", none, "", "x", stop},
        {R"({"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"MAX_TOKENS"}]})", none, "", "x", length},
        {R"({"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"FINISH_REASON_UNSPECIFIED"}]})", none,
         "", "x", unknown},
        {R"({"candidates":[{"content":{"parts":[{"text":"x"}]}}]})", none, "", "x", unknown},
        {R"({"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"LANGUAGE"}]})", none, "", "x", other},
        {R"({"candidates":[{"content":{"parts":[{"text":"x"},{"functionCall":{}}]},"finishReason":"OTHER"}]})", none,
         "", "x", other},
        {R"({"candidates":[{"content":{"parts":[{"text":"x","thought":false}]}}],"promptFeedback":{}})", none, "", "x"},
        {"\xef\xbb\xbf{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}]}", none, "", "x"},
        {R"({"candidates":[{"content":{"parts":[{"text":"a\ud83dz"}]}}]})", none, "", "a\xef\xbf\xbdz"},
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\xffz\"}]}}]}", none, "", "a\xef\xbf\xbdz"},
        // declined
        {R"({"candidates":[{"content":{"parts":[{"text":"beg"}]},"finishReason":"SAFETY"}]})", refused, "safety", "beg",
         content_filter},
        {R"({"candidates":[{"finishReason":"SAFETY","safetyRatings":[]}]})", refused, "safety", "", content_filter},
        {R"({"candidates":[{"content":{},"finishReason":"RECITATION","citationMetadata":{}}]})", refused, "recitation",
         "", content_filter},
        {R"({"candidates":[{"finishReason":"PROHIBITED_CONTENT","finishMessage":"No."}]})", refused,
         "prohibited_content", "", content_filter},
        {R"({"candidates":[{"finishReason":"BLOCKLIST"}]})", refused, "blocklist", "", content_filter},
        {R"({"candidates":[{"finishReason":"SPII"}]})", refused, "spii", "", content_filter},
        {R"({"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}})",
         refused,
         "prompt_blocked",
         {}},
        {R"({"candidates":[],"promptFeedback":{"blockReason":"SAFETY"}})", refused, "prompt_blocked", {}},
        // cut before any text came
        {R"({"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS"}],"usageMetadata":)"
         R"({"promptTokenCount":1,"thoughtsTokenCount":9,"totalTokenCount":10}})",
         truncated, "reasoning_used_up", "", length},
        {R"({"candidates":[{"content":{"parts":[{"text":"hm","thought":true}]},"finishReason":"MAX_TOKENS"}]})",
         truncated, "reasoning_used_up", "", length},
        // unusable
        {R"({"candidates":[{"content":{"parts":[{"text":"hm","thought":true}]},"finishReason":"STOP"}]})", malformed,
         "empty", "", stop},
        {R"({"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]})", malformed, "empty", "", stop},
        {R"({"candidates":[{"content":{"role":"model"},"finishReason":"OTHER"}]})", malformed, "empty", "", other},
        {R"({"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]})", malformed, "empty", "", other},
        {R"({"candidates":[{}]})", malformed, "empty", ""},
        {R"({"candidates":[1]})", malformed, "no_candidates", {}},
        {R"({"candidates":[]})", malformed, "no_candidates", {}},
        {R"({"candidates":null})", malformed, "no_candidates", {}},
        {R"({})", malformed, "no_candidates", {}},
        {R"([])", malformed, "no_candidates", {}},
        {R"({"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}})", malformed, "error_in_body", {}},
        {R"({"error":"boom"})", malformed, "error_in_body", {}},
        {"", malformed, "not_json", {}},
        {"null", malformed, "not_json", {}},
        {"<html><title>Hi</title></html>", malformed, "not_json", {}},
        {R"({"candidates":[{"content":{"parts":[{"text":"cut off)", malformed, "not_json", {}},
        {"data: {\"candidates\":[]}\n\n", malformed, "not_json", {}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.body);
        const Reply reply = gemini().decode(200, c.body);
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
    const HttpProvider unthinking("gemini", Given{{"model", "gemini-2.5-flash-lite"}});
    EXPECT_EQ(unthinking.decode(200, R"({"candidates":[{"finishReason":"MAX_TOKENS"}]})").error->reason, "cut");
}

TEST(Usage, ThatIsMissingOrMakesNoSenseIsUnknownNotZero) {
    const std::pair<const char*, std::optional<Usage>> cases[] = {
        {R"({"promptTokenCount":7,"candidatesTokenCount":9})", Usage{{7}, {}, {}, {9}, {}}},
        {R"({"promptTokenCount":7,"thoughtsTokenCount":9})", Usage{{7}, {}, {}, {9}, {9}}},
        {R"({"promptTokenCount":7,"totalTokenCount":7})", Usage{{7}, {}, {}, {0}, {}}},
        {R"({"promptTokenCount":7,"candidatesTokenCount":9,"toolUsePromptTokenCount":5,"cachedContentTokenCount":50})",
         Usage{{12}, {12}, {}, {9}, {}}},
        {R"({"promptTokenCount":7})", {}},
        {R"({"candidatesTokenCount":7,"totalTokenCount":9})", {}},
        {R"({"promptTokenCount":-7,"candidatesTokenCount":9})", {}},
        {R"({"promptTokenCount":"7","candidatesTokenCount":9})", {}},
        {R"({"promptTokenCount":1e300,"candidatesTokenCount":9})", {}},
        {"null", {}},
        {"{}", {}},
        {"[]", {}},
    };
    for (const auto& [usage, expected] : cases) {
        SCOPED_TRACE(usage);
        const Reply reply = gemini().decode(
            200, std::string(R"({"candidates":[{"content":{"parts":[{"text":"x"}]}}],"usageMetadata":)") + usage + "}");
        EXPECT_TRUE(reply.completion);
        EXPECT_EQ(reply.usage, expected);
    }
}

/// As the service writes errors.
std::string failure(int code, const char* status, const char* message, const std::string& details = "") {
    return R"({"error":{"code":)" + std::to_string(code) + R"(,"message":")" + message + R"(","status":")" + status +
           R"(","details":[)" + details + "]}}";
}
std::string quota(const char* id, const char* more = "") {
    return R"({"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"m","quotaId":")" +
           std::string(id) + "\"" + more + "}]}";
}
std::string reason(const char* word) {
    return R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":")" + std::string(word) +
           R"(","domain":"googleapis.com"})";
}
constexpr const char* kRetry = R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"})";

struct ErrorCase {
    int status;
    std::string body;
    ErrorCode code;
    const char* reason;
    bool retry_may_help;
    const char* message = "";  ///< part of it
    std::optional<std::int64_t> retry_after_ms{};
};

TEST(Failure, IsDecidedByStatusWordAndDetails) {
    using enum ErrorCode;
    const char* exceeded = "You exceeded your current quota, please check your plan and billing details.";
    const ErrorCase cases[] = {
        // requests that are wrong
        {400, failure(400, "INVALID_ARGUMENT", "Request contains an invalid argument."), invalid_argument,
         "invalid_argument", false, "Request contains"},
        {400,
         failure(400, "INVALID_ARGUMENT",
                 "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
         invalid_argument, "context_length_exceeded", false},
        {413, "<html><title>413</title></html>", invalid_argument, "http_413", false},
        {501, failure(501, "UNIMPLEMENTED", "m"), invalid_argument, "unimplemented", false},
        // access
        {400,
         failure(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason("API_KEY_INVALID")),
         unauthorized, "api_key_invalid", false, "GEMINI_API_KEY"},
        {400, failure(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), unauthorized,
         "api_key_invalid", false},
        {400, failure(400, "INVALID_ARGUMENT", "API key expired.", reason("API_KEY_EXPIRED")), unauthorized,
         "api_key_expired", false},
        {403, failure(403, "PERMISSION_DENIED", "m", reason("API_KEY_SERVICE_BLOCKED")), unauthorized,
         "api_key_service_blocked", false},
        {403, failure(403, "PERMISSION_DENIED", "Your project has been denied access."), unauthorized,
         "permission_denied", false},
        {401, failure(401, "UNAUTHENTICATED", "m"), unauthorized, "unauthenticated", false},
        {400, failure(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), unauthorized,
         "failed_precondition", false, "User location"},
        // models
        {404, failure(404, "NOT_FOUND", "models/x is not found for API version v1beta"), unauthorized, "not_found",
         false, "check provider.model"},
        {404, "", unauthorized, "http_404", false},
        // quotas: of the minute, of the day, of nothing at all, and money
        {429,
         failure(429, "RESOURCE_EXHAUSTED", exceeded,
                 quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier") + "," + kRetry),
         rate_limited, "resource_exhausted", true, "", 34'500},
        {429,
         failure(429, "RESOURCE_EXHAUSTED", exceeded,
                 quota("GenerateContentInputTokensPerModelPerMinute", R"(,"quotaValue":"250000")")),
         rate_limited, "resource_exhausted", true},
        {429, failure(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."), rate_limited,
         "resource_exhausted", true},
        {429,
         failure(429, "RESOURCE_EXHAUSTED", exceeded,
                 quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", R"(,"quotaValue":"250")") + "," + kRetry),
         exhausted, "daily_quota", false, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", 34'500},
        {429,
         failure(429, "RESOURCE_EXHAUSTED", exceeded,
                 quota("GenerateRequestsPerMinutePerProjectPerModel") + "," +
                     quota("GenerateRequestsPerDayPerProjectPerModel")),
         exhausted, "daily_quota", false},
        {429,
         failure(429, "RESOURCE_EXHAUSTED", exceeded,
                 quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", R"(,"quotaValue":"0")")),
         exhausted, "daily_quota", false},
        {429, failure(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), exhausted,
         "credit_exhausted", false},
        {429, failure(429, "RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap."), exhausted,
         "credit_exhausted", false},
        {402, "", exhausted, "http_402", false},
        {429, "", rate_limited, "http_429", true},
        // trouble
        {503, failure(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), unavailable,
         "unavailable", true, "overloaded"},
        {500, failure(500, "INTERNAL", "An internal error has occurred."), unavailable, "internal", true},
        {504, failure(504, "DEADLINE_EXCEEDED", "m"), unavailable, "deadline_exceeded", true},
        {499, failure(499, "CANCELLED", "m"), unavailable, "cancelled", true},
        {409, failure(409, "ABORTED", "m"), unavailable, "aborted", true},
        {500, failure(500, "UNKNOWN", "m"), unavailable, "unknown", true},
        {502, "<html><title>Bad Gateway</title></html>", unavailable, "http_502", true, "Bad Gateway"},
        // dialects and nonsense
        {503, "[" + failure(503, "UNAVAILABLE", "in an array") + "]", unavailable, "unavailable", true, "in an array"},
        {503, R"({"error":"boom"})", unavailable, "http_503", true, "boom"},
        {418, failure(418, "TEAPOT", "short and stout"), invalid_argument, "http_418", false, "short and stout"},
        {100, "", malformed, "http_100", true},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::to_string(c.status) + " " + c.body);
        const Reply reply = gemini().decode(c.status, c.body);
        ASSERT_TRUE(reply.error);
        EXPECT_EQ(name_of(reply.error->code), name_of(c.code)) << reply.error->message;
        EXPECT_EQ(reply.error->reason, c.reason);
        EXPECT_EQ(reply.retry_may_help, c.retry_may_help);
        EXPECT_THAT(reply.error->message, HasSubstr(c.message));
        EXPECT_EQ(reply.limits.retry_after,
                  c.retry_after_ms ? std::optional(milliseconds(*c.retry_after_ms)) : std::nullopt);
        EXPECT_FALSE(reply.completion);
        EXPECT_FALSE(reply.remedy);
    }
    EXPECT_EQ(gemini()
                  .decode(429, failure(429, "RESOURCE_EXHAUSTED", "m", kRetry), {{"retry-after", "9"}})
                  .limits.retry_after,
              milliseconds(9000));
    const HttpProvider other("gemini", {}, {}, "2026-11-22", {"GOOGLE_API_KEY"});
    EXPECT_THAT(other.decode(401, "").error->message, HasSubstr("GOOGLE_API_KEY"));
}

struct RemedyCase {
    Given options;
    const char* message;
    const char* omitted;  ///< empty: no remedy
};

TEST(Failure, OfAParameterBringsTheRemedyWhenItWasSent) {
    const RemedyCase cases[] = {
        {{{"model", "gemini-9"}}, "Unsupported value for temperature", "temperature"},
        {{{"model", "gemini-9"}}, "Unable to submit request: topP is not supported", "topP"},
        {{{"model", "gemini-9"}, {"reasoning_effort", "minimal"}},
         "Thinking level MINIMAL is not supported for this model.",
         "thinkingConfig"},
        {{{"model", "gemini-2.5-flash"}},
         "Budget 0 is invalid. This model only works in thinking mode.",
         "thinkingConfig"},
        {{}, "Unsupported value for temperature", ""},
        {{}, "Thinking is not supported", ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.message);
        HttpProvider provider("gemini", c.options);
        const Reply reply = provider.decode(400, failure(400, "INVALID_ARGUMENT", c.message));
        ASSERT_TRUE(reply.error);
        EXPECT_EQ(reply.error->code, ErrorCode::invalid_argument);
        EXPECT_EQ(reply.remedy ? reply.remedy->parameter : "", c.omitted);
        EXPECT_EQ(reply.retry_may_help, *c.omitted != '\0');
        if (!reply.remedy) continue;
        provider.remedies_ = {*reply.remedy};
        EXPECT_THAT(provider.encode().body, testing::Not(HasSubstr("\"" + std::string(c.omitted) + "\":")));
        EXPECT_FALSE(provider.decode(400, failure(400, "INVALID_ARGUMENT", c.message)).remedy) << "found once";
    }
}

TEST(Failure, OfAModelThatIsGoneNamesDateAndReplacement) {
    const HttpProvider provider("gemini", Given{{"model", "gemini-2.5-pro"}});
    const Reply reply = provider.decode(404, failure(404, "NOT_FOUND", "gone"));
    EXPECT_THAT(reply.error->message, AllOf(HasSubstr("2026-12-01"), HasSubstr("gemini-3.8-flash")));
}

TEST(Decode, TakesWhateverComes) {
    take_whatever_comes(
        gemini(),
        {kAnswer,
         failure(429, "RESOURCE_EXHAUSTED", "thinking temperature",
                 quota("PerDay") + "," + reason("API_KEY_") + "," + kRetry),
         "[" + failure(400, "INVALID_ARGUMENT", "m") + "]", "<html><title>x</title>",
         "\xef\xbb\xbf{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\\ud83d\\u00\\\\\\udc00\xff\"}]}}]}"});
}

}  // namespace
}  // namespace synth::test
