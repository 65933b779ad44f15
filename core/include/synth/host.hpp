// What the core lends to a plugin. It outlives every instance; all of it may be called from any thread.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "synth/taxonomy.hpp"

namespace synth {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

class Host {
public:
    /// One line, without line end. The core adds the plugin's name, redacts secrets and decides what is shown.
    virtual void log(LogLevel level, std::string_view message) = 0;

    /// Whether a secret of that name is set. Its value goes into a request only at the socket (HttpRequest::auth).
    [[nodiscard]] virtual bool has_secret(std::string_view name) const = 0;

    /// An environment variable or `.env` entry that is not a secret, such as OPENAI_BASE_URL; empty when not set.
    [[nodiscard]] virtual std::string setting(std::string_view name) const = 0;

    /// Absolute path of the plugin's own data files: `data/` in its source folder, installed beside it. Empty: none.
    [[nodiscard]] virtual std::string data_dir() const = 0;

    [[nodiscard]] virtual const Taxonomy& taxonomy() const = 0;

protected:
    ~Host() = default;
};

}  // namespace synth
