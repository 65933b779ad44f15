#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/options_schema.hpp"
#include "plugins/conformance/checks.hpp"
#include "synth/provider.hpp"

namespace synth::core::conformance {

namespace {

bool same(const Exchange& a, const Exchange& b) {
    if (a.index() != b.index()) return false;
    if (const auto* one = std::get_if<HttpRequest>(&a)) {
        const auto& two = std::get<HttpRequest>(b);
        const bool auth =
            one->auth.has_value() == two.auth.has_value() &&
            (!one->auth || (one->auth->secret == two.auth->secret && one->auth->header == two.auth->header &&
                            one->auth->prefix == two.auth->prefix));
        return auth && one->method == two.method && one->url == two.url && one->headers == two.headers &&
               one->body == two.body;
    }
    const auto &one = std::get<Reply>(a), &two = std::get<Reply>(b);
    return one.completion.has_value() == two.completion.has_value() &&
           (!one.completion ||
            (one.completion->text == two.completion->text && one.completion->finish == two.completion->finish)) &&
           one.error.has_value() == two.error.has_value() && (!one.error || same_error(*one.error, *two.error)) &&
           one.usage == two.usage && one.model == two.model;
}

constexpr const char* kPage =
    "<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Sorry</h1></body></html>\n";

struct Answered {
    std::string name, type, body;
};

/// Bodies that hold no answer, whatever the status says.
std::vector<Answered> useless_bodies() {
    return {
        {"an empty body", "application/json", ""},
        {"a blank body", "text/plain", " \r\n"},
        {"a page", "text/html; charset=utf-8", kPage},
        {"null", "application/json", "null"},
        {"an empty array", "application/json", "[]"},
        {"an empty object", "application/json", "{}"},
        {"an error object", "application/json",
         R"({"error": {"message": "something is wrong", "type": "some_error", "code": null}})"},
        {"an object of other types", "application/json",
         R"({"choices": 5, "content": {"a": []}, "candidates": "none", "error": [[]], "usage": "much"})"},
        {"a cut completion", "application/json",
         R"({"choices": [{"index": 0, "message": {"role": "assistant", "content": "The burst was se)"},
        {"a cut message", "application/json", R"({"type": "message", "content": [{"type": "text", "text": "The bur)"},
        {"a cut candidate", "application/json", R"({"candidates": [{"content": {"parts": [{"text": "The burst)"},
        {"bytes", "application/octet-stream", std::string("\xff\xfe\x00\x1f\x8b", 5)},
        {"deep nesting", "application/json", std::string(100'000, '[')},
        {"a megabyte", "application/json", std::string(1U << 20U, ' ')}};
}

/// Answers of services that are met in the field.
std::vector<Answered> good_bodies() {
    return {{"a completion", "application/json",
             R"({"id": "1", "object": "chat.completion", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": "The burst was seen."}}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}})"},
            {"a message", "application/json",
             R"({"id": "1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                "content": [{"type": "text", "text": "The burst was seen."}], "usage": {"input_tokens": 9, "output_tokens": 5}})"},
            {"a candidate", "application/json",
             R"({"candidates": [{"content": {"role": "model", "parts": [{"text": "The burst was seen."}]},
                "finishReason": "STOP", "index": 0}], "modelVersion": "m",
                "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14}})"},
            {"plain text", "text/plain; charset=utf-8", "The burst was seen."}};
}

}  // namespace

