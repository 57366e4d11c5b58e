// Attention in float32: one task takes some queries of a head past all keys, a block at a time.
// Dao et al. (2022), "FlashAttention: Fast and Memory-Efficient Exact Attention", on a CPU's
// caches.
#include <limits>
#include <numbers>

#include "deepcore/cpu/attention_blocks.h"

namespace deepcore {
namespace {

// Queries that pay for packing keys and values for themselves; tasks that keep all threads busy.
constexpr std::int64_t kMostQueries = 240, kLeastQueries = 48, kEnoughTasks = 32;

std::int64_t queries_per_task(const AttentionBlocks& b) {
  std::int64_t queries = kMostQueries;
  while (queries > kLeastQueries && b.n * b.h * ((b.t + queries - 1) / queries) < kEnoughTasks)
    queries -= kQueryGroup;
  return queries;
}

struct Statistics {
  float *max, *sum, *correction;  // of each query of the task
};

class Forward {
 public:
  Forward(const AttentionBlocks& blocks, const Call& call, std::int64_t sample, std::int64_t head,
          Range queries, std::int64_t most, void* scratch)
      : b_(blocks),
        gemm_(kernels().gemm),
        sample_(sample),
        head_(head),
        queries_(queries),
        mask_(b_.masked ? call.input<bool>(3) : nullptr),
        bias_(b_.biased ? call.input(b_.masked ? 4 : 3) : nullptr) {
    const std::int64_t group = head / (b_.h / b_.g);
    q_ = call.input(0) + (sample * b_.t * b_.h + head) * b_.d;
    k_ = call.input(1) + (sample * b_.s * b_.g + group) * b_.d;
    v_ = call.input(2) + (sample * b_.s * b_.g + group) * b_.e;
    y_ = call.output(0) + (sample * b_.t * b_.h + head) * b_.e;
    statistics_ = call.output(1) ? call.output(1) + (sample * b_.h + head) * 2 * b_.t : nullptr;
    AttentionScratch memory(scratch);
    keys_pack_ = memory.take(b_.score_row() * b_.d);
    values_pack_ = memory.take(b_.block_keys() * b_.padded(b_.e));
    scores_ = memory.take(kQueryGroup * b_.score_row());
    rows_ = {memory.take(most), memory.take(most), memory.take(most)};
  }

  static std::int64_t scratch_floats(const AttentionBlocks& b, std::int64_t most) {
    return b.score_row() * b.d + b.block_keys() * b.padded(b.e) + kQueryGroup * b.score_row() +
           3 * most + 6 * 16;
  }

  void run() {
    const std::int64_t count = queries_.end - queries_.begin;
    std::fill_n(rows_.max, count, -std::numeric_limits<float>::max());
    std::fill_n(rows_.sum, count, 0.0f);
    const std::int64_t keys = b_.keys_of(mask_, sample_), step = b_.block_keys();
    for (std::int64_t first = 0; first < keys; first += step) {
      const std::int64_t width = std::min(step, keys - first);
      bool packed = false;
      for (std::int64_t i = 0; i < count; i += kQueryGroup) {
        const std::int64_t rows = std::min(kQueryGroup, count - i);
        if (hidden(i, rows, first)) continue;
        if (!packed) pack(first, width);
        packed = true;
        group(i, rows, first, width);
      }
    }
    finish(count);
  }

 private:
  // No query of these sees the block; and none sees nothing, and so all, after the blocks before.
  bool hidden(std::int64_t i, std::int64_t rows, std::int64_t first) const {
    if (!b_.causal || queries_.begin + i + rows > first) return false;
    return std::none_of(rows_.max + i, rows_.max + i + rows,
                        [](float m) { return m == kMaskedAttention; });
  }

  void pack(std::int64_t first, std::int64_t width) {
    gemm_.pack_b(b_.d, width, k_ + first * b_.k_row(), 1, b_.k_row(), keys_pack_,
                 gemm_.cols * b_.d);
    const auto by = static_cast<float>(b_.scale * std::numbers::log2e);
    kernels().attention.scale_rows(keys_pack_, 1, b_.padded(width) * b_.d, 0, &by);
    gemm_.pack_b(width, b_.e, v_ + first * b_.v_row(), b_.v_row(), 1, values_pack_,
                 gemm_.cols * width);
  }

  void group(std::int64_t i, std::int64_t rows, std::int64_t first, std::int64_t width) {
    const std::int64_t query = queries_.begin + i;
    gemm_.block(attention_product(rows, width, b_.d, q_ + query * b_.q_row(), b_.q_row(), 1,
                                  keys_pack_, gemm_.cols, gemm_.cols * b_.d, true, scores_,
                                  b_.score_row(), false));
    kernels().attention.softmax(
        b_.scores(scores_, sample_, head_, query, rows, first, width, mask_, bias_), rows_.max + i,
        rows_.sum + i, rows_.correction + i);
    float* y = y_ + query * b_.y_row();
    if (first > 0) kernels().attention.scale_rows(y, rows, b_.e, b_.y_row(), rows_.correction + i);
    gemm_.block(attention_product(rows, b_.e, width, scores_, b_.score_row(), 1, values_pack_,
                                  gemm_.cols, gemm_.cols * width, true, y, b_.y_row(), first > 0));
  }

  void finish(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) rows_.sum[i] = 1 / rows_.sum[i];
    kernels().attention.scale_rows(y_ + queries_.begin * b_.y_row(), count, b_.e, b_.y_row(),
                                   rows_.sum);
    if (!statistics_) return;
    std::copy_n(rows_.max, count, statistics_ + queries_.begin);
    std::copy_n(rows_.sum, count, statistics_ + b_.t + queries_.begin);
  }

  const AttentionBlocks& b_;
  const GemmKernels& gemm_;
  std::int64_t sample_, head_;
  Range queries_;
  const bool* mask_;
  const float *bias_, *q_, *k_, *v_;
  float *y_, *statistics_, *keys_pack_, *values_pack_, *scores_;
  Statistics rows_;
};

std::optional<Runner> forward(const Attention& op, const Types& in, const Types& out) {
  const AttentionBlocks blocks(op, in, 3);
  if (in[0].dtype != DType::kFloat32 || out[0].shape.elements() == 0 || blocks.s == 0 ||
      blocks.d == 0)
    return std::nullopt;
  const std::int64_t most = queries_per_task(blocks), pieces = (blocks.t + most - 1) / most;
  Runner runner;
  runner.scratch = static_cast<std::size_t>(Forward::scratch_floats(blocks, most)) * sizeof(float);
  runner.phases.push_back(
      {blocks.n * blocks.h * pieces, [=](const Call& call, std::int64_t task, void* scratch) {
         const std::int64_t first = task % pieces * most;
         const std::int64_t head = task / pieces;
         Forward(blocks, call, head / blocks.h, head % blocks.h,
                 {first, std::min(blocks.t, first + most)}, most, scratch)
             .run();
       }});
  return runner;
}

}  // namespace

std::optional<Runner> attention_grad_runner(const AttentionGrad& op, const Types& in);

void register_attention(CpuBackend& backend) {
  backend.on<Attention>(forward);
  backend.on<AttentionGrad>([](const AttentionGrad& op, const Types& in, const Types&) {
    return attention_grad_runner(op, in);
  });
}

}  // namespace deepcore
