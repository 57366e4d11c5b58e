// Shaping: the same elements elsewhere.
#include <algorithm>
#include <numeric>

#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

Dims all_zeros(int rank) { return Dims::filled(rank, 0); }
Dims all_ones(int rank) { return Dims::filled(rank, 1); }

// That begin + i * stride stays inside `shape` for `size` positions an axis.
void require_inside(std::string_view op, const Shape& shape, const Dims& begin, const Dims& size,
                    const Dims& stride) {
  const int rank = shape.rank();
  require(begin.size() == rank && size.size() == rank && stride.size() == rank, op,
          "expected one begin, size and stride for each axis of ", shape, ", got ", begin, ", ",
          size, ", ", stride);
  for (int i = 0; i < rank; ++i) {
    require(stride[i] != 0, op, "strides must not be 0, got ", stride);
    const std::int64_t last = begin[i] + (size[i] - 1) * stride[i];
    require(
        size[i] == 0 ||
            (size[i] > 0 && begin[i] >= 0 && begin[i] < shape[i] && last >= 0 && last < shape[i]),
        op, "begin ", begin, ", size ", size, " and stride ", stride, " leave the shape ", shape);
  }
}

}  // namespace

// ---- Reshape

Types Reshape::infer(const Types& in) const {
  const Type& x = in[0];
  require_shape(kName, shape);
  require(shape.elements() == x.elements(), kName, "shape ", x.shape, " has ", x.elements(),
          " elements, shape ", shape, " has ", shape.elements());
  return {{x.dtype, shape, x.device}};
}

Tensors Reshape::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {reshape(grad[0], in[0].shape())};
}

// ---- Transpose

Types Transpose::infer(const Types& in) const {
  const Type& x = in[0];
  Dims sorted = perm;
  if (!perm.empty()) std::sort(&sorted[0], &sorted[0] + sorted.size());
  Dims expected;
  for (int i = 0; i < x.shape.rank(); ++i) expected.push_back(i);
  require(sorted == expected, kName, "the axes ", perm, " are not a permutation of the axes of ",
          x.shape);
  Shape y;
  for (std::int64_t axis : perm) y.push_back(x.shape[static_cast<int>(axis)]);
  return {{x.dtype, y, x.device}};
}

Tensors Transpose::vjp(const Tensors&, const Tensors&, const Tensors& grad) const {
  Dims inverse = perm;
  for (int i = 0; i < perm.size(); ++i) inverse[static_cast<int>(perm[i])] = i;
  return {transpose(grad[0], inverse)};
}

// ---- BroadcastTo

Types BroadcastTo::infer(const Types& in) const {
  const Type& x = in[0];
  require_shape(kName, shape);
  require(x.shape.rank() <= shape.rank() && broadcast(kName, x.shape, shape) == shape, kName,
          "shape ", x.shape, " does not broadcast to ", shape);
  return {{x.dtype, shape, x.device}};
}

Tensors BroadcastTo::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {sum_to(grad[0], in[0].shape())};
}

// ---- Slice, Unslice: each other's derivative

Types Slice::infer(const Types& in) const {
  const Type& x = in[0];
  require_inside(kName, x.shape, begin, size, stride);
  return {{x.dtype, Shape(size), x.device}};
}

Tensors Slice::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {apply1(Unslice{in[0].shape(), begin, stride}, {grad[0]})};
}

Types Unslice::infer(const Types& in) const {
  const Type& x = in[0];
  require_shape(kName, shape);
  require_inside(kName, shape, begin, x.shape, stride);
  return {{x.dtype, shape, x.device}};
}

Tensors Unslice::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {slice(grad[0], begin, in[0].shape(), stride)};
}

// ---- Pad

