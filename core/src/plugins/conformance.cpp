#include "plugins/conformance.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>

#include "base/files.hpp"
#include "config/options_schema.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/provider.hpp"
#include "synth/random.hpp"
#include "synth/reporter.hpp"
#include "synth/sampler.hpp"
#include "synth/sink.hpp"
#include "synth/text.hpp"
#include "synth/validator.hpp"

namespace synth::core {

namespace fs = std::filesystem;
using json = nlohmann::json;

namespace {

/// What was wrong; empty: nothing.
using Problem = std::string;

std::string number(std::uint64_t value) { return std::to_string(value); }

/// Lends data and taxonomy; keeps what the plugin logs to itself.
class CheckHost final : public Host {
public:
    CheckHost(const PluginInfo& plugin, const Taxonomy& taxonomy) : data_dir_(plugin.data_dir), taxonomy_(taxonomy) {}
    void log(LogLevel, std::string_view) override {}
    [[nodiscard]] bool has_secret(std::string_view) const override { return true; }
    [[nodiscard]] std::string setting(std::string_view) const override { return {}; }
    [[nodiscard]] std::string data_dir() const override { return data_dir_; }
    [[nodiscard]] const Taxonomy& taxonomy() const override { return taxonomy_; }

private:
    std::string data_dir_;
    const Taxonomy& taxonomy_;
};

/// Runs checks in the child and tells the parent of each as it begins and ends.
class Checks {
public:
    Checks(int pipe, const PluginInfo& the_plugin, const std::string& its_options, const Taxonomy& classes,
           fs::path folder, std::chrono::sys_days date)
        : plugin(the_plugin),
          options(its_options),
          taxonomy(classes),
          scratch(std::move(folder)),
          today(date),
          host_(the_plugin, classes),
          pipe_(pipe) {}

    /// `check` returns a Problem. What it notes with `note` is shown when there is none.
    template <class Check>
    void run(const char* name, Check&& check) {
        send({{"name", name}});
        note.clear();
        Problem problem;
        try {
            problem = check();
        } catch (const std::exception& stray) {
            problem = std::string("threw an exception: ") + stray.what();
        } catch (...) {
            problem = "threw an exception";
        }
        send({{"name", name}, {"passed", problem.empty()}, {"detail", problem.empty() ? note : problem}});
    }

    template <class Interface>
    Instance<Interface> make() {
        auto made = Registry::create<Interface>(plugin, options, host_);
        return made ? std::move(*made) : Instance<Interface>();
    }

    /// The first check of every kind; two instances of their own, or nothing and no further check makes sense.
    template <class Interface>
    bool make(Instance<Interface>& one, Instance<Interface>& other) {
        run("create makes instances", [&]() -> Problem {
            for (auto* into : {&one, &other}) {
                auto made = Registry::create<Interface>(plugin, options, host_);
                if (!made) return made.error().message + " (-o " + plugin.kind + ".KEY=VALUE gives it options)";
                *into = std::move(*made);
            }
            return {};
        });
        return one && other;
    }

    Result<Instance<Provider>> make_with(const std::string& other_options) {
        return Registry::create<Provider>(plugin, other_options, host_);
    }

    const PluginInfo& plugin;
    const std::string& options;
    const Taxonomy& taxonomy;
    const fs::path scratch;
    const std::chrono::sys_days today;
    std::string note;

private:
    void send(const json& line) const {
        const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
        for (std::size_t at = 0; at < text.size();) {
            const auto written = ::write(pipe_, text.data() + at, text.size() - at);
            if (written < 0 && errno != EINTR) return;
            if (written > 0) at += static_cast<std::size_t>(written);
        }
    }

