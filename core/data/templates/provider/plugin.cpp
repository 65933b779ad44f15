// A provider for a service that takes a prompt as plain text and answers with plain text. A whole plugin, to change.
// It is a codec only: the core sends, waits, tries again, paces, and keeps the key.

#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "synth/plugin.hpp"
#include "synth/provider.hpp"
#include "synth/text.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::Result;
using synth::Tokens;

constexpr const char* kOptions = R"({"type": "object", "properties": {
    "url": {"type": "string", "default": "http://127.0.0.1:8000/write", "description": "where prompts are sent"}}})";

/// The value of a text option that needs no escaping. The core has filled in the default, so it is there, as "key":"…".
Result<std::string> text(std::string_view options_json, std::string_view key) {
    const std::string name = std::string(1, '"').append(key).append("\":\"");
    const auto at = options_json.find(name);
    if (at == std::string_view::npos) return std::string();
    options_json.remove_prefix(at + name.size());
    const std::string value(options_json.substr(0, options_json.find('"')));
    if (value.find('\\') == std::string::npos) return value;
    return Error{
        ErrorCode::invalid_argument, "option " + std::string(key) + " has a quote, backslash or control character", {}};
}

/// What a status that is no success means for the core.
Error error_of(int status, std::string_view body) {
    ErrorCode code = ErrorCode::invalid_argument;  // the request is wrong: the same again would fail again
    if (status == 401 || status == 403 || status == 404) code = ErrorCode::unauthorized;  // stops the run
    if (status == 402) code = ErrorCode::exhausted;                                       // no credit: stops the run
    if (status == 429) code = ErrorCode::rate_limited;                                    // wait
    if (status == 408 || status >= 500) code = ErrorCode::unavailable;                    // back off, try again
    std::string said(body.substr(0, 200));
    for (char& c : said)
        if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > '~') c = ' ';
    return {code, "the service answered " + std::to_string(status) + ": " + said, "http_" + std::to_string(status)};
}

class Plugin final : public synth::Provider {
public:
    explicit Plugin(std::string url) : url_(std::move(url)) {}

    static Result<std::unique_ptr<synth::Provider>> create(synth::Host& /*host*/, std::string_view options_json) {
        auto url = text(options_json, "url");
        if (!url) return url.error();
        if (!url->starts_with("http://") && !url->starts_with("https://"))
            return Error{
                ErrorCode::invalid_argument, "option url: '" + *url + "' begins with neither http:// nor https://", {}};
        return std::unique_ptr<synth::Provider>(std::make_unique<Plugin>(*url));
    }

    Result<synth::ProviderInfo> describe(std::chrono::sys_days /*today*/) const override {
        synth::ProviderInfo info;
        info.model = "@ID@";
        info.endpoint = url_;  // a key would be: info.secret = "@ID@_API_KEY", and request.auth in `encode`
        return info;
    }

    // Upper bounds, since budgets reserve them: no token is shorter than a byte, and the output limit is sent along.
    Tokens input_bound(const synth::Request& request) const override {
        Tokens bound{16};
        for (const auto& message : request.prompt->messages)
            bound.count += static_cast<std::int64_t>(message.text.size()) + 16;
        return bound;
    }
    Tokens output_bound(const synth::Request& request) const override { return request.prompt->output_limit; }

    Result<synth::Exchange> encode(const synth::Request& request) const override {
        synth::HttpRequest out;
        out.url = url_;
        out.headers = {{"Content-Type", "text/plain; charset=utf-8"},
                       {"X-Output-Limit", std::to_string(request.prompt->output_limit.count)}};
        for (const auto& message : request.prompt->messages) out.body += message.text + "\n\n";
        return synth::Exchange(std::move(out));
    }

    // Whatever comes, and never a throw: proxies answer with pages, services with half of what they meant.
    synth::Reply decode(const synth::Request& /*request*/, const synth::HttpResponse& response) const override {
        synth::Reply reply;
        reply.model = "@ID@";
        if (response.status != 200) {
            reply.error = error_of(response.status, response.body);
            if (const auto wait = response.header("retry-after")) {
                int seconds = 0;
                std::from_chars(wait->data(), wait->data() + wait->size(), seconds);
                if (seconds > 0) reply.limits.retry_after = std::chrono::seconds(seconds);
            }
            reply.retry_may_help = reply.error->code != ErrorCode::invalid_argument;
            return reply;
        }
        if (!response.header("content-type").value_or("").starts_with("text/plain"))
            reply.error = Error{ErrorCode::malformed, "the service answered 200 without plain text", "not_text"};
        else if (synth::trim(response.body).empty())
            reply.error = Error{ErrorCode::malformed, "the service answered 200 with an empty text", "empty"};
        else
            reply.completion = synth::Completion{response.body, synth::FinishReason::stop};
        return reply;
    }

    // Free. A price that is not known is std::nullopt, never 0.
    std::optional<synth::PicoUsd> cost(const synth::Usage& /*usage*/,
                                       const synth::Billing& /*billing*/) const override {
        return synth::PicoUsd{0};
    }

private:
    std::string url_;
};

}  // namespace

SYNTH_PLUGIN(synth::Provider, Plugin, "@ID@", "1.0.0", "sends prompts as plain text to a service of yours", kOptions);
