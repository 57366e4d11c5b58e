// The simple recurrent network over a sequence (Elman 1990).
#include "deepcore/ops/recurrent_steps.h"

namespace deepcore {
namespace {

// The derivatives of these are told by their result.
void require_activation(std::string_view op, Kind kind) {
  require(kind == Kind::kTanh || kind == Kind::kRelu || kind == Kind::kSigmoid ||
              kind == Kind::kIdentity,
          op, "the activation must be tanh, relu, sigmoid or linear, got ", kind);
}

}  // namespace

Types SimpleRnn::infer(const Types& in) const {
  require_activation(kName, activation);
  const RecurrentSizes s(kName, in[0], in[1], 1);
  require_type(kName, "projected inputs", in[0], s.sequence);
  require_type(kName, "initial state", in[2], s.state);
  require_mask(kName, in, 3, s);
  return {s.sequence};
}

Tensors SimpleRnn::compose(const Tensors& in) const {
  const RecurrentSizes s(kName, in[0].type(), in[1].type(), 1);
  const Tensor mask = mask_of(in, 3);
  StepList hs(s.sequence);
  Tensor h = in[2];
  for_each_step(s.steps, reverse, [&](std::int64_t t) {
    const Tensor made = unary(activation, at_step(in[0], t) + matmul(h, in[1]));
    h = masked(mask ? kept_rows(mask, t) : Tensor(), made, h);
    hs.put(t, h);
  });
  return {hs.stacked()};
}

Tensors SimpleRnn::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  Tensors from{out[0], in[1], grad[0]};
  if (const Tensor mask = mask_of(in, 3)) from.push_back(mask);
  const Tensors g = deepcore::apply(std::make_shared<SimpleRnnGrad>(activation, reverse), from);
  return {g[0], recurrent_kernel_grad(g[0], out[0], in[2], reverse), g[1]};
}

std::int64_t SimpleRnn::flops(const Types& in, const Types&) const {
  return recurrent_flops(in, 1);
}

// ---- SimpleRnnGrad

Types SimpleRnnGrad::infer(const Types& in) const {
  require_activation(kName, activation);
  const RecurrentSizes s(kName, in[0], in[1], 1);
  require_type(kName, "states", in[0], s.sequence);
  require_type(kName, "gradient", in[2], s.sequence);
  require_mask(kName, in, 3, s);
  return {s.sequence, s.state};
}

Tensors SimpleRnnGrad::compose(const Tensors& in) const {
  const RecurrentSizes s(kName, in[0].type(), in[1].type(), 1);
  const Tensor mask = mask_of(in, 3);
  StepList gx(s.sequence);
  Tensor gh = zeros(s.state);
  for_each_step(s.steps, !reverse, [&](std::int64_t t) {
    const Tensor keep = mask ? kept_rows(mask, t) : Tensor();
    const Tensor h = at_step(in[0], t);
    gh = gh + at_step(in[2], t);
    const Tensor sums = Unary{activation}.vjp({h}, {h}, {gh})[0];
    const Tensor kept = masked(keep, sums, zeros(sums.type()));
    gx.put(t, kept);
    gh = masked(keep, matmul(kept, in[1], false, true), gh);
  });
  return {gx.stacked(), gh};
}

Tensors SimpleRnnGrad::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  return Op::vjp(in, out, with_zeros(out, grad));
}

std::int64_t SimpleRnnGrad::flops(const Types& in, const Types&) const {
  return recurrent_flops(in, 1);
}

// ---- functions

Tensors simple_rnn(const Tensor& x, const Tensor& kernel, const Tensor& recurrent_kernel,
                   const Tensor& bias, const Tensor& h0, const Tensor& mask, Kind activation,
                   bool reverse) {
  Tensors in{project("simple_rnn", x, kernel, bias), recurrent_kernel, h0};
  if (mask) in.push_back(mask);
  const Tensor h = apply1(SimpleRnn{activation, reverse}, in);
  return {h, last_state(h, h0, reverse)};
}

}  // namespace deepcore
