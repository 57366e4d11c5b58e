// Matrix products.
#include "deepcore/ops/epilogue.h"

namespace deepcore {
namespace {

struct Sizes {
  std::int64_t m, n, ka, kb;
};

Sizes sizes_of(const MatMul& op, const Shape& a, const Shape& b) {
  const int ra = a.rank(), rb = b.rank();
  return {a[op.ta ? ra - 1 : ra - 2], b[op.tb ? rb - 2 : rb - 1], a[op.ta ? ra - 2 : ra - 1],
          b[op.tb ? rb - 1 : rb - 2]};
}

Shape leading(const Shape& shape) {
  Shape out;
  for (int i = 0; i < shape.rank() - 2; ++i) out.push_back(shape[i]);
  return out;
}

}  // namespace

// ---- MatMul

Types MatMul::infer(const Types& in) const {
  const Type &a = in[0], &b = in[1];
  require_numbers(kName, a);
  require_same_dtype(kName, a, b);
  require(a.shape.rank() >= 2 && b.shape.rank() >= 2, kName, "expected matrices, got shapes ",
          a.shape, " and ", b.shape);
  const Sizes s = sizes_of(*this, a.shape, b.shape);
  require(s.ka == s.kb, kName, "the inner sizes ", s.ka, " and ", s.kb, " of shapes ", a.shape,
          ta ? " (transposed)" : "", " and ", b.shape, tb ? " (transposed)" : "", " differ");
  Shape y = broadcast(kName, leading(a.shape), leading(b.shape));
  y.push_back(s.m);
  y.push_back(s.n);
  require_epilogue(kName, epilogue, in, y);
  require_shape(kName, y);
  return {{a.dtype, y, a.device}};
}

Tensors MatMul::compose(const Tensors& in) const {
  if (epilogue == Epilogue{}) return {};
  return compose_epilogue(epilogue, apply1(MatMul{ta, tb}, {in[0], in[1]}), in);
}

// With y = A B: dA = dy B', dB = A' dy, each asked for in the orientation that its input has.
Tensors MatMul::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  if (epilogue.scale) return Op::vjp(in, out, grad);  // needs the sums again
  const Tensor &a = in[0], &b = in[1];
  const Tensor g = through_activation(epilogue, out[0], grad[0]);
  Tensors grads{ta ? matmul(b, g, tb, true) : matmul(g, b, false, !tb),
                tb ? matmul(g, a, true, ta) : matmul(a, g, !ta, false)};
  append_epilogue_grads(epilogue, in, g, grads);
  return grads;
}

std::int64_t MatMul::flops(const Types& in, const Types& out) const {
  return 2 * out[0].elements() * sizes_of(*this, in[0].shape, in[1].shape).ka;
}

// ---- functions

Tensor matmul(const Tensor& a, const Tensor& b, bool ta, bool tb) {
  require(a.rank() > 0 && b.rank() > 0, "matmul", "expected at least one axis, got shapes ",
          a.shape(), " and ", b.shape());
  // A vector is a row on the left and a column on the right, and its axis leaves the result.
  if (a.rank() == 1)
    return squeeze(matmul(expand_dims(a, Dims{0}), b, false, tb), Dims{b.rank() == 1 ? -1 : -2});
  if (b.rank() == 1) return squeeze(matmul(a, expand_dims(b, Dims{1}), ta), Dims{-1});
  if (a.rank() > 2 && b.rank() == 2 && !ta) {
    // One tall product: its derivative for b is then one product too, not one a batch entry to sum.
    Shape y = a.shape();
    const Tensor rows = reshape(a, Shape{a.shape().elements(0, a.rank() - 1), a.shape().back()});
    const Tensor product = apply1(MatMul{false, tb}, {rows, b});
    y[y.rank() - 1] = product.shape().back();
    return reshape(product, y);
  }
  return apply1(MatMul{ta, tb}, {a, b});
}

Tensor tensordot(const Tensor& a, const Tensor& b, const Dims& axes_a, const Dims& axes_b) {
  constexpr std::string_view kOp = "tensordot";
  require(axes_a.size() == axes_b.size(), kOp, "axes ", axes_a, " and ", axes_b,
          " differ in number");
  normalize_axes(kOp, axes_a, a.rank());  // refuses an axis given twice
  normalize_axes(kOp, axes_b, b.rank());
  Dims inner_a, inner_b, perm_a, perm_b;
  std::int64_t k = 1;
  for (int i = 0; i < axes_a.size(); ++i) {
    inner_a.push_back(normalize_axis(kOp, axes_a[i], a.rank()));
    inner_b.push_back(normalize_axis(kOp, axes_b[i], b.rank()));
    const std::int64_t da = a.shape()[static_cast<int>(inner_a[i])];
    const std::int64_t db = b.shape()[static_cast<int>(inner_b[i])];
    require(da == db, kOp, "axis ", axes_a[i], " of shape ", a.shape(), " and axis ", axes_b[i],
            " of shape ", b.shape(), " differ: ", da, " and ", db);
    k *= da;
  }
  Shape y;
  std::int64_t m = 1, n = 1;
  for (int i = 0; i < a.rank(); ++i) {
    if (inner_a.contains(i)) continue;
    perm_a.push_back(i);
    y.push_back(a.shape()[i]);
    m *= a.shape()[i];
  }
  for (std::int64_t axis : inner_a) perm_a.push_back(axis);
  for (std::int64_t axis : inner_b) perm_b.push_back(axis);
  for (int i = 0; i < b.rank(); ++i) {
    if (inner_b.contains(i)) continue;
    perm_b.push_back(i);
    y.push_back(b.shape()[i]);
    n *= b.shape()[i];
  }
  const Tensor rows = reshape(transpose(a, perm_a), Shape{m, k});
  const Tensor columns = reshape(transpose(b, perm_b), Shape{k, n});
  return reshape(matmul(rows, columns), y);
}

}  // namespace deepcore
