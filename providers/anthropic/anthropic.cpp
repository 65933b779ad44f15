// The provider `anthropic`: the Messages API of Anthropic and of servers that speak the same (docs/anthropic.md).

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/fields.hpp"
#include "common/model_data.hpp"
#include "common/request_json.hpp"
#include "common/url.hpp"
#include "reply.hpp"
#include "synth/plugin.hpp"
#include "synth/provider.hpp"

namespace synth::anthropic {

using namespace providers;

namespace {

constexpr const char* kSecret = "ANTHROPIC_API_KEY";
constexpr const char* kDefaultBase = "https://api.anthropic.com";

constexpr const char* kSchema = R"json({
  "type": "object",
  "properties": {
    "base_url": {"type": "string", "default": "",
      "description": "server to use; empty: ANTHROPIC_BASE_URL, else https://api.anthropic.com"},
    "model": {"type": "string", "default": "",
      "description": "model to ask for; empty: claude-haiku-5-5 until it is shut down, then its official replacement"},
    "temperature": {"type": "number", "default": 0.8, "minimum": 0, "maximum": 1,
      "description": "sampling temperature, sent where the model takes it"},
    "top_p": {"type": "number", "default": 0.9, "minimum": 0, "maximum": 1,
      "description": "nucleus sampling, sent where the model takes it beside temperature"},
    "reasoning_effort": {"type": "string", "default": "auto",
      "enum": ["auto", "none", "low", "medium", "high", "xhigh", "max"],
      "description": "how much the model thinks first, billed as output; auto: none where the model is known to take it, else what the model does by itself"},
    "service_tier": {"type": "string", "default": "", "enum": ["", "auto", "standard_only"],
      "description": "standard_only leaves bought priority capacity alone; empty: the service's own choice"},
    "models": {"type": "string", "default": "",
      "description": "JSON file with models and prices that override or add to the built-in ones (docs/costs.md)"},
    "allow_http": {"type": "boolean", "default": false,
      "description": "send texts and key unencrypted to another machine, by an http:// base URL"}
  }
})json";

/// As the schema describes them.
struct Options {
    std::string base_url, model, reasoning_effort, service_tier, models;
    double temperature = 0, top_p = 0;
    bool allow_http = false;
};

struct Endpoint {
    std::string base;  ///< "https://api.anthropic.com"
    std::string url;   ///< where to POST
    bool own = false;
};

Result<Endpoint> parse_endpoint(std::string_view url, bool allow_http, std::string_view named) {
    Result<Url> parts = parse_url(url, allow_http, named, kSecret);
    if (!parts) return std::move(parts).error();
    parts->drop_path_end("/messages");
    parts->drop_path_end("/v1");
    const std::string base = parts->origin + parts->path;
    return Endpoint{base, base + "/v1/messages" + parts->query, parts->host == "api.anthropic.com"};
}

class AnthropicProvider final : public Provider {
public:
    static Result<std::unique_ptr<Provider>> create(Host& host, std::string_view options_json);

    Result<ProviderInfo> describe(std::chrono::sys_days today) const override;
    Tokens input_bound(const Request& request) const override;
    Tokens output_bound(const Request& request) const override { return parameters(request).limit; }
    Result<Exchange> encode(const Request& request) const override;
    Reply decode(const Request& request, const HttpResponse& response) const override;
    std::optional<PicoUsd> cost(const Usage& usage, const Billing& billing) const override;
    std::span<const ModelInfo> models() const override { return infos_; }

private:
    /// What a request carries beside model and messages, learned remedies applied.
    struct Parameters {
        std::string_view thinking, effort;  ///< empty: not sent
        bool thinks = false;                ///< as far as is known
        bool temperature = false, top_p = false;
        Tokens limit;
    };

    AnthropicProvider(Options options, Endpoint endpoint, ModelTable table);

    void use_model(std::string name) const;
    std::string resolved_options() const;
    Parameters parameters(const Request& request) const;

    const Options options_;
    const Endpoint endpoint_;
    // Which model is the default and which price applies depends on the date, which only `describe` is told; it is
    // called before all others, and one thread at a time.
    mutable ModelTable table_;
    mutable std::string model_;
    mutable const Model* known_ = nullptr;  ///< into table_; null: a model without data
    const std::vector<ModelInfo> infos_;
};

