#include "support/dialects.hpp"

#include <tuple>
#include <utility>

namespace synth::test {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kGenerate = ":generateContent", kModels = "/models/";

std::string joined_parts(const Json& content) {
    if (content.is_string()) return content.get<std::string>();
    std::string text;
    for (const Json& part : content) text += part.at("text").get<std::string>();
    return text;
}

Json message(std::string_view role, std::string text) { return {{"role", role}, {"content", std::move(text)}}; }

std::string text_of(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Translated anthropic_error(int status, const Json& error) {
    const std::string code = text_of(error, "code");
    std::string words = text_of(error, "message");
    std::string type = status == 401   ? "authentication_error"
                       : status == 403 ? "permission_error"
                       : status == 404 ? "not_found_error"
                       : status == 413 ? "request_too_large"
                       : status == 429 ? "rate_limit_error"
                       : status == 529 ? "overloaded_error"
                       : status >= 500 ? "api_error"
                                       : "invalid_request_error";
    if (code == "insufficient_quota") std::tie(status, type) = std::pair(402, "billing_error");
    if (code == "server_is_overloaded")
        std::tie(status, type, words) = std::tuple(529, "overloaded_error", "Overloaded");
    if (code == "unsupported_parameter" || code == "unsupported_value")
        words = "`" + text_of(error, "param") + "` is deprecated for this model.";
    return {status, {{"type", "error"}, {"error", {{"type", type}, {"message", words}}}, {"request_id", "req_fault"}}};
}

Translated gemini_error(int status, const Json& error, std::string_view retry_after) {
    const std::string code = text_of(error, "code");
    const std::string words = text_of(error, "message");
    const std::string rpc = "type.googleapis.com/google.rpc.";
    Json details = Json::array();
    std::string name = status == 400   ? "INVALID_ARGUMENT"
                       : status == 403 ? "PERMISSION_DENIED"
                       : status == 404 ? "NOT_FOUND"
                       : status == 429 ? "RESOURCE_EXHAUSTED"
                       : status == 503 ? "UNAVAILABLE"
                                       : "INTERNAL";
    if (status == 401) {
        std::tie(status, name) = std::pair(400, "INVALID_ARGUMENT");
        details.push_back({{"@type", rpc + "ErrorInfo"}, {"reason", "API_KEY_INVALID"}});
    }
    if (status == 429) {
        const bool daily = code == "insufficient_quota";
        const std::string quota =
            std::string("GenerateRequestsPer") + (daily ? "Day" : "Minute") + "PerProjectPerModel";
        details.push_back({{"@type", rpc + "QuotaFailure"}, {"violations", {{{"quotaId", quota}}}}});
        if (!retry_after.empty())
            details.push_back({{"@type", rpc + "RetryInfo"}, {"retryDelay", std::string(retry_after) + "s"}});
    }
    return {status,
            {{"error", {{"code", status}, {"message", words}, {"status", name}, {"details", std::move(details)}}}}};
}

Json anthropic_answer(const Json& answer) {
    Json reply = {{"id", "msg_" + answer.at("id").get<std::string>()},
                  {"type", "message"},
                  {"role", "assistant"},
                  {"model", answer.at("model")}};
    if (answer.contains("choices")) {
        const Json& choice = answer["choices"][0];
        const std::string finish = text_of(choice, "finish_reason"), text = text_of(choice["message"], "content");
        const bool refused = choice["message"]["refusal"].is_string() || finish == "content_filter";
        reply["content"] = text.empty() ? Json::array() : Json{{{"type", "text"}, {"text", text}}};
        reply["stop_reason"] = refused ? "refusal" : finish == "length" ? "max_tokens" : "end_turn";
    }
    if (answer.contains("usage")) {
        const Json& usage = answer["usage"];
        const auto cached = usage.value("/prompt_tokens_details/cached_tokens"_json_pointer, std::int64_t{0});
        reply["usage"] = {{"input_tokens", usage["prompt_tokens"].get<std::int64_t>() - cached},
                          {"cache_creation_input_tokens", 0},
                          {"cache_read_input_tokens", cached},
                          {"output_tokens", usage["completion_tokens"]},
                          {"service_tier", "standard"}};
    }
    return reply;
}

Json gemini_answer(const Json& answer) {
    Json reply = {{"modelVersion", answer.at("model")}, {"responseId", answer.at("id")}};
    if (answer.contains("choices")) {
        const Json& choice = answer["choices"][0];
        const std::string finish = text_of(choice, "finish_reason"), text = text_of(choice["message"], "content");
        Json candidate = {{"index", 0}, {"content", {{"role", "model"}}}};
        if (!text.empty()) candidate["content"]["parts"] = {{{"text", text}}};
        candidate["finishReason"] = choice["message"]["refusal"].is_string() ? "PROHIBITED_CONTENT"
                                    : finish == "content_filter"             ? "SAFETY"
                                    : finish == "length"                     ? "MAX_TOKENS"
                                                                             : "STOP";
        reply["candidates"] = Json::array({candidate});
    }
    if (answer.contains("usage")) {
        const Json& usage = answer["usage"];
        const auto thoughts = usage.value("/completion_tokens_details/reasoning_tokens"_json_pointer, std::int64_t{0});
        reply["usageMetadata"] = {
            {"promptTokenCount", usage["prompt_tokens"]},
            {"cachedContentTokenCount", usage.value("/prompt_tokens_details/cached_tokens"_json_pointer, 0)},
            {"candidatesTokenCount", usage["completion_tokens"].get<std::int64_t>() - thoughts},
            {"thoughtsTokenCount", thoughts},
            {"totalTokenCount", usage["total_tokens"]}};
    }
    return reply;
}

}  // namespace

std::optional<Dialect> dialect_of(std::string_view path) {
    if (path == "/v1/chat/completions") return Dialect::openai;
    if (path == "/v1/messages") return Dialect::anthropic;
    if ((path.starts_with("/v1beta/models/") || path.starts_with("/v1/models/")) && path.ends_with(kGenerate))
        return Dialect::gemini;
    return std::nullopt;
}

Json as_chat_completion(Dialect dialect, std::string_view path, const Json& request) {
    if (dialect == Dialect::openai) return request;
    Json chat = {{"messages", Json::array()}};
    const auto add = [&](std::string_view role, const Json& content) {
        chat["messages"].push_back(message(role, joined_parts(content)));
    };
    if (dialect == Dialect::anthropic) {
        chat["model"] = request.at("model");
        chat["max_tokens"] = request.at("max_tokens");
        if (request.contains("system")) add("system", request["system"]);
        for (const Json& each : request.at("messages")) add(each.at("role").get<std::string>(), each.at("content"));
        return chat;
    }
    const std::size_t name = path.find(kModels) + kModels.size();
    chat["model"] = path.substr(name, path.size() - kGenerate.size() - name);
    if (request.contains("systemInstruction")) add("system", request["systemInstruction"].at("parts"));
    for (const Json& each : request.at("contents")) add(each.at("role").get<std::string>(), each.at("parts"));
    const Json none = Json::object();
    const Json& config = request.contains("generationConfig") ? request["generationConfig"] : none;
    if (config.contains("maxOutputTokens")) chat["max_tokens"] = config["maxOutputTokens"];
    return chat;
}

KeyHeader key_header_of(Dialect dialect) {
    switch (dialect) {
        case Dialect::anthropic: return {"x-api-key", ""};
        case Dialect::gemini: return {"x-goog-api-key", ""};
        case Dialect::openai: break;
    }
    return {"authorization", "Bearer "};
}

Translated translate(Dialect dialect, int status, const Json& answer, std::string_view retry_after) {
    if (dialect == Dialect::openai) return {status, answer};
    const bool anthropic = dialect == Dialect::anthropic;
    if (!answer.contains("error")) return {status, anthropic ? anthropic_answer(answer) : gemini_answer(answer)};
    return anthropic ? anthropic_error(status, answer["error"]) : gemini_error(status, answer["error"], retry_after);
}

}  // namespace synth::test
