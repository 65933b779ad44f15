// What is known about models: prices, limits, dates and which parameters they refuse. The facts are data/models.json;
// this is their form in memory and the arithmetic on it. Prices are whole picodollars a token, so costs are exact.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "synth/provider.hpp"
#include "synth/types.hpp"
#include "synth/units.hpp"

namespace synth::providers {

/// Of one token.
struct Price {
    PicoUsd input, cached_input, cache_write, output;
};

/// What a request costs from a day on, when it has been announced.
struct LaterPrice {
    std::string from;  ///< ISO date
    std::optional<Price> direct, batch;
};

/// Above so many input tokens, all tokens of the request cost that much of the price.
struct LongContext {
    Tokens above;
    std::int64_t input_percent = 100, output_percent = 100;
};

/// Which of temperature and top_p a model takes.
enum class Sampling : std::uint8_t { both, one, none };

struct Model {
    std::string name;
    std::optional<Price> direct, batch;  ///< batch: deferred batches and the flex tier
    std::optional<LaterPrice> later;
    std::optional<LongContext> long_context;
    std::optional<Tokens> context_window, max_output;
    Sampling sampling = Sampling::both;
    bool reasons = false;        ///< a reasoning model
    bool accepts_none = false;   ///< can be told not to reason
    std::string default_effort;  ///< what it does when no effort is sent; empty: it does not reason
    std::string tokenizer;       ///< "cl100k_base", "o200k_base"; empty: not known
    std::string effort_control;  ///< how the effort is said, where a service has several ways; meaning: the provider's
    bool chat_completions = true;  ///< can be asked through this interface
    std::string shutdown;          ///< ISO date at the vendor's own endpoint; empty: none announced
    std::string replacement;       ///< official; empty: none named
    std::string as_of;             ///< ISO date of the facts above
};

struct ModelTable {
    std::vector<Model> models;
    std::string default_model;
    std::map<std::string, Tokens, std::less<>>
        reasoning_reserve;  ///< by effort: room for reasoning, on top of the answer

    /// The model of that name, else the one that it is a dated version of ("gpt-4o-mini-2024-07-18",
    /// "claude-haiku-4-5-20251001"), else null.
    [[nodiscard]] const Model* find(std::string_view name) const noexcept;

    /// The default model on that day: while one is shut down, its official replacement.
    [[nodiscard]] std::string_view default_on(std::chrono::sys_days today) const noexcept;

    /// Prices that apply from that day on, or from an earlier one, replace those before.
    void set_date(std::chrono::sys_days today);
};

/// Of an ISO date ("2027-01-14"); nothing when it is none.
std::optional<std::chrono::sys_days> parse_date(std::string_view text) noexcept;

/// True from the day of the shutdown on.
bool is_shut_down(const Model& model, std::chrono::sys_days today) noexcept;

/// What is to be said about the end of a model's life: an Error when it is over at the vendor's own endpoint, a notice
/// when it is near there (90 days) or over elsewhere, else nothing.
struct ShutdownNews {
    std::optional<Error> error;
    std::string notice;
};
ShutdownNews shutdown_news(const Model& model, std::string_view name, std::string_view vendor, bool own_endpoint,
                           std::chrono::sys_days today);

/// As `Provider::models` lists them.
std::vector<ModelInfo> infos_of(const ModelTable& table);

/// The price that a billing asks for; null when it is not known (a tier without a price of its own).
const std::optional<Price>* price_of(const Model& model, std::string_view tier, Billing::Mode mode) noexcept;

/// Nothing when the price is not known or the amount is beyond any money.
std::optional<PicoUsd> cost_of(const Model& model, const Usage& usage, const Billing& billing) noexcept;

/// "0.075" dollars per million tokens, as picodollars a token; nothing for more than 6 decimals or no such number.
std::optional<PicoUsd> parse_price(std::string_view usd_per_million) noexcept;

}  // namespace synth::providers
