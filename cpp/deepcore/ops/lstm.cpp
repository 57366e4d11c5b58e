// LSTM over a sequence.
#include "deepcore/ops/recurrent_steps.h"

namespace deepcore {

Types Lstm::infer(const Types& in) const {
  const RecurrentSizes s(kName, in[0], in[1], 4);
  require(in[0].shape[2] == 4 * s.units, kName, "the projected inputs have shape ", in[0].shape,
          ", the recurrent kernel of ", s.units, " units expects 4 times as many features");
  require_type(kName, "initial state", in[2], s.state);
  require_type(kName, "initial cell state", in[3], s.state);
  require_mask(kName, in, 4, s);
  return {in[0], s.sequence, s.sequence};
}

Tensors Lstm::compose(const Tensors& in) const {
  const std::int64_t u = in[1].shape()[0];
  const Tensor mask = mask_of(in, 4);
  const RecurrentSizes s(kName, in[0].type(), in[1].type(), 4);
  StepList gates(in[0].type()), hs(s.sequence), cs(s.sequence);
  Tensor h = in[2], c = in[3];
  for_each_step(s.steps, reverse, [&](std::int64_t t) {
    const Tensor keep = mask ? kept_rows(mask, t) : Tensor();
    const Tensor sums = at_step(in[0], t) + matmul(h, in[1]);
    const Tensor i = sigmoid(columns(sums, 0, u)), f = sigmoid(columns(sums, u, u)),
                 g = tanh(columns(sums, 2 * u, u)), o = sigmoid(columns(sums, 3 * u, u));
    const Tensor made = f * c + i * g;
    h = masked(keep, o * tanh(made), h);
    c = masked(keep, made, c);
    const Tensor all = concatenate({i, f, g, o}, 1);
    gates.put(t, masked(keep, all, zeros(all.type())));
    hs.put(t, h);
    cs.put(t, c);
  });
  return {gates.stacked(), hs.stacked(), cs.stacked()};
}

Tensors Lstm::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  if (grad[0]) return Op::vjp(in, out, with_zeros(out, grad));
  Tensors from{out[0], in[1], out[2], in[3], grad[1] ? grad[1] : zeros(out[1].type())};
  if (grad[2]) from.push_back(grad[2]);
  if (const Tensor mask = mask_of(in, 4)) from.push_back(mask);
  const bool cell_grad = static_cast<bool>(grad[2]);
  const Tensors g = deepcore::apply(std::make_shared<LstmGrad>(reverse, cell_grad), from);
  return {g[0], recurrent_kernel_grad(g[0], out[1], in[2], reverse), g[1], g[2]};
}

std::int64_t Lstm::flops(const Types& in, const Types&) const { return recurrent_flops(in, 4); }

// ---- LstmGrad

Types LstmGrad::infer(const Types& in) const {
  const RecurrentSizes s(kName, in[0], in[1], 4);
  const std::size_t inputs = cell_grad ? 6 : 5;
  require_type(kName, "cell states", in[2], s.sequence);
  require_type(kName, "initial cell state", in[3], s.state);
  for (std::size_t i = 4; i < inputs; ++i) require_type(kName, "gradient", in[i], s.sequence);
  require_mask(kName, in, inputs, s);
  return {in[0], s.state, s.state};
}

Tensors LstmGrad::compose(const Tensors& in) const {
  const Tensor &gates = in[0], &kernel = in[1], &cs = in[2];
  const Tensor mask = mask_of(in, cell_grad ? 6 : 5);
  const Tensor befores = previous(cs, in[3], reverse);
  const RecurrentSizes s(kName, gates.type(), kernel.type(), 4);
  const std::int64_t u = s.units;
  StepList gx(gates.type());
  Tensor gh = zeros(s.state), gc = gh;
  for_each_step(s.steps, !reverse, [&](std::int64_t t) {
    const Tensor keep = mask ? kept_rows(mask, t) : Tensor();
    const Tensor all = at_step(gates, t);
    const Tensor i = columns(all, 0, u), f = columns(all, u, u), g = columns(all, 2 * u, u),
                 o = columns(all, 3 * u, u);
    gh = gh + at_step(in[4], t);
    if (cell_grad) gc = gc + at_step(in[5], t);
    const Tensor tc = tanh(at_step(cs, t));
    const Tensor into = gc + gh * o * (1 - square(tc));
    const Tensor sums =
        concatenate({into * g * i * (1 - i), into * at_step(befores, t) * f * (1 - f),
                     into * i * (1 - square(g)), gh * tc * o * (1 - o)},
                    1);
    const Tensor kept = masked(keep, sums, zeros(sums.type()));
    gx.put(t, kept);
    gh = masked(keep, matmul(kept, kernel, false, true), gh);
    gc = masked(keep, into * f, gc);
  });
  return {gx.stacked(), gh, gc};
}

Tensors LstmGrad::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  return Op::vjp(in, out, with_zeros(out, grad));
}

std::int64_t LstmGrad::flops(const Types& in, const Types&) const { return recurrent_flops(in, 4); }

// ---- functions

Tensors lstm(const Tensor& x, const Tensor& kernel, const Tensor& recurrent_kernel,
             const Tensor& bias, const Tensor& h0, const Tensor& c0, const Tensor& mask,
             bool reverse) {
  Tensors in{project("lstm", x, kernel, bias), recurrent_kernel, h0, c0};
  if (mask) in.push_back(mask);
  const Tensors out = deepcore::apply(std::make_shared<Lstm>(reverse), in);
  return {out[1], last_state(out[1], h0, reverse), last_state(out[2], c0, reverse)};
}

}  // namespace deepcore
