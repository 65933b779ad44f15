#include "support/fault_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <queue>
#include <set>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include "support/dialects.hpp"
#include "synth/random.hpp"

namespace synth::test {

namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kLargestRequest = 64U << 20U;
constexpr double kTokensPerWord = 1.35;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("fault server: " + what); }
[[noreturn]] void fail_errno(const std::string& what) { fail(what + ": " + std::strerror(errno)); }

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::string hex(std::uint64_t value) {
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(value));
    return digits.data();
}

void only_known(const Json& object, const std::set<std::string>& known, const std::string& where) {
    if (!object.is_object()) fail(where + " is not an object");
    for (const auto& [key, value] : object.items())
        if (!known.contains(key)) fail("unknown key \"" + key + "\" in " + where);
}

// ---------------------------------------------------------------------------------------------------- the documents

constexpr std::array kWords = {
    "the",        "a",         "of",         "in",         "with",        "from",        "over",        "between",
    "observed",   "measured",  "emission",   "spectrum",   "light",       "curve",       "flux",        "source",
    "detector",   "telescope", "survey",     "variable",   "bright",      "faint",       "early",       "late",
    "phase",      "interval",  "count",      "rate",       "energy",      "band",        "narrow",      "broad",
    "model",      "fit",       "residual",   "parameter",  "uncertainty", "systematic",  "calibration", "catalogue",
    "host",       "galaxy",    "distance",   "redshift",   "position",    "error",       "circle",      "follow-up",
    "campaign",   "network",   "alert",      "trigger",    "threshold",   "background",  "exposure",    "filter",
    "reduction",  "pipeline",  "archive",    "epoch",      "decay",       "rise",        "plateau",     "break",
    "component",  "thermal",   "continuum",  "line",       "absorption",  "column",      "density",     "temperature",
    "velocity",   "radius",    "mass",       "luminosity", "period",      "outflow",     "accretion",   "population",
    "sample",     "estimate",  "constraint", "limit",      "analysis",    "result",      "evidence",    "comparison",
    "simulation", "expected",  "consistent", "previous",   "recent",      "coordinated", "ground",      "orbit"};

std::string document(std::uint64_t seed, std::size_t words) {
    Random random(seed);
    const auto word = [&] { return std::string_view(kWords[random.below(kWords.size())]); };
    std::string text = "TITLE: Notes on the ";
    text.append(word()).append(" ").append(word()).append(" of field ").append(hex(seed).substr(0, 8)).append("\n\n");
    std::size_t sentence = 0, length = 0;  // words in this sentence so far, words it is to have
    for (std::size_t i = 0; i < words; ++i) {
        if (sentence == length) {
            if (i > 0) text.append(random.chance(1, 6) ? ".\n\n" : ". ");
            sentence = 0;
            length = static_cast<std::size_t>(random.between(8, 20));
        } else {
            text += ' ';
        }
        if (sentence != 0 && random.chance(1, 12)) {
            text.append(std::to_string(random.between(1, 99))).append(".").append(std::to_string(random.below(100)));
        } else {
            const auto begin = text.size();
            text.append(word());
            if (sentence == 0) text[begin] = static_cast<char>(text[begin] - 'a' + 'A');
        }
        ++sentence;
    }
    return text + ".";
}

/// The largest N of an "N words" in the prompt, thousands separators allowed.
std::optional<std::size_t> words_asked_for(std::string_view prompt) {
    std::optional<std::size_t> most;
    for (auto at = prompt.find(" words"); at != std::string_view::npos; at = prompt.find(" words", at + 1)) {
        auto begin = at;
        while (begin > 0 && (prompt[begin - 1] == ',' || (prompt[begin - 1] >= '0' && prompt[begin - 1] <= '9')))
            --begin;
        std::string digits(prompt.substr(begin, at - begin));
        std::erase(digits, ',');
        std::size_t number = 0;
        if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec == std::errc() && number < 100'000)
            most = std::max(most.value_or(0), number);
    }
    return most;
}

// -------------------------------------------------------------------------------------------------------- the script

/// Milliseconds, fixed or log-normal.
struct Latency {
    double median = 0, sigma = 0;

    static Latency from(const Json& json) {
        only_known(json, {"ms", "median_ms", "sigma"}, "latency");
        return {json.value("ms", json.value("median_ms", 0.0)), json.value("sigma", 0.0)};
    }
    [[nodiscard]] milliseconds draw(Random random) const {
        const auto uniform = [&] { return (static_cast<double>(random.next() >> 11U) + 0.5) * 0x1p-53; };
        const double radius = std::sqrt(-2 * std::log(uniform()));
        return milliseconds(std::llround(median * std::exp(sigma * radius * std::cos(2 * M_PI * uniform()))));
    }
};

/// A token bucket that refills over the window.
struct Bucket {
    double capacity = 0, level = 0;  // no capacity: no limit
    milliseconds window{60'000};
    Clock::time_point last{};

    void refill(Clock::time_point now) {
        const double share = std::chrono::duration<double>(now - last) / std::chrono::duration<double>(window);
        level = std::min(capacity, level + capacity * share);
        last = now;
    }
    [[nodiscard]] bool has(double amount) const { return capacity <= 0 || level >= amount; }
    void take(double amount) { level = std::max(0.0, level - amount); }
    [[nodiscard]] double seconds_until(double amount) const {
        return std::max(0.0, amount - level) / capacity * std::chrono::duration<double>(window).count();
    }
};

const std::set<std::string> kFaults = {"none",
                                       "rate_limited",
                                       "insufficient_quota",
                                       "unauthorized",
                                       "forbidden",
                                       "model_not_found",
                                       "context_length_exceeded",
                                       "request_timeout",
                                       "conflict",
                                       "server_error",
                                       "overloaded",
                                       "overloaded_529",
                                       "bad_gateway",
                                       "unsupported_parameter",
                                       "unsupported_value",
                                       "status",
                                       "html",
                                       "error_member",
                                       "no_choices",
                                       "empty",
                                       "refusal",
                                       "content_filter",
                                       "length",
                                       "invalid_utf8",
                                       "huge",
                                       "cut_body",
                                       "close",
                                       "reset",
                                       "reset_after_headers",
                                       "hang",
                                       "drip",
                                       "endless_headers",
                                       "chunked",
                                       "wrong_content_type",
                                       "redirect",
                                       "key_echo"};

struct Rule {
    Json json;
    std::string fault;
    std::uint64_t applied = 0;

