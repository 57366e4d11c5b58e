// The table of reductions.
#include "deepcore/cpu/simd/reduce.h"

namespace deepcore::DEEPCORE_ISA {

extern const ReduceKernels reduce_kernels;
const ReduceKernels reduce_kernels = {
    {reduce_rows<SumOp>, reduce_rows<ProdOp>, reduce_rows<MaxOp>, reduce_rows<MinOp>},
    {reduce_columns<SumOp>, reduce_columns<ProdOp>, reduce_columns<MaxOp>, reduce_columns<MinOp>},
    first_extreme,
};

}  // namespace deepcore::DEEPCORE_ISA
