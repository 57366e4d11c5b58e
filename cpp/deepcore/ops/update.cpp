// Optimizer updates: one pass a parameter. They have no derivative of their own.
#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

void require_update(std::string_view op, const Types& in) {
  const Type &p = in[0], &rate = in[2];
  require_floats(op, p);
  require(rate.shape.rank() == 0, op, "the learning rate must be a scalar, got shape ", rate.shape);
  for (std::size_t i = 1; i < in.size(); ++i) {
    require_same_dtype(op, p, in[i]);
    require(i == 2 || in[i].shape == p.shape, op, i == 1 ? "the gradient" : "the optimizer's state",
            " has shape ", in[i].shape, ", the parameter has ", p.shape);
  }
}

}  // namespace

// ---- SgdUpdate

Types SgdUpdate::infer(const Types& in) const {
  require_update(kName, in);
  require(in.size() == (momentum == 0 ? 3 : 4), kName, "momentum ", momentum,
          momentum == 0 ? " takes no velocity" : " needs a velocity");
  return momentum == 0 ? Types{in[0]} : Types{in[0], in[0]};
}

Tensors SgdUpdate::compose(const Tensors& in) const {
  const Tensor &p = in[0], &g = in[1], &lr = in[2];
  if (momentum == 0) return {p - lr * g};
  const Tensor v = momentum * in[3] - lr * g;
  return {nesterov ? p + momentum * v - lr * g : p + v, v};
}

// ---- AdamUpdate

Types AdamUpdate::infer(const Types& in) const {
  require_update(kName, in);
  return {in[0], in[0], in[0]};
}

Tensors AdamUpdate::compose(const Tensors& in) const {
  const Tensor &p = in[0], &g = in[1], &alpha = in[2];
  const Tensor m = in[3] + (g - in[3]) * (1 - beta1);
  const Tensor v = in[4] + (square(g) - in[4]) * (1 - beta2);
  return {p - alpha * m / (sqrt(v) + epsilon), m, v};
}

// ---- functions

Tensors sgd_update(const Tensor& p, const Tensor& g, const Tensor& lr, const Tensor& velocity,
                   double momentum, bool nesterov) {
  Tensors in{p, g, lr};
  if (momentum != 0) {
    require(static_cast<bool>(velocity), "sgd_update", "momentum ", momentum, " needs a velocity");
    in.push_back(velocity);
  }
  return apply_all(SgdUpdate{momentum, nesterov}, in);
}

Tensors adam_update(const Tensor& p, const Tensor& g, const Tensor& alpha, const Tensor& m,
                    const Tensor& v, double beta1, double beta2, double epsilon) {
  return apply_all(AdamUpdate{beta1, beta2, epsilon}, {p, g, alpha, m, v});
}

}  // namespace deepcore
