// What an answer of the Messages API means: completions, usage, limits, errors, and nonsense.

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

const HttpProvider& claude() {
    static const HttpProvider provider("anthropic");
    return provider;
}

constexpr const char* kAnswer = R"({"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-5-5",
 "content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"A text.\n"},
 {"type":"text","text":"More: µ \"q\" \ud83c\udf0c"}],"stop_reason":"end_turn","stop_sequence":null,
 "usage":{"input_tokens":419,"cache_creation_input_tokens":100,"cache_read_input_tokens":1024,
 "cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":0},"output_tokens":1611,
 "output_tokens_details":{"thinking_tokens":64},"service_tier":"standard","inference_geo":"global"}})";

TEST(Answer, GivesTextUsageModelTierAndId) {
    const Reply reply = claude().decode(200, kAnswer, {{"request-id", "req_1"}});
    EXPECT_FALSE(reply.error) << reply.error->message;
    ASSERT_TRUE(reply.completion);
    EXPECT_EQ(reply.completion->text, "A text.\nMore: µ \"q\" 🌌");
    EXPECT_EQ(reply.completion->finish, FinishReason::stop);
    EXPECT_EQ(reply.usage, (Usage{{1543}, {1024}, {100}, {1611}, {64}}));
    EXPECT_EQ(reply.model, "claude-haiku-5-5");
    EXPECT_EQ(reply.tier, "standard");
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
        {R"({"content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"})", none, "", "x", stop},
        {R"({"content":[{"type":"text","text":"x"}],"stop_reason":"stop_sequence","stop_sequence":"END"})", none, "",
         "x", stop},
        {R"({"content":[{"type":"text","text":"x"}],"stop_reason":"max_tokens"})", none, "", "x", length},
        {R"({"content":[{"type":"text","text":"x"}],"stop_reason":"model_context_window_exceeded"})", none, "", "x",
         length},
        {R"({"content":[{"type":"text","text":"x"}],"stop_reason":"pause_turn"})", none, "", "x", other},
        {R"({"content":[{"type":"text","text":"x"},{"type":"tool_use","id":"t","name":"n","input":{}}],)"
         R"("stop_reason":"tool_use"})",
         none, "", "x", other},
        {R"({"content":[{"type":"text","text":"x"}],"stop_reason":null})", none, "", "x", unknown},
        {R"({"content":[{"type":"text","text":"x"}]})", none, "", "x", unknown},
        {R"({"content":[{"type":"redacted_thinking","data":"zz"},{"type":"text","text":"x"}],"stop_reason":"end_turn"})",
         none, "", "x", stop},
        {R"({"content":"x","stop_reason":"end_turn"})", none, "", "x", stop},
        {"\xef\xbb\xbf{\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}", none, "", "x"},
        {R"({"content":[{"type":"text","text":"a\ud83dz"}]})", none, "", "a\xef\xbf\xbdz"},
        {"{\"content\":[{\"type\":\"text\",\"text\":\"a\xffz\"}]}", none, "", "a\xef\xbf\xbdz"},
        // declined
        {R"({"content":[],"stop_reason":"refusal"})", refused, "refusal", "", content_filter},
        {R"({"content":[{"type":"text","text":"beg"}],"stop_reason":"refusal","stop_details":{"type":"refusal",)"
         R"("category":"bio","explanation":"Not this."}})",
         refused, "refusal", "beg", content_filter},
        // cut before any text came
        {R"({"content":[],"stop_reason":"max_tokens"})", truncated, "cut", "", length},
        {R"({"content":[{"type":"thinking","thinking":""}],"stop_reason":"max_tokens"})", truncated,
         "reasoning_used_up", "", length},
        {R"({"content":[],"stop_reason":"max_tokens","usage":{"input_tokens":1,"output_tokens":9,)"
         R"("output_tokens_details":{"thinking_tokens":9}}})",
         truncated, "reasoning_used_up", "", length},
        // unusable
        {R"({"content":[],"stop_reason":"end_turn"})", malformed, "empty", "", stop},
        {R"({"content":[{"type":"text","text":" \n"}],"stop_reason":"end_turn"})", malformed, "empty", " \n", stop},
        {R"({"content":[{"type":"tool_use","id":"t"}],"stop_reason":"tool_use"})", malformed, "empty", "", other},
        {R"({"content":null})", malformed, "no_content", {}},
        {R"({"content":{"type":"text","text":"x"}})", malformed, "no_content", {}},
        {R"({})", malformed, "no_content", {}},
        {R"([])", malformed, "no_content", {}},
        {R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
         malformed,
         "error_in_body",
         {}},
        {R"({"error":"boom"})", malformed, "error_in_body", {}},
        {"", malformed, "not_json", {}},
        {"null", malformed, "not_json", {}},
        {"<html><title>Hi</title></html>", malformed, "not_json", {}},
        {R"({"content":[{"type":"text","text":"cut off)", malformed, "not_json", {}},
        {"event: message_start\ndata: {}\n\n", malformed, "not_json", {}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.body);
        const Reply reply = claude().decode(200, c.body);
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

TEST(Usage, ThatIsMissingOrMakesNoSenseIsUnknownNotZero) {
    const std::pair<const char*, std::optional<Usage>> cases[] = {
        {R"({"input_tokens":7,"output_tokens":9})", Usage{{7}, {}, {}, {9}, {}}},
        {R"({"input_tokens":7.0,"output_tokens":9.0})", Usage{{7}, {}, {}, {9}, {}}},
        {R"({"input_tokens":0,"output_tokens":0})", Usage{}},
        {R"({"input_tokens":7,"output_tokens":9,"cache_read_input_tokens":null})", Usage{{7}, {}, {}, {9}, {}}},
        {R"({"input_tokens":7,"output_tokens":9,"cache_read_input_tokens":5,"cache_creation_input_tokens":3})",
         Usage{{15}, {5}, {3}, {9}, {}}},
        {R"({"input_tokens":7,"output_tokens":9,"output_tokens_details":{"thinking_tokens":50}})",
         Usage{{7}, {}, {}, {9}, {9}}},
        {"null", {}},
        {"{}", {}},
        {"[]", {}},
        {R"({"input_tokens":7})", {}},
        {R"({"output_tokens":7})", {}},
        {R"({"input_tokens":-7,"output_tokens":9})", {}},
        {R"({"input_tokens":"7","output_tokens":9})", {}},
        {R"({"input_tokens":1e300,"output_tokens":9})", {}},
        {R"({"input_tokens":9223372036854775807,"output_tokens":9})", {}},
    };
    for (const auto& [usage, expected] : cases) {
        SCOPED_TRACE(usage);
        const Reply reply =
            claude().decode(200, std::string(R"({"content":[{"type":"text","text":"x"}],"usage":)") + usage + "}");
        EXPECT_TRUE(reply.completion);
        EXPECT_EQ(reply.usage, expected);
    }
}

TEST(Tier, OfOneRegionOnlyHasItsOwnNameForItsPriceIsNotKnown) {
    const auto tier = [](const char* usage) {
        return claude().decode(200, std::string(R"({"content":"x","usage":)") + usage + "}").tier;
    };
    EXPECT_EQ(tier(R"({"service_tier":"priority","inference_geo":"not_available"})"), "priority");
    EXPECT_EQ(tier(R"({"service_tier":"standard","inference_geo":"us"})"), "standard/us");
    EXPECT_EQ(tier("{}"), "");
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

TEST(Failure, IsDecidedByTypeThenStatus) {
    using enum ErrorCode;
    const ErrorCase cases[] = {
        // requests that are wrong
        {400,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"messages: too many"},"request_id":"req_7"})",
         invalid_argument, "invalid_request_error", false, "messages: too many"},
        {400,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}})",
         invalid_argument, "context_length_exceeded", false, "210000"},
        {400,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"}})",
         invalid_argument, "context_length_exceeded", false},
        {400,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: 200000 > 128000, which is the maximum allowed number of output tokens"}})",
         invalid_argument, "invalid_request_error", false},
        {413, R"({"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}})",
         invalid_argument, "request_too_large", false},
        {413, "<html><head><title>413 Payload Too Large</title></head></html>", invalid_argument, "http_413", false,
         "413 Payload Too Large"},
        {422, "", invalid_argument, "http_422", false},
        {400,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}})",
         refused, "content_filter", false},
        // access
        {401, R"({"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}})", unauthorized,
         "authentication_error", false, "ANTHROPIC_API_KEY"},
        {403, R"({"type":"error","error":{"type":"permission_error","message":"not allowed"}})", unauthorized,
         "permission_error", false},
        {403, R"({"error":{"type":"forbidden","message":"Request not allowed"}})", unauthorized, "http_403", false},
        {401, "", unauthorized, "http_401", false},
        // models and endpoints
        {404, R"({"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}})", unauthorized,
         "not_found_error", false, "check provider.model"},
        {404, "<html>", unauthorized, "http_404", false},
        {307, "", unauthorized, "http_307", false},
        // money
        {402, R"({"type":"error","error":{"type":"billing_error","message":"check billing"}})", exhausted,
         "billing_error", false},
        {400,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}})",
         exhausted, "credit_balance_too_low", false, "no credit left"},
        {400,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}})",
         exhausted, "usage_limit_reached", false, "2026-12-01"},
        {400,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified workspace API usage limits."}})",
         exhausted, "usage_limit_reached", false},
        {429,
         R"({"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}})",
         exhausted, "enforced_spend_limit_reached", false},
        // waiting and trouble
        {429,
         R"({"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit"}})",
         rate_limited, "rate_limit_error", true},
        {429, "", rate_limited, "http_429", true},
        {500, R"({"type":"error","error":{"type":"api_error","message":"Internal server error"}})", unavailable,
         "api_error", true},
        {529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})", unavailable,
         "overloaded_error", true},
        {529, "", unavailable, "http_529", true},
        {504, R"({"type":"error","error":{"type":"timeout_error","message":"m"}})", unavailable, "timeout_error", true},
        {502, "<html><title>502 Bad Gateway</title></html>", unavailable, "http_502", true, "502 Bad Gateway"},
        {408, "", unavailable, "http_408", true},
        {409, R"({"type":"error","error":{"type":"conflict_error","message":"m"}})", unavailable, "http_409", true},
        // what the server says about repeating
        {400,
         R"({"type":"error","error":{"message":"m"}})",
         unavailable,
         "http_400",
         true,
         "",
         {{"x-should-retry", "true"}}},
        {500,
         R"({"type":"error","error":{"type":"api_error","message":"m"}})",
         unavailable,
         "api_error",
         false,
         "",
         {{"x-should-retry", "false"}}},
        // dialects and nonsense
        {500, R"({"error":"boom"})", unavailable, "http_500", true, "boom"},
        {500, R"({"message":"boom"})", unavailable, "http_500", true, "boom"},
        {503, R"([1,2])", unavailable, "http_503", true},
        {100, "", malformed, "http_100", true},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::to_string(c.status) + " " + c.body);
        const Reply reply = claude().decode(c.status, c.body, c.headers);
        ASSERT_TRUE(reply.error);
        EXPECT_EQ(name_of(reply.error->code), name_of(c.code)) << reply.error->message;
        EXPECT_EQ(reply.error->reason, c.reason);
        EXPECT_EQ(reply.retry_may_help, c.retry_may_help);
        EXPECT_THAT(reply.error->message, HasSubstr(c.message));
        EXPECT_FALSE(reply.completion);
        EXPECT_FALSE(reply.remedy);
    }
    EXPECT_EQ(claude().decode(400, cases[0].body).request_id, "req_7");
}

