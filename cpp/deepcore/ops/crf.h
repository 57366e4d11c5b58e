// Linear-chain conditional random fields: the ops, and the functions on them.
// Lafferty, McCallum & Pereira 2001; Rabiner 1989 for the recursions.
// Letters: N batch, T steps, K tags. Scores (N, T, K) are those of a tag at a step, transitions
// (K, K) those of tag j after tag i, first and last (K) those of the chain's ends.
// A step where mask (bool, (N, T)) is false is no part of the chain.
#pragma once

#include "deepcore/ops/kinds.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

#define DEEPCORE_CRF_OP(NAME)                     \
  static constexpr std::string_view kName = NAME; \
  Types infer(const Types& in) const override;    \
  Tensors compose(const Tensors& in) const override

// (scores, transitions, first, last[, int tags (N,T)][, mask]) -> loss (N), messages (N,T,K).
// The loss is -log p(tags) = log Z - score(tags); without tags it is log Z, the logarithm of the
// sum over all tag sequences; 0 for an empty chain. A tag outside [0, K) is a Fault. Messages are
// what reaches a tag from the steps before: each step's scores are shifted to a largest of 0.
struct CrfLoss final : OpOf<CrfLoss> {
  DEEPCORE_CRF_OP("crf_loss");
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const override;
  Traits traits() const override { return {.partial = true}; }
  auto fields() const { return std::tie(tagged); }
  bool tagged;
  explicit CrfLoss(bool t) : tagged(t) {}
};

// (scores, transitions, first, last, messages, g (N)[, tags][, mask]) -> the gradients of the first
// four: g times the marginal probabilities of tags and of pairs of them, less those of the tags.
struct CrfLossGrad final : OpOf<CrfLossGrad> {
  DEEPCORE_CRF_OP("crf_loss_grad");
  auto fields() const { return std::tie(tagged); }
  bool tagged;
  explicit CrfLossGrad(bool t) : tagged(t) {}
};

// (scores, transitions, first, last[, mask]) -> int32 tags (N,T) of the likeliest sequence (0 at
// masked steps), its score (N). Of equals, the lowest tag. Scores of -inf forbid.
struct Viterbi final : OpOf<Viterbi> {
  DEEPCORE_CRF_OP("viterbi");
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const override;
};

#undef DEEPCORE_CRF_OP

// ---- functions; tags and mask may be undefined

Tensor crf_loss(const Tensor& scores, const Tensor& transitions, const Tensor& first,
                const Tensor& last, const Tensor& tags, const Tensor& mask);
// p(tag at step) for all tags, (N, T, K); 0 at masked steps.
Tensor crf_marginals(const Tensor& scores, const Tensor& transitions, const Tensor& first,
                     const Tensor& last, const Tensor& mask);
// Tags and score.
Tensors viterbi(const Tensor& scores, const Tensor& transitions, const Tensor& first,
                const Tensor& last, const Tensor& mask);

}  // namespace deepcore
