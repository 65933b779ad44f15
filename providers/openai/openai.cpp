// The provider `openai`: Chat Completions of OpenAI and of every server that speaks the same (docs/openai.md).

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

#include "batch.hpp"
#include "common/model_data.hpp"
#include "common/request_json.hpp"
#include "config.hpp"
#include "endpoint.hpp"
#include "presets.hpp"
#include "reply.hpp"
#include "synth/plugin.hpp"
#include "synth/provider.hpp"
#include "token_bound.hpp"

namespace synth::openai {

namespace {

constexpr std::string_view kTemperature = "temperature", kTopP = "top_p", kEffort = "reasoning_effort";

constexpr const char* kSchema = R"json({
  "type": "object",
  "properties": {
    "preset": {"type": "string", "default": "",
      "enum": ["", "ollama", "llama.cpp", "vllm", "lmstudio", "azure"],
      "description": "settings of a known server (docs/openai.md); other options win over it"},
    "base_url": {"type": "string", "default": "",
      "description": "server to use, such as http://127.0.0.1:11434/v1; empty: the preset's, else OPENAI_BASE_URL, else https://api.openai.com/v1"},
    "model": {"type": "string", "default": "",
      "description": "model to ask for; empty: gpt-4o-mini until it is shut down, then its official replacement"},
    "deployment": {"type": "string", "default": "",
      "description": "Azure's name for the model; empty: the model's own"},
    "api_version": {"type": "string", "default": "",
      "description": "of a deployment's URL at Azure, such as 2024-10-21; empty: OPENAI_API_VERSION, else Azure's /openai/v1, which needs none"},
    "temperature": {"type": "number", "default": 0.8, "minimum": 0, "maximum": 2,
      "description": "sampling temperature, sent where the model takes it"},
    "top_p": {"type": "number", "default": 0.9, "minimum": 0, "maximum": 1,
      "description": "nucleus sampling, sent where the model takes it"},
    "reasoning_effort": {"type": "string", "default": "auto",
      "enum": ["auto", "none", "minimal", "low", "medium", "high", "xhigh", "max"],
      "description": "how much a reasoning model thinks first, billed as output; auto: none where the model is known to take it, else what the model does by itself"},
    "service_tier": {"type": "string", "default": "",
      "description": "such as flex, at the price of a batch, or priority; empty: the account's"},
    "max_tokens_parameter": {"type": "string", "default": "auto",
      "enum": ["auto", "max_tokens", "max_completion_tokens"],
      "description": "name of the output limit; auto: the preset's, else max_completion_tokens for OpenAI and for reasoning models, else max_tokens"},
    "models": {"type": "string", "default": "",
      "description": "JSON file with models and prices that override or add to the built-in ones (docs/costs.md)"},
    "auth": {"type": "string", "default": "auto", "enum": ["auto", "bearer", "api-key"],
      "description": "header that carries the key: Authorization: Bearer, or api-key as Azure wants it; auto: the preset's"},
    "allow_http": {"type": "boolean", "default": false,
      "description": "send texts and key unencrypted to another machine, by an http:// base URL"}
  }
})json";

std::string_view name_of(Role role) noexcept {
    switch (role) {
        case Role::system: return "system";
        case Role::assistant: return "assistant";
        case Role::user: break;
    }
    return "user";
}

Result<Endpoint> endpoint_of(Host& host, const Options& options, const Preset& preset) {
    if (!options.base_url.empty()) return parse_endpoint(options.base_url, options.allow_http, "provider.base_url");
    if (!preset.base_url.empty()) return parse_endpoint(preset.base_url, false, "");
    const std::string setting = host.setting("OPENAI_BASE_URL");
    return setting.empty() ? parse_endpoint("https://api.openai.com/v1", false, "")
                           : parse_endpoint(setting, options.allow_http, "OPENAI_BASE_URL");
}

/// Fills in what the options leave to the environment: they are kept for a resumed run.
Result<Endpoint> azure_endpoint(Host& host, Options& options) {
    const bool given = !options.base_url.empty();
    const std::string url = given ? options.base_url : host.setting("AZURE_OPENAI_ENDPOINT");
    if (url.empty())
        return Error{ErrorCode::invalid_argument,
                     "preset azure needs the resource: -o provider.base_url=https://NAME.openai.azure.com, or "
                     "AZURE_OPENAI_ENDPOINT"};
    if (options.model.empty() && options.deployment.empty())
        return Error{ErrorCode::invalid_argument,
                     "preset azure needs a deployment: --model NAME when it is called as its model is, else also "
                     "-o provider.deployment=NAME"};
    if (options.deployment.empty()) options.deployment = options.model;
    if (options.model.empty()) options.model = options.deployment;
    if (options.api_version.empty()) options.api_version = host.setting("OPENAI_API_VERSION");
    return parse_azure_endpoint(url, options.allow_http, given ? "provider.base_url" : "AZURE_OPENAI_ENDPOINT",
                                options.deployment, options.api_version);
}

