// Recurrent networks over a whole sequence: the ops, and the functions on them.
// Letters: N batch, T steps, F features, U units. The projections x: (N, T, G U) of the inputs onto
// the G gates are one matmul before; what is here is what one step needs of the step before.
// A step where mask (bool, (N, T)) is false keeps its state, and its output is that state.
#pragma once

#include "deepcore/ops/kinds.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

// What all of them share. With `reverse` they run from the last step to the first; outputs stay in
// the order of the inputs.
#define DEEPCORE_RECURRENT_OP(NAME)                                                       \
  static constexpr std::string_view kName = NAME;                                         \
  Types infer(const Types& in) const override;                                            \
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const override; \
  Tensors compose(const Tensors& in) const override;                                      \
  Traits traits() const override { return {.in_place = true, .partial = true}; }          \
  std::int64_t flops(const Types& in, const Types& out) const override

// ---- simple (simple_rnn.cpp): h[t] = act(x[t] + h[t-1] kernel)

// (x: (N,T,U), kernel: (U,U), h0: (N,U)[, mask]) -> h (N,T,U)
struct SimpleRnn final : OpOf<SimpleRnn> {
  DEEPCORE_RECURRENT_OP("simple_rnn");
  auto fields() const { return std::tie(activation, reverse); }
  Kind activation;  // kTanh, kRelu, kSigmoid or kIdentity
  bool reverse;
  SimpleRnn(Kind a, bool r) : activation(a), reverse(r) {}
};

// (h, kernel, gh[, mask]) -> gx, gh0
struct SimpleRnnGrad final : OpOf<SimpleRnnGrad> {
  DEEPCORE_RECURRENT_OP("simple_rnn_grad");
  auto fields() const { return std::tie(activation, reverse); }
  Kind activation;
  bool reverse;
  SimpleRnnGrad(Kind a, bool r) : activation(a), reverse(r) {}
};

// ---- LSTM (lstm.cpp), gates i, f, g, o in Keras's order: Hochreiter & Schmidhuber 1997, Gers 2000
// i, f, o = sigmoid, g = tanh of x[t] + h[t-1] kernel; c[t] = f c[t-1] + i g; h[t] = o tanh(c[t])

// (x: (N,T,4U), kernel: (U,4U), h0: (N,U), c0: (N,U)[, mask]) -> gates (N,T,4U), h (N,T,U), c
// (N,T,U)
struct Lstm final : OpOf<Lstm> {
  DEEPCORE_RECURRENT_OP("lstm");
  auto fields() const { return std::tie(reverse); }
  bool reverse;
  explicit Lstm(bool r) : reverse(r) {}
};

// (gates, kernel, c, c0, gh[, gc][, mask]) -> gx, gh0, gc0
struct LstmGrad final : OpOf<LstmGrad> {
  DEEPCORE_RECURRENT_OP("lstm_grad");
  auto fields() const { return std::tie(reverse, cell_grad); }
  bool reverse, cell_grad;
  LstmGrad(bool r, bool c) : reverse(r), cell_grad(c) {}
};

// ---- GRU (gru.cpp), gates z, r, n in Keras's order: Cho et al. 2014; after: as cuDNN has it
// z, r = sigmoid(x[t] + h[t-1] kernel), n = tanh(x[t] + r (h[t-1] kernel)) after the reset, or
// tanh(x[t] + (r h[t-1]) kernel) before it; h[t] = z h[t-1] + (1 - z) n

// (x: (N,T,3U), kernel: (U,3U), h0: (N,U)[, bias: (3U) of the recurrent product][, mask]) -> gates
// (N,T,3U), h (N,T,U)[, inner (N,T,U) = what r is multiplied with]; bias and inner when reset_after
struct Gru final : OpOf<Gru> {
  DEEPCORE_RECURRENT_OP("gru");
  auto fields() const { return std::tie(reset_after, reverse); }
  bool reset_after, reverse;
  Gru(bool after, bool r) : reset_after(after), reverse(r) {}
};

// (gates, kernel, h, h0, gh[, inner][, mask]) -> gx, gh0[, g of the recurrent product (N,T,3U)]
struct GruGrad final : OpOf<GruGrad> {
  DEEPCORE_RECURRENT_OP("gru_grad");
  auto fields() const { return std::tie(reset_after, reverse); }
  bool reset_after, reverse;
  GruGrad(bool after, bool r) : reset_after(after), reverse(r) {}
};

// ---- kernels (kernel_grads.cpp)

// (g: (N,T,G U), h: (N,T,U), h0: (N,U)[, x: (N T,F)]) -> gradients of the recurrent kernel (U,G U)
// [and of the kernel (F,G U)], where g is that of the sums before the gates: the states before each
// step, and the inputs, times g. Together they take one trip through g.
struct KernelGrads final : OpOf<KernelGrads> {
  static constexpr std::string_view kName = "kernel_grads";
  Types infer(const Types& in) const override;
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const override;
  Tensors compose(const Tensors& in) const override;
  Traits traits() const override { return {.partial = true}; }
  std::int64_t flops(const Types& in, const Types& out) const override;
  auto fields() const { return std::tie(reverse); }
  bool reverse;
  explicit KernelGrads(bool r) : reverse(r) {}
};

// ---- functions: x (N,T,F), kernel (F,G U), recurrent_kernel (U,G U), states (N,U); bias and mask
// may be undefined. They give h (N,T,U) and the last states.

Tensors simple_rnn(const Tensor& x, const Tensor& kernel, const Tensor& recurrent_kernel,
                   const Tensor& bias, const Tensor& h0, const Tensor& mask, Kind activation,
                   bool reverse);
Tensors lstm(const Tensor& x, const Tensor& kernel, const Tensor& recurrent_kernel,
             const Tensor& bias, const Tensor& h0, const Tensor& c0, const Tensor& mask,
             bool reverse);
// bias: (2,3U) when reset_after, of inputs and of states; else (3U)
Tensors gru(const Tensor& x, const Tensor& kernel, const Tensor& recurrent_kernel,
            const Tensor& bias, const Tensor& h0, const Tensor& mask, bool reset_after,
            bool reverse);

#undef DEEPCORE_RECURRENT_OP

}  // namespace deepcore
