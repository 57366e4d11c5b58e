// What the runners of recurrent ops share: rows of the batch that walk through all steps by
// themselves, and the recurrent weights in panels, packed once for all steps.
#pragma once

#include <vector>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/ops/recurrent.h"

namespace deepcore {

// Columns [col, col + n) of a matrix of k rows as a product reads them; `turned`: stored (N, K).
struct RecurrentWeights {
  std::int64_t k, n;
  const float* at(const float* weights) const { return weights + first; }
  std::int64_t first;         // offset of the first element
  std::ptrdiff_t b_k, b_col;  // elements between neighbours
  std::int64_t offset = 0;    // of the packed panels, in floats

  // weights (rows, stride): columns [col, col + n) as (K = rows, N = n).
  static RecurrentWeights straight(std::int64_t rows, std::int64_t stride, std::int64_t col,
                                   std::int64_t n) {
    return {rows, n, col, stride, 1};
  }
  // The same turned: (K = n, N = rows).
  static RecurrentWeights turned(std::int64_t rows, std::int64_t stride, std::int64_t col,
                                 std::int64_t n) {
    return {n, rows, col, 1, stride};
  }
};

class RecurrentPlan {
 public:
  // x: (N, T, G U). `floats_per_row`: what a task needs of scratch for each row.
  RecurrentPlan(const Shape& x, std::int64_t units, bool reverse, std::int64_t floats_per_row);

  // To be called before the runner is made. Gives the index of the weights.
  std::size_t add(RecurrentWeights weights);

  // c (rows, N) = a (rows, K) weights, or added to c, and bias; a_row, c_row between rows.
  void multiply(const Call& call, std::size_t index, std::int64_t rows, const float* a,
                std::ptrdiff_t a_row, float* c, std::ptrdiff_t c_row, bool accumulate,
                const float* bias = nullptr) const;

  // Packs input 1, then calls body(call, rows, scratch) for pieces of the batch.
  Runner runner(std::function<void(const Call&, Range, float*)> body) const;

  // Calls body(t, before) for all steps; `before` is the step before t in time, or -1.
  template <class F>
  void walk(bool backward, F body) const {
    for (std::int64_t s = 0; s < steps; ++s) {
      const bool down = reverse != backward;
      const std::int64_t t = down ? steps - 1 - s : s;
      const std::int64_t before = reverse ? (t + 1 < steps ? t + 1 : -1) : t - 1;
      body(t, before);
    }
  }

  // False when the mask keeps the state of all these rows at this step: then there is nothing to
  // multiply.
  bool any(const bool* mask, Range rows, std::int64_t t) const {
    if (!mask) return true;
    for (std::int64_t r = rows.begin; r < rows.end; ++r)
      if (mask[r * steps + t]) return true;
    return false;
  }
  RecurrentRows rows_at(const bool* mask, Range rows, std::int64_t t) const {
    return {rows.end - rows.begin, units, mask ? mask + rows.begin * steps + t : nullptr, steps};
  }

  std::int64_t batch, steps, units;
  bool reverse;

 private:
  std::int64_t tasks_, floats_per_row_;
  std::vector<RecurrentWeights> weights_;
  std::int64_t packed_floats_ = 0;
};

}  // namespace deepcore
