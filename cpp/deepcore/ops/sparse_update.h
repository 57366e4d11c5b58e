// Updates of tables of which a batch takes few rows: embeddings. Letters: R rows of the table, D
// what a row holds, C... the indices. rows: (C..., D), one for each index, is the gradient of what
// was taken; that of the table, their sum by index, is never made. It comes laid flat, (C D): no
// planner may then take its memory for the table's.
#pragma once

#include "deepcore/ops/kinds.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

// (p: (R, D), rows, indices, lr: ()) -> p': SgdUpdate without momentum, of the rows taken alone.
struct SparseSgdUpdate final : OpOf<SparseSgdUpdate> {
  static constexpr std::string_view kName = "sparse_sgd_update";
  Types infer(const Types& in) const override;
  Tensors compose(const Tensors& in) const override;
  Traits traits() const override { return {.elementwise = true, .in_place = true}; }
};

// (p: (R, D), rows, indices, alpha: (), m, v) -> p', m', v': AdamUpdate, or LazyAdamUpdate.
struct SparseAdamUpdate final : OpOf<SparseAdamUpdate> {
  static constexpr std::string_view kName = "sparse_adam_update";
  Types infer(const Types& in) const override;
  Tensors compose(const Tensors& in) const override;
  Traits traits() const override { return {.elementwise = true, .in_place = true}; }
  auto fields() const { return std::tie(beta1, beta2, epsilon, lazy); }
  double beta1, beta2, epsilon;
  bool lazy;
  SparseAdamUpdate(double b1, double b2, double e, bool l)
      : beta1(b1), beta2(b2), epsilon(e), lazy(l) {}
};

// (p: (R, ...), g, alpha: (), m, v) -> p', m', v': AdamUpdate, but a row (of the first axis) whose
// gradient is 0 all along keeps its value and its moments.
struct LazyAdamUpdate final : OpOf<LazyAdamUpdate> {
  static constexpr std::string_view kName = "lazy_adam_update";
  Types infer(const Types& in) const override;
  Tensors compose(const Tensors& in) const override;
  auto fields() const { return std::tie(beta1, beta2, epsilon); }
  double beta1, beta2, epsilon;
  LazyAdamUpdate(double b1, double b2, double e) : beta1(b1), beta2(b2), epsilon(e) {}
};

Tensors lazy_adam_update(const Tensor& p, const Tensor& g, const Tensor& alpha, const Tensor& m,
                         const Tensor& v, double beta1, double beta2, double epsilon);

}  // namespace deepcore
