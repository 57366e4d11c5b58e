// Tables updated by the rows that were taken: the positions are sorted by row, then every task
// walks a stretch of the table. Rows taken several times get their gradients summed in the order of
// the indices, as ScatterAdd does.
#include "deepcore/ops/sparse_update.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

// Elements that a task passes over.
constexpr std::int64_t kGrain = 32768;
// Bits of a row's number that one pass of sorting looks at.
constexpr int kDigit = 11;

// Where index `position` asks for `row`.
struct Taken {
  std::uint32_t row, position;
};

struct Table {
  std::int64_t rows, width, taken;
  DType index;

  // The row that an index means, negative ones from the end; -1 when outside.
  std::int64_t row_of(const void* indices, std::int64_t i) const {
    const std::int64_t k = index == DType::kInt64
                               ? static_cast<const std::int64_t*>(indices)[i]
                               : std::int64_t{static_cast<const std::int32_t*>(indices)[i]};
    const std::int64_t row = k < 0 ? k + rows : k;
    return row >= 0 && row < rows ? row : -1;
  }
  std::size_t workspace() const { return 2 * static_cast<std::size_t>(taken) * sizeof(Taken); }
  int passes() const {
    const int bits = std::bit_width(static_cast<std::uint64_t>(rows - 1));
    return std::max(1, (bits + kDigit - 1) / kDigit);
  }
  // The last pass writes here.
  const Taken* sorted(const Call& call) const {
    return static_cast<const Taken*>(call.workspace) + (passes() % 2) * taken;
  }
};

// By row, and by position within a row: a radix sort keeps the order it finds.
void sort(const Table& table, const Call& call) {
  Taken* from = static_cast<Taken*>(call.workspace);
  Taken* to = from + table.taken;
  for (std::int64_t i = 0; i < table.taken; ++i) {
    const std::int64_t row = table.row_of(call.in[2], i);
    if (row < 0) {
      call.fault->store(static_cast<int>(Fault::kIndexOutOfRange), std::memory_order_relaxed);
      return;
    }
    from[i] = {static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(i)};
  }
  for (int pass = 0; pass < table.passes(); ++pass, std::swap(from, to)) {
    const int shift = pass * kDigit;
    const auto digit = [shift](const Taken& t) {
      return static_cast<std::size_t>(t.row >> shift) & ((1u << kDigit) - 1);
    };
    std::array<std::uint32_t, 1 << kDigit> at{};
    for (std::int64_t i = 0; i < table.taken; ++i) ++at[digit(from[i])];
    std::uint32_t begin = 0;
    for (std::uint32_t& count : at) begin += std::exchange(count, begin);
    for (std::int64_t i = 0; i < table.taken; ++i) to[at[digit(from[i])]++] = from[i];
  }
}

// touched(row, gradient) for each row of the table that was taken, and idle(first, end) for the
// stretches between them.
template <class Touched, class Idle>
Runner over_table(const Types& in, Touched touched, Idle idle) {
  const Type &p = in[0], &indices = in[2];
  const Table table{p.shape[0], p.shape.elements(1, p.shape.rank()), indices.elements(),
                    indices.dtype};
  const std::int64_t size = table.rows * table.width;
  if (size == 0) return {{{0, nullptr}}};
  const std::int64_t tasks = std::min(table.rows, tasks_for(size, kGrain));
  Runner runner;
  runner.workspace = table.workspace();
  runner.scratch = static_cast<std::size_t>(table.width) * sizeof(float);
  runner.phases.push_back(
      {1, [table](const Call& call, std::int64_t, void*) { sort(table, call); }});
  runner.phases.push_back(
      {tasks, [=](const Call& call, std::int64_t task, void* scratch) {
         if (call.fault->load(std::memory_order_relaxed) != 0) return;
         const Range mine = piece(table.rows, tasks, task);
         const Taken *t = table.sorted(call), *end = t + table.taken;
         t = std::lower_bound(t, end, mine.begin,
                              [](const Taken& taken, std::int64_t row) { return taken.row < row; });
         float* sum = static_cast<float*>(scratch);
         std::int64_t next = mine.begin;
         while (t < end && t->row < mine.end) {
           const std::int64_t row = t->row;
           if (row > next) idle(call, next * table.width, row * table.width);
           next = row + 1;
           std::fill_n(sum, table.width, 0.0f);
           for (; t < end && t->row == row; ++t) {
             const float* g = call.input(1) + t->position * table.width;
             for (std::int64_t i = 0; i < table.width; ++i) sum[i] += g[i];
           }
           touched(call, row * table.width, sum, table.width);
         }
         if (next < mine.end) idle(call, next * table.width, mine.end * table.width);
       }});
  return runner;
}

// What is not moved is copied, where the new value does not lie on the old one.
void keep(const Call& call, int input, int output, std::int64_t begin, std::int64_t end) {
  if (!call.out[output] || call.out[output] == call.in[input]) return;
  std::copy(call.input(input) + begin, call.input(input) + end, call.output(output) + begin);
}

bool fits(const Types& in) {
  return in[0].dtype == DType::kFloat32 && in[0].shape[0] <= 0xffffffff &&
         in[2].elements() <= 0xffffffff;
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
