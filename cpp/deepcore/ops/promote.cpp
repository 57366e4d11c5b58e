#include "deepcore/ops/promote.h"

#include <algorithm>

namespace deepcore {

// The enum is in the order of the lattice: bool < uint8 < int32 < int64 < float16, bfloat16 <
// float32 < float64. Only the two half floats have no order: neither holds the other's values,
// float32 holds both.
DType promote(DType a, DType b) {
  const auto [low, high] = std::minmax(a, b);
  if (low == DType::kFloat16 && high == DType::kBFloat16) return DType::kFloat32;
  return high;
}

void promote(Tensor& a, Tensor& b) {
  const DType to = promote(a.dtype(), b.dtype());
  a = cast(a, to);
  b = cast(b, to);
}

DType float_of(DType dtype) { return is_floating(dtype) ? dtype : DType::kFloat32; }

}  // namespace deepcore
