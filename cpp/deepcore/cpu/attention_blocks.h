// How attention is cut: blocks of keys, packed for the micro-kernels, and groups of queries.
// All sizes come from the lengths and heads of a sample, never from the batch.
#pragma once

#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/ops/attention.h"

namespace deepcore {

// Scores of a group of queries and a block of keys stay in L2, with a block of packed keys and
// values. Half as many queries would stay in L1, and took up to a tenth longer: the gradients of
// keys and values go through memory once a group.
inline constexpr std::int64_t kQueryGroup = 48, kKeyBlock = 256;

struct AttentionBlocks {
  std::int64_t n, t, s, h, g, d, e;  // as ops/attention.h has them
  double scale;
  bool causal, masked, biased;
  Dims mask_strides, bias_strides;  // over (N,H,T,S)

  template <class O>
  AttentionBlocks(const O& op, const Types& in, std::size_t options);

  // Elements between the rows of one head.
  std::ptrdiff_t q_row() const { return h * d; }
  std::ptrdiff_t k_row() const { return g * d; }
  std::ptrdiff_t v_row() const { return g * e; }
  std::ptrdiff_t y_row() const { return h * e; }

  std::int64_t block_keys() const {  // nearly equal blocks
    const std::int64_t blocks = (s + kKeyBlock - 1) / kKeyBlock;
    return (s + blocks - 1) / blocks;
  }
  std::int64_t padded(std::int64_t columns) const {  // to whole panels
    const std::int64_t cols = kernels().gemm.cols;
    return (columns + cols - 1) / cols * cols;
  }
  std::ptrdiff_t score_row() const { return padded(block_keys()); }

  // The keys that matter to a sample: none is masked for all queries behind them. Only where this
  // leaves every query a key.
  std::int64_t keys_of(const bool* mask, std::int64_t sample) const;

  // The block of `keys` scores from key `first` on for `rows` queries from `query` on.
  AttentionScores scores(float* to, std::int64_t sample, std::int64_t head, std::int64_t query,
                         std::int64_t rows, std::int64_t first, std::int64_t keys, const bool* mask,
                         const float* bias) const;
};

// The strides of a tensor with ones where it is broadcast.
inline Dims score_strides(const Shape& shape) {
  Dims strides = Dims::filled(4, 0);
  std::int64_t step = 1;
  for (int i = 3; i >= 0; --i) {
    if (shape[i] != 1) strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

template <class O>
AttentionBlocks::AttentionBlocks(const O& op, const Types& in, std::size_t options)
    : n(in[0].shape[0]),
      t(in[0].shape[1]),
      s(in[1].shape[1]),
      h(in[0].shape[2]),
      g(in[1].shape[2]),
      d(in[0].shape[3]),
      e(in[2].shape[3]),
      scale(op.scale),
      causal(op.causal),
      masked(op.masked),
      biased(op.biased) {
  if (masked) mask_strides = score_strides(in[options++].shape);
  if (biased) bias_strides = score_strides(in[options].shape);
}

inline std::int64_t AttentionBlocks::keys_of(const bool* mask, std::int64_t sample) const {
  if (!mask || mask_strides[1] != 0 || mask_strides[2] != 0 || mask_strides[3] == 0) return s;
  mask += sample * mask_strides[0];
  if (causal && !mask[0]) return s;
  std::int64_t keys = s;
  while (keys > 0 && !mask[keys - 1]) --keys;
  return keys == 0 ? s : keys;
}

inline AttentionScores AttentionBlocks::scores(float* to, std::int64_t sample, std::int64_t head,
                                               std::int64_t query, std::int64_t rows,
                                               std::int64_t first, std::int64_t keys,
                                               const bool* mask, const float* bias) const {
  AttentionScores b{};
  b.rows = rows;
  b.keys = keys;
  b.s = to;
  b.s_row = score_row();
  const auto at = [&](const Dims& strides) {
    return sample * strides[0] + head * strides[1] + query * strides[2] + first * strides[3];
  };
  if (mask) {
    b.mask = mask + at(mask_strides);
    b.mask_row = mask_strides[2];
    b.mask_key = mask_strides[3];
  }
  if (bias) {
    b.bias = bias + at(bias_strides);
    b.bias_row = bias_strides[2];
    b.bias_key = bias_strides[3];
  }
  b.visible = query + 1 - first;
  b.causal = causal && b.visible < keys;
  return b;
}

// c (m, n) = a b, or added to c. A's rows lie a_row apart, its columns a_k; B is packed panels
// `b_panel` apart, or rows b_k apart.
inline GemmBlock attention_product(std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
                                   std::ptrdiff_t a_row, std::ptrdiff_t a_k, const float* b,
                                   std::ptrdiff_t b_k, std::ptrdiff_t b_panel, bool b_padded,
                                   float* c, std::ptrdiff_t c_row, bool accumulate) {
  GemmBlock block{};
  block.m = m;
  block.n = n;
  block.k = k;
  block.a = a;
  block.a_row = a_row;
  block.a_k = a_k;
  block.a_panel = kernels().gemm.rows * a_row;
  block.b = b;
  block.b_k = b_k;
  block.b_panel = b_panel;
  block.b_padded = b_padded;
  block.to.c = c;
  block.to.c_row = c_row;
  block.to.accumulate = accumulate;
  return block;
}

// Memory of the running thread, handed out piece by piece.
class AttentionScratch {
 public:
  explicit AttentionScratch(void* at) : at_(static_cast<float*>(at)) {}
  float* take(std::int64_t floats) {
    float* piece = at_;
    at_ += (floats + 15) / 16 * 16;
    return piece;
  }

 private:
  float* at_;
};

}  // namespace deepcore
