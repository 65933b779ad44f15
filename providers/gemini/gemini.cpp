// The provider `gemini`: generateContent of the Gemini Developer API (docs/gemini.md).

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
#include "common/plain_text.hpp"
#include "common/request_json.hpp"
#include "common/url.hpp"
#include "reply.hpp"
#include "synth/plugin.hpp"
#include "synth/provider.hpp"

namespace synth::gemini {

using namespace providers;

namespace {

/// As the official client: the first wins where both are set.
constexpr const char *kSecret = "GOOGLE_API_KEY", *kOtherSecret = "GEMINI_API_KEY";
constexpr const char* kDefaultBase = "https://generativelanguage.googleapis.com";

constexpr const char* kSchema = R"json({
  "type": "object",
  "properties": {
    "base_url": {"type": "string", "default": "",
      "description": "server to use; empty: GOOGLE_GEMINI_BASE_URL, else https://generativelanguage.googleapis.com"},
    "model": {"type": "string", "default": "",
      "description": "model to ask for; empty: gemini-3.5-flash-lite until it is shut down, then its official replacement"},
    "temperature": {"type": "number", "default": 0.8, "minimum": 0, "maximum": 2,
      "description": "sampling temperature, sent where the model takes it"},
    "top_p": {"type": "number", "default": 0.9, "minimum": 0, "maximum": 1,
      "description": "nucleus sampling, sent where the model takes it"},
    "reasoning_effort": {"type": "string", "default": "auto",
      "enum": ["auto", "none", "minimal", "low", "medium", "high", "xhigh"],
      "description": "how much the model thinks first, billed as output; auto: none where the model is known to take it, else what the model does by itself"},
    "service_tier": {"type": "string", "default": "", "enum": ["", "standard", "flex", "priority"],
      "description": "flex at the price of a batch, or priority; empty: standard"},
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
    std::string base;   ///< "https://generativelanguage.googleapis.com/v1beta"
    std::string query;  ///< that a base URL had, or empty
    bool own = false;
};

Result<Endpoint> parse_endpoint(std::string_view url, bool allow_http, std::string_view named) {
    Result<Url> parts = parse_url(url, allow_http, named, kOtherSecret);
    if (!parts) return std::move(parts).error();
    if (lower(parts->query).find("key=") != std::string::npos)
        return Error{ErrorCode::invalid_argument,
                     std::string(named) + " holds a key: leave it out and set " + kOtherSecret + " to it"};
    parts->drop_path_end("/models");
    if (parts->path.empty()) parts->path = "/v1beta";
    return Endpoint{parts->origin + parts->path, parts->query, parts->host == "generativelanguage.googleapis.com"};
}

class GeminiProvider final : public Provider {
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
        std::string_view effort;  ///< empty: not sent
        bool thinks = false;      ///< as far as is known
        bool temperature = false, top_p = false;
        Tokens limit;
    };

    GeminiProvider(Options options, Endpoint endpoint, ModelTable table, const char* secret);

    void use_model(std::string name) const;
    std::string resolved_options() const;
    Parameters parameters(const Request& request) const;
    void append_thinking(std::string& body, std::string_view effort) const;