class OpenAiProvider final : public Provider {
public:
    static Result<std::unique_ptr<Provider>> create(Host& host, std::string_view options_json);

    Result<ProviderInfo> describe(std::chrono::sys_days today) const override;
    Tokens input_bound(const Request& request) const override;
    Tokens output_bound(const Request& request) const override { return parameters(request).limit; }
    Result<Exchange> encode(const Request& request) const override;
    Reply decode(const Request& request, const HttpResponse& response) const override;
    std::optional<PicoUsd> cost(const Usage& usage, const Billing& billing) const override;
    std::span<const ModelInfo> models() const override { return infos_; }
    const void* extension(std::string_view id) const override {
        return id == kBatchExtension && !preset_.azure ? static_cast<const BatchCodec*>(&batches_) : nullptr;
    }

private:
    /// What a request carries beside model and messages, learned remedies applied.
    struct Parameters {
        std::string_view limit_name, effort;  ///< effort: empty: not sent
        Tokens limit;
        bool temperature = false, top_p = false;
    };

    OpenAiProvider(Options options, Endpoint endpoint, ModelTable table, TokenBound token_bound,
                   std::vector<std::pair<std::string, std::string>> headers);

    void use_model(std::string name) const;
    std::string resolved_options() const;
    /// A request without a body that carries account and key.
    HttpRequest authorized() const;
    Parameters parameters(const Request& request) const;

    const Options options_;
    const Preset& preset_;
    const Endpoint endpoint_;
    const TokenBound token_bound_;
    const std::vector<std::pair<std::string, std::string>> headers_;
    // Which model is the default and which price applies depends on the date, which only `describe` is told; it is
    // called before all others, and one thread at a time.
    mutable ModelTable table_;
    mutable std::string model_;
    mutable const Model* known_ = nullptr;  ///< into table_; null: a model without data
    const std::vector<ModelInfo> infos_;
    const Batches batches_;
};

Result<std::unique_ptr<Provider>> OpenAiProvider::create(Host& host, std::string_view options_json) {
    Result<Options> options = parse_options(options_json);
    if (!options) return std::move(options).error();

    const Preset& preset = preset_of(options->preset);
    if (options->model.empty()) {
        if (!preset.model_help.empty())
            return Error{ErrorCode::invalid_argument, "preset " + std::string(preset.name) +
                                                          " needs the name of a model: --model NAME (" +
                                                          std::string(preset.model_help) + ")"};
        options->model = preset.model;
    }
    Result<Endpoint> endpoint = preset.azure ? azure_endpoint(host, *options) : endpoint_of(host, *options, preset);
    if (!endpoint) return std::move(endpoint).error();

    Result<ModelTable> table = load_models(host.data_dir(), options->models);
    if (!table) return std::move(table).error();

    Result<TokenBound> token_bound = TokenBound::load(host.data_dir() + "/words.txt");
    if (!token_bound) return std::move(token_bound).error();

    std::vector<std::pair<std::string, std::string>> headers{{"Content-Type", "application/json"}};
    constexpr std::array<std::pair<const char*, const char*>, 2> kAccounts{
        {{"OPENAI_ORG_ID", "OpenAI-Organization"}, {"OPENAI_PROJECT_ID", "OpenAI-Project"}}};
    for (const auto& [name, header] : kAccounts) {
        std::string value = host.setting(name);
        if (std::ranges::any_of(value, [](unsigned char c) { return c < ' ' || c >= 0x7f; }))
            return Error{ErrorCode::invalid_argument,
                         std::string(name) + " holds control or non-ASCII characters, which no header may"};
        if (!value.empty()) headers.emplace_back(header, std::move(value));
    }
    return std::unique_ptr<Provider>(new OpenAiProvider(*std::move(options), *std::move(endpoint), *std::move(table),
                                                        *std::move(token_bound), std::move(headers)));
}

