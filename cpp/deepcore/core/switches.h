// Fast paths can be switched off for bisecting: DEEPCORE_DISABLE=winograd,fuse_elementwise,...
#pragma once

namespace deepcore {

// Add a name here and in switches.cpp.
enum class FastPath {
  kSimplify,         // algebra, equal nodes, constants
  kFuseEpilogues,    // bias, activation, residual into matmul and conv
  kFuseElementwise,  // chains of elementwise ops, and reductions over them
  kLoops,            // loops and branches as such, not unrolled and chosen from
  kWinograd,         // 3x3 convolutions with fewer multiplications
  kSplitProducts,    // products along K in chains that are added up
  kRecurrent,        // recurrent layers as loops over the whole sequence
  kDepthwiseRows,    // 3x3 depthwise convolutions that load a cell once for several pixels
  kPackOnce,         // constant weights laid out for the kernels once in the life of a plan
  kSparseUpdates,    // tables updated by the rows that were taken
  kPastCaches,       // results larger than the caches written past them
  kPace,             // fewer threads where those are faster
  kCount
};

// Read once, at the first question. An unknown name in the variable is an error.
bool enabled(FastPath path);

}  // namespace deepcore
