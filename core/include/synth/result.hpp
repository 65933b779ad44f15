// Errors as values: what every call across the plugin border returns. The code says what the caller may do about it,
// the message what was wrong, where, and what to do (lower case, no full stop).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace synth {

enum class ErrorCode : std::uint8_t {
    invalid_argument,  ///< the options or the request are wrong: never tried again
    unauthorized,      ///< key, permission or model refused for good: stops the run
    exhausted,         ///< no credit, spend limit reached: stops the run
    rate_limited,      ///< wait; is not an attempt
    unavailable,       ///< transport, 5xx, overload: back off with jitter; is an attempt
    refused,           ///< the model or a filter declined: paid for, then a changed request
    malformed,         ///< the answer is unusable: paid for, then a changed request
    truncated,         ///< the answer was cut: paid for, then a changed request
    io,                ///< disk: stops the run cleanly
    internal,          ///< a bug
};

[[nodiscard]] constexpr std::string_view name_of(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::invalid_argument: return "invalid_argument";
        case ErrorCode::unauthorized: return "unauthorized";
        case ErrorCode::exhausted: return "exhausted";
        case ErrorCode::rate_limited: return "rate_limited";
        case ErrorCode::unavailable: return "unavailable";
        case ErrorCode::refused: return "refused";
        case ErrorCode::malformed: return "malformed";
        case ErrorCode::truncated: return "truncated";
        case ErrorCode::io: return "io";
        case ErrorCode::internal: return "internal";
    }
    return "internal";
}

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;
    /// A stable snake_case word for counting, such as `content_filter` or `http_503`. Empty: the name of the code.
    std::string reason;

    [[nodiscard]] std::string_view counted_as() const noexcept { return reason.empty() ? name_of(code) : reason; }
};

/// A value or an Error. Dereferencing a failed result is undefined.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    template <class U>
        requires(!std::is_same_v<std::remove_cvref_t<U>, T> && !std::is_same_v<std::remove_cvref_t<U>, Error> &&
                 !std::is_same_v<std::remove_cvref_t<U>, Result> && std::is_convertible_v<U &&, T>)
    Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}

    [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    [[nodiscard]] T& operator*() & noexcept { return *std::get_if<0>(&state_); }
    [[nodiscard]] const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
    [[nodiscard]] T* operator->() noexcept { return std::get_if<0>(&state_); }
    [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&state_); }

    [[nodiscard]] const Error& error() const& noexcept { return *std::get_if<1>(&state_); }
    [[nodiscard]] Error&& error() && noexcept { return std::move(*std::get_if<1>(&state_)); }

private:
    std::variant<T, Error> state_;
};

/// Success or an Error.
class [[nodiscard]] Status {
public:
    Status() = default;
    Status(Error error) : error_(std::move(error)) {}

    [[nodiscard]] bool ok() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return ok(); }
    [[nodiscard]] const Error& error() const& noexcept { return *error_; }
    [[nodiscard]] Error&& error() && noexcept { return std::move(*error_); }

private:
    std::optional<Error> error_;
};

}  // namespace synth
