// The loops around the tiles are those of Goto and van de Geijn, "Anatomy of High-Performance
// Matrix Multiplication" (2008), less the packing of A where it was measured to cost more than it
// saves.
#include "deepcore/cpu/gemm.h"

#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/finish.h"

namespace deepcore {
namespace {

// Multiply-adds below which a task is not cut: while there are few, then. Pieces take 1.2 and 4 us.
constexpr double kSmallTask = 128e3, kTask = 400e3;
constexpr std::int64_t kMostTasks = 64;
// A panel of B of this depth and the rows of A beside it fit L1.
constexpr std::int64_t kPackedDepth = 384;
// The same where A is packed too: less, that L2 has room for what comes next.
constexpr std::int64_t kPackedADepth = 192;
// Depth of an unpacked product: B's panel then streams from L2, which keeps up.
constexpr std::int64_t kDirectDepth = 1024;
// Rows of B this long lie on pages of their own and in few sets of the caches: go down a few at a
// time, across many columns, so that they stream; the more so when L2 can't hold B.
constexpr std::int64_t kLongRow = 192, kLongDepth = 64, kLongPanels = 8;
constexpr std::int64_t kBigB = 1 << 17, kBigDepth = 16, kBigPanels = 32;
// Rows of A that pay for packing such a B within a task, and for a phase before that packs it once.
constexpr std::int64_t kRowsPerOwn = 13, kRowsPerShared = 192;
// Elements of B below which that phase costs more than packing again; rows that pay for that.
constexpr std::int64_t kSmallB = 1 << 14, kOwnRows = 48;
// Rows of A of the packed depth fit L2 beside all else.
constexpr std::int64_t kBlockRows = 192;
// Panels that a task packs at a time for itself: the widest tile spans 4. Packing A pays for 16.
constexpr std::int64_t kChunkPanels = 4, kPackAPanels = 16;
// Rows of a task that take all columns of a packed B which L2 holds: A is read and C written once,
// in the order of memory, on few pages at a time.
constexpr std::int64_t kStreamRows = 32;
// Rows of B that one task packs.
constexpr std::int64_t kPackRows = 32;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Where the tiles find B: as it is; packed by each task for itself; packed once, by a phase before.
enum class Source { kDirect, kOwn, kShared };

struct Plan : Gemm {
  const GemmKernels* kernels;
  bool constant_b = false;  // B is packed in the setup
  Source source = Source::kDirect;
  bool pack_a = false;
  bool swapped = false;
  std::int64_t row_groups, panels;                  // of tiles
  std::int64_t row_tasks = 1, col_tasks = 1;        // an entry of the batch
  std::int64_t entry_tasks = 1;                     // tasks take whole entries when those are small
  std::int64_t least_groups = 1, least_panels = 1;  // of a task
  std::int64_t chunk_panels = kChunkPanels;
  std::int64_t depth, depths;  // k goes by this many blocks of this depth
  std::int64_t a_floats = 0, b_floats = 0, column_floats = 0;  // of scratch
  std::int64_t pack_tasks = 1;

