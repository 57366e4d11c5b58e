// What MatMul and Conv share: the checks, the definition and the derivative of an epilogue.
#pragma once

#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

// `result` is the type of the product; its last axis holds the channels.
inline void require_epilogue(std::string_view op, const Epilogue& epilogue, const Types& in,
                             const Shape& result) {
  const auto check = [&](bool there, std::size_t at, std::string_view what, const Shape& shape) {
    if (!there) return;
    require_same_dtype(op, in[0], in[at]);
    require(in[at].shape == shape, op, "the ", what, " has shape ", in[at].shape, ", expected ",
            shape);
  };
  check(epilogue.scale, 2, "scale", Shape{result.back()});
  check(epilogue.bias, epilogue.bias_at(), "bias", Shape{result.back()});
  check(epilogue.residual, epilogue.residual_at(), "residual", result);
}

// The definition: one op a step.
inline Tensors compose_epilogue(const Epilogue& epilogue, Tensor y, const Tensors& in) {
  if (epilogue.scale) y = y * in[2];
  if (epilogue.bias) y = y + in[epilogue.bias_at()];
  if (epilogue.residual) y = y + in[epilogue.residual_at()];
  return {epilogue.activation == Kind::kIdentity ? y : unary(epilogue.activation, y)};
}

// The gradient before the activation. The activations of epilogues need their own result alone.
inline Tensor through_activation(const Epilogue& epilogue, const Tensor& out, const Tensor& grad) {
  return Unary{epilogue.activation}.vjp({out}, {out}, {grad})[0];
}

// The gradients of bias and residual, given the one before the activation.
inline void append_epilogue_grads(const Epilogue& epilogue, const Tensors& in, const Tensor& g,
                                  Tensors& grads) {
  if (epilogue.bias) grads.push_back(sum_to(g, in[epilogue.bias_at()].shape()));
  if (epilogue.residual) grads.push_back(g);
}

}  // namespace deepcore
