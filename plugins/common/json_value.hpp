// JSON that people write or that is to be told apart strictly, as a tree: nlohmann/json without its header, which is
// long to compile. (What comes in by the thousand: json_reader.hpp.)

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace synth::plugins {

/// A value in a document, which lives as long as any of its values. What is missing or of another type is nothing.
class JsonValue {
public:
    JsonValue() = default;
    /// Nothing when `text` is not JSON.
    [[nodiscard]] static JsonValue parse(std::string_view text);

    /// There is a value, were it null.
    [[nodiscard]] explicit operator bool() const noexcept { return value_ != nullptr; }

    [[nodiscard]] bool is_null() const noexcept;
    [[nodiscard]] bool is_object() const noexcept;
    [[nodiscard]] bool is_array() const noexcept;
    [[nodiscard]] bool is_text() const noexcept;

    // Of members of the same name, the last is there.
    [[nodiscard]] JsonValue member(std::string_view name) const;
    [[nodiscard]] std::vector<std::pair<std::string_view, JsonValue>> members() const;  ///< by name
    [[nodiscard]] std::vector<JsonValue> elements() const;

    [[nodiscard]] std::string_view text() const noexcept;               ///< empty: none
    [[nodiscard]] std::optional<std::uint64_t> count() const noexcept;  ///< a whole number written as one, not negative

    /// The object with `text` as that member.
    [[nodiscard]] JsonValue with(std::string_view name, std::string_view text) const;
    [[nodiscard]] std::string dump() const;  ///< as JSON on one line

private:
    explicit JsonValue(std::shared_ptr<const nlohmann::json> value) : value_(std::move(value)) {}
    [[nodiscard]] JsonValue inner(const nlohmann::json& value) const { return JsonValue({value_, &value}); }

    std::shared_ptr<const nlohmann::json> value_;  // owns the document
};

/// Why `text` is not JSON, and where: "parse error at line 3, column 7: …".
[[nodiscard]] std::string json_fault(std::string_view text);

}  // namespace synth::plugins
