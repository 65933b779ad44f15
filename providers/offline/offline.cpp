// Provider `offline`: composes documents from the facts of the taxonomy. No network, no key, no cost; for trials, tests
// and demonstrations. The same seed gives the same text on every machine.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "document.hpp"
#include "facts.hpp"
#include "grammar.hpp"
#include "synth/host.hpp"
#include "synth/plugin.hpp"
#include "synth/provider.hpp"

namespace {

using synth::Billing;
using synth::Error;
using synth::ErrorCode;
using synth::Exchange;
using synth::Host;
using synth::HttpResponse;
using synth::PicoUsd;
using synth::Provider;
using synth::ProviderInfo;
using synth::Reply;
using synth::Request;
using synth::Result;
using synth::Tokens;
using synth::Usage;

constexpr std::uint32_t kDefaultWords = 1'178;

class Offline final : public Provider {
public:
    static Result<std::unique_ptr<Provider>> create(Host& host, std::string_view) {
        const std::string folder = host.data_dir();
        Result<offline::Grammar> grammar = offline::read_grammar(folder);
        if (!grammar) return std::move(grammar).error();
        Result<offline::FactBook> book = offline::read_facts(host.taxonomy(), folder);
        if (!book) return std::move(book).error();
        return std::unique_ptr<Provider>(new Offline(host.taxonomy(), *std::move(grammar), *std::move(book)));
    }

    Result<ProviderInfo> describe(std::chrono::sys_days) const override {
        ProviderInfo info;
        info.model = "offline";
        info.notices = {"no language model writes these texts: provider 'offline' composes them from the taxonomy"};
        info.disclaimer = "no language model wrote these texts";
        return info;
    }

    Tokens input_bound(const Request&) const override { return {}; }
    Tokens output_bound(const Request&) const override { return {}; }

    Result<Exchange> encode(const Request& request) const override {
        const auto& labels = request.spec->labels;
        if (labels.empty() || labels[labels.size() - 1] >= taxonomy_.labels.size())
            return Error{ErrorCode::invalid_argument,
                         "provider offline: sample " + std::to_string(request.spec->index) + " has no labels of '" +
                             taxonomy_.name + "' to write about",
                         {}};
        const std::uint32_t words = request.prompt->target_words != 0 ? request.prompt->target_words : kDefaultWords;
        Reply reply;
        reply.completion = {
            offline::compose(grammar_, book_, taxonomy_, labels,
                             synth::derive_seed(synth::derive_seed(request.spec->seed, "offline"), request.attempt),
                             words),
            synth::FinishReason::stop};
        reply.usage = Usage{};  // nothing is bought: known, and zero
        reply.model = "offline";
        return Exchange(std::move(reply));
    }

    Reply decode(const Request&, const HttpResponse&) const override {
        Reply reply;
        reply.error = Error{ErrorCode::internal, "provider offline sends nothing, so there is no response to read", {}};
        reply.retry_may_help = false;
        return reply;
    }

    std::optional<PicoUsd> cost(const Usage&, const Billing&) const override { return PicoUsd{0}; }

private:
    Offline(const synth::Taxonomy& taxonomy, offline::Grammar grammar, offline::FactBook book)
        : taxonomy_(taxonomy), grammar_(std::move(grammar)), book_(std::move(book)) {}

    const synth::Taxonomy& taxonomy_;
    offline::Grammar grammar_;
    offline::FactBook book_;
};

}  // namespace

SYNTH_PLUGIN(synth::Provider, Offline, "offline", "1.0.0",
             "composes documents from the taxonomy's facts; no network, no key, no language model", R"({
  "type": "object",
  "additionalProperties": false,
  "properties": {}
})");
