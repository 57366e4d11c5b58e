// Pooling in two dimensions, channels last. Cells outside the input never win and are never
// counted.
#include "deepcore/ops/ops.h"
#include "deepcore/ops/window.h"

namespace deepcore {
namespace {

// The shape rule of all four ops: x (N,H,W,C) -> (N,OH,OW,C).
Shape pooled(std::string_view op, const Shape& x, std::array<int, 2> size, const Window2D& w) {
  require(x.rank() == 4, op, "expected an input (batch, height, width, channels), got shape ", x);
  require_window(op, w);
  for (std::size_t i = 0; i < 2; ++i) {
    require(size[i] >= 1, op, "the window must be positive, got ", size[0], "x", size[1]);
    require(w.dilation[i] == 1, op, "windows are not dilated, got ", w);
    require(w.pad_low[i] < size[i] && w.pad_high[i] < size[i], op, "a window of ", size[0], "x",
            size[1], " would lie in the padding alone: ", w);
  }
  const auto [oh, ow] = places(op, "window", w, x, {size[0], size[1]});
  return {x[0], oh, ow, x[3]};
}

void require_shapes(std::string_view op, const Shape& given, const Shape& expected) {
  require(given == expected, op, "the second input has shape ", given, ", expected ", expected);
}

}  // namespace

// ---- Pool

Types Pool::infer(const Types& in) const {
  const Type& x = in[0];
  const std::string_view op = kind == PoolKind::kMax ? "max_pool" : "average_pool";
  require_floats(op, x);
  return {{x.dtype, pooled(op, x.shape, size, window), x.device}};
}

Tensors Pool::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  if (kind == PoolKind::kMax) return {apply1(MaxPoolGrad{size, window}, {in[0], grad[0]})};
  return {apply1(AveragePoolGrad{size, window, in[0].shape()}, {grad[0]})};
}

// ---- MaxPoolGrad, MaxPoolTake: linear in their second input and each other's transpose; which
// cell wins is a step function of the first.

Types MaxPoolGrad::infer(const Types& in) const {
  const Type &x = in[0], &gy = in[1];
  require_floats(kName, x);
  require_same_dtype(kName, x, gy);
  require_shapes(kName, gy.shape, pooled(kName, x.shape, size, window));
  return {x};
}

Tensors MaxPoolGrad::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {Tensor{}, apply1(MaxPoolTake{size, window}, {in[0], grad[0]})};
}

Types MaxPoolTake::infer(const Types& in) const {
  const Type &x = in[0], &v = in[1];
  require_floats(kName, x);
  require_same_dtype(kName, x, v);
  require_shapes(kName, v.shape, x.shape);
  return {{x.dtype, pooled(kName, x.shape, size, window), x.device}};
}

Tensors MaxPoolTake::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {Tensor{}, apply1(MaxPoolGrad{size, window}, {in[0], grad[0]})};
}

// ---- AveragePoolGrad

Types AveragePoolGrad::infer(const Types& in) const {
  const Type& gy = in[0];
  require_floats(kName, gy);
  const Shape expected = pooled(kName, input, size, window);
  require(gy.shape == expected, kName, "the gradient has shape ", gy.shape, ", expected ",
          expected);
  return {{gy.dtype, input, gy.device}};
}

Tensors AveragePoolGrad::vjp(const Tensors&, const Tensors&, const Tensors& grad) const {
  return {average_pool(grad[0], size, window)};
}

// ---- functions

Tensor max_pool(const Tensor& x, std::array<int, 2> size, const Window2D& window) {
  return apply1(Pool{PoolKind::kMax, size, window}, {x});
}

Tensor average_pool(const Tensor& x, std::array<int, 2> size, const Window2D& window) {
  return apply1(Pool{PoolKind::kAverage, size, window}, {x});
}

}  // namespace deepcore