void check_provider(Checks& checks) {
    Instance<Provider> provider, other;
    if (!checks.make(provider, other)) return;
    ProviderInfo info;
    checks.run("describe says what it talks to, and stays with it", [&]() -> Problem {
        auto described_as = provider.call([&](Provider& p) { return p.describe(checks.today); });
        if (!described_as) return described(described_as.error());
        auto again = other.call([&](Provider& p) { return p.describe(checks.today); });
        if (!again || again->model != described_as->model || again->endpoint != described_as->endpoint ||
            again->resolved_options != described_as->resolved_options)
            return "another instance says something else";
        for (const auto& notice : described_as->notices)
            if (!one_line(notice)) return "a notice that is not one line";
        if (!described_as->endpoint.empty() && !described_as->endpoint.starts_with("http://") &&
            !described_as->endpoint.starts_with("https://"))
            return "the endpoint '" + described_as->endpoint + "' begins with neither http:// nor https://";
        info = std::move(*described_as);
        checks.note = info.endpoint.empty() ? "no network" : info.model + " at " + info.endpoint;
        return {};
    });

    const auto specs = some_specs(checks.taxonomy);
    Prompt prompt;
    prompt.messages = {{Role::system, "You write scientific documents."},
                       {Role::user, "Write \"one\" about γ-rays,\nwith a back\\slash and a tab\t."}};
    prompt.output_limit = {1700};
    prompt.target_words = 300;
    const std::vector<Remedy> remedies = {{Remedy::Kind::omit_parameter, "no_such_parameter", ""}};
    std::vector<Request> requests;
    for (const auto& spec : specs)
        for (const std::uint32_t attempt : {1U, 2U})
            requests.push_back({&spec, &prompt, "write", attempt, attempt == 2 ? &remedies : nullptr});
    const auto encode = [](const Instance<Provider>& one, const Request& request) {
        return one.call([&](Provider& p) { return p.encode(request); });
    };

    bool network = true;
    checks.run("encode makes a request that can be sent, or an answer", [&]() -> Problem {
        for (const auto& request : requests) {
            const auto made = encode(provider, request);
            if (!made) return described(made.error());
            if (const auto* http = std::get_if<HttpRequest>(&*made)) {
                if (!http->url.starts_with("http://") && !http->url.starts_with("https://"))
                    return "the URL '" + http->url + "' begins with neither http:// nor https://";
                if (http->method.empty()) return "a request without method";
                for (const auto& [name, value] : http->headers)
                    if (!one_line(name) || value.find_first_of("\r\n") != std::string::npos)
                        return "a header '" + name + "' that is not one line";
            } else {
                network = false;
                const auto& reply = std::get<Reply>(*made);
                if (!reply.completion && !reply.error) return "an answer with neither a completion nor an error";
            }
        }
        return {};
    });
    checks.run("the same request is encoded the same", [&]() -> Problem {
        for (const auto& request : requests)
            for (const auto* one : {&provider, &other}) {
                const auto first = encode(provider, request), again = encode(*one, request);
                if (first && again && !same(*first, *again))
                    return std::string("differs ") + (one == &provider ? "when asked again" : "from another instance");
            }
        return {};
    });
    checks.run("made from its resolved options it encodes the same", [&]() -> Problem {
        if (info.resolved_options.empty()) {
            checks.note = "none: they are as given";
            return {};
        }
        auto given = options_as_given(info.resolved_options);
        if (!given) return described(given.error());
        auto completed = complete_options("provider " + checks.plugin.id, checks.plugin.options_schema, *given);
        if (!completed) return described(completed.error());
        const auto again = checks.make_with<Provider>(*completed);
        if (!again) return described(again.error());
        const auto first = encode(provider, requests.front()), second = encode(*again, requests.front());
        if (!first || !second || !same(*first, *second)) return "encodes something else";
        return {};
    });
    checks.run("bounds are above zero where something is sent", [&]() -> Problem {
        for (const auto& request : requests) {
            const auto input = provider.object().input_bound(request), output = provider.object().output_bound(request);
            const std::int64_t least = network ? 1 : 0;
            if (input.count < least) return "an input bound of " + std::to_string(input.count) + " tokens";
            if (output.count < least) return "an output bound of " + std::to_string(output.count) + " tokens";
        }
        return {};
    });

    const auto respond = [&](int status, const Answered& answer) {
        HttpResponse response;
        response.status = status;
        response.headers = {{"content-type", answer.type}, {"x-request-id", "r1"}, {"retry-after", "2"}};
        response.body = answer.body;
        return provider.object().decode(requests.front(), response);
    };
    const auto accepted = [](const Reply& reply) { return reply.completion && !reply.error; };
    checks.run("a success without an answer is an error, whatever its body", [&]() -> Problem {
        for (const auto& answer : useless_bodies()) {
            const Reply reply = respond(200, answer);
            if (accepted(reply)) return "200 with " + answer.name + " is taken for a completion";
            if (!reply.error) return "200 with " + answer.name + " is neither a completion nor an error";
            if (!one_line(reply.error->message))
                return "200 with " + answer.name + ": an error without one line that says why";
        }
        return {};
    });
    checks.run("a good answer is a completion or an error, never nothing", [&]() -> Problem {
        std::string read;
        for (const auto& answer : good_bodies()) {
            const Reply reply = respond(200, answer);
            if (!reply.completion && !reply.error) return answer.name + " is neither";
            if (!accepted(reply)) continue;
            if (trim(reply.completion->text).empty()) return answer.name + " is a completion without text";
            read += (read.empty() ? "" : ", ") + answer.name;
        }
        if (network) checks.note = "reads " + (read.empty() ? "none of the common forms" : read);
        return {};
    });
    checks.run("an error status is never a completion", [&]() -> Problem {
        auto bodies = useless_bodies();
        for (const auto& good : good_bodies()) bodies.push_back(good);
        for (const int status :
             {0, 204, 301, 400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529, 999})
            for (const auto& answer : bodies) {
                if (status == 204 && !answer.body.empty()) continue;
                const Reply reply = respond(status, answer);
                const std::string of = std::to_string(status) + " with " + answer.name;
                if (accepted(reply)) return of + " is taken for a completion";
                if (!reply.error) return of + " is neither a completion nor an error";
                if (!one_line(reply.error->message)) return of + ": an error without one line that says why";
            }
        return {};
    });
    checks.run("a status says what the core may do", [&]() -> Problem {
        if (!network) {
            checks.note = "no network";
            return {};
        }
        using Codes = std::vector<ErrorCode>;
        const std::map<int, Codes> wanted = {
            {400, {ErrorCode::invalid_argument}},
            {401, {ErrorCode::unauthorized}},
            {404, {ErrorCode::unauthorized, ErrorCode::invalid_argument}},
            {429, {ErrorCode::rate_limited, ErrorCode::exhausted}},
            {500, {ErrorCode::unavailable}},
            {503, {ErrorCode::unavailable, ErrorCode::rate_limited}},
        };
        for (const auto& [status, codes] : wanted)
            for (const auto& answer :
                 {Answered{"an empty body", "application/json", ""}, {"a page", "text/html", kPage}}) {
                const Reply reply = respond(status, answer);
                if (!reply.error || std::ranges::find(codes, reply.error->code) == codes.end())
                    return std::to_string(status) + " with " + answer.name + " is " +
                           (reply.error ? std::string(name_of(reply.error->code)) : "no error") + ", not " +
                           std::string(name_of(codes.front()));
            }
        return {};
    });
    checks.run("costs are never below zero", [&]() -> Problem {
        for (const std::string& model : {info.model, std::string("no-such-model"), std::string()})
            for (const auto& usage : {Usage{}, Usage{{1000}, {100}, {50}, {2000}, {300}}}) {
                const auto cost = provider.object().cost(usage, {model, "", Billing::Mode::direct});
                if (cost && cost->value < 0) return "a cost below zero for model '" + model + "'";
            }
        return {};
    });
}

}  // namespace synth::core::conformance
