// Keys and settings from the environment and `.env`; the real environment wins. Values of secrets leave this class for
// the socket only, and `redact` takes them out of everything that is printed or stored.

#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"

namespace synth::core {

class Secrets {
public:
    /// Secrets are variables whose name ends in KEY, TOKEN, SECRET or PASSWORD. A missing `.env` is no error; a line in
    /// it that is not NAME=VALUE is invalid_argument with file and line.
    static Result<Secrets> load(const char* const* environment, const std::filesystem::path& dotenv);

    /// Nothing when not set or empty.
    [[nodiscard]] std::optional<std::string_view> value(std::string_view name) const;

    /// Replaces every secret of 12 characters and more by "[redacted]", in place.
    void redact(std::string& text) const;

    [[nodiscard]] static bool is_secret_name(std::string_view name);

private:
    std::map<std::string, std::string, std::less<>> variables_;
    std::vector<std::string> redacted_;  // longest first, so that a key within a key leaves nothing behind
};

}  // namespace synth::core