struct RemedyCase {
    Given options;
    const char* message;
    const char* omitted;  ///< empty: no remedy
};

TEST(Failure, OfAParameterBringsTheRemedyWhenItWasSent) {
    const RemedyCase cases[] = {
        {{{"model", "claude-9"}}, "`temperature` is deprecated for this model.", "temperature"},
        {{{"model", "claude-sonnet-4"}},
         "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
         "top_p"},
        {{},
         "\\\"thinking.type.disabled\\\" is not supported for this model. Use \\\"thinking.type.adaptive\\\".",
         "thinking"},
        {{{"model", "claude-opus-4-6"}, {"reasoning_effort", "max"}},
         "This model does not support the effort parameter.",
         "output_config"},
        {{{"model", "claude-9"}, {"reasoning_effort", "xhigh"}},
         "output_config.effort 'xhigh' is not supported when thinking is disabled",
         "output_config"},
        // what was not sent, or is only part of another name, is not the cause
        {{}, "`temperature` is deprecated for this model.", ""},
        {{}, "rethinking_budget is no parameter", ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.message);
        HttpProvider provider("anthropic", c.options);
        const std::string body =
            std::string(R"({"type":"error","error":{"type":"invalid_request_error","message":")") + c.message + "\"}}";
        const Reply reply = provider.decode(400, body);
        ASSERT_TRUE(reply.error);
        EXPECT_EQ(reply.error->code, ErrorCode::invalid_argument);
        EXPECT_EQ(reply.remedy ? reply.remedy->parameter : "", c.omitted);
        EXPECT_EQ(reply.retry_may_help, *c.omitted != '\0');
        if (!reply.remedy) continue;
        provider.remedies_ = {*reply.remedy};
        EXPECT_THAT(provider.encode().body, testing::Not(HasSubstr("\"" + std::string(c.omitted) + "\":")));
        EXPECT_NE(provider.decode(400, body).remedy, reply.remedy) << "found once";
    }
}

