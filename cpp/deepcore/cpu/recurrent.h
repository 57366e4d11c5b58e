// What the runners of recurrent ops share: rows of the batch that walk through all steps by
// themselves, and the recurrent weights in panels, packed once for all steps. At a step that a mask
// keeps some rows from, the products are of the others alone: padding costs no arithmetic.
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
  // The columns are so many equal ranges of whole panels, whose first ones lie `apart`.
  std::int64_t ranges = 1, apart = 0;

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

// The weights among an op's constants: packed once.
constexpr Constants kConstantWeights = 1u << 1;

// Whether the loops run these inputs; their definitions do what is left.
bool runs_recurrent(const Type& x);

// What one thread has for its rows of the batch.
struct RecurrentTask {
  const Call& call;
  Range rows;
  float* scratch;
  // Of the step at hand: the rows that the mask lets go on, counted from rows.begin, and memory for
  // a product of them alone.
  std::int32_t* active = nullptr;
  std::int64_t count = 0;
  float *from = nullptr, *to = nullptr;
  GemmAhead ahead = {};

  // To be fetched during the step's next product, for what comes after it: floats of each row, rows
  // lie `row` apart; nothing where `first` is null. The longest comes first. Sequences stream past
  // the caches, and a step's pieces of them are too short for the CPU to see that they go on.
  void soon(const float* first, std::ptrdiff_t row, std::int64_t floats) {
    if (first) ahead.areas[ahead.count++] = {first, row, floats};
  }
  std::int64_t size() const { return rows.end - rows.begin; }
};

// Fewer rows than these are not cut into pieces.
constexpr std::int64_t kLeastRows = 4;

class RecurrentPlan {
 public:
  // x: (N, T, G U). `floats_per_row`: what a task needs of scratch for each row.
  RecurrentPlan(const Shape& x, std::int64_t units, bool reverse, bool masked,
                std::int64_t floats_per_row);

  // To be called before the runner is made. Gives the index of the weights.
  std::size_t add(RecurrentWeights weights);

  // Packs input 1, then calls body(task) for pieces of the batch. Constant weights: once.
  Runner runner(bool constant, std::function<void(RecurrentTask&)> body) const;

  // The same without a body.
  Runner packing(bool constant) const;
  std::int64_t packed_floats() const { return packed_floats_; }  // begin the workspace
  RecurrentTask task(const Call& call, Range rows, void* scratch) const;

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

  // Opens a step: which rows go on.
  RecurrentRows at(RecurrentTask& task, const bool* mask, std::int64_t t) const;

  // c (rows, N) = a (rows, K) weights, or added to c, and bias, for the rows that go on: a_row,
  // c_row apart. The others are neither read nor written.
  void multiply(const RecurrentTask& task, std::size_t index, const float* a, std::ptrdiff_t a_row,
                float* c, std::ptrdiff_t c_row, bool accumulate, const float* bias = nullptr) const;

  std::int64_t batch, steps, units;
  bool reverse;

 private:
  void multiply_all(const RecurrentTask& task, const RecurrentWeights& w, const float* a,
                    std::ptrdiff_t a_row, float* c, std::ptrdiff_t c_row, bool accumulate,
                    const float* bias) const;

  bool masked_;
  std::int64_t tasks_, floats_per_row_;
  std::int64_t widest_from_ = 0, widest_to_ = 0;
  std::vector<RecurrentWeights> weights_;
  std::int64_t packed_floats_ = 0;
};

}  // namespace deepcore