OpenAiProvider::OpenAiProvider(Options options, Endpoint endpoint, ModelTable table, TokenBound token_bound,
                               std::vector<std::pair<std::string, std::string>> headers)
    : options_(std::move(options)),
      preset_(preset_of(options_.preset)),
      endpoint_(std::move(endpoint)),
      token_bound_(std::move(token_bound)),
      headers_(std::move(headers)),
      table_(std::move(table)),
      infos_(infos_of(table_)),
      batches_(
          endpoint_, [this] { return authorized(); },
          [this](const HttpResponse& response) {
              const Asked asked{{"OpenAI", endpoint_.base, preset_.secret, model_, known_}, "", {}, {}, {}};
              Reply reply = read_reply(asked, response);
              return reply.error ? std::move(*reply.error)
                                 : Error{ErrorCode::malformed, "the server's answer cannot be read", {}};
          }) {
    use_model(options_.model.empty() ? table_.default_model : options_.model);
}

void OpenAiProvider::use_model(std::string name) const {
    model_ = std::move(name);
    known_ = table_.find(model_);
}

Result<ProviderInfo> OpenAiProvider::describe(std::chrono::sys_days today) const {
    table_.set_date(today);
    if (options_.model.empty()) use_model(std::string(table_.default_on(today)));

    ProviderInfo info;
    info.model = model_;
    info.endpoint = endpoint_.base;
    info.resolved_options = resolved_options();
    if (preset_.needs_key) {
        info.secret = preset_.secret;
        info.secret_help = "set " + info.secret + " in the environment or in .env";
    } else if (endpoint_.own) {
        info.secret = preset_.secret;
        info.secret_help =
            "set OPENAI_API_KEY in the environment or in .env, or point -o provider.base_url=URL at a local server (no "
            "key needed), or write without a language model: --provider offline";
    }
    if (options_.service_tier == "flex") info.notices.push_back("flex answers may take 15 minutes: use --timeout 900");
    if (!known_) {
        if (endpoint_.own)
            info.notices.push_back("no data about model '" + model_ +
                                   "': its cost is unknown unless -o provider.models=FILE tells its price");
        return info;
    }

    if (price_of(*known_, options_.service_tier, Billing::Mode::direct)) info.prices_as_of = known_->as_of;
    ShutdownNews news = shutdown_news(*known_, model_, "OpenAI", endpoint_.own, today);
    if (news.error) return *std::move(news.error);
    if (!news.notice.empty()) info.notices.push_back(std::move(news.notice));
    if (endpoint_.own && !known_->chat_completions)
        return Error{ErrorCode::invalid_argument,
                     "model '" + model_ + "' is not offered through Chat Completions; choose another with --model",
                     "no_chat_completions"};
    if (options_.reasoning_effort == "none" && known_->reasons && !known_->accepts_none)
        return Error{ErrorCode::invalid_argument, "model '" + model_ +
                                                      "' refuses provider.reasoning_effort none: use low, or leave it "
                                                      "out"};
    const Parameters sent = parameters(Request{});
    if (!sent.temperature)
        info.notices.push_back("model '" + model_ + "' takes no temperature and top_p while it reasons");
    if (sent.effort.empty() && options_.reasoning_effort != "auto")
        info.notices.push_back("model '" + model_ + "' does not reason: provider.reasoning_effort is not sent");
    return info;
}

/// The options with model and server as they are now, and with a path that holds in any working directory.
std::string OpenAiProvider::resolved_options() const {
    const std::string models = options_.models.empty() ? "" : std::filesystem::absolute(options_.models).string();
    JsonObject json;
    json.flag("allow_http", options_.allow_http)
        .text("api_version", options_.api_version)
        .text("auth", options_.auth)
        .text("base_url", endpoint_.chat_url)  // whole, for the query that it may have
        .text("deployment", options_.deployment)
        .text("max_tokens_parameter", options_.max_tokens_parameter)
        .text("model", model_)
        .text("models", models)
        .text("preset", options_.preset)
        .text("reasoning_effort", options_.reasoning_effort)
        .text("service_tier", options_.service_tier)
        .number("temperature", options_.temperature)
        .number("top_p", options_.top_p);
    return std::move(json).take();
}

