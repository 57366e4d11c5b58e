// The table of reductions, and the search for extremes.
#include "deepcore/cpu/simd/moments.h"

namespace deepcore::DEEPCORE_ISA {

template <class O>
DC_INLINE int64_t first_of(const float* x, int64_t n) {
  float e = O::kIdentity;
  for (int64_t i = 0; i < n; i += kRowBlock)
    e = O::apply(e, fold<O>(row_block<O>(x + i, n - i < kRowBlock ? n - i : kRowBlock)));
  for (int64_t i = 0; i < n; i += kLanes) {
    const int lanes = n - i < kLanes ? (int)(n - i) : kLanes;
    const F32 v = load_n(x + i, lanes);
    if (const int lane = first_set(((v == set(e)) | (v != v)) & first_n(lanes)); lane < kLanes)
      return i + lane;
  }
  return 0;
}

static int64_t first_extreme(const float* x, int64_t n, bool largest) {
  return largest ? first_of<MaxOp>(x, n) : first_of<MinOp>(x, n);
}

extern const ReduceKernels reduce_kernels;
const ReduceKernels reduce_kernels = {
    {reduce_rows<SumOp>, reduce_rows<ProdOp>, reduce_rows<MaxOp>, reduce_rows<MinOp>},
    {reduce_columns<SumOp>, reduce_columns<ProdOp>, reduce_columns<MaxOp>, reduce_columns<MinOp>},
    column_moments,
    first_extreme,
};

}  // namespace deepcore::DEEPCORE_ISA
