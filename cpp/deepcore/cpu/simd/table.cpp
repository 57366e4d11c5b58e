// The table of one instruction set. Each family is an object of its own, compiled once for each.
#include "deepcore/cpu/kernels.h"

#define DEEPCORE_TEXT_(x) #x
#define DEEPCORE_TEXT(x) DEEPCORE_TEXT_(x)

namespace deepcore::DEEPCORE_ISA {

extern const GemmKernels gemm_kernels;
extern const ElementwiseKernels elementwise_kernels;
extern const ReduceKernels reduce_kernels;
extern const SoftmaxKernels softmax_kernels;
extern const ConvKernels conv_kernels;
extern const PoolKernels pool_kernels;
extern const RandomKernels random_kernels;
extern const UpdateKernels update_kernels;
extern const RecurrentKernels recurrent_kernels;
extern const CrfKernels crf_kernels;
extern const NormKernels norm_kernels;
extern const AttentionKernels attention_kernels;
extern const CtcKernels ctc_kernels;

extern const Kernels table;
const Kernels table = {DEEPCORE_TEXT(DEEPCORE_ISA),
                       gemm_kernels,
                       elementwise_kernels,
                       reduce_kernels,
                       softmax_kernels,
                       conv_kernels,
                       pool_kernels,
                       random_kernels,
                       update_kernels,
                       recurrent_kernels,
                       crf_kernels,
                       norm_kernels,
                       attention_kernels,
                       ctc_kernels};

}  // namespace deepcore::DEEPCORE_ISA