    CheckHost host_;
    int pipe_;
};

bool one_line(std::string_view text) {
    return !trim(text).empty() && std::ranges::none_of(text, [](char c) { return c == '\n' || c == '\r'; });
}

bool snake_case(std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

std::string described(const Error& error) { return std::string(name_of(error.code)) + ": " + error.message; }

bool same(const Error& a, const Error& b) { return a.code == b.code && a.message == b.message && a.reason == b.reason; }

/// Specs of all sorts: the negative label, each of some others alone, and sets of them.
std::vector<SampleSpec> some_specs(const Taxonomy& taxonomy) {
    std::vector<SampleSpec> specs;
    const auto add = [&](const LabelSet& set) {
        SampleSpec spec;
        spec.index = specs.size();
        spec.seed = derive_seed(1, spec.index);
        spec.labels = spec.drawn = set;
        spec.primary = set[0];
        specs.push_back(spec);
    };
    if (taxonomy.negative)
        for (int i = 0; i < 2; ++i) {
            LabelSet alone;
            alone.insert(*taxonomy.negative);
            add(alone);
        }
    for (std::size_t id = 0; id < taxonomy.labels.size(); id += 3) {
        LabelSet set;
        for (std::size_t more = 0; more < 1 + id % 4; ++more)
            if (const auto label = static_cast<LabelId>((id + 5 * more) % taxonomy.labels.size());
                label != taxonomy.negative)
                set.insert(label);
        if (!set.empty()) add(set);
    }
    return specs;
}

std::string some_document(std::size_t words) {
    constexpr std::array<std::string_view, 12> kWords = {"the", "burst", "was",    "seen",  "with", "γ-rays",
                                                         "by",  "two",   "groups", "above", "30",   "keV"};
    std::string text = "# A burst seen by two groups\n\n";
    for (std::size_t i = 0; i < words; ++i)
        text.append(kWords[(i * i + i / 7) % kWords.size()]).append((i + 1) % 90 == 0 ? ".\n\n" : " ");
    return text + "end.";
}

// Sampler ------------------------------------------------------------------------------------------------------------

class VectorPlan final : public PlanStream {
public:
    explicit VectorPlan(std::span<const SampleSpec> specs) : specs_(specs) {}
    Result<std::size_t> next(std::span<SampleSpec> out) override {
        if (closed) read_late = true;
        const std::size_t count = std::min(out.size(), specs_.size());
        std::ranges::copy(specs_.first(count), out.begin());
        specs_ = specs_.subspan(count);
        return count;
    }
    bool closed = false, read_late = false;

private:
    std::span<const SampleSpec> specs_;
};

using Specs = std::vector<SampleSpec>;

/// The whole plan, read in blocks of `block` that hold what an earlier use left in them.
Result<Specs> read_plan(const Instance<Sampler>& sampler, const PlanRequest& request, std::size_t block,
                        const Taxonomy& taxonomy, VectorPlan* prior = nullptr) {
    auto plan = sampler.call([&](Sampler& s) { return s.plan(request); });
    if (prior != nullptr) prior->closed = true;
    if (!plan) return std::move(plan).error();
    if (*plan == nullptr) return Error{ErrorCode::internal, "plan gave neither a stream nor an error", {}};
    SampleSpec stale;
    for (std::size_t id = 0; id < std::min<std::size_t>(taxonomy.labels.size(), 9); ++id) {
        stale.labels.insert(static_cast<LabelId>(id));
        stale.drawn.insert(static_cast<LabelId>(id));
    }
    Specs specs, buffer(block);
    for (;;) {
        std::ranges::fill(buffer, stale);
        auto got = (*plan)->next(buffer);
        if (!got) return std::move(got).error();
        if (*got > block) return Error{ErrorCode::internal, "next gave more samples than there was room for", {}};
        if (*got == 0) return specs;
        for (std::size_t i = 0; i < *got; ++i) specs.push_back(buffer[i]);
        if (specs.size() > request.samples + block) return specs;  // endless
    }
}

bool same(const Specs& a, const Specs& b) {
    return std::ranges::equal(a, b, [](const SampleSpec& x, const SampleSpec& y) {
        return x.labels == y.labels && x.drawn == y.drawn && x.primary == y.primary;
    });
}

Problem wrong_spec(const SampleSpec& spec, const PlanRequest& request, const Taxonomy& taxonomy) {
    for (const LabelSet* set : {&spec.labels, &spec.drawn})
        for (std::size_t i = 0; i < set->size(); ++i) {
            if ((*set)[i] >= taxonomy.labels.size())
                return "carries label " + number((*set)[i]) + " of " + number(taxonomy.labels.size());
            if (i > 0 && (*set)[i] <= (*set)[i - 1]) return "has a label twice, or labels out of order";
        }
    if (!spec.drawn.contains(spec.primary)) return "has a primary label that was not drawn for it";
    if (taxonomy.negative && (spec.labels.contains(*taxonomy.negative) || spec.drawn.contains(*taxonomy.negative))) {
        if (spec.labels.size() == 1 && spec.drawn.size() == 1) return {};
        return "has the label " + taxonomy[*taxonomy.negative].name + ", which is always alone, with others";
    }
    if (spec.drawn.size() < request.min_labels || spec.drawn.size() > request.max_labels)
        return "has " + number(spec.drawn.size()) + " labels, " + number(request.min_labels) + " to " +
               number(request.max_labels) + " were asked for";
    for (const LabelId label : spec.drawn)
        if (!spec.labels.contains(label)) return "does not carry " + taxonomy[label].name + ", which was drawn for it";
    for (const LabelId label : spec.labels) {
        const bool parent = std::ranges::any_of(spec.drawn, [&](LabelId own) {
            return own == label || std::ranges::find(taxonomy[own].parents, label) != taxonomy[own].parents.end();
        });
        if (!parent) return "carries " + taxonomy[label].name + ", which was neither drawn nor is a parent";
    }
    return {};
}

Problem wrong_specs(const Specs& specs, std::size_t first, const PlanRequest& request, const Taxonomy& taxonomy) {
    for (std::size_t i = 0; i < specs.size(); ++i)
        if (auto wrong = wrong_spec(specs[i], request, taxonomy); !wrong.empty())
            return "sample " + number(first + i + 1) + " of " + number(request.samples) + " " + wrong;
    return {};
}

std::string asked(const PlanRequest& request) {
    return number(request.samples) + " samples of " + number(request.min_labels) + " to " + number(request.max_labels) +
           " labels" + (request.samples_per_class > 0 ? ", " + number(request.samples_per_class) + " a class" : "");
}

void check_sampler(Checks& checks) {
    Instance<Sampler> sampler, other;
    if (!checks.make(sampler, other)) return;
    const Taxonomy& taxonomy = checks.taxonomy;
    std::vector<PlanRequest> requests;
    for (const auto& [samples, least, most] :
         {std::array<std::uint32_t, 3>{1, 2, 3}, {40, 2, 3}, {97, 2, 3}, {60, 1, 1}, {300, 1, 5}, {1000, 1, 7}}) {
        PlanRequest request;
        request.seed = 11;
        request.samples = samples;
        request.min_labels = least;
        request.max_labels = most;
        requests.push_back(request);
    }
    auto& per_class = requests.emplace_back(requests[2]);
    per_class.samples_per_class = 3;
    per_class.samples = 3 * taxonomy.labels.size();

    std::vector<std::pair<PlanRequest, Specs>> plans;
    checks.run("a request is planned, or refused with a reason", [&]() -> Problem {
        std::string refusals;
        for (const auto& request : requests) {
            auto plan = read_plan(sampler, request, 256, taxonomy);
            if (plan) {
                plans.emplace_back(request, std::move(*plan));
            } else if (plan.error().code != ErrorCode::invalid_argument || !one_line(plan.error().message)) {
                return asked(request) + ": " + described(plan.error()) +
                       " (a request that cannot be satisfied is invalid_argument, with one line that says why)";
            } else {
                refusals += (refusals.empty() ? "" : "; ") + asked(request) + ": " + plan.error().message;
            }
        }
        if (plans.empty()) return "none of " + number(requests.size()) + " was planned: " + refusals;
        if (!refusals.empty()) checks.note = "refused: " + refusals;
        return {};
    });
    if (plans.empty()) return;

    checks.run("a plan has the number of samples that was asked for", [&]() -> Problem {
        for (const auto& [request, specs] : plans) {
            if (specs.size() == request.samples) continue;
            if (specs.empty() || specs.size() > request.samples)
                return asked(request) + ": gave " + (specs.empty() ? "none" : "more");
            // A goal may be reached with fewer; then that number is what it takes.
            PlanRequest fewer = request;
            fewer.samples = specs.size();
            const auto plan = read_plan(sampler, fewer, 256, taxonomy);
            if (!plan || plan->size() != specs.size())
                return asked(request) + ": gave " + number(specs.size()) + ", and " +
                       (plan ? number(plan->size()) : "none") + " when " + number(specs.size()) + " are asked for";
            checks.note = "needs fewer than asked for: " + number(specs.size());
        }
        return {};
    });
    checks.run("labels are of the taxonomy, as many as asked for, the negative one alone", [&]() -> Problem {
        for (const auto& [request, specs] : plans)
            if (auto wrong = wrong_specs(specs, 0, request, taxonomy); !wrong.empty()) return wrong;
        return {};
    });
    checks.run("samples for each class give every class as often", [&]() -> Problem {
        for (const auto& [request, specs] : plans) {
            if (request.samples_per_class == 0) continue;
            std::vector<std::uint64_t> counts(taxonomy.labels.size());
            for (const auto& spec : specs)
                if (spec.primary < counts.size()) ++counts[spec.primary];
            for (std::size_t id = 0; id < counts.size(); ++id)
                if (counts[id] != request.samples_per_class)
                    return taxonomy.labels[id].name + " is primary " + number(counts[id]) + " times, not " +
                           number(request.samples_per_class);
            return {};
        }
        checks.note = "not offered";
        return {};
    });
    checks.run("the same request gives the same plan", [&]() -> Problem {
        for (const auto& [request, specs] : plans)
            for (const auto* one : {&sampler, &other}) {
                const auto again = read_plan(*one, request, 256, taxonomy);
                if (!again) return asked(request) + ": asked again: " + described(again.error());
                if (!same(*again, specs))
                    return asked(request) + ": another plan " +
                           (one == &sampler ? "when asked again" : "from another instance");
            }
        return {};
    });
    checks.run("a plan is the same however it is read", [&]() -> Problem {
        for (const auto& [request, specs] : plans)
            for (const std::size_t block : {1U, 7U}) {
                const auto again = read_plan(sampler, request, block, taxonomy);
                if (!again || !same(*again, specs))
                    return asked(request) + ": another plan when read by " + number(block);
            }
        return {};
    });
    checks.run("a plan can be gone on from", [&]() -> Problem {
        for (const auto& [request, specs] : plans) {
            if (request.samples_per_class > 0) continue;  // as in a resume
            for (const std::size_t first : {specs.size() / 2, specs.size()}) {
                VectorPlan prior(std::span<const SampleSpec>(specs).first(first));
                PlanRequest more = request;
                more.prior = &prior;
                const auto rest = read_plan(sampler, more, 256, taxonomy, &prior);
                const std::string where = asked(request) + ", going on after " + number(first) + ": ";
                if (prior.read_late) return where + "the earlier plan was read after plan had returned";
                if (!rest) {
                    if (rest.error().code == ErrorCode::invalid_argument && one_line(rest.error().message)) {
                        checks.note = "refused: " + where + rest.error().message;
                        continue;
                    }
                    return where + described(rest.error());
                }
                // One that needs fewer samples than asked for may need another number of them after another beginning.
                const std::size_t all = first + rest->size();
                if (specs.size() == request.samples ? all != request.samples : all > request.samples)
                    return where + "gave " + number(rest->size()) + " samples instead of " +
                           number(specs.size() - first);
                if (auto wrong = wrong_specs(*rest, first, request, taxonomy); !wrong.empty()) return wrong;
            }
        }
        return {};
    });
}

// Prompt strategy ----------------------------------------------------------------------------------------------------

std::vector<std::vector<Attempt>> some_histories() {
    std::vector<std::vector<Attempt>> histories = {{}};
    std::vector<Attempt> all;
    for (const auto& [error, reason, finish] :
         {std::tuple{std::optional(ErrorCode::refused), "refusal", FinishReason::stop},
          {std::optional(ErrorCode::truncated), "cut", FinishReason::length},
          {std::optional(ErrorCode::malformed), "empty", FinishReason::stop},
          {std::optional(ErrorCode::unavailable), "http_503", FinishReason::unknown},
          {std::optional<ErrorCode>(), "too_short", FinishReason::stop}}) {
        Attempt attempt;
        attempt.number = static_cast<std::uint32_t>(all.size() + 1);
        attempt.error = error;
        attempt.reason = reason;
        attempt.finish = finish;
        attempt.output_limit = {2000};
        if (error == ErrorCode::refused) attempt.text = "I'm sorry, but I can't help with that.";
        if (error == ErrorCode::truncated || !error) attempt.text = some_document(40);
        if (!error)
            attempt.findings = {
                {Severity::rejection, "too_short", "the text has 40 words, at least 600 were asked for"}};
        all.push_back(attempt);
        Attempt first = attempt;
        first.number = 1;
        histories.push_back({first});
    }
    histories.push_back(all);
    return histories;
}

bool same(const Prompt& a, const Prompt& b) {
    return a.output_limit == b.output_limit && a.target_words == b.target_words &&
           std::ranges::equal(a.messages, b.messages,
                              [](const Message& x, const Message& y) { return x.role == y.role && x.text == y.text; });
}

void check_prompt(Checks& checks) {
    Instance<PromptStrategy> prompts, other;
    if (!checks.make(prompts, other)) return;
    const auto specs = some_specs(checks.taxonomy);
    const auto histories = some_histories();
    const auto compose = [](const Instance<PromptStrategy>& one, const SampleSpec& spec,
                            const std::vector<Attempt>& earlier) {
        return one.call([&](PromptStrategy& p) { return p.compose(spec, earlier); });
    };
    const auto where = [](const SampleSpec& spec, const std::vector<Attempt>& earlier) {
        return "sample " + number(spec.index + 1) +
               (earlier.empty() ? std::string() : " after " + std::string(earlier.back().reason)) + ": ";
    };
    checks.run("every sample has a prompt, also after any failure", [&]() -> Problem {
        for (const auto& spec : specs)
            for (const auto& earlier : histories) {
                const auto prompt = compose(prompts, spec, earlier);
                if (!prompt) return where(spec, earlier) + described(prompt.error());
                if (prompt->messages.empty()) return where(spec, earlier) + "no messages";
                for (const auto& message : prompt->messages)
                    if (trim(message.text).empty()) return where(spec, earlier) + "an empty message";
                if (prompt->output_limit.count <= 0)
                    return where(spec, earlier) + "an output limit of " + std::to_string(prompt->output_limit.count) +
                           " tokens";
            }
        return {};
    });
    checks.run("the same sample and attempts give the same prompt", [&]() -> Problem {
        for (const auto& spec : specs)
            for (const auto& earlier : histories) {
                const auto first = compose(prompts, spec, earlier);
                for (const auto* one : {&prompts, &other}) {
                    const auto again = compose(*one, spec, earlier);
                    if (first && again && !same(*first, *again))
                        return where(spec, earlier) + "another prompt " +
                               (one == &prompts ? "when asked again" : "from another instance");
                }
            }
        return {};
    });

    struct Answer {
        const char* name;
        Completion completion;
        bool blank = false;
    };
    const std::string document = some_document(700);
    const std::vector<Answer> answers = {
        {"an empty answer", {"", FinishReason::stop}, true},
        {"an answer of blanks", {" \n\t\r\n ", FinishReason::stop}, true},
        {"an empty answer that was cut", {"", FinishReason::length}, true},
        {"a refusal", {"I'm sorry, but I can't help with that.", FinishReason::stop}},
        {"a filtered answer", {document.substr(0, 300), FinishReason::content_filter}},
        {"a plain document", {document, FinishReason::stop}},
        {"a cut document", {document.substr(0, 900), FinishReason::length}},
        {"a document without a reason why it ended", {document, FinishReason::unknown}},
        {"half a JSON object", {R"({"title": "A burst", "text": "The bu)", FinishReason::stop}},
        {"an open fence", {"```json\n{\"", FinishReason::other}},
        {"bytes that are not UTF-8", {"\xff\xfe\xc3\x28 burst \xe2\x82", FinishReason::stop}},
        {"NUL bytes", {std::string(2000, '\0'), FinishReason::stop}},
        {"a title alone", {"# A burst", FinishReason::stop}},
        {"a megabyte", {std::string(1U << 20U, 'x'), FinishReason::stop}},
    };
    checks.run("every answer is a document, refused, malformed or truncated", [&]() -> Problem {
        std::string documents;
        for (const auto& answer : answers) {
            const auto extract = [&] {
                return prompts.call([&](PromptStrategy& p) { return p.extract(specs.front(), {}, answer.completion); });
            };
            const auto draft = extract(), again = extract();
            const std::string of = std::string(answer.name) + ": ";
            if (draft) {
                if (answer.blank) return of + "taken for a document";
                if (trim(draft->text).empty()) return of + "a document without text";
                if (!again || again->text != draft->text || again->title != draft->title)
                    return of + "read differently twice";
                documents += (documents.empty() ? "" : ", ") + std::string(answer.name);
                continue;
            }
            const Error& error = draft.error();
            if (error.code != ErrorCode::refused && error.code != ErrorCode::malformed &&
                error.code != ErrorCode::truncated)
                return of + described(error);
            if (!one_line(error.message)) return of + "an error without one line that says why";
            if (again || !same(error, again.error())) return of + "read differently twice";
        }
        checks.note = "taken for documents: " + (documents.empty() ? "none" : documents);
        return {};
    });
}

// Provider -----------------------------------------------------------------------------------------------------------

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
           one.error.has_value() == two.error.has_value() && (!one.error || same(*one.error, *two.error)) &&
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
        const auto again = checks.make_with(*completed);
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

// Validator ----------------------------------------------------------------------------------------------------------

bool same(const Verdict& a, const Verdict& b) {
    return std::ranges::equal(a.findings, b.findings, [](const Finding& x, const Finding& y) {
        return x.severity == y.severity && x.code == y.code && x.message == y.message;
    });
}

void check_validator(Checks& checks) {
    Instance<Validator> validator, other;
    if (!checks.make(validator, other)) return;
    const auto specs = some_specs(checks.taxonomy);
    Prompt prompt;
    prompt.messages = {{Role::user, "Write a document of 300 words."}};
    prompt.output_limit = {1700};
    prompt.target_words = 300;
    std::vector<std::pair<Draft, FinishReason>> drafts;
    for (const auto finish :
         {FinishReason::stop, FinishReason::length, FinishReason::content_filter, FinishReason::unknown})
        for (const auto& text :
             {some_document(700), some_document(30), std::string(), std::string("word"),
              std::string("- a\n- b\n\n\n\n# c\n"), std::string(200'000, 'x'), some_document(20'000)})
            drafts.push_back({{finish == FinishReason::stop ? "A burst" : "", text}, finish});

    const auto verdict = [&](const Instance<Validator>& one, std::size_t i, Problem& problem) {
        Completion completion{drafts[i].first.text, drafts[i].second};  // not const, as what a run has: may be written
        Draft draft = drafts[i].first;
        const Review review{&specs[i % specs.size()], &prompt, &completion, &draft};
        auto made = one.call([&](Validator& v) { return v.check(review); });
        if (draft.text != drafts[i].first.text || draft.title != drafts[i].first.title ||
            completion.text != drafts[i].first.text)
            problem = "draft " + number(i + 1) + " was changed";
        else if (!made)
            problem = "draft " + number(i + 1) + ": " + described(made.error());
        return made ? std::move(*made) : Verdict{};
    };
    std::vector<Verdict> verdicts;
    checks.run("every draft has a verdict and stays as it is", [&]() -> Problem {
        Problem problem;
        for (std::size_t i = 0; i < drafts.size() && problem.empty(); ++i)
            verdicts.push_back(verdict(validator, i, problem));
        return problem;
    });
    checks.run("findings have a snake_case word and one line", [&]() -> Problem {
        std::size_t rejected = 0;
        for (const auto& one : verdicts) {
            for (const auto& finding : one.findings) {
                if (!snake_case(finding.code))
                    return "'" + finding.code + "' is no word of lower case letters, digits and '_'";
                if (!one_line(finding.message)) return "the message of " + finding.code + " is not one line";
            }
            rejected += static_cast<std::size_t>(
                std::ranges::any_of(one.findings, [](const Finding& f) { return f.severity == Severity::rejection; }));
        }
        checks.note = "rejects " + number(rejected) + " of " + number(verdicts.size()) + " drafts";
        return {};
    });
    checks.run("the same draft has the same verdict, whatever came before", [&]() -> Problem {
        if (verdicts.size() != drafts.size()) return "not every draft has one";
        Problem problem;
        for (const auto* one : {&validator, &other})
            for (std::size_t i = drafts.size(); i-- > 0 && problem.empty();)
                if (!same(verdict(*one, i, problem), verdicts[i]) && problem.empty())
                    problem = "draft " + number(i + 1) + ": another verdict " +
                              (one == &validator ? "when asked again" : "from another instance");
        return problem;
    });
}

// Sink ---------------------------------------------------------------------------------------------------------------

std::vector<Record> some_records(const Taxonomy& taxonomy) {
    std::vector<Record> records;
    std::uint64_t index = 0;
    for (const auto& spec : some_specs(taxonomy)) {
        Record record;
        record.index = index;
        record.link = "https://synthetic-data-gen.example.com/sample_" + number(index + 1);
        record.title = index % 3 == 0 ? "" : "A \"burst\", seen by\ttwo";
        record.text = some_document(index % 4 == 0 ? 3000 : 60) + "\n\"quoted\", back\\slash, <tag> & 漢字 \x01\n";
        record.labels = spec.labels;
        record.seed = spec.seed;
        record.attempt = 1 + static_cast<std::uint32_t>(index % 2);
        record.provider = "check";
        if (index % 5 != 0) record.model = "model-1";
        record.prompt_hash = "0123456789abcdef";
        record.finish = FinishReason::stop;
        if (index % 2 == 0) record.usage = Usage{{900}, {0}, {0}, {1500}, {0}};
        if (index % 4 == 0) record.cost = PicoUsd{1'035'000'000};
        record.words = count_words(record.text);
        if (index % 3 == 1) record.findings = {{Severity::warning, "too_short", "the text has 60 words"}};
        record.sent = TimePoint(std::chrono::milliseconds(1'795'000'000'000 + static_cast<std::int64_t>(index)));
        record.received = record.sent + std::chrono::milliseconds(900);
        records.push_back(std::move(record));
        index += index % 5 == 4 ? 2 : 1;  // some samples are missing
    }
    return records;
}

Status write_all(const Instance<Sink>& sink, const Taxonomy& taxonomy, const fs::path& staging, const std::string& stem,
                 const std::vector<Record>& records) {
    SinkContext context;
    context.taxonomy = &taxonomy;
    context.staging_dir = staging.string();
    context.stem = stem;
    context.samples = records.empty() ? 20 : records.back().index + 1;
    if (auto opened = sink.call([&](Sink& s) { return s.open(context); }); !opened) return opened;
    for (const auto& record : records)
        if (auto written = sink.call([&](Sink& s) { return s.write(record); }); !written) return written;
    return sink.call([&](Sink& s) { return s.finish({records.size(), context.samples}); });
}

/// Relative path and content of all that is below a folder.
Result<std::map<std::string, std::string>> contents(const fs::path& folder) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        std::string text = "/";
        if (!entry.is_directory()) {
            auto read = read_file(entry.path());
            if (!read) return std::move(read).error();
            text = std::move(*read);
        }
        found.emplace(entry.path().lexically_relative(folder).string(), std::move(text));
    }
    return found;
}

/// Files can be made, but not one byte fits into any of them, as on a disk that is full.
class FullDisk {
public:
    FullDisk() {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit none = before_;
        none.rlim_cur = 0;
        ::setrlimit(RLIMIT_FSIZE, &none);
    }
    ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

private:
    rlimit before_{};
};

void check_sink(Checks& checks) {
    {
        Instance<Sink> one, other;
        if (!checks.make(one, other)) return;
    }  // destroyed without having been opened
    const auto records = some_records(checks.taxonomy);
    const std::string stem = checks.scratch.filename().string();  // of no file but these
    const fs::path out = checks.scratch / "out", again = checks.scratch / "again", none = checks.scratch / "none";
    for (const auto& folder : {out, again, none}) fs::create_directory(folder);
    const auto write_to = [&](const fs::path& folder, const std::vector<Record>& what) {
        return write_all(checks.make<Sink>(), checks.taxonomy, folder, stem, what);
    };

    std::map<std::string, std::string> output;
    bool written = false;
    checks.run("records are written", [&]() -> Problem {
        if (const Status done = write_to(out, records); !done) return described(done.error());
        auto found = contents(out);
        if (!found) return described(found.error());
        output = std::move(*found);
        if (output.empty()) return "nothing is in the staging folder";
        written = true;
        std::size_t bytes = 0;
        for (const auto& [name, text] : output) bytes += text.size();
        checks.note = number(records.size()) + " records, " + number(bytes) + " bytes";
        return {};
    });
    checks.run("the same records give the same bytes", [&]() -> Problem {
        if (const Status done = write_to(again, records); !done) return described(done.error());
        const auto found = contents(again);
        if (!found) return described(found.error());
        for (const auto& [name, text] : *found)
            if (!output.contains(name)) return name + " is there only the second time";
        for (const auto& [name, text] : output) {
            if (!found->contains(name)) return name + " is there only the first time";
            if (found->at(name) != text) return name + " differs";
        }
        return {};
    });
    checks.run("an output without records can be written", [&]() -> Problem {
        if (const Status done = write_to(none, {}); !done) return described(done.error());
        return {};
    });
    checks.run("what is left is named STEM.something and can be published", [&]() -> Problem {
        const fs::path dir = checks.scratch / "published";
        fs::create_directory(dir);
        auto staging = StagingDir::make(dir, stem);
        if (!staging) return described(staging.error());
        if (const Status done = write_to(staging->path(), records); !done) return described(done.error());
        const auto published = staging->publish(dir, stem, false);
        if (!published) return published.error().message;
        for (const auto& file : *published)
            checks.note += (checks.note.empty() ? "" : ", ") + file.filename().string().substr(stem.size());
        return {};
    });
    checks.run("nothing is written outside the staging folder", [&]() -> Problem {
        for (const auto& entry : fs::directory_iterator(checks.scratch))
            if (const auto name = entry.path().filename();
                name != "out" && name != "again" && name != "none" && name != "published")
                return name.string() + " appeared beside it";
        for (const auto& folder : {fs::current_path(), fs::temp_directory_path()})
            for (const auto& entry : fs::directory_iterator(folder))
                if (const auto name = entry.path().filename().string(); name.starts_with(stem + "."))
                    return entry.path().string() + " appeared";
        return {};
    });
    const auto expect_io = [&](const Status& status) -> Problem {
        if (status) return "nothing was said of it";
        if (status.error().code != ErrorCode::io) return described(status.error()) + " (a failure of the disk is io)";
        if (!one_line(status.error().message)) return "an error without one line that says why";
        return {};
    };
    checks.run("a staging folder that is gone is an io error",
               [&]() -> Problem { return expect_io(write_to(checks.scratch / "gone", records)); });
    checks.run("a full disk is an io error", [&]() -> Problem {
        if (!written) return "nothing could be written to begin with";
        const fs::path folder = checks.scratch / "full";
        fs::create_directory(folder);
        const auto sink = checks.make<Sink>();
        const FullDisk full;
        return expect_io(write_all(sink, checks.taxonomy, folder, stem, records));
    });
    checks.run("an output can be given up halfway", [&]() -> Problem {
        const fs::path folder = checks.scratch / "half";
        fs::create_directory(folder);
        auto sink = checks.make<Sink>();
        SinkContext context{&checks.taxonomy, folder.string(), stem, 20};
        if (auto opened = sink.call([&](Sink& s) { return s.open(context); }); !opened)
            return described(opened.error());
        for (const auto& record : std::span(records).first(3))
            if (auto done = sink.call([&](Sink& s) { return s.write(record); }); !done) return described(done.error());
        sink = {};
        return {};
    });
}

// Reporter -----------------------------------------------------------------------------------------------------------

template <class Row>
class VectorRows final : public Cursor<Row> {
public:
    VectorRows(std::span<const Row> rows, bool broken) : rows_(rows), broken_(broken) {}
    Result<bool> next(Row& row) override {
        if (at_ < rows_.size()) {
            row = rows_[at_++];
            return true;
        }
        if (broken_) return Error{ErrorCode::io, "the ledger cannot be read", "ledger"};
        return false;
    }

private:
    std::span<const Row> rows_;
    bool broken_;
    std::size_t at_ = 0;
};

class SmallRun final : public RunView {
public:
    explicit SmallRun(const Taxonomy& taxonomy) : taxonomy_(taxonomy), specs(some_specs(taxonomy)) {
        run.name = "check";
        run.seed = 7;
        run.plan_digest = std::string(64, 'a');
        run.samples = specs.size();
        run.min_labels = 1;
        run.max_labels = 4;
        run.max_attempts = 3;
        run.window = run.batch_size = 20;
        run.provider = "check";
        run.model = "model-1";
        run.endpoint = "https://api.example.com/v1";
    }
    [[nodiscard]] const RunFacts& facts() const override { return run; }
    [[nodiscard]] const Taxonomy& taxonomy() const override { return taxonomy_; }
    [[nodiscard]] std::unique_ptr<Cursor<SampleSpec>> plan() const override { return rows_of(specs); }
    [[nodiscard]] std::unique_ptr<Cursor<CallRow>> calls() const override { return rows_of(call_rows); }
    [[nodiscard]] std::unique_ptr<Cursor<RunEvent>> events() const override { return rows_of(event_rows); }
    [[nodiscard]] std::span<const ModelInfo> models() const override { return model_rows; }
    [[nodiscard]] std::optional<PicoUsd> price(const Usage& usage, const Billing& billing) const override {
        if (billing.model != "model-1") return std::nullopt;
        return usage.input * PicoUsd{150'000} + usage.output * PicoUsd{600'000};
    }

    /// Calls of every outcome, with and without what need not be known.
    void add_calls() {
        run.seconds = 12.5;
        run.prices_as_of = "2026-11-01";
        run.unaccounted = {5};
        run.unaccounted_requests = 1;
        model_rows = {{"model-1", "2026-11-01", "2027-01-01", "model-2", true}, {"model-3", "", "", "", false}};
        const TimePoint began(std::chrono::milliseconds(1'795'000'000'000));
        event_rows = {{began, "started", "session 1"}, {began, "window", "20 requests in flight"}};
        constexpr std::array kOutcomes = {Outcome::accepted, Outcome::rejected,  Outcome::failed,
                                          Outcome::answered, Outcome::remedied,  Outcome::throttled,
                                          Outcome::halted,   Outcome::abandoned, Outcome::probed};
        for (const auto& spec : std::span(specs).first(specs.size() - 1))
            for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
                const auto outcome = kOutcomes[kOutcomes.size() - 1 - i];
                CallRow row;
                row.sample = spec.index;
                row.attempt = static_cast<std::uint32_t>(1 + i / 4);
                row.role = outcome == Outcome::answered ? "judge" : "write";
                row.outcome = outcome;
                if (outcome != Outcome::accepted) {
                    row.reason =
                        std::string(name_of(outcome)) + (i % 2 == 0 ? "_of_a_reason_that_has_a_very_long_name" : "");
                    row.message = "something was wrong";
                }
                row.model = spec.index % 2 == 0 ? "model-1" : "";
                row.finish = FinishReason::stop;
                if ((spec.index + i) % 2 == 0) row.usage = Usage{{900}, {100}, {0}, {1500}, {20}};
                if (row.usage && spec.index % 3 == 0) row.cost = PicoUsd{1'035'000'000};
                if (outcome == Outcome::abandoned) row.reserved = {2'000'000'000};
                row.words = outcome == Outcome::accepted ? 300 + spec.index : 0;
                row.target_words = 300;
                row.sent = spec.index % 2 == 0;
                row.began = began + std::chrono::seconds(spec.index);
                row.ended = row.began + std::chrono::milliseconds(700);
                call_rows.push_back(std::move(row));
            }
    }

private:
    template <class Row>
    std::unique_ptr<Cursor<Row>> rows_of(const std::vector<Row>& rows) const {
        return std::make_unique<VectorRows<Row>>(rows, broken);
    }
    const Taxonomy& taxonomy_;

public:
    RunFacts run;
    Specs specs;
    std::vector<CallRow> call_rows;
    std::vector<RunEvent> event_rows;
    std::vector<ModelInfo> model_rows;
    bool broken = false;
};

/// Bytes that do not continue a character, which is close to columns for what is written here.
std::size_t columns(std::string_view line) {
    return static_cast<std::size_t>(
        std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

Problem wrong_section(const Section& section) {
    if (!one_line(section.title)) return "a title that is not one line";
    std::string_view text = section.text;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto here = text.substr(0, end);
        if (columns(here) > 100)
            return "line " + number(line) + " of the text has " + number(columns(here)) + " columns, 100 are the most";
        if (std::ranges::any_of(here, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
            return "line " + number(line) + " of the text has a control character";
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    const auto members = json::parse(section.json, nullptr, false);
    if (!members.is_object()) return "the JSON is not an object";
    if (members.contains("run")) return "the JSON has a member 'run', which is the core's";
    return {};
}

void check_reporter(Checks& checks) {
    Instance<Reporter> reporter, other;
    if (!checks.make(reporter, other)) return;
    const auto report = [](const Instance<Reporter>& one, const RunView& run) {
        return one.call([&](Reporter& r) { return r.report(run); });
    };
    SmallRun empty(checks.taxonomy), small(checks.taxonomy);
    small.add_calls();
    for (const auto& [name, run] : {std::pair{"a run without calls is reported", &empty},
                                    {"a run with calls of every outcome is reported", &small}})
        checks.run(name, [&]() -> Problem {
            const auto section = report(reporter, *run);
            if (!section) return described(section.error());
            return wrong_section(*section);
        });
    checks.run("the same run has the same report", [&]() -> Problem {
        for (const auto* run : {&small, &empty})
            for (const auto* one : {&reporter, &other}) {
                const auto first = report(reporter, *run), again = report(*one, *run);
                if (!first || !again || first->title != again->title || first->text != again->text ||
                    first->json != again->json)
                    return std::string("differs ") + (one == &reporter ? "when asked again" : "from another instance");
            }
        return {};
    });
    checks.run("a ledger that cannot be read is an error, not half a report", [&]() -> Problem {
        SmallRun broken(checks.taxonomy);
        broken.add_calls();
        broken.broken = true;
        if (report(reporter, broken)) return "reported as if it had been read";
        return {};
    });
}

// The process --------------------------------------------------------------------------------------------------------

using KindChecks = void (*)(Checks&);
KindChecks checks_of(std::string_view kind) {
    const std::array<std::pair<std::string_view, KindChecks>, 6> kinds = {{{Sampler::kKind, check_sampler},
                                                                           {PromptStrategy::kKind, check_prompt},
                                                                           {Provider::kKind, check_provider},
                                                                           {Validator::kKind, check_validator},
                                                                           {Sink::kKind, check_sink},
                                                                           {Reporter::kKind, check_reporter}}};
    for (const auto& [name, checks] : kinds)
        if (name == kind) return checks;
    return nullptr;
}

/// A folder for outputs that are thrown away.
class Scratch {
public:
    Scratch() : path_((fs::temp_directory_path() / "tdamm-synth-check-XXXXXX").string()) {
        made_ = ::mkdtemp(path_.data()) != nullptr;
    }
    ~Scratch() {
        std::error_code ignored;
        if (made_) fs::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    [[nodiscard]] bool made() const { return made_; }
    [[nodiscard]] fs::path path() const { return path_; }

private:
    std::string path_;
    bool made_ = false;
};

/// What the child said: finished checks, and the name of one that it had only begun.
std::string take_in(const std::string& said, std::vector<ConformanceCheck>& checks) {
    std::string begun;
    for (std::size_t at = 0; at < said.size();) {
        const auto end = std::min(said.find('\n', at), said.size());
        const auto line = json::parse(said.substr(at, end - at), nullptr, false);
        at = end + 1;
        if (!line.is_object()) continue;
        if (!line.contains("passed")) {
            begun = line.value("name", "");
            continue;
        }
        begun.clear();
        checks.push_back({line.value("name", ""), line.value("passed", false), line.value("detail", "")});
    }
    return begun;
}

}  // namespace

Result<std::vector<ConformanceCheck>> check_conformance(const PluginInfo& plugin, const std::string& options_json,
                                                        const Taxonomy& taxonomy, std::chrono::sys_days today,
                                                        std::chrono::seconds patience) {
    const auto run_checks = checks_of(plugin.kind);
    if (plugin.descriptor == nullptr || run_checks == nullptr)
        return Error{ErrorCode::invalid_argument, plugin.path.string() + ": " + plugin.refusal, {}};
    const Scratch scratch;
    if (!scratch.made()) return io_error("cannot make a temporary folder", scratch.path());
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) return io_error("cannot make a pipe for", plugin.path);
    std::fflush(nullptr);  // so that a plugin that calls exit prints nothing of ours again
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        std::signal(SIGXFSZ, SIG_IGN);
        std::signal(SIGALRM, SIG_DFL);
        ::alarm(static_cast<unsigned>(patience.count()));
        {
            Checks checks(ends[1], plugin, options_json, taxonomy, scratch.path(), today);
            run_checks(checks);
        }
        ::_exit(0);
    }
    ::close(ends[1]);
    const FileDescriptor from(ends[0]);
    if (child < 0) return io_error("cannot start a process for", plugin.path);
    std::string said;
    std::array<char, 4096> block{};
    for (;;) {
        const auto got = ::read(from.get(), block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        said.append(block.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    std::vector<ConformanceCheck> checks;
    const std::string begun = take_in(said, checks);
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        checks.push_back({begun.empty() ? "instances are destroyed" : begun, false,
                          signal == SIGALRM ? "did not end within " + std::to_string(patience.count()) + " s"
                                            : "crashed: " + std::string(::strsignal(signal))});
    } else if (!begun.empty() || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        checks.push_back({begun.empty() ? "instances are destroyed" : begun, false, "ended the process"});
    }
    return checks;
}

}  // namespace synth::core