    explicit Rule(Json given) : json(given.is_string() ? Json{{"fault", given}} : std::move(given)) {
        only_known(json,
                   {"fault",
                    "calls",
                    "from",
                    "to",
                    "every",
                    "probability",
                    "sticky",
                    "first",
                    "match",
                    "times",
                    "latency",
                    "headers",
                    "retry_after",
                    "retry_after_ms",
                    "retry_date",
                    "reset",
                    "requested_tokens",
                    "limit_tokens",
                    "param",
                    "instead",
                    "status",
                    "body",
                    "content_type",
                    "share",
                    "bytes",
                    "pause_ms",
                    "location"},
                   "a rule");
        fault = json.value("fault", "none");
        if (!kFaults.contains(fault)) fail("unknown fault \"" + fault + "\"");
        if (json.contains("latency")) Latency::from(json["latency"]);
    }
};

struct Script {
    std::uint64_t seed = 1;
    std::optional<std::size_t> words;
    bool respect_limit = true, keep_bodies = true;
    std::string suffix, tier = "default", usage = "full", key, dialect = "openai", retry = "seconds";
    std::int64_t cached = 0, reasoning = 0;
    std::optional<std::vector<std::string>> models;
    std::optional<std::uint64_t> credit;
    Latency latency;
    Bucket requests, tokens;
    bool failures_count = false;
    std::vector<Rule> rules, cycle;
    std::uint64_t calls = 0;                                // chat completions since the script was set
    std::unordered_map<std::uint64_t, std::uint64_t> seen;  // how often a body came

    explicit Script(std::string_view text) {
        const Json json = Json::parse(text);
        only_known(
            json,
            {"seed", "words", "respect_limit", "model_suffix", "service_tier", "usage", "cached_tokens",
             "reasoning_tokens", "models", "key", "credit", "latency", "limits", "keep_bodies", "cycle", "rules"},
            "the script");
        seed = json.value("seed", seed);
        if (json.contains("words")) words = json["words"].get<std::size_t>();
        respect_limit = json.value("respect_limit", respect_limit);
        keep_bodies = json.value("keep_bodies", keep_bodies);
        suffix = json.value("model_suffix", suffix);
        tier = json.value("service_tier", tier);
        usage = json.value("usage", usage);
        cached = json.value("cached_tokens", cached);
        reasoning = json.value("reasoning_tokens", reasoning);
        key = json.value("key", key);
        if (json.contains("models")) models = json["models"].get<std::vector<std::string>>();
        if (json.contains("credit")) credit = json["credit"].get<std::uint64_t>();
        if (json.contains("latency")) latency = Latency::from(json["latency"]);
        if (json.contains("limits")) {
            const Json& limits = json["limits"];
            only_known(limits, {"requests", "tokens", "window_ms", "dialect", "retry", "failures_count"}, "limits");
            const milliseconds window(limits.value("window_ms", 60'000));
            const auto bucket = [&](const char* name) {
                const double capacity = limits.value(name, 0.0);
                return Bucket{capacity, capacity, window, Clock::now()};
            };
            requests = bucket("requests");
            tokens = bucket("tokens");
            dialect = limits.value("dialect", dialect);
            retry = limits.value("retry", retry);
            failures_count = limits.value("failures_count", failures_count);
        }
        for (const auto& rule : json.value("rules", Json::array())) rules.emplace_back(rule);
        for (const auto& rule : json.value("cycle", Json::array())) cycle.emplace_back(rule);
    }
};

// ------------------------------------------------------------------------------------------------------- the answers

/// What goes out on the socket: `head`, then `filler` so many times, then `tail`.
struct Answer {
    enum class End : std::uint8_t { keep, close, reset, hang };

    std::string head, filler, tail;
    std::uint64_t fillers = 0;
    std::size_t piece = 0;  // bytes at a time; 0: as fast as it goes
    milliseconds pause{0}, delay{0};
    End end = End::keep;
};

constexpr std::pair<int, const char*> kReasons[] = {{200, "OK"},
                                                    {307, "Temporary Redirect"},
                                                    {400, "Bad Request"},
                                                    {401, "Unauthorized"},
                                                    {403, "Forbidden"},
                                                    {404, "Not Found"},
                                                    {408, "Timeout"},
                                                    {409, "Conflict"},
                                                    {411, "Length Required"},
                                                    {413, "Content Too Large"},
                                                    {429, "Too Many Requests"},
                                                    {500, "Internal Server Error"},
                                                    {502, "Bad Gateway"},
                                                    {503, "Service Unavailable"}};

std::string head_of(int status, std::string_view content_type, const Headers& headers, std::string_view length) {
    const auto* reason = std::ranges::find(kReasons, status, &std::pair<int, const char*>::first);
    std::string head = "HTTP/1.1 " + std::to_string(status) + " " +
                       (reason == std::end(kReasons) ? "Something" : reason->second) + "\r\n";
    if (!content_type.empty()) head.append("Content-Type: ").append(content_type).append("\r\n");
    for (const auto& [name, value] : headers) head.append(name).append(": ").append(value).append("\r\n");
    if (!length.empty()) head.append(length).append("\r\n");
    return head.append("\r\n");
}

Answer whole(int status, std::string_view content_type, const Headers& headers, std::string_view body) {
    Answer answer;
    answer.head = head_of(status, content_type, headers, "Content-Length: " + std::to_string(body.size()));
    answer.head.append(body);
    return answer;
}

Json error_json(std::string_view message, std::string_view type, const Json& param, const Json& code) {
    return {{"error", {{"message", message}, {"type", type}, {"param", param}, {"code", code}}}};
}

std::string path_of(std::string_view target) { return std::string(target.substr(0, target.find('?'))); }

constexpr std::string_view kHtml =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "</body>\r\n</html>\r\n";
constexpr std::string_view kJsonType = "application/json";

/// "1m12s", "1.5s", "12ms", as OpenAI writes durations.
std::string duration_text(double seconds) {
    const auto ms = static_cast<long long>(std::ceil(seconds * 1000));
    if (ms < 1000) return std::to_string(ms) + "ms";
    std::string text;
    if (ms >= 3'600'000) text += std::to_string(ms / 3'600'000) + "h";
    if (ms >= 60'000) text += std::to_string(ms / 60'000 % 60) + "m";
    text += std::to_string(ms / 1000 % 60);
    if (ms % 1000 != 0) text += "." + std::to_string(1000 + ms % 1000).substr(1);
    return text + "s";
}

std::string time_text(double seconds_from_now, const char* format) {
    const std::time_t when = std::time(nullptr) + static_cast<std::time_t>(std::ceil(seconds_from_now));
    std::tm parts{};
    gmtime_r(&when, &parts);
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), format, &parts);
    return text.data();
}

std::string http_date(double seconds_from_now) { return time_text(seconds_from_now, "%a, %d %b %Y %H:%M:%S GMT"); }
std::string rfc3339(double seconds_from_now) { return time_text(seconds_from_now, "%Y-%m-%dT%H:%M:%SZ"); }

/// A request for a text as it was received, with what it means whatever the dialect.
struct Chat {
    Json json;
    Dialect dialect = Dialect::openai;
    std::string model, prompt;
    std::int64_t prompt_tokens = 0, limit = 0;  // limit 0: none

