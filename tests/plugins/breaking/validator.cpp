// See breaking.hpp.

#include <stdexcept>

#include "breaking.hpp"
#include "synth/validator.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::Result;
using synth::test::Breaking;

class Validator final : public synth::Validator {
public:
    Validator(const synth::Taxonomy&, Breaking breaks) : breaks_(std::move(breaks)) {}
    static Result<std::unique_ptr<synth::Validator>> create(synth::Host& host, std::string_view options) {
        return synth::test::create_breaking<synth::Validator, Validator>(host, options);
    }

    Result<synth::Verdict> check(const synth::Review& review) const override {
        if (breaks_("throw")) throw std::runtime_error("thrown by check");
        if (breaks_("fail")) return Error{ErrorCode::internal, "cannot say", {}};
        if (breaks_("write")) const_cast<synth::Draft*>(review.draft)->text += "!";
        synth::Verdict verdict;
        if (review.draft->text.size() < 10 || (breaks_("remember") && synth::test::another() % 5 == 0))
            verdict.findings = {{synth::Severity::rejection, breaks_("shout") ? "Too Short" : "too_short",
                                 breaks_("two_lines") ? "too\nshort" : "too short"}};
        return verdict;
    }

private:
    Breaking breaks_;
};

}  // namespace

SYNTH_PLUGIN(synth::Validator, Validator, "breaking", "1.0.0", "breaks what it is told to", synth::test::kBreakOptions);
