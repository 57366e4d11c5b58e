// Tables updated by the rows that were taken: the positions are sorted by row, then every task
// walks a stretch of the table. Rows taken several times get their gradients summed in the order of
// the indices, as ScatterAdd does.
#include "deepcore/ops/sparse_update.h"

#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/taken_rows.h"

namespace deepcore {
namespace {

// Elements that a task passes over.
constexpr std::int64_t kGrain = 32768;
// touched(row, gradient) for each row of the table that was taken, and idle(first, end) for the
// stretches between them.
template <class Touched, class Idle>
Runner over_table(const Types& in, Touched touched, Idle idle) {
  const Type &p = in[0], &indices = in[2];
  const std::int64_t rows = p.shape[0], width = p.shape.elements(1, p.shape.rank());
  if (rows * width == 0) return {{{0, nullptr}}};
  const TakenRows taken({indices.dtype, indices.elements(), rows}, tasks_for(rows * width, kGrain));
  Runner runner;
  runner.workspace = taken.workspace();
  runner.scratch = static_cast<std::size_t>(width) * sizeof(float);
  runner.phases = taken.sorting(2);
  runner.phases.push_back(
      {taken.stretches(), [=](const Call& call, std::int64_t stretch, void* scratch) {
         if (call.fault->load(std::memory_order_relaxed) != 0) return;
         float* sum = static_cast<float*>(scratch);
         taken.walk(
             call, stretch,
             [&](std::int64_t row, const Taken* t, const Taken* last) {
               std::fill_n(sum, width, 0.0f);
               for (; t < last; ++t) {
                 const float* g = call.input(1) + t->position * width;
                 for (std::int64_t i = 0; i < width; ++i) sum[i] += g[i];
               }
               touched(call, row * width, sum, width);
             },
             [&](std::int64_t first, std::int64_t end) { idle(call, first * width, end * width); });
       }});
  return runner;
}

// What is not moved is copied, where the new value does not lie on the old one.
void keep(const Call& call, int input, int output, std::int64_t begin, std::int64_t end) {
  if (!call.out[output] || call.out[output] == call.in[input]) return;
  std::copy(call.input(input) + begin, call.input(input) + end, call.output(output) + begin);
}

bool fits(const Types& in) {
  return in[0].dtype == DType::kFloat32 &&
         TakenRows::fits({in[2].dtype, in[2].elements(), in[0].shape[0]});
}

std::optional<Runner> sgd_runner(const SparseSgdUpdate&, const Types& in, const Types&) {
  if (!fits(in)) return std::nullopt;
  return over_table(
      in,
      [](const Call& call, std::int64_t at, const float* g, std::int64_t n) {
        kernels().update.sgd(call.input(0) + at, g, *call.input(3), call.output(0) + at, n);
      },
      [](const Call& call, std::int64_t begin, std::int64_t end) { keep(call, 0, 0, begin, end); });
}

std::optional<Runner> adam_runner(const SparseAdamUpdate& op, const Types& in, const Types&) {
  if (!fits(in)) return std::nullopt;
  const AdamNumbers numbers{static_cast<float>(1 - op.beta1), static_cast<float>(1 - op.beta2),
                            static_cast<float>(op.epsilon)};
  const auto move = [numbers](const Call& call, std::int64_t at, const float* g, std::int64_t n) {
    const auto to = [&](int output) {
      return call.out[output] ? call.output(output) + at : nullptr;
    };
    kernels().update.adam(call.input(0) + at, g, *call.input(3), call.input(4) + at,
                          call.input(5) + at, numbers, to(0), to(1), to(2), n);
  };
  const auto keep_all = [](const Call& call, std::int64_t begin, std::int64_t end) {
    keep(call, 0, 0, begin, end);
    keep(call, 4, 1, begin, end);
    keep(call, 5, 2, begin, end);
  };
  if (!op.lazy)
    return over_table(in, move, [move](const Call& call, std::int64_t begin, std::int64_t end) {
      move(call, begin, nullptr, end - begin);
    });
  return over_table(
      in,
      [move, keep_all](const Call& call, std::int64_t at, const float* g, std::int64_t n) {
        const bool none = std::all_of(g, g + n, [](float x) { return x == 0; });
        if (none) {
          keep_all(call, at, at + n);
        } else {
          move(call, at, g, n);
        }
      },
      keep_all);
}

}  // namespace

void register_sparse_update(CpuBackend& backend) {
  backend.on<SparseSgdUpdate>(sgd_runner);
  backend.on<SparseAdamUpdate>(adam_runner);
}

}  // namespace deepcore
