// The loops around the tiles are those of Goto and van de Geijn, "Anatomy of High-Performance
// Matrix Multiplication" (2008), less the packing of A where it was measured to cost more than it
// saves.
#include "deepcore/cpu/gemm.h"

#include <algorithm>

#include "deepcore/cpu/backend.h"

namespace deepcore {
namespace {

// Multiply-adds below which a product is not cut: in 2 and 4 pieces, and in more (1.2 and 6 us at
// 55 G/s).
constexpr double kSmallTask = 64e3, kTask = 320e3;
constexpr std::int64_t kMostTasks = 64;
// A panel of B of this depth and the rows of A beside it fit L1.
constexpr std::int64_t kPackedDepth = 384;
// Depth of an unpacked product: B's panel then streams from L2, which keeps up.
constexpr std::int64_t kDirectDepth = 1024;
// Rows of A of the packed depth fit L2 beside all else.
constexpr std::int64_t kBlockRows = 192;
// Columns that a task packs at a time for itself: the widest tile has 8 registers, 4 panels.
constexpr std::int64_t kChunkPanels = 4;
constexpr std::int64_t kPackRows = 64;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Where the tiles find B.
enum class Source {
  kDirect,
  kOwn,
  kShared
};  // as it is; packed by each task; packed once, by a phase before

struct Plan : Gemm {
  const GemmKernels* kernels;
  Source source = Source::kDirect;
  bool pack_a = false;
  bool scalar_bias = false;  // C is one column laid down as a row
  bool swapped = false;
  std::int64_t row_groups, panels;            // of tiles
  std::int64_t row_tasks = 1, col_tasks = 1;  // an entry of the batch
  std::int64_t depth, depths;                 // k goes by this many blocks of this depth
  std::int64_t a_floats = 0, b_floats = 0, bias_floats = 0;  // of scratch
  std::int64_t pack_tasks = 1;

