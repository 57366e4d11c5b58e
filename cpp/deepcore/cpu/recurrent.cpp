#include "deepcore/cpu/recurrent.h"

#include <algorithm>

#include "deepcore/core/switches.h"

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
  if (batch < kLeastRows) return std::min<std::int64_t>(batch, 1);
  std::int64_t tasks = 2;
  while (tasks < kMostTasks && batch >= 2 * tasks * kRows) tasks *= 2;
  return tasks;
}

}  // namespace

bool runs_recurrent(const Type& x) {
  return x.dtype == DType::kFloat32 && enabled(FastPath::kRecurrent);
}

RecurrentPlan::RecurrentPlan(const Shape& x, std::int64_t u, bool r, bool masked,
                             std::int64_t floats_per_row)
    : batch(x[0]),
      steps(x[1]),
      units(u),
      reverse(r),
      masked_(masked),
      tasks_(row_tasks(x[0])),
      floats_per_row_(floats_per_row) {}

std::size_t RecurrentPlan::add(RecurrentWeights weights) {
  const std::int64_t cols = kernels().gemm.cols;
  weights.offset = packed_floats_;
  packed_floats_ += ceil_div(weights.n, cols) * cols * weights.k;
  widest_from_ = std::max(widest_from_, weights.k);
  widest_to_ = std::max(widest_to_, weights.n);
  weights_.push_back(weights);
  return weights_.size() - 1;
}

RecurrentRows RecurrentPlan::at(RecurrentTask& task, const bool* mask, std::int64_t t) const {
  const std::int64_t rows = task.size();
  task.count = rows;
  task.ahead = {rows};
  if (!mask) return {rows, units, nullptr, steps};
  const bool* first = mask + task.rows.begin * steps + t;
  task.count = 0;
  for (std::int64_t r = 0; r < rows; ++r)
    if (first[r * steps]) task.active[task.count++] = static_cast<std::int32_t>(r);
  return {rows, units, first, steps};
}

void RecurrentPlan::multiply(const RecurrentTask& task, std::size_t index, const float* a,
                             std::ptrdiff_t a_row, float* c, std::ptrdiff_t c_row, bool accumulate,
                             const float* bias) const {
  const RecurrentWeights& w = weights_[index];
  const std::int64_t rows = task.size();
  if (task.count == rows) return multiply_all(task, w, a, a_row, c, c_row, accumulate, bias);
  if (task.count == 0) return;
  // Copying a row in and out costs a twelfth of its product.
  for (std::int64_t i = 0; i < task.count; ++i) {
    std::copy_n(a + task.active[i] * a_row, w.k, task.from + i * w.k);
    if (accumulate) std::copy_n(c + task.active[i] * c_row, w.n, task.to + i * w.n);
  }
  multiply_all(task, w, task.from, w.k, task.to, w.n, accumulate, bias);
  for (std::int64_t i = 0; i < task.count; ++i)
    std::copy_n(task.to + i * w.n, w.n, c + task.active[i] * c_row);
}

void RecurrentPlan::multiply_all(const RecurrentTask& task, const RecurrentWeights& w,
                                 const float* a, std::ptrdiff_t a_row, float* c,
                                 std::ptrdiff_t c_row, bool accumulate, const float* bias) const {
  const GemmKernels& gemm = kernels().gemm;
  const float* packed = static_cast<const float*>(task.call.workspace) + w.offset;
  const std::int64_t depths = ceil_div(w.k, kDepth), depth = ceil_div(w.k, depths);
  for (std::int64_t k = 0; k < w.k; k += depth) {
    GemmBlock block{};
    block.m = task.count;
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
    const Range fetched = piece(task.ahead.rows, depths, k / depth);
    GemmAhead ahead = task.ahead;
    ahead.rows = fetched.end - fetched.begin;
    for (int i = 0; i < ahead.count; ++i)
      ahead.areas[i].first += fetched.begin * ahead.areas[i].row;
    if (ahead.count > 0) block.ahead = &ahead;
    gemm.block(block);
  }
}

Runner RecurrentPlan::packing(bool constant) const {
  Runner runner;
  runner.workspace = static_cast<std::size_t>(packed_floats_) * sizeof(float);
  const std::int64_t most = tasks_ > 0 ? ceil_div(batch, tasks_) : 0;
  const std::int64_t of_mask = masked_ ? 1 + widest_from_ + widest_to_ : 0;
  runner.scratch = static_cast<std::size_t>(most * (floats_per_row_ + of_mask)) * sizeof(float);
  // Pieces of packing: some panels of one of the matrices.
  struct Piece {
    RecurrentWeights weights;
    std::int64_t col, to, n;
  };
  std::vector<Piece> pieces;
  const std::int64_t cols = kernels().gemm.cols, chunk = kPackPanels * cols;
  for (const RecurrentWeights& w : weights_)
    for (std::int64_t range = 0, n = w.n / w.ranges; range < w.ranges; ++range)
      for (std::int64_t col = 0; col < n && batch * steps > 0; col += chunk)
        pieces.push_back({w, range * w.apart + col, range * n + col, std::min(chunk, n - col)});
  const auto count = static_cast<std::int64_t>(pieces.size());
  if (constant) runner.absorbed = kConstantWeights;
  (constant ? runner.setup : runner.phases)
      .push_back({count, [pieces](const Call& call, std::int64_t task, void*) {
                    const Piece& p = pieces[static_cast<std::size_t>(task)];
                    const RecurrentWeights& w = p.weights;
                    kernels().gemm.pack_b(
                        w.k, p.n, w.at(call.input(1)) + p.col * w.b_col, w.b_k, w.b_col,
                        static_cast<float*>(call.workspace) + w.offset + p.to * w.k,
                        kernels().gemm.cols * w.k);
                  }});
  return runner;
}

RecurrentTask RecurrentPlan::task(const Call& call, Range rows, void* scratch) const {
  RecurrentTask task{call, rows, static_cast<float*>(scratch)};
  if (masked_) {
    task.from = task.scratch + task.size() * floats_per_row_;
    task.to = task.from + task.size() * widest_from_;
    task.active = reinterpret_cast<std::int32_t*>(task.to + task.size() * widest_to_);
  }
  return task;
}

Runner RecurrentPlan::runner(bool constant, std::function<void(RecurrentTask&)> body) const {
  Runner runner = packing(constant);
  runner.phases.push_back({tasks_, [body = std::move(body), plan = *this](
                                       const Call& call, std::int64_t index, void* scratch) {
                             RecurrentTask task =
                                 plan.task(call, piece(plan.batch, plan.tasks_, index), scratch);
                             body(task);
                           }});
  return runner;
}

}  // namespace deepcore
