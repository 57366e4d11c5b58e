// Compiled once for each instruction set; the only thing such an object defines is its table.
#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/simd/conv.h"
#include "deepcore/cpu/simd/elementwise.h"
#include "deepcore/cpu/simd/gemm.h"
#include "deepcore/cpu/simd/pool.h"
#include "deepcore/cpu/simd/random.h"
#include "deepcore/cpu/simd/reduce.h"
#include "deepcore/cpu/simd/softmax.h"
#include "deepcore/cpu/simd/update.h"

#define DEEPCORE_TEXT_(x) #x
#define DEEPCORE_TEXT(x) DEEPCORE_TEXT_(x)

namespace deepcore::DEEPCORE_ISA {

extern const Kernels table;
const Kernels table = {DEEPCORE_TEXT(DEEPCORE_ISA),
                       gemm_kernels,
                       elementwise_kernels,
                       reduce_kernels,
                       softmax_kernels,
                       conv_kernels,
                       pool_kernels,
                       random_kernels,
                       update_kernels};

}  // namespace deepcore::DEEPCORE_ISA
