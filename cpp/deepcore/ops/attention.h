// Scaled dot-product attention (Vaswani et al. 2017), its scores never in memory as a whole.
// Letters: N batch, T queries, S keys, H heads, G heads of keys and values (H a multiple of G),
// D features of a query and a key, E of a value.
#pragma once

#include "deepcore/ops/kinds.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

// What a masked score becomes, as in Keras: a row of nothing else attends to all keys alike.
inline constexpr double kMaskedScore = -0.7 * 3.38953e38;

// What the op and its gradient share. Optional inputs come last: mask, bias.
#define DEEPCORE_ATTENTION_OP(NAME)                                                       \
  static constexpr std::string_view kName = NAME;                                         \
  Types infer(const Types& in) const override;                                            \
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const override; \
  Tensors compose(const Tensors& in) const override;                                      \
  Traits traits() const override { return {.partial = true}; }                            \
  std::int64_t flops(const Types& in, const Types& out) const override;                   \
  auto fields() const { return std::tie(scale, causal, masked, biased); }                 \
  double scale;                                                                           \
  bool causal;         /* query t sees keys 0 to t */                                     \
  bool masked, biased; /* bool mask, float bias: (1|N,1|H,1|T,1|S) */

// (q: (N,T,H,D), k: (N,S,G,D), v: (N,S,G,E)[, mask][, bias]) -> y (N,T,H,E) = softmax(q k' scale +
// bias, where the mask is true) v; and for the gradient (N,H,2,T): the largest score of a query,
// times log2(e), and 1 / sum(exp(score - largest)).
struct Attention final : OpOf<Attention> {
  DEEPCORE_ATTENTION_OP("dot_product_attention");
  Attention(double s, bool c, bool with_mask, bool with_bias)
      : scale(s), causal(c), masked(with_mask), biased(with_bias) {}
};

// (q, k, v, y, statistics, gy[, mask][, bias]) -> gq, gk, gv; the scores are computed again.
struct AttentionGrad final : OpOf<AttentionGrad> {
  DEEPCORE_ATTENTION_OP("dot_product_attention_grad");
  AttentionGrad(double s, bool c, bool with_mask, bool with_bias)
      : scale(s), causal(c), masked(with_mask), biased(with_bias) {}
};

#undef DEEPCORE_ATTENTION_OP

// mask and bias may be undefined.
Tensor dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                             const Tensor& bias, double scale, bool causal);

}  // namespace deepcore