Result<std::unique_ptr<Provider>> AnthropicProvider::create(Host& host, std::string_view options_json) {
    Options options;
    Status read = read_options(
        options_json, {text("base_url", options.base_url), text("model", options.model),
                       text("reasoning_effort", options.reasoning_effort), text("service_tier", options.service_tier),
                       text("models", options.models), number("temperature", options.temperature),
                       number("top_p", options.top_p), flag("allow_http", options.allow_http)});
    if (!read) return std::move(read).error();

    const std::string setting = host.setting("ANTHROPIC_BASE_URL");
    Result<Endpoint> endpoint = !options.base_url.empty()
                                    ? parse_endpoint(options.base_url, options.allow_http, "provider.base_url")
                                : !setting.empty() ? parse_endpoint(setting, options.allow_http, "ANTHROPIC_BASE_URL")
                                                   : parse_endpoint(kDefaultBase, false, "");
    if (!endpoint) return std::move(endpoint).error();
    Result<ModelTable> table = load_models(host.data_dir(), options.models);
    if (!table) return std::move(table).error();
    return std::unique_ptr<Provider>(
        new AnthropicProvider(std::move(options), *std::move(endpoint), *std::move(table)));
}

AnthropicProvider::AnthropicProvider(Options options, Endpoint endpoint, ModelTable table)
    : options_(std::move(options)), endpoint_(std::move(endpoint)), table_(std::move(table)), infos_(infos_of(table_)) {
    use_model(options_.model.empty() ? table_.default_model : options_.model);
}

void AnthropicProvider::use_model(std::string name) const {
    model_ = std::move(name);
    known_ = table_.find(model_);
}

Result<ProviderInfo> AnthropicProvider::describe(std::chrono::sys_days today) const {
    table_.set_date(today);
    if (options_.model.empty()) use_model(std::string(table_.default_on(today)));

    ProviderInfo info;
    info.model = model_;
    info.endpoint = endpoint_.base;
    info.resolved_options = resolved_options();
    if (endpoint_.own) {
        info.secret = kSecret;
        info.secret_help =
            "set ANTHROPIC_API_KEY in the environment or in .env, or write without a language model: --provider "
            "offline";
    }
    if (!known_) {
        if (endpoint_.own)
            info.notices.push_back("no data about model '" + model_ +
                                   "': its cost is unknown unless -o provider.models=FILE tells its price");
        return info;
    }
    if (known_->direct) info.prices_as_of = known_->as_of;
    ShutdownNews news = shutdown_news(*known_, model_, "Anthropic", endpoint_.own, today);
    if (news.error) return *std::move(news.error);
    if (!news.notice.empty()) info.notices.push_back(std::move(news.notice));

    if (options_.reasoning_effort == "none" && known_->reasons && !known_->accepts_none)
        return Error{ErrorCode::invalid_argument, "model '" + model_ +
                                                      "' cannot be told not to think (provider.reasoning_effort "
                                                      "none): use low, or leave it out"};
    if (!known_->reasons && options_.reasoning_effort != "auto")
        info.notices.push_back("model '" + model_ + "' takes no effort: provider.reasoning_effort is not sent");
    const Parameters sent = parameters(Request{});
    if (!sent.temperature)
        info.notices.push_back("model '" + model_ + "' takes no temperature and top_p" +
                               (known_->sampling == Sampling::none ? "" : " while it thinks"));
    else if (!sent.top_p)
        info.notices.push_back("model '" + model_ + "' takes temperature or top_p: temperature is sent");
    return info;
}

/// The options with model and server as they are now, and with a path that holds in any working directory.
std::string AnthropicProvider::resolved_options() const {
    JsonObject json;
    json.flag("allow_http", options_.allow_http)
        .text("base_url", endpoint_.url)  // whole, for the query that it may have
        .text("model", model_)
        .text("models", options_.models.empty() ? "" : std::filesystem::absolute(options_.models).string())
        .text("reasoning_effort", options_.reasoning_effort)
        .text("service_tier", options_.service_tier)
        .number("temperature", options_.temperature)
        .number("top_p", options_.top_p);
    return std::move(json).take();
}

AnthropicProvider::Parameters AnthropicProvider::parameters(const Request& request) const {
    Parameters use;
    const bool reasons = known_ && known_->reasons;
    const std::string_view by_itself = reasons ? std::string_view(known_->default_effort) : std::string_view("none");
    // A text to a plan needs no thinking, which is billed as output: none where it is taken.
    std::string_view effort = by_itself;
    if (options_.reasoning_effort != "auto" && (reasons || !known_))
        effort = options_.reasoning_effort;
    else if (reasons && known_->accepts_none)
        effort = "none";

    if (effort != by_itself) {
        if (effort == "none")
            use.thinking = known_ && !known_->effort_control.empty() ? std::string_view(known_->effort_control)
                                                                     : std::string_view("disabled");
        else
            use.thinking = "adaptive", use.effort = effort;
        if (remedy_of(request, kEffort)) use.effort = {};
        if (remedy_of(request, kThinking)) {
            use.thinking = {};
            if (use.effort.empty()) effort = by_itself;
        }
    }
    use.thinks = effort != "none";

    const Sampling sampling = known_ ? known_->sampling : Sampling::one;
    use.temperature = sampling != Sampling::none && !use.thinks && !remedy_of(request, kTemperature);
    use.top_p = sampling == Sampling::both && !use.thinks && !remedy_of(request, kTopP);

    if (request.prompt) use.limit = request.prompt->output_limit;
    if (const auto reserve = table_.reasoning_reserve.find(effort); reserve != table_.reasoning_reserve.end())
        use.limit += reserve->second;
    if (known_ && known_->max_output) use.limit = std::min(use.limit, *known_->max_output);
    return use;
}

