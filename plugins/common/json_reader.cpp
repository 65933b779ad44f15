#include "common/json_reader.hpp"

#include <bit>

#include <simdjson.h>

namespace synth::plugins {

namespace dom = simdjson::dom;

namespace {

static_assert(JsonParser::kSpareBytes >= simdjson::SIMDJSON_PADDING);

JsonView view_of(dom::element element) noexcept { return std::bit_cast<JsonView>(element); }

template <class Value>
std::optional<Value> get(JsonView view) noexcept {
    Value value{};
    if (!view || std::bit_cast<dom::element>(view).get(value) != simdjson::SUCCESS) return std::nullopt;
    return value;
}

Result<JsonView> result_of(simdjson::simdjson_result<dom::element> read) {
    dom::element root;
    const auto error = read.get(root);
    if (error == simdjson::SUCCESS) return view_of(root);
    const bool unread = error == simdjson::IO_ERROR || error == simdjson::MEMALLOC;
    return Error{unread ? ErrorCode::io : ErrorCode::malformed, simdjson::error_message(error), {}};
}

}  // namespace

bool JsonView::is_object() const noexcept { return get<dom::object>(*this).has_value(); }
bool JsonView::is_array() const noexcept { return get<dom::array>(*this).has_value(); }
bool JsonView::is_text() const noexcept { return get<std::string_view>(*this).has_value(); }

bool JsonView::has(std::string_view name) const noexcept {
    const auto object = get<dom::object>(*this);
    return object && object->at_key(name).error() == simdjson::SUCCESS;
}

JsonView JsonView::member(std::string_view name) const noexcept {
    const auto object = get<dom::object>(*this);
    dom::element value;
    if (!object || object->at_key(name).get(value) != simdjson::SUCCESS || value.is_null()) return {};
    return view_of(value);
}

std::vector<std::pair<std::string_view, JsonView>> JsonView::members() const {
    std::vector<std::pair<std::string_view, JsonView>> all;
    if (const auto object = get<dom::object>(*this))
        for (const auto& [name, value] : *object) all.emplace_back(name, view_of(value));
    return all;
}

JsonView JsonView::first() const noexcept {
    const auto array = get<dom::array>(*this);
    return array && array->begin() != array->end() ? view_of(*array->begin()) : JsonView();
}

std::vector<JsonView> JsonView::elements() const {
    std::vector<JsonView> all;
    if (const auto array = get<dom::array>(*this))
        for (const dom::element element : *array) all.push_back(view_of(element));
    return all;
}

std::string_view JsonView::text() const noexcept { return get<std::string_view>(*this).value_or(std::string_view()); }
std::optional<std::int64_t> JsonView::integer() const noexcept { return get<std::int64_t>(*this); }
std::optional<double> JsonView::number() const noexcept { return get<double>(*this); }
std::optional<bool> JsonView::truth() const noexcept { return get<bool>(*this); }
std::string JsonView::dump() const { return *this ? simdjson::minify(std::bit_cast<dom::element>(*this)) : ""; }

struct JsonParser::Impl {
    dom::parser parser;
};
JsonParser::JsonParser() : impl_(std::make_unique<Impl>()) {}
JsonParser::~JsonParser() = default;

Result<JsonView> JsonParser::parse(std::string_view text, std::size_t spare_bytes) {
    return result_of(impl_->parser.parse(text.data(), text.size(), spare_bytes < simdjson::SIMDJSON_PADDING));
}
Result<JsonView> JsonParser::load(const std::string& path) { return result_of(impl_->parser.load(path)); }

}  // namespace synth::plugins