    Chat(Dialect spoken, std::string_view path, std::string_view body) : json(Json::parse(body)), dialect(spoken) {
        const Json chat = as_chat_completion(spoken, path, json);
        model = chat.at("model").get<std::string>();
        for (const auto& message : chat.at("messages")) {
            prompt += message.at("content").get<std::string>() + "\n";
            prompt_tokens += 3;
        }
        prompt_tokens += static_cast<std::int64_t>(prompt.size() + 3) / 4;
        limit = chat.value("max_completion_tokens", chat.value("max_tokens", std::int64_t{0}));
    }
};

/// Makes the answer to one chat completion and notes in the log what it says.
class Responder {
public:
    Responder(Script& script, LoggedRequest& log, Dialect dialect, std::string_view body, std::uint16_t port)
        : script_(script), log_(log), dialect_(dialect), body_(body), port_(port) {}

    Answer answer() {
        std::optional<Chat> chat;
        try {
            chat.emplace(dialect_, path_of(log_.target), body_);
        } catch (const Json::exception& wrong) {
            log_.fault = "bad_request";
            return error(400, wrong.what(), "invalid_request_error", nullptr, nullptr);
        }
        chat_ = &*chat;
        log_.model = chat_->model;
        const std::uint64_t seen = ++script_.seen[log_.body_hash];
        const std::uint64_t body_seed = derive_seed(script_.seed, log_.body_hash);
        const std::uint64_t seed = derive_seed(body_seed, seen);
        headers_.emplace_back("x-request-id", "req_" + hex(log_.body_hash));

        Rule* rule = matching_rule(seen, body_seed, seed);
        if (rule != nullptr) ++rule->applied;
        rule_ = rule != nullptr ? &rule->json : &kNoRule;
        log_.fault = rule != nullptr ? rule->fault : "none";
        const Latency latency = rule_->contains("latency") ? Latency::from((*rule_)["latency"]) : script_.latency;

        Answer answer = respond();
        answer.delay = latency.draw(Random(derive_seed(seed, "latency")));
        return answer;
    }

private:
    static const Json kNoRule;

    template <class T>
    [[nodiscard]] T option(const char* name, T otherwise) const {
        return rule_->value(name, std::move(otherwise));
    }

    [[nodiscard]] bool applies(const Rule& rule, std::uint64_t seen, std::uint64_t body_seed,
                               std::uint64_t seed) const {
        const Json& json = rule.json;
        const std::uint64_t call = log_.call;
        if (json.contains("calls") && std::ranges::find(json["calls"], Json(call)) == json["calls"].end()) return false;
        if (call < json.value("from", std::uint64_t{0}) || call > json.value("to", kEndless)) return false;
        if (json.contains("every") && call % json["every"].get<std::uint64_t>() != 0) return false;
        if (seen > json.value("first", kEndless) || rule.applied >= json.value("times", kEndless)) return false;
        if (json.contains("match") && body_.find(json["match"].get<std::string>()) == std::string_view::npos)
            return false;
        if (json.contains("param") && !chat_->json.contains(json["param"].get<std::string>())) return false;
        if (!json.contains("probability")) return true;
        const auto place = static_cast<std::uint64_t>(&rule - script_.rules.data());
        Random random(derive_seed(json.value("sticky", false) ? body_seed : seed, place));
        return static_cast<double>(random.below(1'000'000)) < json["probability"].get<double>() * 1e6;
    }