Tokens AnthropicProvider::input_bound(const Request& request) const {
    // Every token stands for at least one byte; only the marks around messages come on top. The one tokenizer that
    // Anthropic has published (Claude 2) decomposes text to NFKC first, which leaves ASCII alone and makes at most 33
    // bytes of 3 elsewhere.
    constexpr std::int64_t kPerMessage = 8, kPerRequest = 32, kMoreThanAscii = 10;
    Tokens bound{kPerRequest};
    for (const Message& message : request.prompt->messages) {
        const auto beyond_ascii =
            std::ranges::count_if(message.text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
        bound.count += static_cast<std::int64_t>(message.text.size()) + kMoreThanAscii * beyond_ascii + kPerMessage;
    }
    if (known_ && known_->context_window) bound = std::min(bound, *known_->context_window);
    return bound;
}

Result<Exchange> AnthropicProvider::encode(const Request& request) const {
    const Parameters use = parameters(request);
    HttpRequest http;
    http.url = endpoint_.url;
    http.headers = {{"Content-Type", "application/json"}, {"anthropic-version", "2023-06-01"}};
    http.auth = HttpAuth{kSecret, "x-api-key", ""};

    std::string& body = http.body;
    std::string system;  // all of them, for the API has a single one outside the conversation
    std::size_t size = 256;
    for (const Message& message : request.prompt->messages) {
        size += message.text.size() + message.text.size() / 16 + 40;
        if (message.role != Role::system || message.text.empty()) continue;
        if (!system.empty()) system += "\n\n";
        system += message.text;
    }
    body.reserve(size);
    const auto key = [&](std::string_view name) {
        body += ",\"";
        body += name;
        body += "\":";
    };
    body += "{\"model\":";
    append_json_string(body, model_);
    key("max_tokens");
    body += std::to_string(use.limit.count);
    if (!system.empty()) key("system"), append_json_string(body, system);
    key("messages");
    char separator = '[';
    for (const Message& message : request.prompt->messages) {
        if (message.role == Role::system || message.text.empty()) continue;  // an empty text is refused
        body += separator;
        body += message.role == Role::assistant ? R"({"role":"assistant","content":)" : R"({"role":"user","content":)";
        append_json_string(body, message.text);
        body += '}';
        separator = ',';
    }
    if (separator == '[')
        return Error{ErrorCode::invalid_argument, "a prompt for Anthropic needs a message beside the system's"};
    body += "]";
    if (use.temperature) key(kTemperature), append_json_number(body, options_.temperature);
    if (use.top_p) key(kTopP), append_json_number(body, options_.top_p);
    if (!use.thinking.empty()) {
        key(kThinking);
        body += "{\"type\":";
        append_json_string(body, use.thinking);
        body += '}';
    }
    if (!use.effort.empty()) {
        key(kEffort);
        body += "{\"effort\":";
        append_json_string(body, use.effort);
        body += '}';
    }
    if (!options_.service_tier.empty()) key("service_tier"), append_json_string(body, options_.service_tier);
    body += '}';
    return Exchange(std::move(http));
}

Reply AnthropicProvider::decode(const Request& request, const HttpResponse& response) const {
    const Parameters use = parameters(request);
    std::array<std::string_view, 4> may_omit{};
    std::size_t count = 0;
    if (use.top_p) may_omit[count++] = kTopP;
    if (use.temperature) may_omit[count++] = kTemperature;
    if (!use.effort.empty()) may_omit[count++] = kEffort;
    if (!use.thinking.empty()) may_omit[count++] = kThinking;
    return read_reply(
        {{"Anthropic", endpoint_.base, kSecret, model_, known_}, use.limit, use.thinks, {may_omit.data(), count}},
        response);
}

std::optional<PicoUsd> AnthropicProvider::cost(const Usage& usage, const Billing& billing) const {
    const Model* model = table_.find(billing.model);
    return model ? cost_of(*model, usage, billing) : std::nullopt;
}

}  // namespace

SYNTH_PLUGIN(synth::Provider, AnthropicProvider, "anthropic", "1.0.0", "asks Claude models through the Messages API",
             kSchema);

}  // namespace synth::anthropic
