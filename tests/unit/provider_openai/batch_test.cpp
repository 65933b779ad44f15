// The Batch API as a codec: what is sent, what is read, and what a server without it says.

#include <string>

#include <gmock/gmock.h>

#include "openai_provider.hpp"
#include "synth/batch.hpp"
#include "synth/random.hpp"

namespace synth::test {
namespace {

using testing::HasSubstr;
using Phase = BatchState::Phase;

const BatchCodec* codec_of(const core::Instance<Provider>& provider) {
    return static_cast<const BatchCodec*>(provider.object().extension(kBatchExtension));
}

HttpResponse response(int status, std::string body) {
    return {status, {{"content-type", "application/json"}}, std::move(body)};
}

class BatchCodecTest : public testing::Test {
protected:
    core::Instance<Provider> provider_ = *try_openai({{"base_url", "http://127.0.0.1:9/v1"}});
    const BatchCodec& codec_ = *codec_of(provider_);
};

TEST_F(BatchCodecTest, IsThereForOpenAiAndNotForAzure) {
    EXPECT_NE(codec_of(*try_openai()), nullptr);
    EXPECT_EQ(provider_.object().extension("synth.batch/1"), nullptr);
    const auto azure =
        try_openai({{"preset", "azure"}, {"base_url", "https://x.openai.azure.com"}, {"model", "gpt-4o-mini"}});
    ASSERT_TRUE(azure.ok()) << azure.error().message;
    EXPECT_EQ(codec_of(*azure), nullptr);
}

TEST_F(BatchCodecTest, WritesLinesFilesAndBatches) {
    HttpRequest request;
    request.body = R"({"model":"m"})";
    EXPECT_EQ(codec_.line(request, "r\"un-1-1"),
              "{\"custom_id\":\"r\\\"un-1-1\",\"method\":\"POST\",\"url\":\"/v1/chat/"
              "completions\",\"body\":{\"model\":\"m\"}}\n");
    const auto [upload, tail] = codec_.upload("name.jsonl");
    EXPECT_EQ(upload.method, "POST");
    EXPECT_EQ(upload.url, "http://127.0.0.1:9/v1/files");
    ASSERT_TRUE(upload.auth);
    EXPECT_EQ(upload.auth->secret, "OPENAI_API_KEY");
    std::string type;
    for (const auto& [name, value] : upload.headers)
        if (name == "Content-Type") type = value;
    ASSERT_THAT(type, HasSubstr("multipart/form-data; boundary="));
    const auto boundary = "--" + type.substr(type.find('=') + 1);
    EXPECT_THAT(upload.body, testing::StartsWith(boundary + "\r\n"));
    EXPECT_EQ(tail, "\r\n" + boundary + "--\r\n");
    EXPECT_THAT(upload.body, HasSubstr("name=\"purpose\"\r\n\r\nbatch\r\n"));
    EXPECT_THAT(upload.body, HasSubstr("filename=\"name.jsonl\""));
    EXPECT_THAT(upload.body, testing::EndsWith("\r\nContent-Type: application/jsonl\r\n\r\n"));  // the lines follow
    const auto submit = codec_.submit("file-1", "tag-1");
    EXPECT_EQ(
        submit.body,
        R"({"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"tdamm_synth":"tag-1"}})");
    EXPECT_EQ(codec_.look("batch_1").method, "GET");
    EXPECT_EQ(codec_.look("batch_1").url, "http://127.0.0.1:9/v1/batches/batch_1");
    EXPECT_EQ(codec_.cancel("batch_1").url, "http://127.0.0.1:9/v1/batches/batch_1/cancel");
    EXPECT_EQ(codec_.download("file-1").url, "http://127.0.0.1:9/v1/files/file-1/content");
    EXPECT_EQ(codec_.limits().lines, 50'000U);
}

TEST_F(BatchCodecTest, ReadsWhereABatchStands) {
    struct Case {
        const char* status;
        Phase phase;
    };
    for (const auto& [status, phase] :
         {Case{"validating", Phase::waiting}, Case{"in_progress", Phase::running}, Case{"finalizing", Phase::running},
          Case{"cancelling", Phase::running}, Case{"completed", Phase::ended}, Case{"expired", Phase::ended},
          Case{"cancelled", Phase::ended}, Case{"failed", Phase::refused}, Case{"something new", Phase::running}}) {
        const auto state = codec_.state(response(
            200,
            R"({"id":"batch_1","status":")" + std::string(status) +
                R"(","input_file_id":"file-1","output_file_id":"file-2","error_file_id":null,"metadata":{"tdamm_synth":"tag"},)"
                R"("request_counts":{"total":3,"completed":2,"failed":1},"expires_at":1800000000})"));
        ASSERT_TRUE(state.ok()) << status;
        EXPECT_EQ(state->phase, phase) << status;
        EXPECT_EQ(state->output_file, "file-2");
        EXPECT_EQ(state->error_file, "");
        EXPECT_EQ(state->tag, "tag");
        EXPECT_EQ(state->total, 3U);
        EXPECT_EQ(state->done, 2U);
        EXPECT_EQ(state->failed, 1U);
        EXPECT_EQ(state->expires, TimePoint(std::chrono::seconds(1'800'000'000)));
    }
    const auto full = codec_.state(response(
        200,
        R"({"id":"b","status":"failed","errors":{"data":[{"code":"token_limit_exceeded","message":"Enqueued"}]}})"));
    ASSERT_TRUE(full.ok());
    EXPECT_EQ(full->phase, Phase::queue_full);
    EXPECT_EQ(full->error, "Enqueued");
    for (const char* wrong : {"", "[]", "{}", R"({"id":"b"})", R"({"id":"../../v1/secrets","status":"completed"})",
                              R"({"id":1,"status":2})"})
        EXPECT_EQ(codec_.state(response(200, wrong)).error().code, ErrorCode::malformed) << wrong;
    const auto none = codec_.state(response(404, R"({"detail":"Not Found"})"));
    EXPECT_EQ(none.error().reason, kNoBatches);
    EXPECT_EQ(codec_.state(response(401, "{}")).error().code, ErrorCode::unauthorized);
    EXPECT_EQ(codec_.state(response(503, "busy")).error().code, ErrorCode::unavailable);
    EXPECT_EQ(codec_.state(response(429, R"({"error":{"code":"rate_limit_exceeded"}})")).error().code,
              ErrorCode::rate_limited);
}

TEST_F(BatchCodecTest, ReadsPages) {
    const auto page = codec_.batches(
        response(200, R"({"data":[{"id":"b2","status":"completed"},{"id":"b1","status":"failed"}],"has_more":true})"));
    ASSERT_TRUE(page.ok());
    ASSERT_EQ(page->items.size(), 2U);
    EXPECT_EQ(page->next, "b1");
    EXPECT_THAT(codec_.list_batches(page->next).url, HasSubstr("&after=b1"));
    const auto last = codec_.files(response(200, R"({"data":[{"id":"f1","filename":"n.jsonl"}],"has_more":false})"));
    ASSERT_TRUE(last.ok());
    EXPECT_EQ(last->items.front().name, "n.jsonl");
    EXPECT_EQ(last->next, "");
}

TEST_F(BatchCodecTest, ReadsLinesOfBothFiles) {
    const auto good = codec_.answer(
        R"({"id":"r","custom_id":"run-7-1","response":{"status_code":200,"request_id":"q","body":{"choices":[ {"x": "é\n"} ]}},"error":null})");
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(good->custom_id, "run-7-1");
    ASSERT_TRUE(good->response);
    EXPECT_EQ(good->response->status, 200);
    EXPECT_EQ(good->response->body, "{\"choices\":[{\"x\":\"é\\n\"}]}");
    EXPECT_EQ(good->response->header("x-request-id"), "q");
    const auto expired =
        codec_.answer(R"({"custom_id":"run-8-1","response":null,"error":{"code":"batch_expired","message":"late"}})");
    ASSERT_TRUE(expired.ok());
    EXPECT_FALSE(expired->response);
    EXPECT_TRUE(expired->expired);
    EXPECT_EQ(expired->error, "late");
    const auto neither = codec_.answer(R"({"custom_id":"run-9-1"})");
    ASSERT_TRUE(neither.ok());
    EXPECT_FALSE(neither->response);
    EXPECT_FALSE(neither->expired);
    EXPECT_NE(neither->error, "");
    for (const char* wrong : {"", "{}", "nonsense", "[1]", R"({"custom_id":7})"})
        EXPECT_FALSE(codec_.answer(wrong).ok()) << wrong;
}

TEST_F(BatchCodecTest, TakesWhateverComes) {
    const std::string seed =
        R"({"id":"batch_1","custom_id":"run-1-1","status":"failed","data":[{"id":"a"}],"errors":{"data":[{"code":"c"}]},)"
        R"("response":{"status_code":200,"body":{"a":[1,2]}},"error":{"code":"x"},"request_counts":{"total":1e300},"has_more":true})";
    Random random(1);
    for (int round = 0; round < 20'000; ++round) {
        std::string text = seed;
        for (int edits = 0; edits < 3; ++edits) text[random.below(text.size())] = static_cast<char>(random.below(256));
        const auto whole = response(round % 3 == 0 ? 500 : 200, text);
        static_cast<void>(codec_.state(whole).ok());
        static_cast<void>(codec_.batches(whole).ok());
        static_cast<void>(codec_.files(whole).ok());
        static_cast<void>(codec_.uploaded(whole).ok());
        static_cast<void>(codec_.answer(text).ok());
    }
}

}  // namespace
}  // namespace synth::test
