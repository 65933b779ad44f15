// What the run cost, where the money went, and what would have been cheaper. Sums of exact amounts; a cost that is not
// known is said to be unknown, never counted as zero in silence.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json_writer.hpp"
#include "reporters/common/report_text.hpp"
#include "synth/plugin.hpp"
#include "synth/reporter.hpp"

namespace {

using namespace synth;
using plugins::counted;
using plugins::JsonWriter;
using plugins::money;
using plugins::ReportText;

/// What was bought, of one model or of all.
struct Purchase {
    std::uint64_t answers = 0;        ///< that are billed
    std::uint64_t without_price = 0;  ///< of these, those whose cost is not known
    std::uint64_t without_usage = 0;  ///< of these, those whose tokens are not known
    Usage usage;
    PicoUsd known;

    void add(const CallRow& call) {
        ++answers;
        if (call.cost)
            known += *call.cost;
        else
            ++without_price;
        if (!call.usage) {
            ++without_usage;
            return;
        }
        usage.input += call.usage->input;
        usage.cached_input += call.usage->cached_input;
        usage.cache_write += call.usage->cache_write;
        usage.output += call.usage->output;
        usage.reasoning += call.usage->reasoning;
    }
    /// The part that is known; nothing when no part is.
    [[nodiscard]] std::optional<PicoUsd> spent() const {
        return answers != 0 && without_price == answers ? std::nullopt : std::optional(known);
    }
    [[nodiscard]] bool complete() const { return without_price == 0 && without_usage == 0; }
    [[nodiscard]] std::optional<Tokens> tokens(Tokens Usage::* kind) const {
        return answers != 0 && without_usage == answers ? std::nullopt : std::optional(usage.*kind);
    }
};

struct Ledger {
    std::map<std::string, Purchase> by_model;
    Purchase all, retries, asks;  ///< retries: texts that were not accepted; asks: what validators wanted to know
    std::uint64_t requests = 0, unanswered = 0;
    std::uint64_t accepted = 0, words = 0;
    PicoUsd reserved;  ///< for `unanswered`
    TimePoint last{};  ///< end of the last call
};

/// Whether the service bills it: what it refused (a wrong parameter, a rate limit) or never answered is free.
bool billed(const CallRow& call) {
    return call.sent && (call.usage || call.cost || call.outcome == Outcome::accepted ||
                         call.outcome == Outcome::rejected || call.outcome == Outcome::answered);
}

Result<Ledger> read(const RunView& run) {
    const RunFacts& facts = run.facts();
    Ledger ledger;
    ledger.reserved = facts.unaccounted;
    ledger.unanswered = facts.unaccounted_requests;
    const auto calls = run.calls();
    CallRow call;
    Result<bool> more = calls->next(call);
    for (; more && *more; more = calls->next(call)) {
        ledger.last = std::max(ledger.last, call.ended);
        ledger.requests += call.sent;
        if (call.outcome == Outcome::accepted) {
            ++ledger.accepted;
            ledger.words += call.words;
        }
        if (call.reserved > PicoUsd{}) {
            ledger.reserved += call.reserved;
            ++ledger.unanswered;
        }
        if (!billed(call)) continue;
        ledger.all.add(call);
        ledger.by_model[call.model.empty() ? facts.model : call.model].add(call);
        if (call.role != "write")
            ledger.asks.add(call);
        else if (call.outcome != Outcome::accepted)
            ledger.retries.add(call);
    }
    if (!more) return more.error();
    return ledger;
}

/// Whether `name` is `model` or a dated version of it: "gpt-4o-mini-2024-07-18" of "gpt-4o-mini".
bool is_version_of(std::string_view name, std::string_view model) {
    if (model.empty() || !name.starts_with(model)) return false;
    name.remove_prefix(model.size());
    return name.empty() || (name.size() > 1 && name[0] == '-' && name[1] >= '0' && name[1] <= '9');
}

std::string price_date(std::string_view model, const RunView& run) {
    if (is_version_of(model, run.facts().model)) return run.facts().prices_as_of;
    const ModelInfo* best = nullptr;
    for (const ModelInfo& known : run.models())
        if (is_version_of(model, known.name) && (!best || known.name.size() > best->name.size())) best = &known;
    return best ? best->prices_as_of : std::string();
}

/// `amount` × `times` / `parts`, without overflow in between; nothing for no parts.
std::optional<PicoUsd> scaled(PicoUsd amount, std::int64_t times, std::uint64_t parts) {
    if (parts == 0) return std::nullopt;
    const auto divisor = static_cast<std::int64_t>(parts);
    return PicoUsd{amount.value / divisor * times + (amount.value % divisor * times + divisor / 2) / divisor};
}

/// Prices of one token each. Usage of a whole run must not be priced as one call, which it would make a very long one.
struct Rates {
    PicoUsd input, cached_input, cache_write, output;