    const Options options_;
    const Endpoint endpoint_;
    const char* const secret_;
    // Which model is the default and which price applies depends on the date, which only `describe` is told; it is
    // called before all others, and one thread at a time.
    mutable ModelTable table_;
    mutable std::string model_;
    mutable const Model* known_ = nullptr;  ///< into table_; null: a model without data
    const std::vector<ModelInfo> infos_;
};

Result<std::unique_ptr<Provider>> GeminiProvider::create(Host& host, std::string_view options_json) {
    Options options;
    Status read = read_options(
        options_json, {text("base_url", options.base_url), text("model", options.model),
                       text("reasoning_effort", options.reasoning_effort), text("service_tier", options.service_tier),
                       text("models", options.models), number("temperature", options.temperature),
                       number("top_p", options.top_p), flag("allow_http", options.allow_http)});
    if (!read) return std::move(read).error();
    constexpr std::string_view kModels = "models/";
    if (options.model.starts_with(kModels)) options.model.erase(0, kModels.size());
    if (!options.model.empty() && !is_path_segment(options.model))  // it becomes a part of the URL
        return Error{ErrorCode::invalid_argument, "provider.model '" + one_line(options.model) +
                                                      "' has characters that no name of a model has: use a name such "
                                                      "as gemini-3.5-flash-lite"};

    const std::string setting = host.setting("GOOGLE_GEMINI_BASE_URL");
    Result<Endpoint> endpoint =
        !options.base_url.empty() ? parse_endpoint(options.base_url, options.allow_http, "provider.base_url")
        : !setting.empty()        ? parse_endpoint(setting, options.allow_http, "GOOGLE_GEMINI_BASE_URL")
                                  : parse_endpoint(kDefaultBase, false, "");
    if (!endpoint) return std::move(endpoint).error();
    Result<ModelTable> table = load_models(host.data_dir(), options.models);
    if (!table) return std::move(table).error();
    const char* secret = host.has_secret(kSecret) ? kSecret : kOtherSecret;
    return std::unique_ptr<Provider>(
        new GeminiProvider(std::move(options), *std::move(endpoint), *std::move(table), secret));
}

GeminiProvider::GeminiProvider(Options options, Endpoint endpoint, ModelTable table, const char* secret)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      secret_(secret),
      table_(std::move(table)),
      infos_(infos_of(table_)) {
    use_model(options_.model.empty() ? table_.default_model : options_.model);
}

void GeminiProvider::use_model(std::string name) const {
    model_ = std::move(name);
    known_ = table_.find(model_);
}

Result<ProviderInfo> GeminiProvider::describe(std::chrono::sys_days today) const {
    table_.set_date(today);
    if (options_.model.empty()) use_model(std::string(table_.default_on(today)));

    ProviderInfo info;
    info.model = model_;
    info.endpoint = endpoint_.base;
    info.resolved_options = resolved_options();
    if (endpoint_.own) {
        info.secret = secret_;
        info.secret_help =
            "set GEMINI_API_KEY or GOOGLE_API_KEY in the environment or in .env, or write without a language model: "
            "--provider offline";
    }
    if (options_.service_tier == "flex") info.notices.push_back("flex answers may take 15 minutes: use --timeout 900");
    if (!known_) {
        if (endpoint_.own)
            info.notices.push_back("no data about model '" + model_ +
                                   "': its cost is unknown unless -o provider.models=FILE tells its price");
        return info;
    }
    if (price_of(*known_, options_.service_tier, Billing::Mode::direct)) info.prices_as_of = known_->as_of;
    ShutdownNews news = shutdown_news(*known_, model_, "Google", endpoint_.own, today);
    if (news.error) return *std::move(news.error);
    if (!news.notice.empty()) info.notices.push_back(std::move(news.notice));

    if (options_.reasoning_effort == "none" && known_->reasons && !known_->accepts_none)
        return Error{ErrorCode::invalid_argument, "model '" + model_ +
                                                      "' cannot be told not to think (provider.reasoning_effort "
                                                      "none): use minimal or low, or leave it out"};
    if (!known_->reasons && options_.reasoning_effort != "auto")
        info.notices.push_back("model '" + model_ + "' does not think: provider.reasoning_effort is not sent");
    if (!parameters(Request{}).temperature)
        info.notices.push_back("model '" + model_ + "' chooses its own sampling: temperature and top_p are not sent");
    return info;
}

/// The options with model and server as they are now, and with a path that holds in any working directory.
std::string GeminiProvider::resolved_options() const {
    JsonObject json;
    json.flag("allow_http", options_.allow_http)
        .text("base_url", endpoint_.base + endpoint_.query)
        .text("model", model_)
        .text("models", options_.models.empty() ? "" : std::filesystem::absolute(options_.models).string())
        .text("reasoning_effort", options_.reasoning_effort)
        .text("service_tier", options_.service_tier)
        .number("temperature", options_.temperature)
        .number("top_p", options_.top_p);
    return std::move(json).take();
}

GeminiProvider::Parameters GeminiProvider::parameters(const Request& request) const {
    Parameters use;
    const bool reasons = known_ && known_->reasons;
    const std::string_view by_itself = reasons ? std::string_view(known_->default_effort) : std::string_view("none");
    // A text to a plan needs no thinking, which is billed as output: none where it is taken.
    std::string_view effort = by_itself;
    if (!remedy_of(request, kThinking)) {
        if (options_.reasoning_effort != "auto" && (reasons || !known_))
            effort = options_.reasoning_effort;
        else if (reasons && known_->accepts_none)
            effort = "none";
        if (effort != by_itself) use.effort = effort;
    }
    use.thinks = effort != "none";

    const bool samples = !known_ || known_->sampling == Sampling::both;
    use.temperature = samples && !remedy_of(request, kTemperature);
    use.top_p = samples && !remedy_of(request, kTopP);

    if (request.prompt) use.limit = request.prompt->output_limit;
    if (const auto reserve = table_.reasoning_reserve.find(effort); reserve != table_.reasoning_reserve.end())
        use.limit += reserve->second;
    if (known_ && known_->max_output) use.limit = std::min(use.limit, *known_->max_output);
    return use;
}

Tokens GeminiProvider::input_bound(const Request& request) const {
    // The tokenizer leaves text as it is and falls back to bytes, so that every token stands for at least one byte;
    // only the marks around messages come on top.
    constexpr std::int64_t kPerMessage = 8, kPerRequest = 16;
    Tokens bound{kPerRequest};
    for (const Message& message : request.prompt->messages)
        bound.count += static_cast<std::int64_t>(message.text.size()) + kPerMessage;
    if (known_ && known_->context_window) bound = std::min(bound, *known_->context_window);
    return bound;
}

/// Gemini 2.5 takes a number of tokens, later models a level; both in one request are refused.
void GeminiProvider::append_thinking(std::string& body, std::string_view effort) const {
    body += R"("thinkingConfig":{)";
    if (known_ && known_->effort_control == "budget") {
        const auto budget = table_.reasoning_reserve.find(effort);
        constexpr std::int64_t kMost = 24576;  // of 2.5 Flash, the least of all
        body += R"("thinkingBudget":)";
        body += std::to_string(budget == table_.reasoning_reserve.end() ? 0 : std::min(budget->second.count, kMost));
    } else if (effort == "none") {
        body += R"("thinkingBudget":0)";
    } else {
        body += R"("thinkingLevel":)";
        append_json_string(body, effort);
    }
    body += '}';
}

Result<Exchange> GeminiProvider::encode(const Request& request) const {
    const Parameters use = parameters(request);
    HttpRequest http;
    http.url = endpoint_.base + "/models/" + model_ + ":generateContent" + endpoint_.query;
    http.headers = {{"Content-Type", "application/json"}};
    http.auth = HttpAuth{secret_, "x-goog-api-key", ""};

    std::string& body = http.body;
    std::size_t size = 256;
    for (const Message& message : request.prompt->messages) size += message.text.size() + message.text.size() / 16 + 48;
    body.reserve(size);
    body += '{';
    char separator = '[';
    for (const Message& message : request.prompt->messages) {
        if (message.role != Role::system || message.text.empty()) continue;
        body += separator == '[' ? R"("systemInstruction":{"parts":[{"text":)" : R"(,{"text":)";
        append_json_string(body, message.text);
        body += '}';
        separator = ',';
    }
    if (separator == ',') body += "]},";
    body += R"("contents":)";
    separator = '[';
    for (const Message& message : request.prompt->messages) {
        if (message.role == Role::system || message.text.empty()) continue;  // an empty text is refused
        body += separator;
        body += message.role == Role::assistant ? R"({"role":"model","parts":[{"text":)"
                                                : R"({"role":"user","parts":[{"text":)";
        append_json_string(body, message.text);
        body += "}]}";
        separator = ',';
    }
    if (separator == '[')
        return Error{ErrorCode::invalid_argument, "a prompt for Gemini needs a message beside the system's"};
    body += R"(],"generationConfig":{"maxOutputTokens":)";
    body += std::to_string(use.limit.count);
    if (use.temperature) body += R"(,"temperature":)", append_json_number(body, options_.temperature);
    if (use.top_p) body += R"(,"topP":)", append_json_number(body, options_.top_p);
    if (!use.effort.empty()) body += ',', append_thinking(body, use.effort);
    body += '}';
    if (!options_.service_tier.empty()) body += R"(,"serviceTier":)", append_json_string(body, options_.service_tier);
    body += '}';
    return Exchange(std::move(http));
}

Reply GeminiProvider::decode(const Request& request, const HttpResponse& response) const {
    const Parameters use = parameters(request);
    std::array<std::string_view, 3> may_omit{};
    std::size_t count = 0;
    if (!use.effort.empty()) may_omit[count++] = kThinking;
    if (use.temperature) may_omit[count++] = kTemperature;
    if (use.top_p) may_omit[count++] = kTopP;
    return read_reply(
        {{"Google", endpoint_.base, secret_, model_, known_}, use.limit, use.thinks, {may_omit.data(), count}},
        response);
}

std::optional<PicoUsd> GeminiProvider::cost(const Usage& usage, const Billing& billing) const {
    const Model* model = table_.find(billing.model);
    return model ? cost_of(*model, usage, billing) : std::nullopt;
}

}  // namespace

SYNTH_PLUGIN(synth::Provider, GeminiProvider, "gemini", "1.0.0", "asks Gemini models through generateContent", kSchema);

}  // namespace synth::gemini