Types Pad::infer(const Types& in) const {
  const Type &x = in[0], &fill = in[1];
  const int rank = x.shape.rank();
  require(low.size() == rank && high.size() == rank, kName, "expected a width before and after ",
          "each of the ", rank, " axes of ", x.shape, ", got ", low.size(), " and ", high.size());
  require(fill.shape.rank() == 0, kName, "the fill must be a scalar, got shape ", fill.shape);
  require_same_dtype(kName, x, fill);
  Shape y = x.shape;
  for (int i = 0; i < rank; ++i) {
    require(low[i] >= 0 && high[i] >= 0, kName, "widths must not be negative, got ", low, " and ",
            high);
    y[i] += low[i] + high[i];
  }
  require_shape(kName, y);
  return {{x.dtype, y, x.device}};
}

Tensors Pad::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  const Tensor &x = in[0], &g = grad[0];
  if (!is_floating(x.dtype())) return {Tensor{}, Tensor{}};
  const Tensor inner = slice(g, low, x.shape(), all_ones(x.rank()));
  return {inner, sum_all(g) - sum_all(inner)};
}

// ---- Concat

Types Concat::infer(const Types& in) const {
  require(!in.empty(), kName, "expected at least one tensor");
  Type y = in[0];
  require(axis >= 0 && axis < y.shape.rank(), kName, "axis ", axis, " is outside shape ", y.shape);
  y.shape[axis] = 0;
  for (const Type& x : in) {
    require_same_dtype(kName, in[0], x);
    Shape others = x.shape;
    if (others.rank() == y.shape.rank()) others[axis] = y.shape[axis];
    require(others == y.shape, kName, "shapes ", in[0].shape, " and ", x.shape,
            " differ outside axis ", axis);
    y.shape[axis] += x.shape[axis];
  }
  return {y};
}

Tensors Concat::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  Dims sizes;
  Dims begin = all_zeros(grad[0].rank());
  Tensors out;
  for (const Tensor& x : in) {
    out.push_back(slice(grad[0], begin, x.shape(), all_ones(x.rank())));
    begin[axis] += x.shape()[axis];
  }
  return out;
}

// ---- functions

Tensor reshape(const Tensor& x, const Shape& shape) {
  Shape full = shape;
  int unknown = -1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != -1) continue;
    require(unknown < 0, "reshape", "only one size may be -1, got ", shape);
    unknown = i;
  }
  if (unknown >= 0) {
    full[unknown] = 1;
    const std::int64_t known = full.elements();
    require(known > 0 && x.elements() % known == 0, "reshape", "shape ", x.shape(), " has ",
            x.elements(), " elements, which do not fill ", shape);
    full[unknown] = x.elements() / known;
  }
  return full == x.shape() ? x : apply1(Reshape{full}, {x});
}

Tensor expand_dims(const Tensor& x, const Dims& axes) {
  const Dims sorted = normalize_axes("expand_dims", axes, x.rank() + axes.size());
  Shape shape = x.shape();
  for (std::int64_t axis : sorted) shape.insert(static_cast<int>(axis), 1);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, const Dims& axes) {
  const Dims sorted = normalize_axes("squeeze", axes, x.rank());
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    const std::int64_t d = x.shape()[i];
    require(d == 1 || !sorted.contains(i), "squeeze", "axis ", i, " of shape ", x.shape(),
            " is not 1");
    if (d != 1 || !(axes.empty() || sorted.contains(i))) shape.push_back(d);
  }
  return reshape(x, shape);
}

Tensor transpose(const Tensor& x, const Dims& perm) {
  Dims axes;
  for (std::int64_t axis : perm) axes.push_back(normalize_axis("transpose", axis, x.rank()));
  // When only axes of size 1 move, no element does.
  Dims moving;
  for (std::int64_t axis : axes)
    if (x.shape()[static_cast<int>(axis)] != 1) moving.push_back(axis);
  const Transpose op{axes};
  if (std::is_sorted(moving.begin(), moving.end()))
    return reshape(x, op.infer({x.type()})[0].shape);
  return apply1(op, {x});
}

