// The table of reductions, and the search for extremes.
#include "deepcore/cpu/simd/moments.h"
#include "deepcore/cpu/simd/row_sums.h"

namespace deepcore::DEEPCORE_ISA {

// Where `found` first holds among the n floats, n if nowhere.
template <class F>
DC_INLINE int64_t first_where(const float* x, int64_t n, F found) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int lanes = n - i < kLanes ? (int)(n - i) : kLanes;
    if (const int lane = first_set(found(load_n(x + i, lanes)) & first_n(lanes)); lane < kLanes)
      return i + lane;
  }
  return n;
}

template <class O>
DC_INLINE int64_t first_of(const float* x, int64_t n) {
  F32 top[2] = {set(O::kIdentity), set(O::kIdentity)}, rare = zero();
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes)
    for (int k = 0; k < 2; ++k) {
      const F32 v = load(x + i + k * kLanes);
      top[k] = O::apply(v, top[k]);
      rare = mul_add(v, zero(), rare);  // NaN from an infinity or a NaN on
    }
  for_each_register(n - i, [&](int64_t j, int m) DC_LAMBDA {
    const F32 v = load_n(x + i + j, m);
    top[0] = O::apply(select(first_n(m), v, set(O::kIdentity)), top[0]);
    rare = mul_add(v, zero(), rare);
  });
  if (fold<SumOp>(rare) != 0.0f) {
    const int64_t nan = first_where(x, n, [](F32 v) DC_LAMBDA { return v != v; });
    if (nan < n) return nan;
  }
  const F32 best = set(fold<O>(O::apply(top[0], top[1])));
  return first_where(x, n, [&](F32 v) DC_LAMBDA { return v == best; });
}

// The same of a row of at most one register. The extreme of what is no NaN serves: a NaN is looked
// for on its own.
template <class O>
DC_INLINE int first_of_short(const float* x, int n) {
  const Mask mask = first_n(n);
  const F32 none = set(O::kIdentity), v = select(mask, load_masked(x, mask), none);
  const int nan = first_set(v != v);
  if (nan < kLanes) return nan;
  return first_set((v == set(fold<O>(v))) & mask);
}

static void first_extremes(const float* x, int64_t rows, int64_t n, bool largest, int32_t* at) {
  for (int64_t r = 0; r < rows; ++r, x += n) {
    if (n <= kLanes) {
      at[r] = largest ? first_of_short<FastMaxOp>(x, (int)n) : first_of_short<FastMinOp>(x, (int)n);
    } else {
      at[r] = (int32_t)(largest ? first_of<FastMaxOp>(x, n) : first_of<FastMinOp>(x, n));
    }
  }
}

extern const ReduceKernels reduce_kernels;
const ReduceKernels reduce_kernels = {
    {reduce_rows<SumOp>, reduce_rows<ProdOp>, reduce_rows<MaxOp>, reduce_rows<MinOp>},
    {reduce_columns<SumOp>, reduce_columns<ProdOp>, reduce_columns<MaxOp>, reduce_columns<MinOp>},
    column_moments,
    first_extremes,
};

}  // namespace deepcore::DEEPCORE_ISA