  // The elements between rows, and between neighbours along k.
  std::ptrdiff_t a_row() const { return ta ? 1 : k; }
  std::ptrdiff_t a_k() const { return ta ? m : 1; }
  std::ptrdiff_t b_col() const { return tb ? k : 1; }
  std::ptrdiff_t b_k() const { return tb ? 1 : n; }
};

// Halves the longer side of the tasks while they stay worth it. By shape alone.
void cut(Plan& p) {
  const double entries = static_cast<double>(std::max<std::int64_t>(p.batch.elements(), 1));
  // Turning B over costs about as much as 6 multiply-adds an element.
  const double rows = static_cast<double>(p.m) + (p.tb ? 6 : 0);
  const double work = rows * static_cast<double>(p.n) * static_cast<double>(p.k);
  for (;;) {
    const std::int64_t tasks = p.row_tasks * p.col_tasks;
    const double pieces = entries * static_cast<double>(tasks);
    if (2 * pieces > kMostTasks ||
        work / static_cast<double>(tasks) < (pieces < 4 ? kSmallTask : kTask))
      return;
    const bool rows_can = p.row_groups >= 2 * p.row_tasks, cols_can = p.panels >= 2 * p.col_tasks;
    if (!rows_can && !cols_can) return;
    const bool rows_longer = p.m * p.col_tasks > p.n * p.row_tasks;
    if (rows_can && (rows_longer || !cols_can)) {
      p.row_tasks *= 2;
    } else {
      p.col_tasks *= 2;
    }
  }
}

Plan plan(const Gemm& gemm, const Kernels& table) {
  Plan p;
  static_cast<Gemm&>(p) = gemm;
  p.kernels = &table.gemm;
  if (p.n == 1 && p.m > 1) {  // C' = B' A': the long side lies along the registers
    std::swap(p.m, p.n);
    std::swap(p.a_strides, p.b_strides);
    p.tb = !gemm.ta;
    p.ta = false;
    p.swapped = true;
    p.scalar_bias = p.epilogue.bias;
  }
  const std::int64_t rows = p.kernels->rows, cols = p.kernels->cols;
  p.row_groups = ceil_div(p.m, rows);
  p.panels = ceil_div(p.n, cols);
  cut(p);

  const std::int64_t task_rows = ceil_div(p.row_groups, p.row_tasks) * rows;
  const std::int64_t task_panels = ceil_div(p.panels, p.col_tasks);
  const bool one_b =
      std::all_of(p.b_strides.begin(), p.b_strides.end(), [](std::int64_t s) { return s == 0; });
  // Rows of B that are far apart fall into few sets of the caches; it shows where panels are read
  // again.
  const bool far_apart = !p.tb && p.n >= 192 && p.m >= 24;
  if (p.tb || far_apart) {
    const bool once = p.row_tasks == 1 && (!one_b || p.batch.elements() == 1);
    const bool cheap = p.tb && p.k * p.n <= 1 << 14;
    p.source = once || cheap || !one_b ? Source::kOwn : Source::kShared;
  }
  // Likewise A's, when it is stored by columns.
  p.pack_a = p.ta && p.k >= 64 && task_panels * cols >= 128;

  const std::int64_t most = p.source == Source::kDirect && !p.pack_a ? kDirectDepth : kPackedDepth;
  p.depths = std::max<std::int64_t>(1, ceil_div(p.k, most));
  p.depth = ceil_div(p.k, p.depths);
  if (p.pack_a) p.a_floats = std::min(task_rows, kBlockRows) * p.depth;
  if (p.source == Source::kOwn) p.b_floats = std::min(task_panels, kChunkPanels) * cols * p.depth;
  if (p.scalar_bias) p.bias_floats = task_panels * cols;
  p.pack_tasks = tasks_for(p.panels * cols * p.k, 1 << 15,
                           std::min(kMostTasks, std::max<std::int64_t>(p.panels, 1)));
  return p;
}

struct Operands {
  const float *a, *b, *bias;
  float* c;
};

// What one task computes: rows [row, row + m) and columns [col, col + n) of one C.
class Task {
 public:
  Task(const Plan& plan, const Operands& at, const float* shared, void* scratch)
      : p_(plan),
        at_(at),
        shared_(shared),
        a_pack_(static_cast<float*>(scratch)),
        b_pack_(a_pack_ + plan.a_floats),
        bias_(b_pack_ + plan.b_floats) {}

  void run(Range groups, Range panels) {
    const std::int64_t cols = p_.kernels->cols;
    const std::int64_t col = panels.begin * cols, end = std::min(panels.end * cols, p_.n);
    if (p_.scalar_bias) {
      std::fill_n(bias_, end - col, at_.bias[0]);
      at_.bias = bias_ - col;
    }
    const std::int64_t chunk = p_.source == Source::kOwn ? kChunkPanels * cols : end - col;
    for (std::int64_t j = col; j < end; j += chunk)
      for (std::int64_t d = 0; d < p_.depths; ++d) depth(groups, d, j, std::min(chunk, end - j));
  }

 private:
  // One block of k for all the task's rows and n columns from col on.
  void depth(Range groups, std::int64_t d, std::int64_t col, std::int64_t n) {
    const GemmKernels& kernels = *p_.kernels;
    const std::int64_t rows = kernels.rows, cols = kernels.cols;
    const std::int64_t k0 = d * p_.depth, depth = std::min(p_.depth, p_.k - k0);
    const float* b = at_.b + k0 * p_.b_k() + col * p_.b_col();
    GemmBlock block{};
    block.n = n;
    block.k = depth;
    switch (p_.source) {
      case Source::kDirect:
        block.b = b;
        block.b_k = p_.b_k();
        block.b_panel = cols;
        break;
      case Source::kOwn:
        kernels.pack_b(depth, n, b, p_.b_k(), p_.b_col(), b_pack_, cols * depth);
        block.b = b_pack_;
        block.b_k = cols;
        block.b_panel = cols * depth;
        break;
      case Source::kShared:
        block.b = shared_ + col * p_.k + k0 * cols;
        block.b_k = cols;
        block.b_panel = cols * p_.k;
        break;
    }
    block.b_padded = p_.source != Source::kDirect;
    const bool last = d + 1 == p_.depths;
    const std::int64_t end = std::min(groups.end * rows, p_.m);
    const std::int64_t step = p_.pack_a ? kBlockRows : end;
    for (std::int64_t row = groups.begin * rows; row < end; row += step) {
      block.m = std::min(step, end - row);
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
      block.to = {at_.c + row * p_.n + col, p_.n, d > 0,
                  last && at_.bias ? at_.bias + col : nullptr,
                  last ? p_.epilogue.activation : Kind::kIdentity};
      kernels.block(block);
    }
  }