TEST(Failure, OfAModelThatIsGoneNamesDateAndReplacement) {
    const HttpProvider provider("anthropic",
                                Given{{"model", "claude-sonnet-4-20250514"}, {"base_url", "http://localhost:1"}});
    const Reply reply = provider.decode(404, R"({"error":{"type":"not_found_error","message":"gone"}})");
    EXPECT_THAT(reply.error->message, AllOf(HasSubstr("2026-06-15"), HasSubstr("claude-sonnet-4-6")));
}

TEST(Limits, AreReadFromHeadersAndResetsMeasuredFromTheRepliesDate) {
    const Reply reply = claude().decode(200, kAnswer,
                                        {{"date", "Sun, 22 Nov 2026 10:00:00 GMT"},
                                         {"anthropic-ratelimit-requests-limit", "50"},
                                         {"anthropic-ratelimit-requests-remaining", "49"},
                                         {"anthropic-ratelimit-requests-reset", "2026-11-22T10:00:02Z"},
                                         {"anthropic-ratelimit-tokens-limit", "60000"},
                                         {"anthropic-ratelimit-tokens-remaining", "59000"},
                                         {"anthropic-ratelimit-tokens-reset", "2026-11-22T12:01:00.5+02:00"},
                                         {"anthropic-ratelimit-input-tokens-limit", "50000"},
                                         {"anthropic-ratelimit-output-tokens-limit", "10000"}});
    EXPECT_EQ(reply.limits.limit_requests, 50);
    EXPECT_EQ(reply.limits.remaining_requests, 49);
    EXPECT_EQ(reply.limits.reset_requests, milliseconds(2000));
    EXPECT_EQ(reply.limits.limit_tokens, 60000);
    EXPECT_EQ(reply.limits.remaining_tokens, 59000);
    EXPECT_EQ(reply.limits.reset_tokens, milliseconds(61'000));
    EXPECT_FALSE(reply.limits.retry_after);
}

TEST(Limits, OfInputAndOutputAloneAreAdded) {
    const RateLimits limits = claude()
                                  .decode(429, "",
                                          {{"date", "Sun, 22 Nov 2026 10:00:00 GMT"},
                                           {"retry-after", "12"},
                                           {"anthropic-ratelimit-input-tokens-limit", "50000"},
                                           {"anthropic-ratelimit-input-tokens-remaining", "40000"},
                                           {"anthropic-ratelimit-input-tokens-reset", "2026-11-22T10:00:20Z"},
                                           {"anthropic-ratelimit-output-tokens-limit", "10000"},
                                           {"anthropic-ratelimit-output-tokens-remaining", "9000"},
                                           {"anthropic-ratelimit-output-tokens-reset", "2026-11-22T10:00:07Z"}})
                                  .limits;
    EXPECT_EQ(limits.limit_tokens, 60000);
    EXPECT_EQ(limits.remaining_tokens, 49000);
    EXPECT_EQ(limits.reset_tokens, milliseconds(20'000));
    EXPECT_EQ(limits.retry_after, milliseconds(12'000));
}

TEST(Limits, ThatMakeNoSenseAreAbsent) {
    for (const char* reset : {"", "soon", "2026-11-22", "2026-11-22T10:00:02", "2026-11-22T25:00:02Z",
                              "2026-13-22T10:00:02Z", "2026-11-22T09:00:00Z", "2099-11-22T10:00:00Z", "1763805602",
                              "2026-11-22T10:00:02.Z", "2026-11-22T10:00:02+1", "2026-11-22T10:00:02+99:00"}) {
        const RateLimits limits = claude()
                                      .decode(200, kAnswer,
                                              {{"date", "Sun, 22 Nov 2026 10:00:00 GMT"},
                                               {"anthropic-ratelimit-requests-limit", "-1"},
                                               {"anthropic-ratelimit-requests-reset", reset},
                                               {"anthropic-ratelimit-input-tokens-limit", "5"}})
                                      .limits;
        EXPECT_FALSE(limits.limit_requests) << reset;
        EXPECT_FALSE(limits.reset_requests) << reset;
        EXPECT_FALSE(limits.limit_tokens) << "one of two is no sum";
    }
    EXPECT_FALSE(claude()
                     .decode(200, kAnswer, {{"anthropic-ratelimit-requests-reset", "2026-11-22T10:00:02Z"}})
                     .limits.reset_requests)
        << "without the server's clock";
}

TEST(Decode, TakesWhateverComes) {
    take_whatever_comes(
        claude(),
        {kAnswer,
         R"({"type":"error","error":{"type":"invalid_request_error","message":"`temperature` and `top_p`","details":{"error_code":"x"}},"request_id":"r"})",
         "<html><title>x</title>", "\xef\xbb\xbf{\"content\":[{\"text\":\"\\ud83d\\u00\\\\\\udc00\xff\"}]}"});
}

}  // namespace
}  // namespace synth::test
