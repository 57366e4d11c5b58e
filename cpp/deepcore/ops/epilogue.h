// What MatMul and Conv share: the checks and the derivative of an epilogue.
#pragma once

#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

inline void require_epilogue(std::string_view op, const Epilogue& epilogue, const Types& in,
                             std::int64_t channels) {
  if (!epilogue.bias) return;
  require_same_dtype(op, in[0], in[2]);
  require(in[2].shape == Shape{channels}, op, "the bias has shape ", in[2].shape, ", expected ",
          Shape{channels});
}

// The gradient before the activation. Relu, tanh and sigmoid need their own result alone.
inline Tensor through_activation(const Epilogue& epilogue, const Tensor& out, const Tensor& grad) {
  return Unary{epilogue.activation}.vjp({out}, {out}, {grad})[0];
}

}  // namespace deepcore
