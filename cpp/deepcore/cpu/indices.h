// Indices into an axis, of whichever integers they are.
#pragma once

#include <cstdint>

#include "deepcore/core/dtype.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

struct Indices {
  DType dtype;
  std::int64_t count, size;  // how many, and of an axis this long

  // The position meant by index i, negative ones from the end; -1 when outside.
  std::int64_t at(const void* indices, std::int64_t i) const {
    std::int64_t k;
    switch (dtype) {
      case DType::kInt64:
        k = static_cast<const std::int64_t*>(indices)[i];
        break;
      case DType::kInt32:
        k = static_cast<const std::int32_t*>(indices)[i];
        break;
      default:
        k = static_cast<const std::uint8_t*>(indices)[i];
    }
    if (k < 0) k += size;
    return k >= 0 && k < size ? k : -1;
  }
};

inline void report_outside(const Call& call) {
  call.fault->store(static_cast<int>(Fault::kIndexOutOfRange), std::memory_order_relaxed);
}

}  // namespace deepcore