    static std::optional<Rates> of(const RunView& run, const Billing& billing) {
        constexpr Tokens kOne{1};
        const auto input = run.price({.input = kOne}, billing);
        const auto cached = run.price({.input = kOne, .cached_input = kOne}, billing);
        const auto write = run.price({.input = kOne, .cache_write = kOne}, billing);
        const auto output = run.price({.output = kOne}, billing);
        if (!input || !cached || !write || !output) return std::nullopt;
        return Rates{*input, *cached, *write, *output};
    }
    [[nodiscard]] PicoUsd of(const Usage& usage) const {
        const Tokens plain = usage.input - usage.cached_input - usage.cache_write;
        return plain * input + usage.cached_input * cached_input + usage.cache_write * cache_write +
               usage.output * output;
    }
};

/// A cheaper way to the same run.
struct Advice {
    const char* kind;  ///< "batch", "prompt_cache", "model"
    PicoUsd amount, saving;
    const ModelInfo* model = nullptr;  ///< of kind "model"
    std::string shutdown;              ///< of `model`, when it is near
};

std::optional<std::chrono::sys_days> parse_date(std::string_view iso) {
    int year = 0;
    unsigned month = 0, day = 0;
    if (iso.size() != 10 || iso[4] != '-' || iso[7] != '-') return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t length, auto& out) {
        const char* end = iso.data() + at + length;
        return std::from_chars(iso.data() + at, end, out).ptr == end;
    };
    if (!number(0, 4, year) || !number(5, 2, month) || !number(8, 2, day)) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
    return date.ok() ? std::optional<std::chrono::sys_days>(date) : std::nullopt;
}

constexpr double kCachedShareToAimFor = 0.7;

std::optional<Advice> advise_batch(const Ledger& ledger, const RunView& run) {
    PicoUsd amount;
    for (const auto& [model, purchase] : ledger.by_model) {
        const auto rates = Rates::of(run, {.model = model, .tier = {}, .mode = Billing::Mode::batch});
        if (!rates) return std::nullopt;
        amount += rates->of(purchase.usage);
    }
    return Advice{"batch", amount, ledger.all.known - amount};
}

/// As if most of the input of every model had been the same at its beginning.
std::optional<Advice> advise_prompt_cache(const Ledger& ledger, const RunView& run) {
    PicoUsd saving;
    for (const auto& [model, purchase] : ledger.by_model) {
        const auto rates = Rates::of(run, {.model = model});
        if (!rates) return std::nullopt;
        const Usage& usage = purchase.usage;
        const Tokens aim{static_cast<std::int64_t>(static_cast<double>(usage.input.count) * kCachedShareToAimFor)};
        if (aim > usage.cached_input) saving += (aim - usage.cached_input) * (rates->input - rates->cached_input);
    }
    return Advice{"prompt_cache", ledger.all.known - saving, saving};
}

/// Models that would have done it for less and still exist, cheapest first.
std::vector<Advice> advise_models(const Ledger& ledger, const RunView& run) {
    constexpr std::chrono::days kNear{90};
    const auto today = std::chrono::floor<std::chrono::days>(ledger.last);
    std::vector<Advice> advice;
    for (const ModelInfo& model : run.models()) {
        const bool used = std::ranges::any_of(
            ledger.by_model, [&](const auto& entry) { return is_version_of(entry.first, model.name); });
        const auto shutdown = parse_date(model.shutdown);
        if (used || (shutdown && *shutdown <= today)) continue;
        const auto rates = Rates::of(run, {.model = model.name});
        if (!rates) continue;
        const PicoUsd amount = rates->of(ledger.all.usage);
        advice.push_back({"model", amount, ledger.all.known - amount, &model,
                          shutdown && *shutdown - today <= kNear ? model.shutdown : std::string()});
    }
    std::ranges::sort(advice, {},
                      [](const Advice& one) { return std::pair(one.amount, std::string_view(one.model->name)); });
    return advice;
}

