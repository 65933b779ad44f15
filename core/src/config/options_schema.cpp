#include "config/options_schema.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "base/json_depth.hpp"
#include "base/numbers.hpp"
#include "common/json_text.hpp"
#include "synth/text.hpp"

namespace synth::core {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// What is wrong, without the name of the plugin. Thrown and caught inside this unit only.
struct Invalid {
    std::string message;
};

enum class Type { string, integer, number, boolean, strings };

struct Option {
    OptionInfo info;
    Type type = Type::string;
    json fallback;  ///< null: none
    json minimum, maximum;
    std::vector<json> choices;  ///< empty: any value
};

std::string plain(const json& value) {
    return value.is_string() ? value.get<std::string>() : plugins::json_text(value);
}

std::string joined(const std::vector<std::string>& words) {
    std::string list;
    for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
    return list;
}

bool is_of(Type type, const json& value) {
    switch (type) {
        case Type::string: return value.is_string();
        case Type::integer:
            return value.is_number_integer() &&
                   (!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t{INT64_MAX});
        case Type::number: return value.is_number() && std::isfinite(value.get<double>());
        case Type::boolean: return value.is_boolean();
        case Type::strings:
            return value.is_array() && std::ranges::all_of(value, [](const json& one) { return one.is_string(); });
    }
    return false;
}

std::string_view describe(Type type) {
    switch (type) {
        case Type::string: return "a text";
        case Type::integer: return "a whole number";
        case Type::number: return "a number";
        case Type::boolean: return "true or false";
        case Type::strings: return "a list of texts";
    }
    return "";
}

/// One form for one value, however it was written: `2` and `2.0` are the same number.
json canonical(Type type, json value) {
    if (type == Type::number) return value.get<double>();
    if (type == Type::integer) return value.get<std::int64_t>();
    return value;
}

bool below(Type type, const json& a, const json& b) {
    return type == Type::integer ? a.get<std::int64_t>() < b.get<std::int64_t>() : a.get<double>() < b.get<double>();
}

/// Throws what is wrong with a value of the right type.
void check_range(const Option& option, const json& value) {
    const bool too_low = !option.minimum.is_null() && below(option.type, value, option.minimum);
    const bool too_high = !option.maximum.is_null() && below(option.type, option.maximum, value);
    const bool no_choice = !option.choices.empty() && std::ranges::find(option.choices, value) == option.choices.end();
    if (too_low || too_high || no_choice)
        throw Invalid{"must be " + option.info.range + ", is " + in_quotes(plain(value))};
}

void expect_members(const ordered_json& object, std::initializer_list<std::string_view> known,
                    const std::string& where) {
    if (!object.is_object()) throw Invalid{where + " must be an object"};
    for (const auto& item : object.items())
        if (std::ranges::find(known, item.key()) == known.end())
            throw Invalid{where + ": " + in_quotes(item.key()) + " is outside the subset of JSON Schema in use"};
}

Option read_option(const std::string& name, const ordered_json& schema) {
    const std::string where = "property " + in_quotes(name);
    expect_members(schema, {"type", "description", "default", "minimum", "maximum", "enum", "items"}, where);
    if (name.empty() || name.find_first_of(".= ") != std::string::npos)
        throw Invalid{where + ": a name has no '.', '=' or space and is not empty"};
    const auto text = [&](const char* key) {
        const auto found = schema.find(key);
        if (found == schema.end() || !found->is_string() || found->get<std::string>().empty())
            throw Invalid{where + ": " + in_quotes(key) + " must be there, as a text"};
        return found->get<std::string>();
    };

    Option option;
    option.info.name = name;
    option.info.type = text("type");
    option.info.description = text("description");
    const std::vector<std::pair<std::string_view, Type>> types = {{"string", Type::string},
                                                                  {"integer", Type::integer},
                                                                  {"number", Type::number},
                                                                  {"boolean", Type::boolean},
                                                                  {"array", Type::strings}};
    const auto type = std::ranges::find(types, option.info.type, &std::pair<std::string_view, Type>::first);
    if (type == types.end())
        throw Invalid{where + ": type " + in_quotes(option.info.type) +
                      " is none of string, integer, number, boolean, array"};
    option.type = type->second;
    if (schema.contains("items") != (option.type == Type::strings) ||
        (schema.contains("items") && schema["items"] != ordered_json{{"type", "string"}}))
        throw Invalid{where + ": an array has \"items\": {\"type\": \"string\"}, and only an array has 'items'"};

    const bool numeric = option.type == Type::integer || option.type == Type::number;
    const auto value = [&](const json& given, const char* key) {
        if (!is_of(option.type, given)) throw Invalid{where + ": " + in_quotes(key) + " is not of its type"};
        return canonical(option.type, given);
    };
    for (const auto& [key, bound] : {std::pair{"minimum", &option.minimum}, {"maximum", &option.maximum}}) {
        if (!schema.contains(key)) continue;
        if (!numeric) throw Invalid{where + ": " + in_quotes(key) + " is for numbers only"};
        *bound = value(schema[key], key);
    }
    if (schema.contains("enum")) {
        if (!schema["enum"].is_array() || schema["enum"].empty() || option.type == Type::strings)
            throw Invalid{where + ": 'enum' must be a list of values, and not for an array"};
        for (const json choice : schema["enum"]) option.choices.push_back(value(choice, "enum"));
    }

    std::string& range = option.info.range;
    const bool low = !option.minimum.is_null(), high = !option.maximum.is_null();
    if (low && high && below(option.type, option.maximum, option.minimum))
        throw Invalid{where + ": 'minimum' is above 'maximum'"};
    const auto bound = [](const json& number) {  // as a person writes it: 2, not 2.0
        std::string digits = plugins::json_text(number);
        if (digits.ends_with(".0")) digits.resize(digits.size() - 2);
        return digits;
    };
    if (!option.choices.empty()) {
        std::vector<std::string> choices;
        for (const json& choice : option.choices) choices.push_back(plain(choice));
        range = "one of " + joined(choices);
    } else if (low && high) {
        range = bound(option.minimum) + " to " + bound(option.maximum);
    } else if (low) {
        range = "at least " + bound(option.minimum);
    } else if (high) {
        range = "at most " + bound(option.maximum);
    }

    if (schema.contains("default")) {
        option.fallback = value(schema["default"], "default");
        try {
            check_range(option, option.fallback);
        } catch (const Invalid& invalid) {
            throw Invalid{where + ": 'default' " + invalid.message};
        }
        option.info.default_json = plugins::json_text(option.fallback);
    }
    return option;
}

std::vector<Option> read_schema(std::string_view schema) {
    if (nests_too_deep(schema)) throw Invalid{"it nests too deep"};
    const ordered_json root = plugins::parse_ordered_json(schema);
    if (root.is_discarded()) throw Invalid{"it is not valid JSON"};
    expect_members(root, {"$schema", "title", "description", "type", "properties", "additionalProperties"},
                   "the schema");
    if (root.contains("type") && root["type"] != "object") throw Invalid{"its type must be object"};
    std::vector<Option> options;
    if (!root.contains("properties")) return options;
    if (!root["properties"].is_object()) throw Invalid{"'properties' must be an object"};
    for (const auto& property : root["properties"].items())
        options.push_back(read_option(property.key(), property.value()));
    return options;
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> list;
    while (!trim(text).empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        list.emplace_back(trim(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return list;
}

/// Text from a command line as a value of that type; null when it is none.
json from_text(Type type, const std::string& text) {
    switch (type) {
        case Type::string: return text;
        case Type::integer:
            if (const auto value = parse_number<std::int64_t>(text)) return *value;
            return nullptr;
        case Type::number:
            if (const auto value = parse_number<double>(text)) return *value;
            return nullptr;
        case Type::boolean:
            if (text == "true" || text == "false") return text == "true";
            return nullptr;
        case Type::strings:
            if (trim(text).starts_with('[')) return plugins::parse_json(text);
            return split_list(text);
    }
    return nullptr;
}

json convert(const Option& option, const GivenOption& given) {
    json value = given.is_json ? plugins::parse_json(given.text) : from_text(option.type, given.text);
    if (!is_of(option.type, value))
        throw Invalid{"must be " + std::string(describe(option.type)) +
                      (option.info.range.empty() ? "" : " (" + option.info.range + ")") + ", is " +
                      in_quotes(given.text)};
    value = canonical(option.type, std::move(value));
    check_range(option, value);
    return value;
}

}  // namespace

Result<std::vector<OptionInfo>> parse_options_schema(std::string_view schema) try {
    std::vector<OptionInfo> all;
    for (Option& option : read_schema(schema)) all.push_back(std::move(option.info));
    return all;
} catch (const Invalid& invalid) {
    return Error{ErrorCode::invalid_argument, "options schema: " + invalid.message, "bad_schema"};
}

Result<std::string> complete_options(std::string_view plugin, std::string_view schema,
                                     const std::map<std::string, GivenOption>& given) {
    const auto error = [&](const std::string& message) {
        return Error{ErrorCode::invalid_argument, std::string(plugin) + ": " + message, "bad_option"};
    };
    std::vector<Option> options;
    try {
        options = read_schema(schema);
    } catch (const Invalid& invalid) {
        return error("options schema: " + invalid.message);
    }

    std::vector<std::string> known;
    for (const Option& option : options) known.push_back(option.info.name);
    for (const auto& [name, value] : given) {
        if (std::ranges::find(known, name) != known.end()) continue;
        const std::string near = nearest(name, known);
        return error("unknown option " + in_quotes(name) +
                     (!near.empty()   ? ", did you mean " + in_quotes(near) + "?"
                      : known.empty() ? ", it has none"
                                      : ", it has " + joined(known)));
    }

    json complete = json::object();
    for (const Option& option : options) {
        const auto found = given.find(option.info.name);
        if (found == given.end()) {
            if (!option.fallback.is_null()) complete[option.info.name] = option.fallback;
            continue;
        }
        try {
            complete[option.info.name] = convert(option, found->second);
            (void)plugins::json_text(complete[option.info.name], -1, plugins::BadUtf8::refuse);
        } catch (const Invalid& invalid) {
            return error("option " + in_quotes(option.info.name) + " " + invalid.message);
        } catch (const json::exception&) {
            return error("option " + in_quotes(option.info.name) + " is not valid UTF-8");
        }
    }
    return plugins::json_text(complete);
}

Result<std::map<std::string, GivenOption>> options_as_given(std::string_view options_json) {
    const auto object = plugins::parse_json(options_json);
    if (!object.is_object())
        return Error{ErrorCode::internal, "completed options are not a JSON object: " + std::string(options_json), {}};
    std::map<std::string, GivenOption> given;
    for (const auto& [name, value] : object.items()) given.emplace(name, GivenOption{plugins::json_text(value), true});
    return given;
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
    // Edits: insert, delete, replace, swap of neighbours. A third of the word may be wrong, and two letters of any
    // word that is longer than that.
    const std::size_t limit = std::max<std::size_t>(word.size() / 3, word.size() > 3 ? 2 : 1);
    std::string best;
    std::size_t best_distance = limit + 1;
    for (const std::string& other : known) {
        std::vector<std::size_t> before, above(other.size() + 1), row(other.size() + 1);
        std::iota(above.begin(), above.end(), std::size_t{0});
        for (std::size_t i = 1; i <= word.size(); ++i) {
            row[0] = i;
            for (std::size_t j = 1; j <= other.size(); ++j) {
                const std::size_t differs = word[i - 1] != other[j - 1];
                row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + differs});
                if (i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1])
                    row[j] = std::min(row[j], before[j - 2] + 1);
            }
            before = std::exchange(above, row);
        }
        if (above[other.size()] < best_distance) {
            best_distance = above[other.size()];
            best = other;
        }
    }
    return best;
}

}  // namespace synth::core
