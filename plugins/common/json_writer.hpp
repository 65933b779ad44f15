// Writes JSON text by hand, at the speed of memory and with exact money: what a line of output and a report need, and
// what a document tree in between would cost. The result is always valid UTF-8.

#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "synth/units.hpp"

namespace synth::plugins {

/// Appends `text` as a JSON string with its quotes. Non-ASCII stays as it is; every ill-formed UTF-8 subsequence
/// becomes one U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// Appends how `c`, a control character, quote or backslash, is written in a JSON string.
void append_json_escape(std::string& out, char c);

/// Appends the amount in US dollars as an exact decimal number: "12.5", "0.000123456", "0".
void append_usd(std::string& out, PicoUsd amount);

/// Appends to a borrowed string. Commas and colons are its business, balanced begins and ends the caller's.
/// What is absent or not finite is null.
class JsonWriter {
public:
    explicit JsonWriter(std::string& out) : out_(out) {}

    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }
    void key(std::string_view name);

    void value(std::string_view text);
    void value(const char* text) { value(std::string_view(text)); }
    void value(PicoUsd amount);
    void value(Tokens tokens) { value(tokens.count); }
    void value(std::same_as<bool> auto truth) { raw(truth ? "true" : "false"); }
    void value(std::integral auto number)
        requires(!std::same_as<decltype(number), bool>)
    {
        raw(std::to_string(number));
    }
    void value(double number);
    void null() { raw("null"); }
    template <class T>
    void value(const std::optional<T>& maybe) {
        if (maybe)
            value(*maybe);
        else
            null();
    }

    template <class T>
    void member(std::string_view name, const T& content) {
        key(name);
        value(content);
    }

private:
    void separate() {
        if (comma_) out_ += ", ";
        comma_ = true;
    }
    void raw(std::string_view token) {
        separate();
        out_ += token;
    }
    void open(char bracket) {
        separate();
        out_ += bracket;
        comma_ = false;
    }
    void close(char bracket) {
        out_ += bracket;
        comma_ = true;
    }

    std::string& out_;
    bool comma_ = false;  ///< something stands before what comes next in this object or array
};

}  // namespace synth::plugins
