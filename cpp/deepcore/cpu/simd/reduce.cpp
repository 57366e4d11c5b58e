// The table of reductions, and the search for extremes.
#include "deepcore/cpu/simd/moments.h"

namespace deepcore::DEEPCORE_ISA {

static int64_t first_extreme(const float* x, int64_t n, bool largest) {
  double extreme;
  (largest ? reduce_rows<MaxOp> : reduce_rows<MinOp>)(x, 1, n, &extreme);
  const float e = (float)extreme;
  for (int64_t i = 0; i < n; ++i)
    if (x[i] == e || x[i] != x[i]) return i;
  return 0;
}

extern const ReduceKernels reduce_kernels;
const ReduceKernels reduce_kernels = {
    {reduce_rows<SumOp>, reduce_rows<ProdOp>, reduce_rows<MaxOp>, reduce_rows<MinOp>},
    {reduce_columns<SumOp>, reduce_columns<ProdOp>, reduce_columns<MaxOp>, reduce_columns<MinOp>},
    column_moments,
    first_extreme,
};

}  // namespace deepcore::DEEPCORE_ISA