  const Plan& p_;
  Operands at_;
  const float* shared_;
  float *a_pack_, *b_pack_, *bias_;
};

// Packs panels [begin, end) of B. Some rows at a time, so that their pages stay at hand.
void pack_shared(const Plan& p, const float* b, float* out, Range panels) {
  const std::int64_t cols = p.kernels->cols;
  const std::int64_t col = panels.begin * cols, n = std::min(panels.end * cols, p.n) - col;
  const std::int64_t step = p.tb ? p.k : kPackRows;
  for (std::int64_t k0 = 0; k0 < p.k; k0 += step)
    p.kernels->pack_b(std::min(step, p.k - k0), n, b + k0 * p.b_k() + col * p.b_col(), p.b_k(),
                      p.b_col(), out + col * p.k + k0 * cols, cols * p.k);
}

}  // namespace

std::int64_t offset_of(std::int64_t index, const Shape& shape, const Dims& strides) {
  std::int64_t offset = 0;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    offset += index % shape[i] * strides[i];
    index /= shape[i];
  }
  return offset;
}

Runner gemm_runner(const Gemm& gemm, const Kernels& table) {
  Runner runner;
  const Plan p = plan(gemm, table);
  if (p.m == 0 || p.n == 0 || p.batch.elements() == 0) {
    runner.phases.push_back({0, [](const Call&, std::int64_t, void*) {}});
    return runner;
  }
  const auto b_of = [](const Plan& plan, const Call& call) {
    return call.input(plan.swapped ? 0 : 1);
  };
  if (p.source == Source::kShared) {
    runner.workspace = static_cast<std::size_t>(p.panels * p.kernels->cols * p.k) * sizeof(float);
    runner.phases.push_back({p.pack_tasks, [p, b_of](const Call& call, std::int64_t task, void*) {
                               pack_shared(p, b_of(p, call), static_cast<float*>(call.workspace),
                                           piece(p.panels, p.pack_tasks, task));
                             }});
  }
  runner.scratch =
      static_cast<std::size_t>(p.a_floats + p.b_floats + p.bias_floats) * sizeof(float);
  // Rows first: neighbouring tasks, which often run on one thread, read the same panels of B.
  const std::int64_t tasks = p.row_tasks * p.col_tasks;
  runner.phases.push_back(
      {p.batch.elements() * tasks,
       [p, b_of, tasks](const Call& call, std::int64_t task, void* scratch) {
         const std::int64_t entry = task / tasks, rest = task % tasks;
         const Operands at{call.input(p.swapped ? 1 : 0) + offset_of(entry, p.batch, p.a_strides),
                           b_of(p, call) + offset_of(entry, p.batch, p.b_strides),
                           p.epilogue.bias ? call.input(2) : nullptr,
                           call.output(0) + entry * p.m * p.n};
         Task(p, at, static_cast<const float*>(call.workspace), scratch)
             .run(piece(p.row_groups, p.row_tasks, rest % p.row_tasks),
                  piece(p.panels, p.col_tasks, rest / p.row_tasks));
       }});
  return runner;
}

}  // namespace deepcore
