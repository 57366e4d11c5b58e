// Mean and variance of each channel, as batch normalization takes them (Ioffe & Szegedy 2015).
#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

Dims all_but_last(const Tensor& x) {
  Dims axes;
  for (int i = 0; i + 1 < x.rank(); ++i) axes.push_back(i);
  return axes;
}

}  // namespace

Types Moments::infer(const Types& in) const {
  const Type& x = in[0];
  require_floats(kName, x);
  require(x.shape.rank() >= 2, kName, "expected (..., channels), got shape ", x.shape);
  const Type channels{x.dtype, Shape{x.shape.back()}, x.device};
  return {channels, channels};
}

Tensors Moments::compose(const Tensors& in) const {
  const Dims axes = all_but_last(in[0]);
  const Tensor m = mean(in[0], axes);
  return {m, mean(square(in[0] - m), axes)};
}

// d mean / dx = 1 / n; d variance / dx = 2 (x - mean) / n
Tensors Moments::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  const Tensor &x = in[0], &m = out[0];
  const double n = static_cast<double>(x.elements()) / static_cast<double>(m.elements());
  return {grad[0] / n + grad[1] * (2 / n) * (x - m)};
}

Tensors moments(const Tensor& x) { return apply(std::make_shared<Moments>(), {x}); }

}  // namespace deepcore
