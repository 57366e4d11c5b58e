// Reductions over any axes.
#include <algorithm>

#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

// The shape after reducing sorted `axes`.
Shape reduced(const Shape& shape, const Dims& axes, bool keepdims) {
  Shape out;
  for (int i = 0; i < shape.rank(); ++i) {
    if (!axes.contains(i)) out.push_back(shape[i]);
    if (axes.contains(i) && keepdims) out.push_back(1);
  }
  return out;
}

std::int64_t reduced_count(const Shape& shape, const Dims& axes) {
  std::int64_t n = 1;
  for (std::int64_t axis : axes) n *= shape[static_cast<int>(axis)];
  return n;
}

// A reduction's result with its axes back as 1, so that it broadcasts against the input.
Tensor keep(const Tensor& y, const Shape& x, const Dims& axes) {
  return reshape(y, reduced(x, axes, kKeep));
}

// y[..., i] = the product of all x[..., j], j != i, by a tree of log n levels of plain products:
// zeros and all higher derivatives come out right, where prod(x) / x has neither.
Tensor product_of_others(const Tensor& x) {
  const std::int64_t n = x.shape().back();
  if (n <= 1) return ones(x.type());
  const int last = x.rank() - 1;
  Shape half = x.shape();
  half[last] = (n + 1) / 2;
  // Evens and odds; an odd one out is paired with 1.
  const Tensors sides = split(x, Dims{n - n / 2, n / 2}, last);
  const Tensor &a = sides[0], none = scalar(1, x.dtype());
  Dims low = Dims::filled(x.rank(), 0), high = low;
  high[last] = n % 2;
  const Tensor b = n % 2 ? pad(sides[1], low, high, none) : sides[1];
  const Tensor rest = product_of_others(a * b);
  const Tensor both = concatenate({rest * b, rest * a}, last);
  return slice(both, low, x.shape(), Dims::filled(x.rank(), 1));
}

Tensor prod_gradient(const Tensor& x, const Dims& axes) {
  Dims perm;
  for (int i = 0; i < x.rank(); ++i)
    if (!axes.contains(i)) perm.push_back(i);
  Shape rows;
  for (std::int64_t i : perm) rows.push_back(x.shape()[static_cast<int>(i)]);
  rows.push_back(reduced_count(x.shape(), axes));
  for (std::int64_t i : axes) perm.push_back(i);
  const Tensor moved = transpose(x, perm);
  Dims back = perm;
  for (int i = 0; i < perm.size(); ++i) back[static_cast<int>(perm[i])] = i;
  return transpose(reshape(product_of_others(reshape(moved, rows)), moved.shape()), back);
}

}  // namespace

// ---- Reduce

Types Reduce::infer(const Types& in) const {
  const Type& x = in[0];
  const std::string op = join(kind);
  require(normalize_axes(op, axes, x.shape.rank()) == axes, op, "the axes ", axes,
          " are not sorted and non-negative");
  if (kind == ReduceKind::kAny || kind == ReduceKind::kAll) {
    require<TypeError>(x.dtype == DType::kBool, op, "expected bool, got ", x.dtype);
  } else {
    require_numbers(op, x);
  }
  const Shape y = reduced(x.shape, axes, keepdims);
  if (kind == ReduceKind::kMax || kind == ReduceKind::kMin)
    require(reduced_count(x.shape, axes) > 0 || y.elements() == 0, op, "the axes ", axes,
            " of shape ", x.shape, " hold no elements to choose from");
  return {{x.dtype, y, x.device}};
}

Tensors Reduce::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  const Tensor& x = in[0];
  if (!is_floating(x.dtype())) return {Tensor{}};
  const Tensor g = keep(grad[0], x.shape(), axes);
  switch (kind) {
    case ReduceKind::kSum:
      return {broadcast_to(g, x.shape())};
    case ReduceKind::kProd:
      return {g * prod_gradient(x, axes)};
    case ReduceKind::kMax:
    case ReduceKind::kMin: {  // ties share equally
      const Tensor chosen = cast(deepcore::equal(x, keep(out[0], x.shape(), axes)), x.dtype());
      return {g / sum(chosen, axes, kKeep) * chosen};
    }
    default:
      return {Tensor{}};
  }
}