  // Rows of one task: whole panels where those are packed.
  Range rows_of(std::int64_t task) const {
    if (!pack_a) return piece(m, row_tasks, task);
    const Range groups = piece(row_groups, row_tasks, task);
    return {groups.begin * kernels->rows, std::min(groups.end * kernels->rows, m)};
  }
  // The elements between rows, and between neighbours along k.
  std::ptrdiff_t a_row() const { return ta ? 1 : k; }
  std::ptrdiff_t a_k() const { return ta ? m : 1; }
  std::ptrdiff_t b_col() const { return tb ? k : 1; }
  std::ptrdiff_t b_k() const { return tb ? 1 : n; }
};

// How B and A are read, and how thin a task may get. By shape alone, and the bits are the same
// anyway.
void choose(Plan& p) {
  const bool one_b =
      std::all_of(p.b_strides.begin(), p.b_strides.end(), [](std::int64_t s) { return s == 0; });
  const bool big = p.k * p.n >= kBigB, long_rows = p.n >= kLongRow;
  std::int64_t depth = kDirectDepth;
  p.constant_b = p.constant_b && one_b && !p.swapped;
  if (p.constant_b) {
    p.source = Source::kShared;
  } else if (p.tb || (long_rows && p.m >= (big ? kRowsPerOwn : kRowsPerShared))) {
    const bool once = p.m >= kRowsPerShared && p.k * p.n > kSmallB && one_b;
    p.source = once ? Source::kShared : Source::kOwn;
    if (!once) p.least_groups = kOwnRows / p.kernels->rows;
    if (!p.tb) p.least_panels = kChunkPanels;
  } else if (long_rows) {
    depth = big ? kBigDepth : kLongDepth;
    p.least_panels = big ? kBigPanels : kLongPanels;
  }
  // A stored by columns has the same trouble as a B of long rows, but pays only for many columns.
  p.pack_a = p.ta && p.k >= 64 && p.n >= 128;
  if (p.pack_a) p.least_panels = p.chunk_panels = kPackAPanels;
  if (p.pack_a) {
    depth = kPackedADepth;
  } else if (p.source != Source::kDirect) {
    depth = kPackedDepth;
  }
  if (p.constant_b && p.row_groups == 1) depth = std::max<std::int64_t>(p.k, 1);  // B is read once
  p.depths = std::max<std::int64_t>(1, ceil_div(p.k, depth));
  p.depth = ceil_div(p.k, p.depths);
}

// Halves the longer side of the tasks while they stay worth it; columns where each task packs its
// own.
void cut(Plan& p) {
  const double entries = static_cast<double>(p.batch.elements());
  // Turning B over costs about as much as 6 multiply-adds an element.
  const double rows = static_cast<double>(p.m) + (p.tb ? 6 : 0);
  const double work = rows * static_cast<double>(p.n) * static_cast<double>(p.k);
  const double together = std::max(1.0, kTask / (2 * std::max(work, 1.0)));
  p.entry_tasks = static_cast<std::int64_t>(p.whole ? entries : std::max(1.0, entries / together));
  for (; !p.whole;) {
    const std::int64_t tasks = p.row_tasks * p.col_tasks;
    const double pieces = entries * static_cast<double>(tasks);
    if (2 * pieces > kMostTasks ||
        work / static_cast<double>(tasks) < (pieces < 4 ? kSmallTask : kTask))
      return;
    const bool rows_can = p.row_groups >= 2 * p.least_groups * p.row_tasks;
    const bool cols_can = p.panels >= 2 * p.least_panels * p.col_tasks;
    if (!rows_can && !cols_can) return;
    const bool streams =
        p.source == Source::kShared && p.k * p.n < kBigB && p.m >= 2 * kStreamRows * p.row_tasks;
    const bool rows_longer =
        streams || (p.source != Source::kOwn && p.m * p.col_tasks > p.n * p.row_tasks);
    if (rows_can && (rows_longer || !cols_can)) {
      p.row_tasks *= 2;
    } else {
      p.col_tasks *= 2;
    }
  }
}

Plan plan(const Gemm& gemm, const Kernels& table, bool constant_b) {
  Plan p;
  static_cast<Gemm&>(p) = gemm;
  p.constant_b = constant_b;
  p.kernels = &table.gemm;
  if (p.n == 1 && p.m > 1) {  // C' = B' A': the long side lies along the registers
    std::swap(p.m, p.n);
    std::swap(p.a_strides, p.b_strides);
    p.tb = !gemm.ta;
    p.ta = false;
    p.swapped = true;
  }
  const std::int64_t rows = p.kernels->rows, cols = p.kernels->cols;
  p.row_groups = ceil_div(p.m, rows);
  p.panels = ceil_div(p.n, cols);
  choose(p);
  cut(p);
  const std::int64_t task_rows = ceil_div(p.row_groups, p.row_tasks) * rows;
  const std::int64_t task_panels = ceil_div(p.panels, p.col_tasks);
  if (p.pack_a) p.a_floats = std::min(task_rows, kBlockRows) * p.depth;
  if (p.source == Source::kOwn) p.b_floats = std::min(task_panels, p.chunk_panels) * cols * p.depth;
  if (p.swapped) p.column_floats = task_panels * cols;  // a scale or bias for each
  p.pack_tasks = p.tb ? std::min(p.panels, kMostTasks) : ceil_div(p.k, kPackRows);
  return p;
}

struct Operands {
  const float *a, *b;
  float* c;
  Finish finish;
  const float* residual;
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
        scales_(b_pack_ + plan.b_floats),
        biases_(scales_ + plan.column_floats) {}

  void run(Range rows, Range panels) {
    const std::int64_t cols = p_.kernels->cols;
    const std::int64_t col = panels.begin * cols, end = std::min(panels.end * cols, p_.n);
    if (p_.swapped) {  // C is one column laid down as a row
      at_.finish.scale = spread(at_.finish.scale, scales_, col, end);
      at_.finish.bias = spread(at_.finish.bias, biases_, col, end);
    }
    const std::int64_t chunk = p_.source == Source::kOwn ? p_.chunk_panels * cols : end - col;
    for (std::int64_t j = col; j < end; j += chunk)
      for (std::int64_t d = 0; d < p_.depths; ++d) depth(rows, d, j, std::min(chunk, end - j));
  }

