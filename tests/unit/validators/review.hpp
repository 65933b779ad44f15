// A text put before a validator that was loaded as the program loads it.

#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "support/plugin_loading.hpp"
#include "synth/validator.hpp"

namespace synth::test {

/// By code or name.
inline LabelSet labels_of(const Taxonomy& classes, std::initializer_list<const char*> names) {
    LabelSet set;
    for (const char* name : names) set.insert(classes.find(name).value());
    return set;
}

class LoadedValidator {
public:
    explicit LoadedValidator(std::string_view id, std::string_view options = "{}",
                             const Taxonomy& classes = synth::test::taxonomy())
        : classes_(classes), loaded_(load<Validator>(id, options, classes)) {
        EXPECT_TRUE(loaded_) << loaded_.error().message;
    }

    /// Without prompt and completion, as a text that was made elsewhere.
    Verdict check(std::string_view text, std::initializer_list<const char*> labels = {},
                  const Completion* answer = nullptr) {
        const Draft draft{.text = std::string(text)};
        SampleSpec spec;
        spec.labels = labels_of(classes_, labels);
        auto verdict = loaded_->call(
            [&](Validator& one) { return one.check({.spec = &spec, .draft = &draft, .answer = answer}); });
        EXPECT_TRUE(verdict) << verdict.error().message;
        return verdict ? *std::move(verdict) : Verdict{};
    }

    Validator& object() { return loaded_->object(); }

private:
    const Taxonomy& classes_;
    Result<core::Instance<Validator>> loaded_;
};

/// "code:LABEL", with '!' before a rejection, ' ' between them.
inline std::string codes(const Verdict& verdict) {
    std::string out;
    for (const Finding& finding : verdict.findings) {
        if (!out.empty()) out += ' ';
        if (finding.severity == Severity::rejection) out += '!';
        out += finding.code;
        if (!finding.label.empty()) out += ":" + finding.label;
    }
    return out;
}

}  // namespace synth::test
