// How a labelled data set is read, as options of a plugin.

#pragma once

#include "common/labelled_data.hpp"
#include "common/options.hpp"

/// Members of a schema's "properties".
#define SYNTH_LABELLED_DATA_OPTIONS                                                                            \
    R"("field": {"type": "string", "default": "labels", )"                                                     \
    R"("description": "key or column that holds the labels; a CSV file without it has one column a label"}, )" \
    R"("unknown": {"type": "string", "enum": ["error", "skip"], "default": "error", )"                         \
    R"("description": "a label that the taxonomy does not have: skip leaves it out and counts it"}, )"         \
    R"("unlabelled": {"type": "string", "enum": ["error", "skip", "negative"], "default": "error", )"          \
    R"("description": "a document without labels: skip leaves it out, negative takes it for the negative class"})"

namespace synth::plugins {

/// What was given for them.
[[nodiscard]] inline LabelledDataOptions labelled_data_options(const Options& given) {
    LabelledDataOptions options;
    options.field = given.text("field");
    if (given.text("unknown") == "skip") options.unknown = LabelledDataOptions::Unknown::skip;
    const auto unlabelled = given.text("unlabelled");
    if (unlabelled == "skip") options.unlabelled = LabelledDataOptions::Unlabelled::skip;
    if (unlabelled == "negative") options.unlabelled = LabelledDataOptions::Unlabelled::negative;
    return options;
}

}  // namespace synth::plugins
