// The gradients of the kernels of recurrent layers.
#include "deepcore/ops/recurrent_steps.h"

namespace deepcore {

Types KernelGrads::infer(const Types& in) const {
  const Type& g = in[0];
  require_floats(kName, g);
  require(g.shape.rank() == 3 && in[1].shape.rank() == 3, kName,
          "expected sequences (batch, steps, features), got shapes ", g.shape, " and ",
          in[1].shape);
  const std::int64_t batch = g.shape[0], steps = g.shape[1], units = in[1].shape[2];
  const auto like = [&](const Shape& shape) { return Type{g.dtype, shape, g.device}; };
  require_type(kName, "sequence of states", in[1], like({batch, steps, units}));
  require_type(kName, "initial state", in[2], like({batch, units}));
  Types out{like({units, g.shape[2]})};
  if (in.size() == 3) return out;
  const Type& x = in[3];
  require_same_dtype(kName, g, x);
  require(x.shape.rank() == 2 && x.shape[0] == batch * steps, kName, "the inputs have shape ",
          x.shape, ", ", batch, " sequences of ", steps, " steps expect as many rows");
  out.push_back(like({x.shape[1], g.shape[2]}));
  return out;
}

Tensors KernelGrads::compose(const Tensors& in) const {
  const Tensor& g = in[0];
  const Shape& s = g.shape();
  Tensors out{kernel_grad(previous(in[1], in[2], reverse), g)};
  if (in.size() > 3)
    out.push_back(matmul(in[3], reshape(g, Shape{s[0] * s[1], s[2]}), true, false));
  return out;
}

Tensors KernelGrads::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  return Op::vjp(in, out, with_zeros(out, grad));
}

std::int64_t KernelGrads::flops(const Types& in, const Types& out) const {
  std::int64_t cells = 0;
  for (const Type& type : out) cells += type.elements();
  return 2 * in[0].shape[0] * in[0].shape[1] * cells;
}

Tensor recurrent_kernel_grad(const Tensor& g, const Tensor& states, const Tensor& initial,
                             bool reverse) {
  return apply1(KernelGrads{reverse}, {g, states, initial});
}

}  // namespace deepcore
