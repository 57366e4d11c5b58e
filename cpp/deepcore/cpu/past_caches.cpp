#include "deepcore/cpu/past_caches.h"

#include <algorithm>

#include "deepcore/core/switches.h"

#if defined(__linux__)
#include <unistd.h>
#endif

namespace deepcore {
namespace {

// A cache that many cores share is not ours alone.
constexpr std::int64_t kLeastBytes = 4 << 20, kMostBytes = 32 << 20;

std::int64_t cache_bytes() {
#if defined(_SC_LEVEL3_CACHE_SIZE)
  const long bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);  // 0 or -1 where it is not known
  if (bytes > 0) return std::clamp<std::int64_t>(bytes, kLeastBytes, kMostBytes);
#endif
  return kMostBytes;
}

}  // namespace

bool past_caches(std::int64_t floats, std::int64_t row) {
  static const std::int64_t most = cache_bytes() / static_cast<std::int64_t>(sizeof(float));
  return floats > most && row % kFloatsALine == 0 && enabled(FastPath::kPastCaches);
}

}  // namespace deepcore
