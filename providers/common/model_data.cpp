#include "model_data.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "fields.hpp"

namespace synth::providers {

namespace {

using plugins::JsonView;

Field tokens(std::string_view name, std::optional<Tokens>& target) {
    return {name, [name, &target](JsonView value) { return count(name, target.emplace().count).read(value); }};
}

/// Cached input that has no price of its own costs as much as input, and so do cache writes.
Field price(std::string_view name, std::optional<Price>& target, bool* given = nullptr) {
    return {name, [&target, given](JsonView element) -> Complaint {
                std::optional<PicoUsd> input, cached_input, cache_write, output;
                const auto amount = [](std::string_view field, std::optional<PicoUsd>& each) -> Field {
                    return {field, [&each](JsonView value) -> Complaint {
                                if (value.is_text()) each = parse_price(value.text());
                                return each ? ""
                                            : " is not a price: write dollars per million tokens as a string with at "
                                              "most 6 decimals, such as \"0.15\"";
                            }};
                };
                if (Complaint complaint =
                        read_object(element, {amount("input", input), amount("cached_input", cached_input),
                                              amount("cache_write", cache_write), amount("output", output)});
                    !complaint.empty())
                    return complaint;
                if (!input || !output) return " needs both input and output";
                target = Price{*input, cached_input.value_or(*input), cache_write.value_or(*input), *output};
                if (given) *given = true;
                return {};
            }};
}

Complaint read_model(JsonView element, ModelTable& table) {
    const std::string_view name = element.member("name").text();
    if (name.empty()) return " has no name";
    const auto known = std::ranges::find(table.models, name, &Model::name);
    Model model = known == table.models.end() ? Model() : *known;
    LongContext long_context;
    std::string date_given;
    LaterPrice later;
    std::string sampling;
    bool price_given = false, later_given = false, long_given = false, reasoning_given = false;
    const Complaint complaint =
        read_object(element, {text("name", model.name),
                              price("price", model.direct, &price_given),
                              price("batch", model.batch, &price_given),
                              {"later",
                               [&](JsonView value) {
                                   later_given = price_given = true;
                                   return read_object(value, {date("from", later.from), price("price", later.direct),
                                                              price("batch", later.batch)});
                               }},
                              {"long_context",
                               [&](JsonView value) {
                                   long_given = true;
                                   return read_object(value, {count("above", long_context.above.count),
                                                              count("input_percent", long_context.input_percent),
                                                              count("output_percent", long_context.output_percent)});
                               }},
                              tokens("context_window", model.context_window),
                              tokens("max_output", model.max_output),
                              {"reasoning",
                               [&](JsonView value) {
                                   reasoning_given = true;
                                   return read_object(value, {flag("accepts_none", model.accepts_none),
                                                              text("default_effort", model.default_effort),
                                                              text("control", model.effort_control)});
                               }},
                              {"sampling",
                               [&](JsonView value) -> Complaint {
                                   if (Complaint wrong = text("", sampling).read(value); !wrong.empty()) return wrong;
                                   constexpr std::array<std::string_view, 3> kNames{"both", "one", "none"};
                                   const auto found = std::ranges::find(kNames, sampling);
                                   if (found == kNames.end()) return " is not both, one or none";
                                   model.sampling = static_cast<Sampling>(found - kNames.begin());
                                   return {};
                               }},
                              flag("chat_completions", model.chat_completions),
                              text("tokenizer", model.tokenizer),
                              date("shutdown", model.shutdown),
                              text("replacement", model.replacement),
                              date("as_of", date_given),
                              ignored("sources"),
                              ignored("note")});
    if (!complaint.empty()) return " '" + std::string(name) + "'" + complaint;
    if (price_given && date_given.empty())
        return " '" + std::string(name) + "' has a price without as_of, the date on which it was looked up";
    if (!date_given.empty()) model.as_of = std::move(date_given);
    if (later_given && (later.from.empty() || !later.direct))
        return " '" + std::string(name) + "' has a later price without from, or without price";
    if (later_given) model.later = std::move(later);
    if (price_given && !later_given) model.later.reset();
    if (long_given) model.long_context = long_context;
    model.reasons = model.reasons || reasoning_given;
    if (known == table.models.end())
        table.models.push_back(std::move(model));
    else
        *known = std::move(model);
    return {};
}

Complaint read_models(JsonView element, ModelTable& table) {
    if (!element.is_array()) return " is not an array";
    for (const JsonView model : element.elements())
        if (Complaint complaint = read_model(model, table); !complaint.empty()) return ": model" + complaint;
    return {};
}

Complaint read_reserve(JsonView element, ModelTable& table) {
    if (!element.is_object()) return " is not an object";
    for (const auto& [effort, value] : element.members())
        if (Complaint complaint = count(effort, table.reasoning_reserve[std::string(effort)].count).read(value);
            !complaint.empty())
            return "." + std::string(effort) + complaint;
    return {};
}

}  // namespace

Status add_models(ModelTable& table, const std::string& path) {
    plugins::JsonParser parser;
    const auto root = parser.load(path);
    if (!root && root.error().code == ErrorCode::io)
        return Error{ErrorCode::io, "cannot read the model data '" + path + "'"};
    if (!root)
        return Error{ErrorCode::invalid_argument, "model data '" + path + "' is not JSON: " + root.error().message};
    const Complaint complaint =
        read_object(*root, {ignored("about"),
                            ignored("sources"),
                            text("default_model", table.default_model),
                            {"reasoning_reserve", [&](JsonView value) { return read_reserve(value, table); }},
                            {"models", [&](JsonView value) { return read_models(value, table); }}});
    if (!complaint.empty()) return Error{ErrorCode::invalid_argument, "model data '" + path + "'" + complaint};
    return {};
}

Result<ModelTable> load_models(const std::string& data_dir, const std::string& more) {
    ModelTable table;
    if (Status read = add_models(table, data_dir + "/models.json"); !read) return std::move(read).error();
    if (more.empty()) return table;
    if (Status read = add_models(table, more); !read) return std::move(read).error();
    return table;
}

}  // namespace synth::providers
