// JSON that comes in by the thousand, as replies and as documents of data sets: simdjson, which is long to compile,
// made once, in json_reader.cpp. (Values of files that people write: json_value.hpp.)

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "synth/result.hpp"

namespace synth::plugins {

/// A value in the document that a JsonParser read last, borrowed from it. Read with patience: what is missing or of
/// another type is nothing.
class JsonView {
public:
    /// There is a value, were it null.
    [[nodiscard]] explicit operator bool() const noexcept { return element_ != Element(); }

    [[nodiscard]] bool is_object() const noexcept;
    [[nodiscard]] bool is_array() const noexcept;
    [[nodiscard]] bool is_text() const noexcept;

    [[nodiscard]] bool has(std::string_view name) const noexcept;         ///< a member, were it null
    [[nodiscard]] JsonView member(std::string_view name) const noexcept;  ///< nothing for null, too
    [[nodiscard]] std::vector<std::pair<std::string_view, JsonView>> members() const;
    [[nodiscard]] JsonView first() const noexcept;  ///< element of an array
    [[nodiscard]] std::vector<JsonView> elements() const;

    [[nodiscard]] std::string_view text() const noexcept;  ///< empty: none
    [[nodiscard]] std::optional<std::int64_t> integer() const noexcept;
    [[nodiscard]] std::optional<double> number() const noexcept;  ///< whole ones included
    [[nodiscard]] std::optional<bool> truth() const noexcept;
    [[nodiscard]] std::string dump() const;  ///< as JSON on one line; of nothing: empty

private:
    using Element = std::array<std::uintptr_t, 2>;
    Element element_{};  // of simdjson: only json_reader.cpp sees it as that
};

/// Reuse one for many documents: it keeps its allocations.
class JsonParser {
public:
    JsonParser();
    ~JsonParser();

    /// A text with so many bytes behind it that may be read is parsed where it is, another one is copied.
    static constexpr std::size_t kSpareBytes = 64;

    /// Valid until the next call. malformed, saying what is wrong.
    Result<JsonView> parse(std::string_view text, std::size_t spare_bytes = 0);
    /// A file. io when it cannot be read.
    Result<JsonView> load(const std::string& path);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace synth::plugins