    Rule* matching_rule(std::uint64_t seen, std::uint64_t body_seed, std::uint64_t seed) const {
        for (Rule& rule : script_.rules)
            if (applies(rule, seen, body_seed, seed)) return &rule;
        return script_.cycle.empty() ? nullptr : &script_.cycle[(log_.call - 1) % script_.cycle.size()];
    }

    Answer error(int status, std::string_view message, std::string_view type, const Json& param, const Json& code) {
        return error(status, error_json(message, type, param, code));
    }
    Answer error(int status, const Json& json) {
        const auto waits = std::ranges::find(headers_, "retry-after", &Headers::value_type::first);
        const bool has_wait = waits != headers_.end();
        const Translated said = translate(dialect_, status, json, has_wait ? waits->second : "");
        if (dialect_ == Dialect::gemini && has_wait) headers_.erase(waits);  // it is in the body
        return send(said.status, kJsonType, said.body.dump(2));
    }

    Answer send(int status, std::string_view content_type, std::string_view body) {
        log_.status = status;
        if (rule_->contains("headers"))
            for (const auto& [name, value] : rule_->at("headers").items())
                headers_.emplace_back(name, value.get<std::string>());
        return whole(status, content_type, headers_, body);
    }

    Answer respond() {
        const std::string& fault = log_.fault;
        if (fault == "hang") return ended(Answer::End::hang);
        if (fault == "close") return ended(Answer::End::close);
        if (fault == "reset") return ended(Answer::End::reset);
        if (!script_.key.empty() && received_key() != script_.key) {
            log_.fault = "unauthorized";
            return refuse();
        }
        if (script_.models && std::ranges::find(*script_.models, chat_->model) == script_.models->end()) {
            log_.fault = "model_not_found";
            return refuse();
        }
        if (auto limited = pace()) return std::move(*limited);
        if (fault == "none" && script_.credit && (*script_.credit)-- == 0) {
            script_.credit = 0;
            log_.fault = "insufficient_quota";
        }
        if (auto refused = refuse(); log_.status != 0) return refused;
        return good();
    }

    /// Nothing when the header is missing or of another form.
    [[nodiscard]] std::optional<std::string_view> received_key() const {
        const KeyHeader expected = key_header_of(dialect_);
        auto value = log_.header(expected.name);
        if (!value || !value->starts_with(expected.prefix)) return std::nullopt;
        value->remove_prefix(expected.prefix.size());
        return value;
    }

    static Answer ended(Answer::End end) {
        Answer answer;
        answer.end = end;
        return answer;
    }

    /// Takes the request out of the buckets and states them in headers; an answer when it is one too many.
    std::optional<Answer> pace() {
        log_.counted_tokens = chat_->prompt_tokens + chat_->limit;
        const auto cost = static_cast<double>(log_.counted_tokens);
        Bucket &requests = script_.requests, &tokens = script_.tokens;
        const auto now = Clock::now();
        const bool too_large = tokens.capacity > 0 && cost > tokens.capacity;
        for (Bucket* bucket : {&requests, &tokens})
            if (bucket->capacity > 0) bucket->refill(now);
        const bool allowed = requests.has(1) && tokens.has(cost);
        const double wait = std::max(requests.has(1) ? 0 : requests.seconds_until(1),
                                     tokens.has(cost) ? 0 : tokens.seconds_until(std::min(cost, tokens.capacity)));
        if (allowed || script_.failures_count) {
            requests.take(1);
            tokens.take(cost);
        }
        state(requests, "requests");
        state(tokens, "tokens");
        if (allowed) return std::nullopt;
        log_.fault = "rate_limited";
        if (!too_large && script_.retry == "seconds")
            headers_.emplace_back("retry-after", std::to_string(std::lround(std::ceil(wait))));
        if (!too_large && script_.retry == "ms")
            headers_.emplace_back("retry-after-ms", std::to_string(std::lround(std::ceil(wait * 1000))));
        if (!too_large && script_.retry == "date") headers_.emplace_back("retry-after", http_date(wait));
        return too_large ? rate_limited(tokens.capacity, cost) : rate_limited();
    }

    void state(const Bucket& bucket, const std::string& what) {
        if (bucket.capacity <= 0 || script_.dialect == "none" || dialect_ == Dialect::gemini) return;
        const double reset = bucket.seconds_until(bucket.capacity);
        if (dialect_ == Dialect::anthropic) {
            const std::string name = "anthropic-ratelimit-" + what + "-";
            if (headers_.empty() || headers_.back().first.find("reset") == std::string::npos)
                headers_.emplace_back("date", http_date(0));
            headers_.emplace_back(name + "limit", std::to_string(std::llround(bucket.capacity)));
            headers_.emplace_back(name + "remaining", std::to_string(std::llround(std::floor(bucket.level))));
            headers_.emplace_back(name + "reset", rfc3339(reset));
            return;
        }
        const bool azure = script_.dialect == "azure";
        headers_.emplace_back("x-ratelimit-limit-" + what,
                              azure ? "-1" : std::to_string(std::llround(bucket.capacity)));
        headers_.emplace_back("x-ratelimit-remaining-" + what,
                              azure ? "-1" : std::to_string(std::llround(std::floor(bucket.level))));
        headers_.emplace_back("x-ratelimit-reset-" + what, script_.dialect == "openai"
                                                               ? duration_text(reset)
                                                               : std::to_string(std::lround(std::ceil(reset))));
    }

    Answer rate_limited(double limit = 0, double requested = 0) {
        std::string message = "Rate limit reached for " + chat_->model;
        if (limit > 0)
            message = "Request too large for " + chat_->model + " on tokens per min (TPM): Limit " +
                      std::to_string(std::llround(limit)) + ", Requested " + std::to_string(std::llround(requested));
        return error(429, message, limit > 0 ? "tokens" : "requests", nullptr, "rate_limit_exceeded");
    }

