// Reductions of any dtype but float32 by plain loops, with the signatures of ReduceKernels.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "deepcore/cpu/kernels.h"

namespace deepcore {

// Integers and bools are carried in int64, where wrapping around is unsigned and so well defined.
template <class T>
using Total = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

template <class A>
A reduce_identity(int kind) {
  using Limits = std::numeric_limits<A>;
  if (kind == ReduceKernels::kSum) return 0;
  if (kind == ReduceKernels::kProd) return 1;
  if constexpr (std::is_floating_point_v<A>) {
    return kind == ReduceKernels::kMax ? -Limits::infinity() : Limits::infinity();
  } else {
    return kind == ReduceKernels::kMax ? Limits::min() : Limits::max();
  }
}

template <int kKind, class A>
A reduce_combine(A a, A b) {
  if constexpr (kKind == ReduceKernels::kMax) return a > b || a != a ? a : b;
  if constexpr (kKind == ReduceKernels::kMin) return a < b || a != a ? a : b;
  if constexpr (std::is_floating_point_v<A>) {
    return kKind == ReduceKernels::kSum ? a + b : a * b;
  } else {
    const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
    return static_cast<A>(kKind == ReduceKernels::kSum ? x + y : x * y);
  }
}

// A bool is read as its byte: any byte but 0 is true.
template <class T>
Total<T> reduce_read(const T* x, std::int64_t i) {
  if constexpr (std::is_same_v<T, bool>) {
    return reinterpret_cast<const unsigned char*>(x)[i] != 0;
  } else {
    return static_cast<Total<T>>(x[i]);
  }
}

template <class T>
struct ReduceLoops {
  using A = Total<T>;
  using Rows = void (*)(const T*, std::int64_t, std::int64_t, A*);
  using Columns = void (*)(const T*, std::int64_t, std::int64_t, std::int64_t, std::int64_t, A*);

  template <int kKind>
  static void rows(const T* x, std::int64_t count, std::int64_t n, A* out) {
    constexpr int kChains = 8;  // independent, so that the compiler may use vectors
    for (std::int64_t r = 0; r < count; ++r, x += n) {
      A chain[kChains];
      for (A& c : chain) c = reduce_identity<A>(kKind);
      std::int64_t i = 0;
      for (; i + kChains <= n; i += kChains)
        for (int k = 0; k < kChains; ++k)
          chain[k] = reduce_combine<kKind>(chain[k], reduce_read(x, i + k));
      for (; i < n; ++i) chain[0] = reduce_combine<kKind>(chain[0], reduce_read(x, i));
      for (int half = kChains / 2; half > 0; half /= 2)
        for (int k = 0; k < half; ++k) chain[k] = reduce_combine<kKind>(chain[k], chain[k + half]);
      out[r] = chain[0];
    }
  }

  template <int kKind>
  static void columns(const T* x, std::int64_t rows, std::int64_t stride, std::int64_t cols,
                      std::int64_t, A* total) {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < cols; ++c)
        total[c] = reduce_combine<kKind>(total[c], reduce_read(x, r * stride + c));
  }

  static Rows rows_of(int kind) {
    static constexpr Rows kTable[] = {rows<0>, rows<1>, rows<2>, rows<3>};
    return kTable[kind];
  }
  static Columns columns_of(int kind) {
    static constexpr Columns kTable[] = {columns<0>, columns<1>, columns<2>, columns<3>};
    return kTable[kind];
  }
};

template <>
struct ReduceLoops<float> {
  static ReduceKernels::Rows rows_of(int kind) { return kernels().reduce.rows[kind]; }
  static ReduceKernels::Columns columns_of(int kind) { return kernels().reduce.columns[kind]; }
};

template <class A>
A reduce_combine(int kind, A a, A b) {
  switch (kind) {
    case ReduceKernels::kSum:
      return reduce_combine<0>(a, b);
    case ReduceKernels::kProd:
      return reduce_combine<1>(a, b);
    case ReduceKernels::kMax:
      return reduce_combine<2>(a, b);
    default:
      return reduce_combine<3>(a, b);
  }
}

}  // namespace deepcore
