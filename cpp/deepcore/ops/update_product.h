// UpdateProduct: a weight's gradient, when it is a product of matrices, and the optimizer's step on
// it as one op. The planner makes it; nobody traces it.
#pragma once

#include <memory>

#include "deepcore/ops/kinds.h"

namespace deepcore {

// (a, b, p, rate, state...) -> update(p, a b, rate, state...), a and b turned as in MatMul. Outputs
// may lie over p and its state, which are read where they are written; never over a or b, whose
// types must not be p's.
struct UpdateProduct final : Op {
  static constexpr std::string_view kName = "update_product";
  bool ta, tb;
  OpPtr update;  // SgdUpdate or AdamUpdate

  UpdateProduct(bool a, bool b, OpPtr u) : ta(a), tb(b), update(std::move(u)) {}
  std::string_view name() const override { return kName; }
  Types infer(const Types& in) const override;
  Tensors compose(const Tensors& in) const override;
  Traits traits() const override { return {.elementwise = true, .in_place = true}; }
  std::int64_t flops(const Types& in, const Types& out) const override;
  bool equal(const Op& other) const override;
  std::string str() const override;

  MatMul product() const { return MatMul(ta, tb); }
  // What `update` takes, given the gradient and this op's own inputs.
  template <class T>
  std::vector<T> update_inputs(const T& gradient, const std::vector<T>& in) const {
    std::vector<T> to{in[2], gradient};
    to.insert(to.end(), in.begin() + 3, in.end());
    return to;
  }
};

}  // namespace deepcore
