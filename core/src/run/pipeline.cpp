#include "run/pipeline.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <utility>

#include "synth/text.hpp"

namespace synth::core {

namespace {

std::string as_text(const Prompt& prompt) {
    static constexpr std::array<std::string_view, 3> kRoles = {"system", "user", "assistant"};
    std::size_t size = 0;
    for (const auto& message : prompt.messages) size += message.text.size() + 16;
    std::string text;
    text.reserve(size);
    for (const auto& message : prompt.messages) {
        text += '[';
        text += kRoles[static_cast<std::size_t>(message.role)];
        text += "]\n";
        text += message.text;
        text += '\n';
    }
    return text;
}

/// A validator that fails rejects.
Verdict verdict_of(const Instance<Validator>& validator, const Review& review) {
    auto verdict = validator.call([&](Validator& v) { return v.check(review); });
    if (verdict) return std::move(*verdict);
    Verdict failed;
    failed.findings.push_back({.severity = Severity::rejection,
                               .code = std::string(verdict.error().counted_as()),
                               .message = verdict.error().message});
    return failed;
}

}  // namespace

void keep_prompt(const Prompt& prompt, CallEntry& entry) {
    entry.prompt = as_text(prompt);  // not before there is an answer: a request in flight would hold it once more
    entry.prompt_hash = XXH3_64bits(entry.prompt.data(), entry.prompt.size());
    entry.row.attributes = prompt.attributes;
}

Result<Prepared> prepare_call(const Instance<Provider>& provider, const std::string& model, const Request& request,
                              Prompt prompt) {
    Prepared prepared;
    prepared.prompt = std::move(prompt);
    // What was built piece by piece may have room for twice as much, and is kept as long as the answer is waited for.
    for (auto& message : prepared.prompt.messages)
        if (message.text.capacity() > message.text.size() + 1024) message.text.shrink_to_fit();
    Request asked = request;
    asked.prompt = &prepared.prompt;
    auto exchange = provider.call([&](Provider& p) { return p.encode(asked); });
    if (!exchange) return std::move(exchange).error();
    prepared.exchange = std::move(*exchange);
    const auto bounds = provider.call([&](Provider& p) -> Result<std::pair<Tokens, Tokens>> {
        return std::pair(p.input_bound(asked), p.output_bound(asked));
    });
    if (!bounds) return bounds.error();
    prepared.input_bound = bounds->first;
    prepared.output_bound = bounds->second;
    prepared.cost_bound = most_cost_of(provider, bounds->first, bounds->second, {model, {}});
    return prepared;
}

Reply decode_call(const Instance<Provider>& provider, const Request& request, const HttpResponse& response) {
    auto reply = provider.call([&](Provider& p) -> Result<Reply> { return p.decode(request, response); });
    if (reply) return std::move(*reply);
    Reply failed;
    failed.error = std::move(reply).error();
    return failed;
}

std::optional<PicoUsd> cost_of(const Instance<Provider>& provider, const Usage& usage, const Billing& billing) {
    auto cost = provider.call([&](Provider& p) -> Result<std::optional<PicoUsd>> { return p.cost(usage, billing); });
    return cost ? *cost : std::nullopt;
}

std::optional<PicoUsd> most_cost_of(const Instance<Provider>& provider, Tokens input, Tokens output,
                                    const Billing& billing) {
    // The dearest way to bill that many tokens: all of them written to the server's cache, where that costs extra.
    Usage worst{.input = input, .cached_input = {}, .cache_write = {}, .output = output, .reasoning = {}};
    auto most = cost_of(provider, worst, billing);
    worst.cache_write = worst.input;
    if (const auto written = cost_of(provider, worst, billing); written && most) most = std::max(*most, *written);
    return most;
}

Consequence consequence_of(const Error& error, bool retry_may_help) noexcept {
    switch (error.code) {
        case ErrorCode::unauthorized:
        case ErrorCode::exhausted: return {Outcome::halted, Next::stop_run};
        case ErrorCode::rate_limited:
            if (retry_may_help) return {Outcome::throttled, Next::repeat};
            break;
        case ErrorCode::refused:
        case ErrorCode::malformed:
        case ErrorCode::truncated: return {Outcome::rejected, retry_may_help ? Next::again : Next::give_up};
        case ErrorCode::unavailable: {
            // A server that still loads its model is waited for like one that is busy.
            const bool loading = error.reason == kLoading;
            return {loading ? Outcome::throttled : Outcome::failed, !retry_may_help ? Next::give_up
                                                                    : loading       ? Next::repeat
                                                                                    : Next::later};
        }
        case ErrorCode::invalid_argument:
        case ErrorCode::io:
        case ErrorCode::internal: break;
    }
    return {Outcome::failed, Next::give_up};
}

Pipeline::Pipeline(const Instance<PromptStrategy>& prompts, const Instance<Provider>& provider,
                   const std::vector<Instance<Validator>>& validators, std::string model, bool sets)
    : prompts_(prompts), provider_(provider), validators_(validators), model_(std::move(model)), sets_(sets) {
    for (std::size_t i = 0; i < validators_.size(); ++i)
        if (validators_[i].object().asks()) asking_.push_back(i);
}

Request Pipeline::request_for(const Job& job, const Prompt& prompt, const std::vector<Remedy>& remedies) const {
    Request request;
    request.spec = &job.spec;
    request.prompt = &prompt;
    request.attempt = static_cast<std::uint32_t>(job.earlier.size()) + 1;
    request.remedies = &remedies;
    return request;
}

Result<Prepared> Pipeline::prepare(const Job& job, const std::vector<Remedy>& remedies) const {
    auto prompt = prompts_.call([&](PromptStrategy& p) { return p.compose(job.spec, job.earlier); });
    if (!prompt) return std::move(prompt).error();
    return prepare_call(provider_, model_, request_for(job, *prompt, remedies), std::move(*prompt));
}

Reply Pipeline::decode(const Job& job, const std::vector<Remedy>& remedies, const HttpResponse& response) const {
    return decode_call(provider_, request_for(job, job.prepared->prompt, remedies), response);
}

Decision Pipeline::decide(const Job& job, Reply reply) const {
    Decision decision;
    CallEntry& entry = decision.entry;
    CallRow& row = entry.row;
    row.sample = job.spec.index;
    row.attempt = job.attempts + 1;
    row.role = "write";
    row.model = reply.model.empty() ? model_ : reply.model;
    row.tier = reply.tier;
    row.usage = reply.usage;
    if (reply.usage) row.cost = cost_of(provider_, *reply.usage, {row.model, reply.tier});
    row.target_words = job.prepared->prompt.target_words;
    entry.request_id = std::move(reply.request_id);
    entry.output_limit = job.prepared->prompt.output_limit;
    keep_prompt(job.prepared->prompt, entry);

    std::optional<Error> error = std::move(reply.error);
    std::optional<Draft> draft;
    if (reply.completion) row.finish = reply.completion->finish;
    if (!error && !reply.completion) error = Error{ErrorCode::malformed, "the reply has no answer in it", "no_answer"};
    if (!error) {
        auto extracted =
            prompts_.call([&](PromptStrategy& p) { return p.extract(job.spec, job.earlier, *reply.completion); });
        if (extracted)
            draft = std::move(*extracted);
        else
            error = std::move(extracted).error();
    }
    if (error) {
        entry.error = error->code;
        row.reason = error->counted_as();
        row.message = error->message;
        if (reply.completion) entry.text = std::move(reply.completion->text);
        const auto consequence = consequence_of(*error, reply.retry_may_help);
        row.outcome = consequence.outcome;
        decision.next = consequence.next;
        if (reply.remedy) {
            row.outcome = Outcome::remedied;
            decision.next = Next::repeat;
            decision.remedy = std::move(reply.remedy);
        }
        return decision;
    }
    check(job, *reply.completion, std::move(*draft), decision);
    return decision;
}

std::vector<Finding> Pipeline::findings_of(const Review& review) const {
    std::vector<Finding> findings;
    for (std::size_t i = 0; i < validators_.size(); ++i) {
        if (std::ranges::find(asking_, i) != asking_.end()) continue;  // only what passes all else is asked about
        const auto& validator = validators_[i];
        Verdict verdict = verdict_of(validator, review);
        for (auto& finding : verdict.findings) {
            finding.validator = validator.id();
            findings.push_back(std::move(finding));
        }
    }
    return findings;
}

void Pipeline::check(const Job& job, const Completion& completion, Draft draft, Decision& decision) const {
    CallEntry& entry = decision.entry;
    entry.row.words = count_words(draft.text);
    Review review;
    review.spec = &job.spec;
    review.prompt = &job.prepared->prompt;
    review.completion = &completion;
    review.draft = &draft;
    entry.row.findings = findings_of(review);
    if (!reject_if_found(entry.row)) {
        const bool holds = sets_ || !asking_.empty();
        entry.row.outcome = holds ? Outcome::held : Outcome::accepted;
        entry.title = std::move(draft.title);
        entry.text = std::move(draft.text);
        decision.next = holds ? Next::hold : Next::done;
        return;
    }
    entry.text = completion.text;
    decision.next = Next::again;
}

std::optional<std::pair<std::size_t, Prompt>> Pipeline::next_question(const SampleSpec& spec, Held& held) const {
    for (; held.validator < validators_.size(); ++held.validator, held.answer.reset()) {
        if (std::ranges::find(asking_, held.validator) == asking_.end()) continue;
        const auto& validator = validators_[held.validator];
        if (!held.answer)
            for (auto& [id, answer] : held.answers)
                if (id == validator.id()) held.answer = std::move(answer);
        Review review;
        review.spec = &spec;
        review.draft = &held.draft;
        review.answer = held.answer ? &*held.answer : nullptr;
        Verdict verdict = verdict_of(validator, review);
        if (verdict.ask && !held.answer) return std::pair(held.validator, std::move(verdict.ask->prompt));
        for (auto& finding : verdict.findings) {
            finding.validator = validator.id();
            held.findings.push_back(std::move(finding));
        }
    }
    return std::nullopt;
}

std::unique_ptr<Held> Pipeline::to_held(const CallEntry& entry) {
    auto held = std::make_unique<Held>();
    held->attempt = entry.row.attempt;
    held->draft = {entry.title, entry.text};
    held->findings = entry.row.findings;
    held->finish = entry.row.finish;
    held->output_limit = entry.output_limit;
    return held;
}

Attempt Pipeline::to_attempt(const CallEntry& entry) {
    Attempt attempt;
    attempt.number = entry.row.attempt;
    attempt.error = entry.error;
    attempt.reason = entry.row.reason;
    attempt.findings = entry.row.findings;
    attempt.text = entry.text;
    attempt.finish = entry.row.finish;
    attempt.output_limit = entry.output_limit;
    return attempt;
}

}  // namespace synth::core
