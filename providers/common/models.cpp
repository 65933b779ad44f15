#include "models.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace synth::providers {

namespace {

template <class Integer>
bool parse_digits(std::string_view text, Integer& value) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && text.front() != '-';
}

/// tokens × price × percent / 100, added to `sum`; false when that overflows.
bool add(PicoUsd& sum, Tokens tokens, PicoUsd price, std::int64_t percent) noexcept {
    std::int64_t amount = 0;
    return !__builtin_mul_overflow(price.value, percent, &amount) &&
           !__builtin_mul_overflow(amount / 100, tokens.count, &amount) &&
           !__builtin_add_overflow(sum.value, amount, &sum.value);
}

}  // namespace

std::optional<std::chrono::sys_days> parse_date(std::string_view text) noexcept {
    int year = 0;
    unsigned month = 0, day = 0;
    if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !parse_digits(text.substr(0, 4), year) ||
        !parse_digits(text.substr(5, 2), month) || !parse_digits(text.substr(8), day))
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date);
}

bool is_shut_down(const Model& model, std::chrono::sys_days today) noexcept {
    const auto day = parse_date(model.shutdown);
    return day && today >= *day;
}

const Model* ModelTable::find(std::string_view name) const noexcept {
    const auto exact = [&](std::string_view wanted) -> const Model* {
        const auto found = std::ranges::find(models, wanted, &Model::name);
        return found == models.end() ? nullptr : &*found;
    };
    if (const Model* model = exact(name)) return model;
    const auto without = [&](std::size_t suffix, auto is_date) -> const Model* {
        if (name.size() <= suffix || name[name.size() - suffix] != '-') return nullptr;
        return is_date(name.substr(name.size() - suffix + 1)) ? exact(name.substr(0, name.size() - suffix)) : nullptr;
    };
    if (const Model* model = without(std::string_view("-2024-07-18").size(), parse_date)) return model;
    return without(std::string_view("-20251001").size(), [](std::string_view digits) {
        const auto part = [&](std::size_t at, std::size_t length) { return std::string(digits.substr(at, length)); };
        return parse_date(part(0, 4) + '-' + part(4, 2) + '-' + part(6, 2));
    });
}

std::string_view ModelTable::default_on(std::chrono::sys_days today) const noexcept {
    std::string_view name = default_model;
    for (std::size_t steps = 0; steps < models.size(); ++steps) {  // bounded: data might name a circle
        const Model* model = find(name);
        if (!model || !is_shut_down(*model, today) || model->replacement.empty()) break;
        name = model->replacement;
    }
    return name;
}

void ModelTable::set_date(std::chrono::sys_days today) {
    for (Model& model : models) {
        const auto from = model.later ? parse_date(model.later->from) : std::nullopt;
        if (!from || today < *from) continue;
        model.direct = model.later->direct;
        model.batch = model.later->batch;
        model.later.reset();
    }
}

ShutdownNews shutdown_news(const Model& model, std::string_view name, std::string_view vendor, bool own_endpoint,
                           std::chrono::sys_days today) {
    constexpr std::chrono::days kNear(90);
    const bool over = is_shut_down(model, today);
    if (!over && !(own_endpoint && is_shut_down(model, today + kNear))) return {};
    std::string news = "model '" + std::string(name) + "' " + (over ? "was" : "will be") + " shut down by " +
                       std::string(vendor) + " on " + model.shutdown;
    news += model.replacement.empty() ? "; no replacement is named" : "; official replacement: " + model.replacement;
    if (!over || !own_endpoint) return {{}, std::move(news)};
    return {Error{ErrorCode::unauthorized, news + " (--model NAME)", "model_shut_down"}, {}};
}

std::vector<ModelInfo> infos_of(const ModelTable& table) {
    std::vector<ModelInfo> infos;
    for (const Model& model : table.models)
        if (model.chat_completions)
            infos.push_back({model.name, model.direct ? model.as_of : "", model.shutdown, model.replacement,
                             model.batch.has_value()});
    return infos;
}

const std::optional<Price>* price_of(const Model& model, std::string_view tier, Billing::Mode mode) noexcept {
    constexpr std::array<std::string_view, 4> kStandard{"", "default", "standard", "auto"};
    const std::optional<Price>* price = nullptr;
    if (mode == Billing::Mode::batch || tier == "flex" || tier == "batch")
        price = &model.batch;
    else if (std::ranges::find(kStandard, tier) != kStandard.end())
        price = &model.direct;
    return price && *price ? price : nullptr;
}

std::optional<PicoUsd> cost_of(const Model& model, const Usage& usage, const Billing& billing) noexcept {
    const auto* price = price_of(model, billing.tier, billing.mode);
    if (!price) return std::nullopt;
    const Price& each = **price;
    const bool is_long = model.long_context && usage.input > model.long_context->above;
    const std::int64_t in = is_long ? model.long_context->input_percent : 100;
    const std::int64_t out = is_long ? model.long_context->output_percent : 100;
    const Tokens uncached{
        std::max<std::int64_t>(0, usage.input.count - usage.cached_input.count - usage.cache_write.count)};
    PicoUsd sum;
    if (add(sum, uncached, each.input, in) && add(sum, usage.cached_input, each.cached_input, in) &&
        add(sum, usage.cache_write, each.cache_write, in) && add(sum, usage.output, each.output, out))
        return sum;
    return std::nullopt;
}

std::optional<PicoUsd> parse_price(std::string_view usd_per_million) noexcept {
    constexpr std::size_t kDecimals = 6, kWhole = 6;  // 10^-6 dollars a million tokens is one picodollar a token
    const std::size_t dot = std::min(usd_per_million.find('.'), usd_per_million.size());
    const std::string_view whole = usd_per_million.substr(0, dot);
    const std::string_view decimals = dot < usd_per_million.size() ? usd_per_million.substr(dot + 1) : "0";
    std::int64_t units = 0, fraction = 0;
    if (whole.empty() || whole.size() > kWhole || decimals.empty() || decimals.size() > kDecimals ||
        !parse_digits(whole, units) || !parse_digits(decimals, fraction))
        return std::nullopt;
    for (std::size_t place = decimals.size(); place < kDecimals; ++place) fraction *= 10;
    return PicoUsd{units * 1'000'000 + fraction};
}

}  // namespace synth::providers
