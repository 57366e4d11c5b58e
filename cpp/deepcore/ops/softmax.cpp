// Softmax and the cross-entropies of class labels; rows are the last axis.
#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

// Keras's epsilon: probabilities are kept this far from 0 and 1 before their logarithm.
constexpr double kEpsilon = 1e-7;

void require_rows(std::string_view op, const Type& x) {
  require_floats(op, x);
  require(x.shape.rank() > 0, op, "expected at least one axis, got a scalar");
}

void require_labels(std::string_view op, const Type& x, const Type& labels) {
  require_rows(op, x);
  require_indices(op, labels);
  Shape expected = x.shape;
  expected.erase(expected.rank() - 1);
  require(labels.shape == expected, op, "the labels have shape ", labels.shape, ", an output of ",
          x.shape, " expects ", expected);
}

// (...) -> (..., 1)
Tensor column(const Tensor& x) { return expand_dims(x, Dims{-1}); }

// (..., C): where the label points.
Tensor chosen(const Tensor& labels, std::int64_t classes) {
  return equal(column(labels), arange(classes, labels.dtype()));
}

Tensor is_ignored(const Tensor& labels, std::int64_t ignore) {
  return equal(labels, scalar(static_cast<double>(ignore), labels.dtype()));
}

// Applies f, which works on the last axis, along `axis`.
template <class F>
Tensor along(std::string_view op, const Tensor& x, int axis, F f) {
  require(x.rank() > 0, op, "expected at least one axis, got a scalar");
  const int normal = normalize_axis(op, axis, x.rank());
  Dims perm;  // its own inverse
  for (int i = 0; i < x.rank(); ++i) perm.push_back(i);
  std::swap(perm[normal], perm[x.rank() - 1]);
  return transpose(f(transpose(x, perm)), perm);
}

}  // namespace

// ---- Softmax

Types Softmax::infer(const Types& in) const {
  require_rows(kName, in[0]);
  return {in[0]};
}

Tensors Softmax::compose(const Tensors& in) const {
  const Tensor e = exp(in[0] - stop_gradient(max(in[0], {-1}, kKeep)));
  return {e / sum(e, {-1}, kKeep)};
}

Tensors Softmax::vjp(const Tensors&, const Tensors& out, const Tensors& grad) const {
  return {apply1(SoftmaxGrad{}, {out[0], grad[0]})};
}

Types SoftmaxGrad::infer(const Types& in) const {
  require_rows(kName, in[0]);
  require(in[0] == in[1], kName, "shapes ", in[0].shape, " and ", in[1].shape, " differ");
  return {in[0]};
}

Tensors SoftmaxGrad::compose(const Tensors& in) const {
  const Tensor &y = in[0], &g = in[1];
  return {y * (g - sum(g * y, {-1}, kKeep))};
}

// ---- LogSoftmax

Types LogSoftmax::infer(const Types& in) const {
  require_rows(kName, in[0]);
  return {in[0]};
}

Tensors LogSoftmax::compose(const Tensors& in) const {
  // Shifted first: x - logsumexp(x) would lose the digits of a small difference of large numbers.
  const Tensor shifted = in[0] - stop_gradient(max(in[0], {-1}, kKeep));
  return {shifted - log(sum(exp(shifted), {-1}, kKeep))};
}

Tensors LogSoftmax::vjp(const Tensors&, const Tensors& out, const Tensors& grad) const {
  return {grad[0] - exp(out[0]) * sum(grad[0], {-1}, kKeep)};
}

// ---- SparseCrossEntropy

Types SparseCrossEntropy::infer(const Types& in) const {
  const Type &x = in[0], &labels = in[1];
  require_labels(kName, x, labels);
  return {{x.dtype, labels.shape, x.device}};
}

Tensors SparseCrossEntropy::compose(const Tensors& in) const {
  const Tensor &x = in[0], &labels = in[1];
  const Tensor zero = scalar(0, x.dtype());
  const Tensor logs = from_logits ? log_softmax(x) : log(clip(x, kEpsilon, 1 - kEpsilon));
  const Tensor loss = -sum(where(chosen(labels, x.shape().back()), logs, zero), {-1});
  return {ignore ? where(is_ignored(labels, *ignore), zero, loss) : loss};
}

Tensors SparseCrossEntropy::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {apply1(SparseCrossEntropyGrad{from_logits, ignore}, {in[0], in[1], grad[0]}), Tensor{}};
}

Types SparseCrossEntropyGrad::infer(const Types& in) const {
  const Type &x = in[0], &labels = in[1], &g = in[2];
  require_labels(kName, x, labels);
  require_same_dtype(kName, x, g);
  require(g.shape == labels.shape, kName, "the gradient has shape ", g.shape, ", expected ",
          labels.shape);
  return {x};
}

Tensors SparseCrossEntropyGrad::compose(const Tensors& in) const {
  const Tensor &x = in[0], &labels = in[1], g = column(in[2]);
  const Tensor zero = scalar(0, x.dtype()), one = scalar(1, x.dtype());
  const Tensor at_label = chosen(labels, x.shape().back());
  Tensor gx;
  if (from_logits) {
    gx = (softmax(x) - cast(at_label, x.dtype())) * g;
  } else {  // -1 / x at the label; 0 where the clip holds
    const Tensor inside = logical_and(greater_equal(x, scalar(kEpsilon, x.dtype())),
                                      greater_equal(scalar(1 - kEpsilon, x.dtype()), x));
    const Tensor counts = logical_and(at_label, inside);
    gx = where(counts, -g / where(counts, x, one), zero);
  }
  return {ignore ? where(column(is_ignored(labels, *ignore)), zero, gx) : gx};
}

// ---- functions

Tensor softmax(const Tensor& x, int axis) {
  return along("softmax", x, axis, [](const Tensor& rows) { return apply1(Softmax{}, {rows}); });
}

Tensor log_softmax(const Tensor& x, int axis) {
  return along("log_softmax", x, axis,
               [](const Tensor& rows) { return apply1(LogSoftmax{}, {rows}); });
}

Tensor sparse_cross_entropy(const Tensor& x, const Tensor& labels, bool from_logits,
                            std::optional<std::int64_t> ignore) {
  const Tensor wide = labels.dtype() == DType::kUInt8 ? cast(labels, DType::kInt32) : labels;
  return apply1(SparseCrossEntropy{from_logits, ignore}, {x, wide});
}

}  // namespace deepcore
