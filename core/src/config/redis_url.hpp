// Where the Redis of `--shared-limits` is: redis://[[user]:password@]host[:port][/db][?prefix=NAME]. The password may
// be left out, and come from the environment.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "synth/result.hpp"

namespace synth::core {

/// The environment's variable with the password that is not in the URL.
inline constexpr const char* kRedisPassword = "TDAMM_SYNTH_REDIS_PASSWORD";

struct RedisUrl {
    std::string host;
    std::uint16_t port = 6379;
    std::uint32_t database = 0;
    std::string prefix = "tdamm-synth";  ///< of all keys
    std::string user, password;          ///< as they are, not encoded; empty: none

    /// "host:port", for people.
    [[nodiscard]] std::string place() const;
    /// The URL without the password: what may be printed, stored and passed on.
    [[nodiscard]] std::string without_secret() const;
};

/// invalid_argument, in words that repeat nothing of `text`: it may hold a password.
Result<RedisUrl> parse_redis_url(std::string_view text);

}  // namespace synth::core
