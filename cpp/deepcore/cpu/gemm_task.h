// What one task of a matrix product does: packs what its plan says, and calls the micro-kernels.
#pragma once

#include <algorithm>

#include "deepcore/cpu/gemm_plan.h"
#include "deepcore/cpu/past_caches.h"

namespace deepcore {

struct GemmOperands {
  const float *a, *b;
  float* c;
  Finish finish;
  const float* residual;
};

// Some rows and columns of one C, or of one of its chains.
class GemmTask {
 public:
  GemmTask(const GemmPlan& plan, const GemmOperands& at, const float* shared, void* scratch)
      : p_(plan),
        at_(at),
        shared_(shared),
        a_pack_(static_cast<float*>(scratch)),
        b_pack_(a_pack_ + plan.a_floats),
        scales_(b_pack_ + plan.b_floats),
        biases_(scales_ + plan.column_floats) {}

  void run(Range rows, Range panels, Range k) {
    const std::int64_t cols = p_.kernels->cols;
    const std::int64_t col = panels.begin * cols, end = std::min(panels.end * cols, p_.n);
    if (p_.swapped) {  // C is one column laid down as a row
      at_.finish.scale = spread(at_.finish.scale, scales_, col, end);
      at_.finish.bias = spread(at_.finish.bias, biases_, col, end);
    }
    const std::int64_t chunk = p_.source == GemmSource::kOwn ? p_.chunk_panels * cols : end - col;
    for (std::int64_t j = col; j < end; j += chunk)
      for (std::int64_t d = 0; d < p_.depths; ++d)
        depth(rows, piece_at(k, d), d, j, std::min(chunk, end - j));
  }

 private:
  static const float* spread(const float* value, float* to, std::int64_t col, std::int64_t end) {
    if (!value) return nullptr;
    std::fill_n(to, end - col, *value);
    return to - col;
  }

  Range piece_at(Range k, std::int64_t d) const {
    const std::int64_t begin = std::min(k.begin + d * p_.depth, k.end);
    return {begin, std::min(begin + p_.depth, k.end)};
  }

  // Block number d of k for all the task's rows and n columns from col on.
  void depth(Range range, Range k, std::int64_t d, std::int64_t col, std::int64_t n) {
    const GemmKernels& kernels = *p_.kernels;
    const std::int64_t rows = kernels.rows, cols = kernels.cols;
    const std::int64_t k0 = k.begin, depth = k.end - k.begin;
    const float* b = at_.b + k0 * p_.b_k() + col * p_.b_col();
    GemmBlock block{};
    block.n = n;
    block.k = depth;
    switch (p_.source) {
      case GemmSource::kDirect:
        block.b = b;
        block.b_k = p_.b_k();
        block.b_panel = cols;
        break;
      case GemmSource::kOwn:
        kernels.pack_b(depth, n, b, p_.b_k(), p_.b_col(), b_pack_, cols * depth);
        block.b = b_pack_;
        block.b_k = cols;
        block.b_panel = cols * depth;
        break;
      case GemmSource::kShared:
        block.b = shared_ + col * p_.k + k0 * cols;
        block.b_k = cols;
        block.b_panel = cols * p_.k;
        break;
    }
    block.b_padded = p_.source != GemmSource::kDirect;
    const bool last = d + 1 == p_.depths;
    const std::int64_t step = p_.block_rows;
    for (std::int64_t row = range.begin; row < range.end; row += step) {
      block.m = std::min(step, range.end - row);
      block.a = at_.a + row * p_.a_row() + k0 * p_.a_k();
      block.a_row = p_.a_row();
      block.a_k = p_.a_k();
      block.a_panel = rows * p_.a_row();
      if (p_.pack_a) {
        kernels.pack_a(block.m, depth, block.a, p_.a_row(), p_.a_k(), a_pack_);
        block.a = a_pack_;
        block.a_row = 1;
        block.a_k = rows;
        block.a_panel = rows * depth;
      }
      const std::int64_t at = row * p_.n + col;
      block.to = {at_.c + at,
                  p_.n,
                  d > 0,
                  last ? at_.finish.from_column(col) : Finish{},
                  last && at_.residual ? at_.residual + at : nullptr,
                  p_.past && begins_line(at_.c)};
      const bool fetches = p_.pack_a && p_.source == GemmSource::kOwn && n == p_.n && !last;
      const GemmAhead next = fetches ? next_rows(k.end) : GemmAhead{};
      block.ahead = fetches && row == range.begin ? &next : nullptr;
      kernels.block(block);
    }
  }

  // What the next depth() packs lies together, and is fetched meanwhile.
  GemmAhead next_rows(std::int64_t k0) const {
    const std::int64_t depth = std::min(p_.depth, p_.k - k0);
    const std::int64_t tiles = p_.row_groups * p_.panels;
    const std::int64_t a_floats = depth * p_.m / tiles, b_floats = depth * p_.n / tiles;
    return {tiles,
            2,
            {{at_.b + k0 * p_.n, b_floats, b_floats}, {at_.a + k0 * p_.m, a_floats, a_floats}}};
  }

  const GemmPlan& p_;
  GemmOperands at_;
  const float* shared_;
  float *a_pack_, *b_pack_, *scales_, *biases_;
};

}  // namespace deepcore
