// Convolution in two dimensions, channels last.
#include <algorithm>

#include "deepcore/ops/epilogue.h"
#include "deepcore/ops/window.h"

namespace deepcore {
namespace {

// The shape rule of all three ops: x (N,H,W,C), kernel (KH,KW,C/groups,O) -> (N,OH,OW,O).
Shape convolved(std::string_view op, const Shape& x, const Shape& k, const Window2D& w,
                int groups) {
  require(x.rank() == 4, op, "expected an input (batch, height, width, channels), got shape ", x);
  require(k.rank() == 4, op, "expected a kernel (height, width, channels / groups, filters), got ",
          "shape ", k);
  require_window(op, w);
  require(k[0] >= 1 && k[1] >= 1, op, "the kernel of shape ", k, " is empty");
  require(groups >= 1 && k[3] % groups == 0, op, "the ", k[3], " filters do not split into ",
          groups, " groups");
  require(x[3] == k[2] * groups, op, "the input has ", x[3], " channels (shape ", x,
          "), the kernel expects ", k[2] * groups,
          groups > 1 ? join(" (", k[2], " in each of ", groups, " groups)") : "");
  const std::array<std::int64_t, 2> covers{(k[0] - 1) * w.dilation[0] + 1,
                                           (k[1] - 1) * w.dilation[1] + 1};
  const auto [oh, ow] = places(op, "kernel", w, x, covers);
  return {x[0], oh, ow, k[3]};
}

void require_gradient(std::string_view op, const Shape& gy, const Shape& expected) {
  require(gy == expected, op, "the gradient has shape ", gy, ", expected ", expected);
}

// Every output element is a chain of KH * KW * C / groups multiply-adds.
std::int64_t flops_of(const Shape& y, const Shape& kernel) {
  return 2 * y.elements() * kernel.elements(0, 3);
}

}  // namespace

// ---- Conv

Types Conv::infer(const Types& in) const {
  const Type &x = in[0], &k = in[1];
  require_floats(kName, x);
  require_same_dtype(kName, x, k);
  const Shape y = convolved(kName, x.shape, k.shape, window, groups);
  require_epilogue(kName, epilogue, in, y);
  require_shape(kName, y);
  return {{x.dtype, y, x.device}};
}

Tensors Conv::compose(const Tensors& in) const {
  if (epilogue == Epilogue{}) return {};
  return compose_epilogue(epilogue, conv(in[0], in[1], window, groups), in);
}

Tensors Conv::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  if (epilogue.scale) return Op::vjp(in, out, grad);  // needs the sums again
  const Tensor &x = in[0], &k = in[1];
  const Tensor g = through_activation(epilogue, out[0], grad[0]);
  Tensors grads{apply1(ConvGradInput{window, groups, x.shape()}, {g, k}),
                apply1(ConvGradFilter{window, groups, k.shape()}, {x, g})};
  append_epilogue_grads(epilogue, in, g, grads);
  return grads;
}

std::int64_t Conv::flops(const Types& in, const Types& out) const {
  return flops_of(out[0].shape, in[1].shape);
}

// ---- ConvGradInput, ConvGradFilter: with <y, conv(x, k)> linear in y, x and k, the derivative for
// any of the three is the op that has the other two.

Types ConvGradInput::infer(const Types& in) const {
  const Type &gy = in[0], &k = in[1];
  require_floats(kName, gy);
  require_same_dtype(kName, gy, k);
  require_gradient(kName, gy.shape, convolved(kName, input, k.shape, window, groups));
  return {{gy.dtype, input, gy.device}};
}

Tensors ConvGradInput::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  const Tensor &gy = in[0], &k = in[1], &x = grad[0];
  return {conv(x, k, window, groups), apply1(ConvGradFilter{window, groups, k.shape()}, {x, gy})};
}

std::int64_t ConvGradInput::flops(const Types& in, const Types&) const {
  return flops_of(in[0].shape, in[1].shape);
}

Types ConvGradFilter::infer(const Types& in) const {
  const Type &x = in[0], &gy = in[1];
  require_floats(kName, x);
  require_same_dtype(kName, x, gy);
  require_gradient(kName, gy.shape, convolved(kName, x.shape, kernel, window, groups));
  return {{x.dtype, kernel, x.device}};
}

Tensors ConvGradFilter::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  const Tensor &x = in[0], &gy = in[1], &k = grad[0];
  return {apply1(ConvGradInput{window, groups, x.shape()}, {gy, k}), conv(x, k, window, groups)};
}

std::int64_t ConvGradFilter::flops(const Types& in, const Types&) const {
  return flops_of(in[1].shape, kernel);
}

// ---- functions

Window2D make_window(std::string_view what, const Shape& x, std::array<int, 2> kernel,
                     std::array<int, 2> stride, std::array<int, 2> dilation,
                     std::string_view padding) {
  require(padding == "valid" || padding == "same", what, "padding must be 'valid' or 'same', got '",
          padding, "'");
  require(x.rank() == 4, what, "expected an input (batch, height, width, channels), got shape ", x);
  Window2D w{.stride = stride, .dilation = dilation};
  require_window(what, w);
  if (padding == "valid") return w;
  for (std::size_t i = 0; i < 2; ++i) {
    // ceil(size / stride) places; an odd cell of padding goes to the end, as TensorFlow's.
    const int size = static_cast<int>(x[static_cast<int>(i) + 1]);
    const int covers = (kernel[i] - 1) * dilation[i] + 1;
    const int out = (size + stride[i] - 1) / stride[i];
    const int total = std::max((out - 1) * stride[i] + covers - size, 0);
    w.pad_low[i] = total / 2;
    w.pad_high[i] = total - total / 2;
  }
  return w;
}

Tensor conv(const Tensor& x, const Tensor& kernel, const Window2D& window, int groups) {
  return apply1(Conv{window, groups}, {x, kernel});
}

}  // namespace deepcore