    /// The answer of a fault that is not a kind of good answer; status 0 in the log when there is none.
    Answer refuse() {
        const std::string& fault = log_.fault;
        const std::string &model = chat_->model, invalid = "invalid_request_error";
        if (fault == "rate_limited") {
            for (const auto& [name, header] : {std::pair{"retry_after", "retry-after"},
                                               {"retry_after_ms", "retry-after-ms"},
                                               {"reset", "x-ratelimit-reset-requests"}})
                if (rule_->contains(name)) headers_.emplace_back(header, option(name, std::string()));
            if (rule_->contains("retry_date"))
                headers_.emplace_back("retry-after", http_date(option("retry_date", 0.0)));
            return rate_limited(option("limit_tokens", 0.0), option("requested_tokens", 0.0));
        }
        if (fault == "insufficient_quota")
            return error(429, "You exceeded your current quota, please check your plan and billing details.",
                         "insufficient_quota", nullptr, "insufficient_quota");
        if (fault == "unauthorized")
            return error(401, "Incorrect API key provided.", invalid, nullptr, "invalid_api_key");
        if (fault == "key_echo") {
            const std::string received(log_.header(key_header_of(dialect_).name).value_or("nothing"));
            headers_.emplace_back("x-received-key", received);
            return error(option("status", 401), "Incorrect API key provided: " + received, invalid, nullptr,
                         "invalid_api_key");
        }
        if (fault == "forbidden")
            return error(403, "You are not allowed to sample from this model", invalid, nullptr, "permission_denied");
        if (fault == "model_not_found")
            return error(404, "The model `" + model + "` does not exist or you do not have access to it.", invalid,
                         nullptr, "model_not_found");
        if (fault == "context_length_exceeded")
            return error(400, "This model's maximum context length is 8192 tokens.", invalid, "messages", fault);
        if (fault == "unsupported_parameter" || fault == "unsupported_value") {
            const std::string param = option("param", std::string("max_tokens"));
            const std::string instead = option("instead", std::string());
            return error(400,
                         fault == "unsupported_value"
                             ? "Unsupported value: '" + param + "' does not support this value with this model."
                             : "Unsupported parameter: '" + param + "' is not supported with this model." +
                                   (instead.empty() ? "" : " Use '" + instead + "' instead."),
                         invalid, param, fault);
        }
        if (fault == "request_timeout") return error(408, "The request timed out.", "timeout", nullptr, nullptr);
        if (fault == "conflict") return error(409, "The resource is being changed.", invalid, nullptr, nullptr);
        if (fault == "server_error")
            return error(500, "The server had an error while processing your request.", fault, nullptr, nullptr);
        if (fault == "overloaded")
            return error(503, "The engine is currently overloaded, please try again later.", "server_error", nullptr,
                         "server_is_overloaded");
        if (fault == "overloaded_529") return error(529, "Overloaded", "overloaded_error", nullptr, nullptr);
        if (fault == "bad_gateway") return send(502, "text/html", kHtml);
        if (fault == "html") return send(200, "text/html", kHtml);
        if (fault == "error_member")
            return error(200, error_json("the upstream model failed", "server_error", nullptr, 500));
        if (fault == "status")
            return send(option("status", 500), option("content_type", std::string(kJsonType)),
                        option("body", std::string()));
        if (fault == "redirect") {
            std::string to = option("location", std::string("same"));
            if (to == "same") to = "/v1/chat/completions";
            if (to == "other") to = "http://localhost:" + std::to_string(port_) + "/v1/chat/completions";
            headers_.emplace_back("Location", to);
            return send(307, "text/html", "");
        }
        if (fault == "endless_headers") {
            log_.status = 200;
            Answer answer;
            answer.head = "HTTP/1.1 200 OK\r\n";
            answer.filler = "x-filler: " + std::string(1000, 'a') + "\r\n";
            answer.fillers = kEndless;
            return answer;
        }
        return {};
    }