/// Only from complete figures, and only what saves at least a twentieth.
std::vector<Advice> advise(const Ledger& ledger, const RunView& run) {
    std::vector<Advice> advice;
    if (ledger.all.answers == 0 || !ledger.all.complete()) return advice;
    if (auto batch = advise_batch(ledger, run)) advice.push_back(std::move(*batch));
    if (auto cache = advise_prompt_cache(ledger, run)) advice.push_back(std::move(*cache));
    std::ranges::move(advise_models(ledger, run), std::back_inserter(advice));
    std::erase_if(advice, [&](const Advice& one) {
        return one.saving <= PicoUsd{} || one.saving.value < ledger.all.known.value / 20;
    });
    return advice;
}

/// Of all that was accepted; nothing as long as a part of the cost is unknown.
std::optional<PicoUsd> unit_cost(const Ledger& ledger, std::int64_t times, std::uint64_t parts) {
    return ledger.all.without_price == 0 ? scaled(ledger.all.known, times, parts) : std::nullopt;
}

std::optional<std::string> unless_empty(std::string text) {
    return text.empty() ? std::nullopt : std::optional(std::move(text));
}

void write_tokens(JsonWriter& json, const Purchase& purchase) {
    json.member("input_tokens", purchase.tokens(&Usage::input));
    json.member("cached_tokens", purchase.tokens(&Usage::cached_input));
    json.member("output_tokens", purchase.tokens(&Usage::output));
    json.member("reasoning_tokens", purchase.tokens(&Usage::reasoning));
    json.member("calls_without_price", purchase.without_price);
    json.member("calls_without_usage", purchase.without_usage);
}

void write_advice(JsonWriter& json, const std::vector<Advice>& advice) {
    json.key("advice");
    json.begin_array();
    for (const Advice& one : advice) {
        json.begin_object();
        json.member("kind", one.kind);
        if (one.model) json.member("model", one.model->name);
        json.member("amount_usd", one.amount);
        json.member("saving_usd", one.saving);
        if (one.model) json.member("prices_as_of", unless_empty(one.model->prices_as_of));
        if (!one.shutdown.empty()) json.member("shutdown", one.shutdown);
        json.end_object();
    }
    json.end_array();
}

std::string to_json(const Ledger& ledger, const std::vector<Advice>& advice, const RunView& run) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("cost");
    json.begin_object();
    json.member("spent_usd", ledger.all.spent());
    json.member("reserved_usd", ledger.reserved);
    json.member("unanswered_requests", ledger.unanswered);
    json.key("by_model");
    json.begin_object();
    for (const auto& [model, purchase] : ledger.by_model) {
        json.key(model);
        json.begin_object();
        json.member("answers", purchase.answers);
        json.member("spent_usd", purchase.spent());
        json.member("prices_as_of", unless_empty(price_date(model, run)));
        write_tokens(json, purchase);
        json.end_object();
    }
    json.end_object();
    json.member("prices_as_of", unless_empty(run.facts().prices_as_of));
    write_tokens(json, ledger.all);
    json.member("retries_usd", ledger.retries.spent());
    json.member("asks_usd", ledger.asks.spent());
    json.member("per_sample_usd", unit_cost(ledger, 1, ledger.accepted));
    json.member("per_1000_words_usd", unit_cost(ledger, 1000, ledger.words));
    write_advice(json, advice);
    json.end_object();
    json.end_object();
    return out;
}

/// "$0.0912 for 200 answers", "unknown for 1 answer", "$0.0912 for 197 answers, and 3 of unknown cost".
std::string bill(const Purchase& purchase) {
    const auto spent = purchase.spent();
    if (!spent) return "unknown for " + counted(purchase.answers, "answer");
    std::string text = money(*spent) + " for " + counted(purchase.answers - purchase.without_price, "answer");
    if (purchase.without_price != 0) text += ", and " + plugins::grouped(purchase.without_price) + " of unknown cost";
    return text;
}