 private:
  static const float* spread(const float* value, float* to, std::int64_t col, std::int64_t end) {
    if (!value) return nullptr;
    std::fill_n(to, end - col, *value);
    return to - col;
  }

  // One block of k for all the task's rows and n columns from col on.
  void depth(Range range, std::int64_t d, std::int64_t col, std::int64_t n) {
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
    const std::int64_t step = p_.pack_a ? kBlockRows : p_.m;
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
      block.to = {at_.c + at, p_.n, d > 0, last ? at_.finish.from_column(col) : Finish{},
                  last && at_.residual ? at_.residual + at : nullptr};
      const bool fetches = p_.pack_a && p_.source == Source::kOwn && n == p_.n && !last;
      const GemmAhead next = fetches ? next_rows(d + 1) : GemmAhead{};
      block.ahead = fetches && row == range.begin ? &next : nullptr;
      kernels.block(block);
    }
  }

  // What the next depth() packs lies together, and is fetched meanwhile.
  GemmAhead next_rows(std::int64_t d) const {
    const std::int64_t k0 = d * p_.depth, depth = std::min(p_.depth, p_.k - k0);
    const std::int64_t tiles = p_.row_groups * p_.panels;
    const std::int64_t a_floats = depth * p_.m / tiles, b_floats = depth * p_.n / tiles;
    return {tiles,
            2,
            {{at_.b + k0 * p_.n, b_floats, b_floats}, {at_.a + k0 * p_.m, a_floats, a_floats}}};
  }

  const Plan& p_;
  Operands at_;
  const float* shared_;
  float *a_pack_, *b_pack_, *scales_, *biases_;
};

// Packs a share of B: rows of what is stored, so that memory is read in order.
void pack_shared(const Plan& p, const float* b, float* out, std::int64_t task) {
  const std::int64_t cols = p.kernels->cols;
  if (p.tb) {
    const Range panels = piece(p.panels, p.pack_tasks, task);
    const std::int64_t col = panels.begin * cols, n = std::min(panels.end * cols, p.n) - col;
    p.kernels->pack_b(p.k, n, b + col * p.k, 1, p.k, out + col * p.k, cols * p.k);
  } else {
    const Range rows = piece(p.k, p.pack_tasks, task);
    p.kernels->pack_b(rows.end - rows.begin, p.n, b + rows.begin * p.n, p.n, 1,
                      out + rows.begin * cols, cols * p.k);
  }
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

Runner gemm_runner(const Gemm& gemm, const Kernels& table, bool constant_b) {
  const Plan p = plan(gemm, table, constant_b);
  Runner runner;
  if (p.m == 0 || p.n == 0 || p.batch.elements() == 0) {
    runner.phases.push_back({0, [](const Call&, std::int64_t, void*) {}});
    return runner;
  }
  const auto b_of = [](const Plan& plan, const Call& call) {
    return call.input(plan.swapped ? 0 : 1);
  };
  if (p.source == Source::kShared) {
    runner.workspace = static_cast<std::size_t>(p.panels * p.kernels->cols * p.k) * sizeof(float);
    if (p.constant_b) runner.absorbed = kConstantB;
    (p.constant_b ? runner.setup : runner.phases)
        .push_back({p.pack_tasks, [p, b_of](const Call& call, std::int64_t task, void*) {
                      pack_shared(p, b_of(p, call), static_cast<float*>(call.workspace), task);
                    }});
  }
  runner.scratch =
      static_cast<std::size_t>(p.a_floats + p.b_floats + 2 * p.column_floats) * sizeof(float);
  // Rows first: neighbouring tasks, which often run on one thread, read the same panels of B.
  const std::int64_t tasks = p.row_tasks * p.col_tasks;
  const auto run = [p, b_of, tasks](const Call& call, std::int64_t task, void* scratch) {
    const Range rows = p.rows_of(task % tasks % p.row_tasks);
    const Range panels = piece(p.panels, p.col_tasks, task % tasks / p.row_tasks);
    const Range entries = piece(p.batch.elements(), p.entry_tasks, task / tasks);
    const Finish finish = finish_of(p.epilogue, call);
    const float* residual = residual_of(p.epilogue, call);
    for (std::int64_t i = entries.begin; i < entries.end; ++i) {
      const Operands at{call.input(p.swapped ? 1 : 0) + offset_of(i, p.batch, p.a_strides),
                        b_of(p, call) + offset_of(i, p.batch, p.b_strides),
                        call.output(0) + i * p.m * p.n, finish,
                        residual ? residual + i * p.m * p.n : nullptr};
      Task(p, at, static_cast<const float*>(call.workspace), scratch).run(rows, panels);
    }
  };
  runner.phases.push_back({p.entry_tasks * tasks, run});
  return runner;
}

}  // namespace deepcore
