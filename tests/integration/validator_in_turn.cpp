// Somebody else's validators, for tests: one that looks at the set and one that asks a model. What they find follows
// from texts and answers alone, by a hash, so that a run must end alike whatever the order in which answers come in.

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "synth/plugin.hpp"
#include "synth/random.hpp"
#include "synth/validator.hpp"

namespace {

using namespace synth;

std::uint64_t hash(std::string_view text) { return derive_seed(1, text); }

/// The same repair twice is the same request and brings the same answer.
[[maybe_unused]] std::string numbered(const char* message, std::string_view text) {
    return message + std::to_string(hash(text) % 1'000'000);
}

#ifdef ASKING

/// Rejects a text when the answer to its question says so: one in four.
class Asking final : public Validator {
public:
    static Result<std::unique_ptr<Validator>> create(Host&, std::string_view options) {
        auto made = std::make_unique<Asking>();
        made->small_share_ = options.find(R"("small_share":true)") != std::string_view::npos;
        return std::unique_ptr<Validator>(std::move(made));
    }
    std::optional<AskedProvider> asks() const override { return AskedProvider{{}, "{}", small_share_ ? 0.01 : 1.0}; }

    Result<Verdict> check(const Review& review) const override {
        if (review.answer == nullptr) {
            Ask ask;
            ask.prompt.messages = {{Role::user, "Judge this text in 20 words: " + review.draft->text}};
            ask.prompt.output_limit = {200};
            return Verdict{{}, std::move(ask)};
        }
        if (review.answer->text.empty()) return Verdict{{{Severity::warning, "not_judged", "nobody judged it"}}};
        if (hash(review.answer->text) % 4 == 0)
            return Verdict{
                {{Severity::rejection, "judged_bad", numbered("the judge says no, case ", review.answer->text)}}};
        return Verdict{};
    }

private:
    bool small_share_ = false;
};

SYNTH_PLUGIN(Validator, Asking, "asking", "1.0.0", "asks a model",
             R"({"type": "object", "properties": {"small_share": {"type": "boolean", "default": false,
                 "description": "only a hundredth of the budget"}}})");

#else

/// Rejects a text that is of the same eighth of all texts as one of the three that were accepted before it.
class InTurnCheck final : public SetCheck {
public:
    Result<Verdict> check(const Review& review) override {
        if (std::ranges::find(last_, hash(review.draft->text) % 8) == last_.end()) return Verdict{};
        return Verdict{{{Severity::rejection, "too_alike",
                         numbered("the text is like one before it, case ", review.draft->text)}}};
    }
    Status add(const Review& review) override {
        last_.push_back(hash(review.draft->text) % 8);
        if (last_.size() > 3) last_.pop_front();
        return {};
    }

private:
    std::deque<std::uint64_t> last_;
};

class InTurn final : public Validator {
public:
    static Result<std::unique_ptr<Validator>> create(Host&, std::string_view) {
        return std::unique_ptr<Validator>(std::make_unique<InTurn>());
    }
    Result<Verdict> check(const Review&) const override { return Verdict{}; }
    Result<std::unique_ptr<SetCheck>> set_check() const override {
        return std::unique_ptr<SetCheck>(std::make_unique<InTurnCheck>());
    }
};

SYNTH_PLUGIN(Validator, InTurn, "in_turn", "1.0.0", "looks at the texts before",
             R"({"type": "object", "properties": {}})");

#endif

}  // namespace