Tensor swap_last(const Tensor& x) {
  require(x.rank() >= 2, "swap_last", "expected at least two axes, got shape ", x.shape());
  Dims perm;
  for (int i = 0; i < x.rank(); ++i) perm.push_back(i);
  std::swap(perm[x.rank() - 1], perm[x.rank() - 2]);
  return transpose(x, perm);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  return x.shape() == shape ? x : apply1(BroadcastTo{shape}, {x});
}

Tensor slice(const Tensor& x, const Dims& begin, const Dims& size, const Dims& stride) {
  // Begin and stride are as good as 0 and 1 when everything is taken in order.
  const bool whole =
      size == x.shape() && begin == all_zeros(x.rank()) && stride == all_ones(x.rank());
  return whole ? x : apply1(Slice{begin, size, stride}, {x});
}

Tensor pad(const Tensor& x, const Dims& low, const Dims& high, const Tensor& fill) {
  return apply1(Pad{low, high}, {x, fill});
}

Tensor concatenate(const Tensors& xs, int axis) {
  require(!xs.empty(), "concatenate", "expected at least one tensor");
  const int normal = normalize_axis("concatenate", axis, xs[0].rank());
  return xs.size() == 1 ? xs[0] : apply1(Concat{normal}, xs);
}

Tensor stack(const Tensors& xs, int axis) {
  require(!xs.empty(), "stack", "expected at least one tensor");
  const int normal = normalize_axis("stack", axis, xs[0].rank() + 1);
  Tensors expanded;
  for (const Tensor& x : xs) {
    require(x.shape() == xs[0].shape(), "stack", "shapes ", xs[0].shape(), " and ", x.shape(),
            " differ");
    expanded.push_back(expand_dims(x, Dims{normal}));
  }
  return concatenate(expanded, normal);
}

Tensors split(const Tensor& x, std::span<const std::int64_t> sizes, int axis) {
  const int normal = normalize_axis("split", axis, x.rank());
  std::int64_t total = 0;
  for (std::int64_t size : sizes) total += size;
  require(total == x.shape()[normal], "split", "the pieces add up to ", total, ", axis ", axis,
          " of shape ", x.shape(), " has ", x.shape()[normal]);
  Dims begin = all_zeros(x.rank()), size = x.shape();
  Tensors out;
  for (std::int64_t piece : sizes) {
    size[normal] = piece;
    out.push_back(slice(x, begin, size, all_ones(x.rank())));
    begin[normal] += piece;
  }
  return out;
}

Tensor tile(const Tensor& x, const Dims& repeats) {
  Shape shape = x.shape();
  Dims counts = repeats;
  while (shape.rank() < counts.size()) shape.insert(0, 1);
  while (counts.size() < shape.rank()) counts.insert(0, 1);
  Tensor y = reshape(x, shape);
  // One axis at a time as (outer, count, inner): all at once would need twice the rank.
  for (int i = 0; i < shape.rank(); ++i) {
    require(counts[i] >= 0, "tile", "repeats must not be negative, got ", repeats);
    if (counts[i] == 1) continue;
    const Shape now = y.shape();
    const std::int64_t outer = now.elements(0, i), inner = now.elements(i, now.rank());
    shape[i] *= counts[i];
    require_shape("tile", shape);
    y = reshape(broadcast_to(reshape(y, {outer, 1, inner}), {outer, counts[i], inner}), shape);
  }
  return y;
}

Tensor flip(const Tensor& x, const Dims& axes) {
  const Dims sorted = normalize_axes("flip", axes, x.rank());
  Dims begin = all_zeros(x.rank()), stride = all_ones(x.rank());
  for (std::int64_t i : sorted) {
    const int axis = static_cast<int>(i);
    begin[axis] = std::max<std::int64_t>(x.shape()[axis] - 1, 0);
    stride[axis] = -1;
  }
  return slice(x, begin, x.shape(), stride);
}

}  // namespace deepcore
