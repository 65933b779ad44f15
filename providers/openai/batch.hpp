// OpenAI's Batch API: files with the purpose "batch", batches, and the lines of both (docs/openai.md).

#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "endpoint.hpp"
#include "synth/batch.hpp"

namespace synth::openai {

class Batches final : public BatchCodec {
public:
    /// `authorized`: a request with account headers and key, as for a chat completion; `refusal`: what an unsuccessful
    /// response means.
    Batches(const Endpoint& endpoint, std::function<HttpRequest()> authorized,
            std::function<Error(const HttpResponse&)> refusal)
        : base_(endpoint.base), authorized_(std::move(authorized)), refusal_(std::move(refusal)) {}

    [[nodiscard]] BatchLimits limits() const override { return {50'000, 200'000'000}; }
    [[nodiscard]] std::string line(const HttpRequest& request, std::string_view custom_id) const override;
    [[nodiscard]] BatchUpload upload(std::string_view name) const override;
    [[nodiscard]] Result<BatchFile> uploaded(const HttpResponse& response) const override;
    [[nodiscard]] HttpRequest submit(std::string_view file, std::string_view tag) const override;
    [[nodiscard]] HttpRequest look(std::string_view batch) const override {
        return get("/batches/" + std::string(batch));
    }
    [[nodiscard]] HttpRequest cancel(std::string_view batch) const override;
    [[nodiscard]] Result<BatchState> state(const HttpResponse& response) const override;
    [[nodiscard]] HttpRequest list_files(std::string_view after) const override;
    [[nodiscard]] Result<BatchPage<BatchFile>> files(const HttpResponse& response) const override;
    [[nodiscard]] HttpRequest list_batches(std::string_view after) const override;
    [[nodiscard]] Result<BatchPage<BatchState>> batches(const HttpResponse& response) const override;
    [[nodiscard]] HttpRequest download(std::string_view file) const override {
        return get("/files/" + std::string(file) + "/content");
    }
    [[nodiscard]] Status downloaded(const HttpResponse& response) const override;
    [[nodiscard]] Result<BatchAnswer> answer(const std::string& line) const override;

private:
    [[nodiscard]] HttpRequest get(const std::string& path) const;
    [[nodiscard]] HttpRequest post(const std::string& path, std::string body) const;
    /// Nothing for a success.
    [[nodiscard]] std::optional<Error> failure(const HttpResponse& response, const char* what) const;

    std::string base_;
    std::function<HttpRequest()> authorized_;
    std::function<Error(const HttpResponse&)> refusal_;
};

}  // namespace synth::openai
