#pragma once

namespace synth::test {

/// Whether a sanitizer watches: the program takes several times the memory and the time, so what repeats one thing for
/// many states may repeat it less often.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // GCC
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)  // Clang
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace synth::test