// ---- ArgReduce

Types ArgReduce::infer(const Types& in) const {
  const Type& x = in[0];
  const std::string_view op = largest ? "argmax" : "argmin";
  require_computes(op, x);
  require(axis >= 0 && axis < x.shape.rank(), op, "axis ", axis, " is outside shape ", x.shape);
  const Shape y = reduced(x.shape, Dims{axis}, keepdims);
  require(x.shape[axis] > 0 || y.elements() == 0, op, "axis ", axis, " of shape ", x.shape,
          " holds no elements to choose from");
  return {{DType::kInt32, y, x.device}};
}

Tensors ArgReduce::vjp(const Tensors&, const Tensors&, const Tensors&) const { return {Tensor{}}; }

// ---- functions

Tensor reduce(ReduceKind kind, const Tensor& x, const Dims& axes, bool keepdims) {
  const Dims sorted = normalize_axes(join(kind), axes, x.rank());
  if (x.dtype() == DType::kBool) {
    if (kind == ReduceKind::kMax) kind = ReduceKind::kAny;
    if (kind == ReduceKind::kMin) kind = ReduceKind::kAll;
  }
  return apply1(Reduce{kind, sorted, keepdims}, {x});
}

Tensor sum(const Tensor& x, const Dims& axes, bool keepdims) {
  return reduce(ReduceKind::kSum, x, axes, keepdims);
}

Tensor sum_all(const Tensor& x) {
  Dims axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  return sum(x, axes);
}

Tensor mean(const Tensor& x, const Dims& axes, bool keepdims) {
  const Dims sorted = normalize_axes("mean", axes, x.rank());
  // Divided, not multiplied by 1/n: the mean of n ones is 1.
  return sum(x, sorted, keepdims) / static_cast<double>(reduced_count(x.shape(), sorted));
}

Tensor max(const Tensor& x, const Dims& axes, bool keepdims) {
  return reduce(ReduceKind::kMax, x, axes, keepdims);
}

Tensor min(const Tensor& x, const Dims& axes, bool keepdims) {
  return reduce(ReduceKind::kMin, x, axes, keepdims);
}

Tensor prod(const Tensor& x, const Dims& axes, bool keepdims) {
  return reduce(ReduceKind::kProd, x, axes, keepdims);
}

Tensor variance(const Tensor& x, const Dims& axes, bool keepdims) {
  return mean(square(x - mean(x, axes, kKeep)), axes, keepdims);
}

Tensor logsumexp(const Tensor& x, const Dims& axes, bool keepdims) {
  const Dims sorted = normalize_axes("logsumexp", axes, x.rank());
  const Tensor largest = stop_gradient(max(x, sorted, kKeep));
  // A row of -inf alone, or with +inf, must not meet inf - inf.
  const Tensor m = where(unary(Kind::kIsFinite, largest), largest, scalar(0, x.dtype()));
  const Tensor y = log(sum(exp(x - m), sorted, kKeep)) + m;
  return keepdims ? y : reshape(y, reduced(x.shape(), sorted, false));
}

Tensor argreduce(bool largest, const Tensor& x, int axis, bool keepdims) {
  const int normal = normalize_axis(largest ? "argmax" : "argmin", axis, x.rank());
  return apply1(ArgReduce{largest, normal, keepdims}, {x});
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int extra = x.rank() - shape.rank();
  Dims axes;
  for (int i = 0; i < x.rank(); ++i)
    if (i < extra || (shape[i - extra] == 1 && x.shape()[i] != 1)) axes.push_back(i);
  return reshape(axes.empty() ? x : sum(x, axes), shape);
}

}  // namespace deepcore