std::string tokens_of(const Purchase& purchase) {
    if (purchase.answers == purchase.without_usage) return "unknown: the server did not count them";
    const auto number = [](Tokens tokens) {
        return plugins::grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(tokens.count, 0)));
    };
    const Usage& usage = purchase.usage;
    std::string text = number(usage.input) + " in";
    if (usage.input.count > 0)
        text +=
            " (" + number(usage.cached_input) + " cached, " +
            plugins::percent(static_cast<double>(usage.cached_input.count) / static_cast<double>(usage.input.count)) +
            ")";
    text += ", " + number(usage.output) + " out";
    if (usage.reasoning.count > 0) text += " (" + number(usage.reasoning) + " of them reasoning)";
    if (purchase.without_usage != 0)
        text += "; not counted by the server for " + counted(purchase.without_usage, "answer");
    return text;
}

std::string describe(const Advice& advice) {
    std::string text = money(advice.amount) + " (" + money(advice.saving) + " less) ";
    if (advice.model)
        text += "with " + advice.model->name;
    else if (std::string_view(advice.kind) == "batch")
        text += "as a deferred batch, answered within 24 hours";
    else
        text += "with a longer shared beginning of the prompts: " + plugins::percent(kCachedShareToAimFor) +
                " of the input cached";
    if (!advice.shutdown.empty()) text += ", which is shut down on " + advice.shutdown;
    return text;
}

void print_advice(ReportText& text, const std::vector<Advice>& advice) {
    constexpr int kModels = 3;
    int models = 0;
    const char* name = "Cheaper";
    for (const Advice& one : advice) {
        if (one.model && ++models > kModels) continue;
        text.row(std::exchange(name, ""), describe(one));
    }
    if (models > 0)
        text.row("", "(the same tokens, prices of today; whether a model writes as well is another matter)");
}

std::string to_text(const Ledger& ledger, const std::vector<Advice>& advice, const RunView& run) {
    ReportText text;
    if (ledger.requests == 0 && ledger.unanswered == 0) {
        text.row("Spent", "nothing: no request left this machine");
        return std::move(text).take();
    }
    std::string line = ledger.all.answers == 0 ? "nothing known: no request was answered" : bill(ledger.all);
    if (const auto each = unit_cost(ledger, 1, ledger.accepted)) line += "; " + money(*each) + " a sample";
    if (const auto each = unit_cost(ledger, 1000, ledger.words)) line += ", " + money(*each) + " per 1,000 words";
    text.row("Spent", line);
    if (ledger.all.answers != 0) text.row("Tokens", tokens_of(ledger.all));
    const char* name = "Models";
    for (const auto& [model, purchase] : ledger.by_model) {
        line = (model.empty() ? "unnamed" : model) + ": " + bill(purchase);
        if (const std::string date = price_date(model, run); !date.empty())
            line += ", prices of " + date;
        else
            line += ", price not known";
        text.row(std::exchange(name, ""), line);
    }
    if (ledger.retries.answers != 0) {
        line = bill(ledger.retries) + " (texts that could not be used)";
        text.row("Retries", line);
    }
    if (ledger.asks.answers != 0) text.row("Checks", bill(ledger.asks) + " (to questions of validators)");
    if (ledger.unanswered != 0)
        text.row("Reserved", money(ledger.reserved) + " for " + counted(ledger.unanswered, "request") +
                                 " without an answer, which may have been billed");
    print_advice(text, advice);
    return std::move(text).take();
}

class CostReporter final : public Reporter {
public:
    static Result<std::unique_ptr<Reporter>> create(Host&, std::string_view) {
        return std::unique_ptr<Reporter>(std::make_unique<CostReporter>());
    }

    Result<Section> report(const RunView& run) const override {
        const Result<Ledger> ledger = read(run);
        if (!ledger) return ledger.error();
        const std::vector<Advice> advice = advise(*ledger, run);
        return Section{"Cost", to_text(*ledger, advice, run), to_json(*ledger, advice, run)};
    }
};

}  // namespace

SYNTH_PLUGIN(synth::Reporter, CostReporter, "cost", "0.1.0",
             "tokens and money of a run, and what would have been cheaper", R"({"type": "object", "properties": {}})");