OpenAiProvider::Parameters OpenAiProvider::parameters(const Request& request) const {
    Parameters use;
    const bool reasons = known_ && known_->reasons;
    // A text to a plan needs no reasoning, which is billed as output and shuts out temperature: none where it is taken.
    if ((reasons || !known_) && !remedy_of(request, kEffort)) {
        if (options_.reasoning_effort != "auto")
            use.effort = options_.reasoning_effort;
        else if (reasons && known_->accepts_none)
            use.effort = "none";
    }

    const std::string_view effective = use.effort.empty() && reasons ? known_->default_effort : use.effort;
    const bool samples = !reasons || effective == "none";
    use.temperature = samples && !remedy_of(request, kTemperature);
    use.top_p = samples && !remedy_of(request, kTopP);

    use.limit_name = options_.max_tokens_parameter != "auto" ? std::string_view(options_.max_tokens_parameter)
                     : !preset_.limit_parameter.empty()      ? preset_.limit_parameter
                     : endpoint_.own || reasons              ? "max_completion_tokens"
                                                             : "max_tokens";
    if (const Remedy* renamed = remedy_of(request, use.limit_name); renamed && !renamed->replacement.empty())
        use.limit_name = renamed->replacement;

    if (request.prompt) use.limit = request.prompt->output_limit;
    if (const auto reserve = table_.reasoning_reserve.find(effective); reserve != table_.reasoning_reserve.end())
        use.limit += reserve->second;
    if (known_ && known_->max_output) use.limit = std::min(use.limit, *known_->max_output);
    return use;
}

Tokens OpenAiProvider::input_bound(const Request& request) const {
    // Only the marks around messages come on top of their text.
    constexpr std::int64_t kPerMessage = 8, kPerRequest = 16;
    Tokens bound{kPerRequest};
    for (const Message& message : request.prompt->messages)
        bound.count +=
            (known_ && !known_->tokenizer.empty() ? token_bound_(message.text) : TokenBound::bytes(message.text)) +
            kPerMessage;
    if (known_ && known_->context_window) bound = std::min(bound, *known_->context_window);
    return bound;
}

HttpRequest OpenAiProvider::authorized() const {
    HttpRequest http;
    http.headers = headers_;
    http.auth = HttpAuth{std::string(preset_.secret)};
    if (options_.auth == "api-key" || (options_.auth == "auto" && preset_.azure))
        http.auth = HttpAuth{std::string(preset_.secret), "api-key", ""};
    return http;
}

Result<Exchange> OpenAiProvider::encode(const Request& request) const {
    const Parameters use = parameters(request);
    HttpRequest http = authorized();
    http.url = endpoint_.chat_url;

    std::string& body = http.body;
    std::size_t size = 256;
    for (const Message& message : request.prompt->messages) size += message.text.size() + message.text.size() / 16 + 40;
    body.reserve(size);
    const auto key = [&](std::string_view name) {
        body += ",\"";
        body += name;
        body += "\":";
    };
    body += "{\"model\":";
    append_json_string(body, options_.deployment.empty() ? model_ : options_.deployment);
    key("messages");
    char separator = '[';
    for (const Message& message : request.prompt->messages) {
        body += separator;
        body += "{\"role\":\"";
        body += name_of(message.role);
        body += "\",\"content\":";
        append_json_string(body, message.text);
        body += '}';
        separator = ',';
    }
    body += "]";
    key(use.limit_name);
    body += std::to_string(use.limit.count);
    if (use.temperature) key(kTemperature), append_json_number(body, options_.temperature);
    if (use.top_p) key(kTopP), append_json_number(body, options_.top_p);
    if (!use.effort.empty()) key(kEffort), append_json_string(body, use.effort);
    if (!options_.service_tier.empty()) key("service_tier"), append_json_string(body, options_.service_tier);
    body += '}';
    return Exchange(std::move(http));
}

Reply OpenAiProvider::decode(const Request& request, const HttpResponse& response) const {
    const Parameters use = parameters(request);
    std::array<std::string_view, 3> may_omit{};
    std::size_t count = 0;
    if (use.temperature) may_omit[count++] = kTemperature;
    if (use.top_p) may_omit[count++] = kTopP;
    if (!use.effort.empty()) may_omit[count++] = kEffort;
    Asked asked{{"OpenAI", endpoint_.base, preset_.secret, model_, known_},
                use.limit_name,
                use.limit,
                {may_omit.data(), count},
                {}};
    if (request.remedies) asked.remedies = *request.remedies;
    return read_reply(asked, response);
}

std::optional<PicoUsd> OpenAiProvider::cost(const Usage& usage, const Billing& billing) const {
    const Model* model = table_.find(billing.model);
    return model ? cost_of(*model, usage, billing) : std::nullopt;
}

}  // namespace

SYNTH_PLUGIN(synth::Provider, OpenAiProvider, "openai", "1.0.0",
             "asks OpenAI or a compatible server through Chat Completions", kSchema);

}  // namespace synth::openai
