// A build without hiredis.

#include "run/shared_limits.hpp"

namespace synth::core {

Result<std::unique_ptr<SharedLimits>> open_shared_limits(SharedLimitsOptions) {
    return Error{ErrorCode::invalid_argument,
                 "--shared-limits: this program was built without Redis; build it where hiredis is installed "
                 "(libhiredis-dev), or "
                 "leave the option out: every shard then keeps to its share",
                 "no_redis"};
}

}  // namespace synth::core
