#include "deepcore/cpu/recurrent.h"

#include <algorithm>

namespace deepcore {
namespace {

// Rows that a task should have: panels of weights come from L2 once for all of them, at 4 bytes a
// cycle for 12 rows and more, which the multiply-adds hide.
constexpr std::int64_t kRows = 12, kMostTasks = 64;
// A panel of weights of this depth stays in L1 while the rows go by.
constexpr std::int64_t kDepth = 256;
// Panels that one task packs.
constexpr std::int64_t kPackPanels = 4;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// A power of two, so that two, four or eight threads get the same; by the batch alone.
std::int64_t row_tasks(std::int64_t batch) {
  if (batch < 4) return std::min<std::int64_t>(batch, 1);
  std::int64_t tasks = 2;
  while (tasks < kMostTasks && batch >= 2 * tasks * kRows) tasks *= 2;
  return tasks;
}

}  // namespace

RecurrentPlan::RecurrentPlan(const Shape& x, std::int64_t u, bool r, std::int64_t floats_per_row)
    : batch(x[0]),
      steps(x[1]),
      units(u),
      reverse(r),
      tasks_(row_tasks(x[0])),
      floats_per_row_(floats_per_row) {}

std::size_t RecurrentPlan::add(RecurrentWeights weights) {
  const std::int64_t cols = kernels().gemm.cols;
  weights.offset = packed_floats_;
  packed_floats_ += ceil_div(weights.n, cols) * cols * weights.k;
  weights_.push_back(weights);
  return weights_.size() - 1;
}

void RecurrentPlan::multiply(const Call& call, std::size_t index, std::int64_t rows, const float* a,
                             std::ptrdiff_t a_row, float* c, std::ptrdiff_t c_row, bool accumulate,
                             const float* bias) const {
  const GemmKernels& gemm = kernels().gemm;
  const RecurrentWeights& w = weights_[index];
  const float* packed = static_cast<const float*>(call.workspace) + w.offset;
  const std::int64_t depths = ceil_div(w.k, kDepth), depth = ceil_div(w.k, depths);
  for (std::int64_t k = 0; k < w.k; k += depth) {
    GemmBlock block{};
    block.m = rows;
    block.n = w.n;
    block.k = std::min(depth, w.k - k);
    block.a = a + k;
    block.a_row = a_row;
    block.a_k = 1;
    block.a_panel = gemm.rows * a_row;
    block.b = packed + k * gemm.cols;
    block.b_k = gemm.cols;
    block.b_panel = gemm.cols * w.k;
    block.b_padded = true;
    block.to.c = c;
    block.to.c_row = c_row;
    block.to.accumulate = accumulate || k > 0;
    if (k + depth >= w.k) block.to.finish.bias = bias;
    gemm.block(block);
  }
}

Runner RecurrentPlan::runner(std::function<void(const Call&, Range, float*)> body) const {
  Runner runner;
  runner.workspace = static_cast<std::size_t>(packed_floats_) * sizeof(float);
  const std::int64_t most = tasks_ > 0 ? ceil_div(batch, tasks_) : 0;
  runner.scratch = static_cast<std::size_t>(most * floats_per_row_) * sizeof(float);
  // Pieces of packing: some panels of one of the matrices.
  struct Piece {
    RecurrentWeights weights;
    std::int64_t col, n;
  };
  std::vector<Piece> pieces;
  const std::int64_t cols = kernels().gemm.cols, chunk = kPackPanels * cols;
  for (const RecurrentWeights& w : weights_)
    for (std::int64_t col = 0; col < w.n && batch * steps > 0; col += chunk)
      pieces.push_back({w, col, std::min(chunk, w.n - col)});
  const auto count = static_cast<std::int64_t>(pieces.size());
  runner.phases.push_back({count, [pieces](const Call& call, std::int64_t task, void*) {
                             const Piece& p = pieces[static_cast<std::size_t>(task)];
                             const RecurrentWeights& w = p.weights;
                             kernels().gemm.pack_b(
                                 w.k, p.n, w.at(call.input(1)) + p.col * w.b_col, w.b_k, w.b_col,
                                 static_cast<float*>(call.workspace) + w.offset + p.col * w.k,
                                 kernels().gemm.cols * w.k);
                           }});
  const std::int64_t rows = batch, tasks = tasks_;
  runner.phases.push_back({tasks, [body = std::move(body), rows, tasks](
                                      const Call& call, std::int64_t task, void* scratch) {
                             body(call, piece(rows, tasks, task), static_cast<float*>(scratch));
                           }});
  return runner;
}

}  // namespace deepcore
