// An epilogue as the runners see it: its pointers for the SIMD loops, and plain loops for the types
// without.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "deepcore/cpu/kernels/epilogue.h"
#include "deepcore/graph/backend.h"
#include "deepcore/ops/kinds.h"

namespace deepcore {

inline Finish finish_of(const Epilogue& e, const Call& call) {
  return {e.scale ? call.input(2) : nullptr,
          e.bias ? call.input(static_cast<int>(e.bias_at())) : nullptr, e.activation};
}
inline const float* residual_of(const Epilogue& e, const Call& call) {
  return e.residual ? call.input(static_cast<int>(e.residual_at())) : nullptr;
}

// Does the loop go over what it has stored once more? As finishes_later() in simd/epilogue.h.
inline bool finishes_stored(const Epilogue& e) {
  return e.activation == Kind::kTanh || e.activation == Kind::kSigmoid;
}

// x * y + z; integers wrap around, as NumPy's.
template <class T>
T multiply_add(T x, T y, T z) {
  if constexpr (std::is_integral_v<T>) {
    using Wide = std::common_type_t<std::make_unsigned_t<T>, unsigned>;  // uint8 would become int
    return static_cast<T>(static_cast<Wide>(x) * static_cast<Wide>(y) + static_cast<Wide>(z));
  } else {
    return x * y + z;
  }
}

template <class T>
T activate(Kind kind, T x) {
  if (kind == Kind::kRelu) return x < T(0) ? T(0) : x;  // NaN stays
  if (kind == Kind::kRelu6) return x < T(0) ? T(0) : x > T(6) ? T(6) : x;
  if constexpr (std::is_floating_point_v<T>) {
    if (kind == Kind::kTanh) return std::tanh(x);
    if (kind == Kind::kSigmoid) return T(1) / (T(1) + std::exp(-x));
  }
  return x;
}

// Over the elements [first, first + count) of output 0, whose last axis has `channels`.
template <class T>
void finish_plain(const Epilogue& e, const Call& call, std::int64_t first, std::int64_t count,
                  std::int64_t channels) {
  if (e == Epilogue{}) return;
  const auto input = [&](bool there, std::size_t at) {
    return there ? call.input<T>(static_cast<int>(at)) : nullptr;
  };
  const T *scale = input(e.scale, 2), *bias = input(e.bias, e.bias_at()),
          *residual = input(e.residual, e.residual_at());
  T* y = call.output<T>(0);
  for (std::int64_t i = first; i < first + count; ++i) {
    const std::int64_t c = i % channels;
    T v = y[i];
    if (scale) v = multiply_add(v, scale[c], T(0));
    if (bias) v = multiply_add(bias[c], T(1), v);
    if (residual) v = multiply_add(residual[i], T(1), v);
    y[i] = activate(e.activation, v);
  }
}

}  // namespace deepcore
