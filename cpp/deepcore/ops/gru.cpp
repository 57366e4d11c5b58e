// GRU over a sequence, with the reset before or after the recurrent product.
#include "deepcore/ops/recurrent_steps.h"

namespace deepcore {

Types Gru::infer(const Types& in) const {
  const RecurrentSizes s(kName, in[0], in[1], 3);
  require(in[0].shape[2] == 3 * s.units, kName, "the projected inputs have shape ", in[0].shape,
          ", the recurrent kernel of ", s.units, " units expects 3 times as many features");
  require_type(kName, "initial state", in[2], s.state);
  if (reset_after)
    require_type(kName, "recurrent bias", in[3], {in[0].dtype, Shape{3 * s.units}, in[0].device});
  require_mask(kName, in, reset_after ? 4 : 3, s);
  if (reset_after) return {in[0], s.sequence, s.sequence};
  return {in[0], s.sequence};
}

Tensors Gru::compose(const Tensors& in) const {
  const RecurrentSizes s(kName, in[0].type(), in[1].type(), 3);
  const std::int64_t u = s.units;
  const Tensor mask = mask_of(in, reset_after ? 4 : 3);
  StepList gates(in[0].type()), hs(s.sequence), inners(s.sequence);
  Tensor h = in[2];
  for_each_step(s.steps, reverse, [&](std::int64_t t) {
    const Tensor keep = mask ? kept_rows(mask, t) : Tensor();
    const Tensor x = at_step(in[0], t);
    const Tensor first =
        reset_after ? matmul(h, in[1]) + in[3] : matmul(h, columns(in[1], 0, 2 * u));
    const Tensor z = sigmoid(columns(x, 0, u) + columns(first, 0, u));
    const Tensor r = sigmoid(columns(x, u, u) + columns(first, u, u));
    const Tensor inner = reset_after ? columns(first, 2 * u, u) : Tensor();
    const Tensor second = reset_after ? r * inner : matmul(r * h, columns(in[1], 2 * u, u));
    const Tensor n = tanh(columns(x, 2 * u, u) + second);
    h = masked(keep, z * h + (1 - z) * n, h);
    const Tensor all = concatenate({z, r, n}, 1);
    gates.put(t, masked(keep, all, zeros(all.type())));
    hs.put(t, h);
    if (reset_after) inners.put(t, masked(keep, inner, zeros(inner.type())));
  });
  if (reset_after) return {gates.stacked(), hs.stacked(), inners.stacked()};
  return {gates.stacked(), hs.stacked()};
}

Tensors Gru::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  if (grad[0] || (reset_after && grad[2])) return Op::vjp(in, out, with_zeros(out, grad));
  const std::int64_t u = in[1].shape()[0];
  Tensors from{out[0], in[1], out[1], in[2], grad[1] ? grad[1] : zeros(out[1].type())};
  if (reset_after) from.push_back(out[2]);
  if (const Tensor mask = mask_of(in, reset_after ? 4 : 3)) from.push_back(mask);
  const Tensors g = deepcore::apply(std::make_shared<GruGrad>(reset_after, reverse), from);
  if (reset_after)
    return {g[0], recurrent_kernel_grad(g[2], out[1], in[2], reverse), g[1], sum(g[2], {0, 1})};
  const Tensor before = previous(out[1], in[2], reverse);
  const Tensor reset = columns(out[0], u, u) * before;
  return {g[0],
          concatenate({kernel_grad(before, columns(g[0], 0, 2 * u)),
                       kernel_grad(reset, columns(g[0], 2 * u, u))},
                      1),
          g[1]};
}

std::int64_t Gru::flops(const Types& in, const Types&) const { return recurrent_flops(in, 3); }

// ---- GruGrad

Types GruGrad::infer(const Types& in) const {
  const RecurrentSizes s(kName, in[0], in[1], 3);
  require_type(kName, "states", in[2], s.sequence);
  require_type(kName, "initial state", in[3], s.state);
  require_type(kName, "gradient", in[4], s.sequence);
  if (reset_after) require_type(kName, "inner product", in[5], s.sequence);
  require_mask(kName, in, reset_after ? 6 : 5, s);
  if (reset_after) return {in[0], s.state, in[0]};
  return {in[0], s.state};
}

Tensors GruGrad::compose(const Tensors& in) const {
  const Tensor &gates = in[0], &kernel = in[1];
  const RecurrentSizes s(kName, gates.type(), kernel.type(), 3);
  const std::int64_t u = s.units;
  const Tensor mask = mask_of(in, reset_after ? 6 : 5);
  const Tensor befores = previous(in[2], in[3], reverse);
  StepList gx(gates.type()), gp(gates.type());
  Tensor gh = zeros(s.state);
  for_each_step(s.steps, !reverse, [&](std::int64_t t) {
    const Tensor keep = mask ? kept_rows(mask, t) : Tensor();
    const Tensor all = at_step(gates, t), before = at_step(befores, t);
    const Tensor z = columns(all, 0, u), r = columns(all, u, u), n = columns(all, 2 * u, u);
    gh = gh + at_step(in[4], t);
    const Tensor gn = gh * (1 - z) * (1 - square(n));
    const Tensor gz = gh * (before - n) * z * (1 - z);
    // What the reset gate is multiplied with, and the gradient of their product.
    const Tensor other = reset_after ? at_step(in[5], t) : before;
    const Tensor of_product = reset_after ? gn : matmul(gn, columns(kernel, 2 * u, u), false, true);
    const Tensor gr = of_product * other * r * (1 - r);
    const Tensor sums = concatenate({gz, gr, gn}, 1);
    gx.put(t, masked(keep, sums, zeros(sums.type())));
    Tensor back = gh * z;
    if (reset_after) {
      const Tensor product = concatenate({gz, gr, gn * r}, 1);
      gp.put(t, masked(keep, product, zeros(product.type())));
      back = back + matmul(product, kernel, false, true);
    } else {
      back = back + of_product * r +
             matmul(concatenate({gz, gr}, 1), columns(kernel, 0, 2 * u), false, true);
    }
    gh = masked(keep, back, gh);
  });
  if (reset_after) return {gx.stacked(), gh, gp.stacked()};
  return {gx.stacked(), gh};
}

Tensors GruGrad::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  return Op::vjp(in, out, with_zeros(out, grad));
}

std::int64_t GruGrad::flops(const Types& in, const Types&) const { return recurrent_flops(in, 3); }

// ---- functions

Tensors gru(const Tensor& x, const Tensor& kernel, const Tensor& recurrent_kernel,
            const Tensor& bias, const Tensor& h0, const Tensor& mask, bool reset_after,
            bool reverse) {
  const std::int64_t columns_of = recurrent_kernel.shape().back();
  const auto row = [&](std::int64_t i) {
    return squeeze(slice(bias, {i, 0}, {1, columns_of}, {1, 1}), Dims{0});
  };
  if (bias && reset_after)
    require(bias.shape() == Shape{2, columns_of}, "gru", "the bias has shape ", bias.shape(),
            ", expected ", Shape{2, columns_of}, ": of inputs and of states");
  const Tensor of_inputs = bias && reset_after ? row(0) : bias;
  Tensors in{project("gru", x, kernel, of_inputs), recurrent_kernel, h0};
  if (reset_after) in.push_back(bias ? row(1) : zeros({x.dtype(), Shape{columns_of}}));
  if (mask) in.push_back(mask);
  const Tensors out = deepcore::apply(std::make_shared<Gru>(reset_after, reverse), in);
  return {out[1], last_state(out[1], h0, reverse)};
}

}  // namespace deepcore
