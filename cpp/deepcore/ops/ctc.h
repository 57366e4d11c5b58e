// Connectionist temporal classification: the op, and the function on it.
// Graves, Fernandez, Gomez & Schmidhuber 2006.
// Letters: N batch, T steps, C classes, L labels, S = 2 L + 1 states: the labels with a blank
// before, between and after them. A state is entered from itself, from the one before, and, where
// it is a label unlike the last one, from that label.
#pragma once

#include "deepcore/ops/kinds.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

#define DEEPCORE_CTC_OP(NAME)                     \
  static constexpr std::string_view kName = NAME; \
  Types infer(const Types& in) const override;    \
  Tensors compose(const Tensors& in) const override

// (log-probabilities (N,T,C), int labels (N,L), int32 label lengths (N), int32 input lengths (N))
// -> loss (N) = -log p(labels), alphas (N,T,S), each step's shifted to a largest of 0. A loss is
// inf, and its gradient 0, where the input is too short for its labels. A label outside [0, C) is a
// Fault; lengths are clamped to what there is.
struct CtcLoss final : OpOf<CtcLoss> {
  DEEPCORE_CTC_OP("ctc_loss");
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const override;
  Traits traits() const override { return {.partial = true}; }
  auto fields() const { return std::tie(blank); }
  int blank;
  explicit CtcLoss(int b) : blank(b) {}
};

// (the inputs of CtcLoss, alphas, g (N)) -> the gradient of the log-probabilities: -g times the
// probability of each class at each step, given the labels.
struct CtcLossGrad final : OpOf<CtcLossGrad> {
  DEEPCORE_CTC_OP("ctc_loss_grad");
  auto fields() const { return std::tie(blank); }
  int blank;
  explicit CtcLossGrad(int b) : blank(b) {}
};

#undef DEEPCORE_CTC_OP

Tensor ctc_loss(const Tensor& log_probabilities, const Tensor& labels, const Tensor& label_lengths,
                const Tensor& input_lengths, int blank);

}  // namespace deepcore
