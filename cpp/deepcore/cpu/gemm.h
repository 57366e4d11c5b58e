// The blocking of f32 matrix products: how one becomes tasks, what is packed, and where.
#pragma once

#include "deepcore/cpu/kernels.h"
#include "deepcore/graph/backend.h"
#include "deepcore/ops/kinds.h"

namespace deepcore {

// C = act(A B * scale + bias + residual) for each entry of `batch`. Inputs 0 and 1 of the call are
// A and B, the epilogue's follow; output 0 is C (batch..., M, N).
struct Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  bool ta = false, tb = false;  // A is stored (K, M), B is stored (N, K)
  Epilogue epilogue;
  // The leading axes of C, and the elements between neighbours along them in A and B: 0 where
  // broadcast.
  Shape batch;
  Dims a_strides, b_strides;
  // Pieces of k, each a chain of its own, which are added in order and then finished. 1 with a
  // batch.
  std::int64_t chains = 1;
};

// B among an op's constants.
constexpr Constants kConstantB = 1u << 1;

// A constant B is packed once. `table` serves the tests, which run every instruction set.
Runner gemm_runner(const Gemm& gemm, const Kernels& table = kernels(), bool constant_b = false);

// The chains that a product of two matrices had best have, by the shape; any batch must do with the
// same where its rows are those of A.
std::int64_t chains_of(const Gemm& gemm);

// Elements [begin, end) of a result from those of its chains, which lie `apart`, added in order.
void sum_chains(const float* from, std::int64_t apart, std::int64_t chains, std::int64_t begin,
                std::int64_t end, float* to);

// The element offset of entry `index` (row-major) of `shape`, by the given strides.
std::int64_t offset_of(std::int64_t index, const Shape& shape, const Dims& strides);

}  // namespace deepcore