    /// A good answer, or one of the kinds that only look like one.
    Answer good() {
        const std::string& fault = log_.fault;
        const std::uint64_t seed = derive_seed(script_.seed, log_.body_hash);
        const std::size_t asked = script_.words ? *script_.words : words_asked_for(chat_->prompt).value_or(300);
        const auto room = static_cast<std::size_t>(static_cast<double>(chat_->limit) / kTokensPerWord);
        std::size_t words = asked;
        if (fault == "length") words = static_cast<std::size_t>(static_cast<double>(asked) * option("share", 0.5));
        const bool cut = script_.respect_limit && chat_->limit > 0 && words > room;
        if (cut) words = room;
        std::string text = document(seed, words);
        std::string finish = "stop";
        if (cut || fault == "length") {
            text.pop_back();
            finish = "length";
        }
        Json content = text, refusal = nullptr;
        if (fault == "empty") content = "";
        if (fault == "content_filter") {
            content = "";
            finish = "content_filter";
        }
        if (fault == "refusal") {
            content = nullptr;
            refusal = "I'm sorry, but I can't help with that.";
        }
        if (fault == "invalid_utf8") content = text + "\x01";  // made invalid below, where it is bytes
        if (fault == "huge") content = "\x01";

        const auto written =
            static_cast<std::int64_t>(content.is_string() && !content.get_ref<const std::string&>().empty()
                                          ? static_cast<double>(words) * kTokensPerWord
                                          : 0);
        Json reply = {{"id", "chatcmpl-" + hex(log_.body_hash)},
                      {"object", "chat.completion"},
                      {"created", 1'700'000'000},
                      {"model", chat_->model + script_.suffix},
                      {"choices",
                       {{{"index", 0},
                         {"message", {{"role", "assistant"}, {"content", content}, {"refusal", refusal}}},
                         {"logprobs", nullptr},
                         {"finish_reason", finish}}}}};
        if (script_.usage != "none") {
            log_.prompt_tokens = chat_->prompt_tokens;
            log_.completion_tokens = written + script_.reasoning;
            reply["usage"] = {{"prompt_tokens", log_.prompt_tokens},
                              {"completion_tokens", log_.completion_tokens},
                              {"total_tokens", log_.prompt_tokens + log_.completion_tokens}};
        }
        if (script_.usage == "full") {
            log_.cached_tokens = std::min(script_.cached, chat_->prompt_tokens);
            reply["usage"]["prompt_tokens_details"] = {{"cached_tokens", log_.cached_tokens}, {"audio_tokens", 0}};
            reply["usage"]["completion_tokens_details"] = {{"reasoning_tokens", script_.reasoning},
                                                           {"audio_tokens", 0}};
        }
        if (!script_.tier.empty()) reply["service_tier"] = script_.tier;
        if (fault == "no_choices") reply.erase("choices");
        return shaped(translate(dialect_, 200, reply, "").body.dump());
    }

    Answer shaped(std::string body) {
        const std::string& fault = log_.fault;
        static constexpr std::string_view kMark = "\\u0001";
        const auto mark = body.find(kMark);
        if (fault == "invalid_utf8") body.replace(mark, kMark.size(), "\xff\xc3\x28");
        if (fault == "wrong_content_type") return send(200, option("content_type", std::string("text/plain")), body);
        if (fault == "huge") {
            log_.status = 200;
            Answer answer;
            answer.filler.assign(1U << 16U, 'a');
            answer.fillers = option("bytes", std::uint64_t{256U << 20U}) / answer.filler.size();
            answer.tail = body.substr(mark + kMark.size());
            const auto length = mark + answer.fillers * answer.filler.size() + answer.tail.size();
            answer.head =
                head_of(200, kJsonType, headers_, "Content-Length: " + std::to_string(length)) + body.substr(0, mark);
            return answer;
        }
        if (fault == "chunked") {
            log_.status = 200;
            Answer answer;
            answer.head = head_of(200, kJsonType, headers_, "Transfer-Encoding: chunked");
            for (std::size_t at = 0; at < body.size(); at += 1000) {
                const auto chunk = std::string_view(body).substr(at, 1000);
                std::array<char, 16> size{};
                std::snprintf(size.data(), size.size(), "%zx\r\n", chunk.size());
                answer.head.append(size.data()).append(chunk).append("\r\n");
            }
            answer.head.append("0\r\n\r\n");
            return answer;
        }
        Answer answer = send(200, kJsonType, body);
        if (fault == "drip") {
            answer.piece = option("bytes", std::size_t{64});
            answer.pause = milliseconds(option("pause_ms", 10));
        }
        if (fault == "cut_body" || fault == "reset_after_headers") {
            answer.head.resize(answer.head.size() - body.size() / 2);
            answer.end = fault == "cut_body" ? Answer::End::close : Answer::End::reset;
        }
        return answer;
    }

    Script& script_;
    LoggedRequest& log_;
    Dialect dialect_;
    std::string_view body_;
    std::uint16_t port_;
    const Chat* chat_ = nullptr;
    const Json* rule_ = &kNoRule;
    Headers headers_;
};

const Json Responder::kNoRule = Json::object();

/// Not the answer that was asked for, though the bytes may have left.
bool is_good(const LoggedRequest& request) {
    static const std::set<std::string> kGood = {"none", "drip", "chunked", "wrong_content_type"};
    return request.call > 0 && request.sent && request.status == 200 && kGood.contains(request.fault);
}

}  // namespace

std::uint64_t hash_of(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return hash;
}

std::optional<std::string_view> LoggedRequest::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (key == name) return value;
    return std::nullopt;
}

// ---------------------------------------------------------------------------------------------------------- the loop

/// One thread: sockets, timers, and the script under a lock.
class FaultServer::Loop {
public:
    Loop(std::string_view script, std::uint16_t port) : script_(script) {
        rlimit files{};
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);

        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        socklen_t size = sizeof address;
        if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 4096) != 0 ||
            getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
            fail_errno("cannot listen on port " + std::to_string(port));
        port_ = ntohs(address.sin_port);
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        watch(EPOLL_CTL_ADD, listener_, kListener, EPOLLIN);
        watch(EPOLL_CTL_ADD, wake_, kWake, EPOLLIN);
        thread_ = std::thread([this] { loop(); });
    }

    ~Loop() {
        stop();
        for (const int fd : {listener_, epoll_, wake_}) close(fd);
    }

    void stop() {
        const std::uint64_t one = 1;
        if (thread_.joinable() && write(wake_, &one, sizeof one) == sizeof one) thread_.join();
    }

    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    Script script_;
    std::vector<LoggedRequest> log_;
    std::size_t chats_ = 0, good_ = 0, in_flight_ = 0, most_in_flight_ = 0;

