// The thin waist: every SIMD loop as a plain function of pointers and sizes, one table an
// instruction set.
#pragma once

#include "deepcore/cpu/kernels/attention.h"
#include "deepcore/cpu/kernels/conv.h"
#include "deepcore/cpu/kernels/crf.h"
#include "deepcore/cpu/kernels/ctc.h"
#include "deepcore/cpu/kernels/elementwise.h"
#include "deepcore/cpu/kernels/gemm.h"
#include "deepcore/cpu/kernels/normalization.h"
#include "deepcore/cpu/kernels/pool.h"
#include "deepcore/cpu/kernels/random.h"
#include "deepcore/cpu/kernels/recurrent.h"
#include "deepcore/cpu/kernels/reduce.h"
#include "deepcore/cpu/kernels/softmax.h"
#include "deepcore/cpu/kernels/update.h"

namespace deepcore {

struct Kernels {
  const char* isa;
  const GemmKernels& gemm;
  const ElementwiseKernels& elementwise;
  const ReduceKernels& reduce;
  const SoftmaxKernels& softmax;
  const ConvKernels& conv;
  const PoolKernels& pool;
  const RandomKernels& random;
  const UpdateKernels& update;
  const RecurrentKernels& recurrent;
  const CrfKernels& crf;
  const NormKernels& norm;
  const AttentionKernels& attention;
  const CtcKernels& ctc;
};

// The table for this CPU, picked once; DEEPCORE_ISA=baseline, avx2 or avx512 forces one.
const Kernels& kernels();

}  // namespace deepcore
