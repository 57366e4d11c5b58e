// What several shape rules check.
#pragma once

#include <limits>

#include "deepcore/graph/type.h"

namespace deepcore {

// float16 and bfloat16 are storage.
inline void require_computes(std::string_view op, const Type& x) {
  require<TypeError>(x.dtype != DType::kFloat16 && x.dtype != DType::kBFloat16, op, x.dtype,
                     " holds values but does not compute: cast to float32 first");
}

inline void require_floats(std::string_view op, const Type& x) {
  require_computes(op, x);
  require<TypeError>(is_floating(x.dtype), op, "expected float32 or float64, got ", x.dtype);
}

inline void require_numbers(std::string_view op, const Type& x) {
  require_computes(op, x);
  require<TypeError>(x.dtype != DType::kBool, op, "expected numbers, got bool");
}

inline void require_same_dtype(std::string_view op, const Type& a, const Type& b) {
  require<TypeError>(a.dtype == b.dtype, op, "dtypes ", a.dtype, " and ", b.dtype,
                     " differ: cast one of them");
}

inline void require_indices(std::string_view op, const Type& x) {
  require<TypeError>(x.dtype == DType::kInt32 || x.dtype == DType::kInt64, op,
                     "expected int32 or int64 indices, got ", x.dtype);
}

// Shapes written by hand may be negative, or ask for more than 2^63 bytes.
inline void require_shape(std::string_view op, const Shape& shape) {
  std::int64_t bytes = 8;
  bool fits = true;
  for (std::int64_t d : shape) {
    require(d >= 0, op, "sizes must not be negative, got ", shape);
    // An empty axis after overflowing ones still makes a shape that nothing can count.
    fits = fits && !__builtin_mul_overflow(bytes, d == 0 ? 1 : d, &bytes);
  }
  require(fits, op, "a tensor of shape ", shape, " is too large");
}

}  // namespace deepcore