private:
    static constexpr std::uint64_t kListener = 0, kWake = 1;

    enum class State : std::uint8_t { reading, waiting, writing, hanging };

    struct Connection {
        int fd = -1;
        State state = State::reading;
        std::string in;
        Answer answer;
        std::string out;          // part of the answer that is being sent
        std::size_t at = 0;       // of it, sent
        Clock::time_point due{};  // while waiting
        std::size_t logged = 0;   // index in the log
        std::uint32_t events = 0;
        bool continued = false;  // "100 Continue" was sent
    };

    void watch(int operation, int fd, std::uint64_t id, std::uint32_t events) const {
        epoll_event event{};
        event.events = events;
        event.data.u64 = id;
        if (epoll_ctl(epoll_, operation, fd, &event) != 0) fail_errno("epoll_ctl");
    }

    void loop() {
        std::array<epoll_event, 256> events{};
        while (true) {
            const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), until_next_timer());
            for (int i = 0; i < ready; ++i) {
                const auto id = events[static_cast<std::size_t>(i)].data.u64;
                if (id == kWake) {
                    while (!connections_.empty()) drop(connections_.begin()->first, false);
                    return;
                }
                if (id == kListener)
                    accept_all();
                else
                    handle(id, events[static_cast<std::size_t>(i)].events);
            }
            while (!timers_.empty() && timers_.top().first <= Clock::now()) {
                const auto [due, id] = timers_.top();
                timers_.pop();
                const auto found = connections_.find(id);
                if (found == connections_.end() || found->second.state != State::waiting || found->second.due != due)
                    continue;
                found->second.state = State::writing;
                pump(id, found->second);
            }
        }
    }

    [[nodiscard]] int until_next_timer() const {
        if (timers_.empty()) return -1;
        const auto left = std::chrono::ceil<milliseconds>(timers_.top().first - Clock::now());
        return static_cast<int>(std::max<milliseconds::rep>(0, left.count()));
    }

    void accept_all() {
        int fd = -1;
        while ((fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            Connection& connection = connections_[next_id_];
            connection.fd = fd;
            connection.events = EPOLLIN | EPOLLRDHUP;
            watch(EPOLL_CTL_ADD, fd, next_id_++, connection.events);
        }
    }

    void handle(std::uint64_t id, std::uint32_t events) {
        const auto found = connections_.find(id);
        if (found == connections_.end()) return;
        Connection& connection = found->second;
        if (connection.state == State::reading) return receive(id, connection);
        if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) return drop(id, true);
        if (connection.state == State::writing) pump(id, connection);
    }

    void receive(std::uint64_t id, Connection& connection) {
        std::array<char, 65536> buffer;
        while (true) {
            const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
            if (got > 0) {
                connection.in.append(buffer.data(), static_cast<std::size_t>(got));
                if (connection.in.size() > kLargestRequest) return drop(id, true);
            } else if (got < 0 && errno == EAGAIN) {
                break;
            } else {
                return drop(id, true);
            }
        }
        next_request(id, connection);
    }

    /// Takes one complete request off the input and schedules its answer.
    void next_request(std::uint64_t id, Connection& connection) {
        const auto end = connection.in.find("\r\n\r\n");
        if (end == std::string::npos) return listen_to(id, connection, EPOLLIN);
        LoggedRequest request;
        const std::string_view head = std::string_view(connection.in).substr(0, end + 2);
        std::size_t length = 0;
        for (std::size_t at = 0; at < head.size();) {
            const auto eol = head.find("\r\n", at);
            const auto line = head.substr(at, eol - at);
            if (at == 0) {
                const auto first = line.find(' '), second = line.rfind(' ');
                request.method = line.substr(0, first);
                if (second > first) request.target = line.substr(first + 1, second - first - 1);
            } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
                auto value = line.substr(colon + 1);
                while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
                request.headers.emplace_back(lower(line.substr(0, colon)), value);
            }
            at = eol + 2;
        }
        if (const auto given = request.header("content-length"))
            std::from_chars(given->data(), given->data() + given->size(), length);
        if (connection.in.size() < end + 4 + length) {
            if (request.header("expect") && !connection.continued) {
                connection.continued = true;
                static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
                if (::send(connection.fd, kContinue.data(), kContinue.size(), MSG_NOSIGNAL) < 0) return drop(id, true);
            }
            return listen_to(id, connection, EPOLLIN);
        }
        const std::string body = connection.in.substr(end + 4, length);
        connection.in.erase(0, end + 4 + length);
        connection.continued = false;
        connection.answer = respond(std::move(request), body, connection.logged);
        connection.out = std::move(connection.answer.head);
        connection.at = 0;
        if (connection.answer.end == Answer::End::hang) {
            connection.state = State::hanging;
            return listen_to(id, connection, 0);
        }
        connection.state = State::writing;
        if (connection.answer.delay.count() > 0) return pause(id, connection, connection.answer.delay);
        pump(id, connection);
    }

    Answer respond(LoggedRequest request, const std::string& body, std::size_t& logged) {
        const std::lock_guard lock(mutex_);
        request.received = Clock::now();
        request.body_hash = hash_of(body);
        Answer answer;
        const std::string path = path_of(request.target);
        const auto dialect = request.method == "POST" ? dialect_of(path) : std::nullopt;
        if (dialect) {
            request.call = ++script_.calls;
            ++chats_;
            most_in_flight_ = std::max(most_in_flight_, ++in_flight_);
            answer = Responder(script_, request, *dialect, body, port_).answer();
        } else if (request.method == "GET" && path == "/v1/models") {
            Json models = Json::array();
            for (const auto& model : script_.models.value_or(std::vector<std::string>{"gpt-4o-mini"}))
                models.push_back(
                    {{"id", model}, {"object", "model"}, {"owned_by", "openai"}, {"shutdown_date", nullptr}});
            answer = whole(request.status = 200, kJsonType, {}, Json{{"object", "list"}, {"data", models}}.dump());
        } else if (request.method == "GET" && path == "/log") {
            answer = whole(request.status = 200, kJsonType, {}, log_as_json());
        } else {
            const std::string message = "Unknown request URL: " + request.method + " " + request.target;
            answer = whole(request.status = 404, kJsonType, {},
                           error_json(message, "invalid_request_error", nullptr, "unknown_url").dump(2));
        }
        if (script_.keep_bodies) request.body = body;
        logged = log_.size();
        log_.push_back(std::move(request));
        changed_.notify_all();
        return answer;
    }

    void listen_to(std::uint64_t id, Connection& connection, std::uint32_t events) const {
        if (connection.events == (events | EPOLLRDHUP)) return;
        connection.events = events | EPOLLRDHUP;
        watch(EPOLL_CTL_MOD, connection.fd, id, connection.events);
    }

    void pause(std::uint64_t id, Connection& connection, milliseconds time) {
        connection.state = State::waiting;
        connection.due = Clock::now() + time;
        timers_.emplace(connection.due, id);
        listen_to(id, connection, 0);
    }

    /// Sends as much as goes, at most about a megabyte at a time so that others get their turn.
    void pump(std::uint64_t id, Connection& connection) {
        Answer& answer = connection.answer;
        for (std::size_t budget = 1U << 20U; budget > 0;) {
            if (connection.at == connection.out.size()) {
                connection.at = 0;
                if (answer.fillers > 0) {
                    if (answer.fillers != kEndless) --answer.fillers;
                    connection.out = answer.filler;
                } else if (!answer.tail.empty()) {
                    connection.out = std::exchange(answer.tail, {});
                } else {
                    return finish(id, connection);
                }
            }
            auto count = std::min(connection.out.size() - connection.at, budget);
            if (answer.piece > 0) count = std::min(count, answer.piece);
            const ssize_t sent = ::send(connection.fd, connection.out.data() + connection.at, count, MSG_NOSIGNAL);
            if (sent < 0 && errno == EAGAIN) break;
            if (sent < 0) return drop(id, true);
            connection.at += static_cast<std::size_t>(sent);
            budget -= static_cast<std::size_t>(sent);
            if (answer.piece > 0) return pause(id, connection, answer.pause);
        }
        listen_to(id, connection, EPOLLOUT);
    }

    void finish(std::uint64_t id, Connection& connection) {
        note_end(connection, false);
        const auto end = connection.answer.end;
        connection.state = State::reading;
        connection.out.clear();
        if (end == Answer::End::keep) return next_request(id, connection);
        if (end == Answer::End::reset) {
            const linger at_once{1, 0};
            setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        drop(id, false);
    }

    void note_end(const Connection& connection, bool abandoned) {
        const std::lock_guard lock(mutex_);
        LoggedRequest& request = log_[connection.logged];
        request.ended = Clock::now();
        request.abandoned = abandoned;
        request.sent = !abandoned && connection.answer.end == Answer::End::keep;
        if (request.call > 0) --in_flight_;
        if (is_good(request)) ++good_;
        changed_.notify_all();
    }

    void drop(std::uint64_t id, bool by_peer) {
        const auto found = connections_.find(id);
        if (found->second.state != State::reading) note_end(found->second, by_peer);
        close(found->second.fd);
        connections_.erase(found);
    }

public:
    [[nodiscard]] std::string log_as_json() const {
        Json rows = Json::array();
        const auto start = log_.empty() ? Clock::now() : log_.front().received;
        const auto since = [&](Clock::time_point time) { return std::chrono::duration<double>(time - start).count(); };
        for (const auto& request : log_) {
            Json headers = Json::object();
            for (const auto& [name, value] : request.headers) headers[name] = value;
            rows.push_back(
                {{"call", request.call},
                 {"method", request.method},
                 {"target", request.target},
                 {"headers", headers},
                 {"body_hash", hex(request.body_hash)},
                 {"model", request.model},
                 {"fault", request.fault},
                 {"status", request.status},
                 {"sent", request.sent},
                 {"abandoned", request.abandoned},
                 {"received_s", since(request.received)},
                 {"ended_s", request.ended == Clock::time_point{} ? Json(nullptr) : Json(since(request.ended))},
                 {"prompt_tokens", request.prompt_tokens},
                 {"cached_tokens", request.cached_tokens},
                 {"completion_tokens", request.completion_tokens},
                 {"counted_tokens", request.counted_tokens}});
        }
        return rows.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
    }

private:
    int listener_ = -1, epoll_ = -1, wake_ = -1;
    std::uint64_t next_id_ = 2;
    std::unordered_map<std::uint64_t, Connection> connections_;
    using Timer = std::pair<Clock::time_point, std::uint64_t>;
    std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
    std::thread thread_;
};

