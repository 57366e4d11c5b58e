// The gradient of attention in float32: one task takes all queries that share a head of keys past
// them, and computes the weights again, block by block.
#include <numbers>

#include "deepcore/cpu/attention_blocks.h"

namespace deepcore {
namespace {

class Backward {
 public:
  Backward(const AttentionBlocks& blocks, const Call& call, std::int64_t sample, std::int64_t group,
           void* scratch)
      : b_(blocks),
        gemm_(kernels().gemm),
        call_(call),
        sample_(sample),
        group_(group),
        mask_(b_.masked ? call.input<bool>(6) : nullptr),
        bias_(b_.biased ? call.input(b_.masked ? 7 : 6) : nullptr) {
    const std::int64_t row = sample * b_.s * b_.g + group;
    k_ = call.input(1) + row * b_.d;
    v_ = call.input(2) + row * b_.e;
    gk_ = call.output(1) ? call.output(1) + row * b_.d : nullptr;
    gv_ = call.output(2) ? call.output(2) + row * b_.e : nullptr;
    AttentionScratch memory(scratch);
    keys_across_ = memory.take(b_.score_row() * b_.d);
    values_across_ = memory.take(b_.score_row() * b_.e);
    keys_ = memory.take(b_.block_keys() * b_.padded(b_.d));
    weights_ = memory.take(kQueryGroup * b_.score_row());
    slopes_ = memory.take(kQueryGroup * b_.score_row());
    delta_ = memory.take(kQueryGroup);
  }

  static std::int64_t scratch_floats(const AttentionBlocks& b) {
    return b.score_row() * (b.d + b.e + 2 * kQueryGroup) + b.block_keys() * b.padded(b.d) +
           kQueryGroup + 6 * 16;
  }

  void run() {
    const std::int64_t keys = b_.keys_of(mask_, sample_), step = b_.block_keys();
    clear(gk_, b_.k_row(), b_.d, keys);
    clear(gv_, b_.v_row(), b_.e, keys);
    const std::int64_t heads = b_.h / b_.g;
    for (std::int64_t first = 0; first < keys; first += step) {
      const std::int64_t width = std::min(step, keys - first);
      pack(first, width);
      bool fresh = true;  // nothing of these keys' gradients is there yet
      for (std::int64_t head = group_ * heads; head < (group_ + 1) * heads; ++head)
        for (std::int64_t query = 0; query < b_.t; query += kQueryGroup) {
          const std::int64_t rows = std::min(kQueryGroup, b_.t - query);
          if (hidden(head, query, rows, first)) continue;
          block(head, query, rows, first, width, fresh);
          fresh = false;
        }
      if (fresh) {
        clear(gk_, b_.k_row(), b_.d, first, first + width);
        clear(gv_, b_.v_row(), b_.e, first, first + width);
      }
    }
  }

 private:
  const float* statistics(std::int64_t head) const {
    return call_.input(4) + (sample_ * b_.h + head) * 2 * b_.t;
  }

  // No query of these sees the block, and none sees nothing and therefore all.
  bool hidden(std::int64_t head, std::int64_t query, std::int64_t rows, std::int64_t first) const {
    if (!b_.causal || query + rows > first) return false;
    const float* max = statistics(head) + query;
    return std::none_of(max, max + rows, [](float m) { return m == kMaskedAttention; });
  }

  void clear(float* g, std::ptrdiff_t row, std::int64_t n, std::int64_t first,
             std::int64_t last) const {
    for (std::int64_t i = first; g && i < last; ++i) std::fill_n(g + i * row, n, 0.0f);
  }
  void clear(float* g, std::ptrdiff_t row, std::int64_t n, std::int64_t first) const {
    clear(g, row, n, first, b_.s);
  }

  void pack(std::int64_t first, std::int64_t width) {
    const float *k = k_ + first * b_.k_row(), *v = v_ + first * b_.v_row();
    gemm_.pack_b(b_.d, width, k, 1, b_.k_row(), keys_across_, gemm_.cols * b_.d);
    const auto by = static_cast<float>(b_.scale * std::numbers::log2e);
    kernels().attention.scale_rows(keys_across_, 1, b_.padded(width) * b_.d, 0, &by);
    gemm_.pack_b(b_.e, width, v, 1, b_.v_row(), values_across_, gemm_.cols * b_.e);
    gemm_.pack_b(width, b_.d, k, b_.k_row(), 1, keys_, gemm_.cols * width);
  }

  void block(std::int64_t head, std::int64_t query, std::int64_t rows, std::int64_t first,
             std::int64_t width, bool fresh) {
    const std::int64_t at = (sample_ * b_.t + query) * b_.h + head;
    const float *q = call_.input(0) + at * b_.d, *y = call_.input(3) + at * b_.e,
                *gy = call_.input(5) + at * b_.e;
    const std::int64_t cols = gemm_.cols;
    const std::ptrdiff_t row = b_.score_row();
    gemm_.block(attention_product(rows, width, b_.d, q, b_.q_row(), 1, keys_across_, cols,
                                  cols * b_.d, true, weights_, row, false));
    gemm_.block(attention_product(rows, width, b_.e, gy, b_.y_row(), 1, values_across_, cols,
                                  cols * b_.e, true, slopes_, row, false));
    kernels().attention.dot_rows(y, gy, rows, b_.e, b_.y_row(), delta_);
    const float* max = statistics(head) + query;
    kernels().attention.softmax_grad(
        b_.scores(weights_, sample_, head, query, rows, first, width, mask_, bias_), max,
        max + b_.t, delta_, static_cast<float>(b_.scale), slopes_);
    if (float* gq = call_.output(0))
      gemm_.block(attention_product(rows, b_.d, width, slopes_, row, 1, keys_, cols, cols * width,
                                    true, gq + at * b_.d, b_.q_row(), first > 0));
    if (gk_)
      gemm_.block(attention_product(width, b_.d, rows, slopes_, 1, row, q, b_.q_row(), cols, false,
                                    gk_ + first * b_.k_row(), b_.k_row(), !fresh));
    if (gv_)
      gemm_.block(attention_product(width, b_.e, rows, weights_, 1, row, gy, b_.y_row(), cols,
                                    false, gv_ + first * b_.v_row(), b_.v_row(), !fresh));
  }

  const AttentionBlocks& b_;
  const GemmKernels& gemm_;
  const Call& call_;
  std::int64_t sample_, group_;
  const bool* mask_;
  const float *bias_, *k_, *v_;
  float *gk_, *gv_;
  float *keys_across_, *values_across_, *keys_, *weights_, *slopes_, *delta_;
};

}  // namespace

std::optional<Runner> attention_grad_runner(const AttentionGrad& op, const Types& in) {
  const AttentionBlocks blocks(op, in, 6);
  if (in[0].dtype != DType::kFloat32 || in[0].shape.elements() == 0 || in[2].shape.elements() == 0)
    return std::nullopt;
  Runner runner;
  runner.scratch = static_cast<std::size_t>(Backward::scratch_floats(blocks)) * sizeof(float);
  runner.phases.push_back(
      {blocks.n * blocks.g, [blocks](const Call& call, std::int64_t task, void* scratch) {
         Backward(blocks, call, task / blocks.g, task % blocks.g, scratch).run();
       }});
  return runner;
}

}  // namespace deepcore
