// Pooling and its gradients.
#pragma once

#include "deepcore/cpu/kernels/pool.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

static constexpr PoolKernels pool_kernels = {};

}  // namespace deepcore::DEEPCORE_ISA