FaultServer::FaultServer(std::string_view script_json, std::uint16_t port)
    : loop_(std::make_unique<Loop>(script_json, port)) {}
FaultServer::~FaultServer() = default;

std::uint16_t FaultServer::port() const { return loop_->port_; }
std::string FaultServer::base_url() const { return "http://127.0.0.1:" + std::to_string(port()) + "/v1"; }
void FaultServer::stop() { loop_->stop(); }

void FaultServer::set_script(std::string_view script_json) {
    Script script(script_json);
    const std::lock_guard lock(loop_->mutex_);
    loop_->script_ = std::move(script);
}

std::vector<LoggedRequest> FaultServer::requests() const {
    const std::lock_guard lock(loop_->mutex_);
    return loop_->log_;
}

std::string FaultServer::log_json() const {
    const std::lock_guard lock(loop_->mutex_);
    return loop_->log_as_json();
}

std::size_t FaultServer::most_in_flight() const {
    const std::lock_guard lock(loop_->mutex_);
    return loop_->most_in_flight_;
}

bool FaultServer::wait_for_requests(std::size_t count, milliseconds patience) const {
    std::unique_lock lock(loop_->mutex_);
    return loop_->changed_.wait_for(lock, patience, [&] { return loop_->chats_ >= count; });
}

bool FaultServer::wait_for_answers(std::size_t count, milliseconds patience) const {
    std::unique_lock lock(loop_->mutex_);
    return loop_->changed_.wait_for(lock, patience, [&] { return loop_->good_ >= count; });
}

}  // namespace synth::test
