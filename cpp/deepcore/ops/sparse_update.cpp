// Updates of tables by the rows that were taken. They have no derivative of their own.
#include "deepcore/ops/sparse_update.h"

#include "deepcore/ops/check.h"

namespace deepcore {
namespace {

// in: p, rows, indices, the rate, states...
void require_sparse(std::string_view op, const Types& in) {
  const Type &p = in[0], &rows = in[1], &indices = in[2], &rate = in[3];
  require_floats(op, p);
  require_indices(op, indices);
  require(p.shape.rank() >= 2, op, "a table has rows of numbers, got shape ", p.shape);
  require(rate.shape.rank() == 0, op, "the learning rate must be a scalar, got shape ", rate.shape);
  const Shape taken{indices.elements() * p.shape.elements(1, p.shape.rank())};
  require(rows.shape == taken, op, "the gradient has shape ", rows.shape, ", indices of shape ",
          indices.shape, " into a table of shape ", p.shape, " expect ", taken);
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (i != 2) require_same_dtype(op, p, in[i]);
    require(i < 4 || in[i].shape == p.shape, op, "the optimizer's state has shape ", in[i].shape,
            ", the parameter has ", p.shape);
  }
}

Tensor dense(const Tensors& in) {
  Shape taken = in[2].shape();
  for (int i = 1; i < in[0].rank(); ++i) taken.push_back(in[0].shape()[i]);
  return scatter_add(reshape(in[1], taken), in[2], in[0].shape(), 0);
}

}  // namespace

// ---- SparseSgdUpdate

Types SparseSgdUpdate::infer(const Types& in) const {
  require_sparse(kName, in);
  return {in[0]};
}

Tensors SparseSgdUpdate::compose(const Tensors& in) const {
  return sgd_update(in[0], dense(in), in[3], Tensor(), 0, false);
}

// ---- SparseAdamUpdate

Types SparseAdamUpdate::infer(const Types& in) const {
  require_sparse(kName, in);
  return {in[0], in[0], in[0]};
}

Tensors SparseAdamUpdate::compose(const Tensors& in) const {
  const auto update = lazy ? lazy_adam_update : adam_update;
  return update(in[0], dense(in), in[3], in[4], in[5], beta1, beta2, epsilon);
}

// ---- LazyAdamUpdate

Types LazyAdamUpdate::infer(const Types& in) const {
  const Types out = AdamUpdate(beta1, beta2, epsilon).infer(in);
  require(in[0].shape.rank() >= 1, kName, "the parameter has no rows: it is a scalar");
  return out;
}

Tensors LazyAdamUpdate::compose(const Tensors& in) const {
  Dims axes;
  for (int i = 1; i < in[0].rank(); ++i) axes.push_back(i);
  const Tensor changes = binary(Kind::kNotEqual, in[1], scalar(0, in[1].dtype()));
  const Tensor touched = axes.empty() ? changes : reduce(ReduceKind::kAny, changes, axes, true);
  Tensors out = adam_update(in[0], in[1], in[2], in[3], in[4], beta1, beta2, epsilon);
  const Tensors kept{in[0], in[3], in[4]};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = where(touched, out[i], kept[i]);
  return out;
}

Tensors lazy_adam_update(const Tensor& p, const Tensor& g, const Tensor& alpha, const Tensor& m,
                         const Tensor& v, double beta1, double beta2, double epsilon) {
  return apply_all(LazyAdamUpdate{beta1, beta2, epsilon}, {p, g, alpha, m, v});
}

}  // namespace deepcore
