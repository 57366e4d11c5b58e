#include "deepcore/cpu/gemm_plan.h"

#include <algorithm>

#include "deepcore/cpu/finish.h"
#include "deepcore/cpu/past_caches.h"

namespace deepcore {
namespace {

// Multiply-adds below which a task is not cut: while there are few, then. Pieces take 2 and 12 us:
// a line of memory goes from core to core in up to 0.3 us, and smaller tiles read more of them.
constexpr double kSmallTask = 256e3, kTask = 1600e3;
constexpr std::int64_t kMostTasks = 64;
// Depth of a product: B's panel then streams from L2, which keeps up.
constexpr std::int64_t kDepth = 1024;
// The same where a task packs B for itself: panels of B and the rows of A beside them stay in L1.
constexpr std::int64_t kOwnDepth = 384;
// The same where A is packed too: less, that L2 has room for what comes next.
constexpr std::int64_t kPackedADepth = 192;
// Rows of B this long lie on pages of their own and in few sets of the caches: go down a few at a
// time, across many columns, so that they stream; the more so when L2 can't hold B.
constexpr std::int64_t kLongRow = 192, kLongDepth = 64, kLongPanels = 8;
constexpr std::int64_t kBigB = 1 << 17, kBigDepth = 16, kBigPanels = 32;
// Rows of A that pay for packing such a B within a task, and for a phase before that packs it once.
constexpr std::int64_t kRowsPerOwn = 13, kRowsPerShared = 192;
// Elements of B below which that phase costs more than packing again; rows that pay for that.
constexpr std::int64_t kSmallB = 1 << 14, kOwnRows = 48;
// Rows of A this far apart lie in one set of L1, which can't hold a tile's: worth packing, where
// many columns read them, to this depth.
constexpr std::int64_t kOneSet = 1024, kOneSetDepth = 512;
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

// How B and A are read, and how thin a task may get. By shape alone, and the bits are the same
// anyway.
void choose(GemmPlan& p) {
  const bool one_b =
      std::all_of(p.b_strides.begin(), p.b_strides.end(), [](std::int64_t s) { return s == 0; });
  const bool big = p.k * p.n >= kBigB, long_rows = p.n >= kLongRow;
  std::int64_t depth = kDepth;
  p.constant_b = p.constant_b && one_b && !p.swapped;
  if (p.constant_b) {
    p.source = GemmSource::kShared;
  } else if (p.tb || (long_rows && p.m >= (big ? kRowsPerOwn : kRowsPerShared))) {
    const bool once = p.m >= kRowsPerShared && p.k * p.n > kSmallB && one_b;
    p.source = once ? GemmSource::kShared : GemmSource::kOwn;
    if (!once) p.least_groups = kOwnRows / p.kernels->rows;
    if (!p.tb) p.least_panels = kChunkPanels;
  } else if (long_rows) {
    depth = big ? kBigDepth : kLongDepth;
    p.least_panels = big ? kBigPanels : kLongPanels;
  }
  const bool collides =
      !p.ta && p.k > 0 && p.k % kOneSet == 0 && p.m >= kRowsPerShared && p.panels >= kPackAPanels;
  // A stored by columns has the same trouble as a B of long rows, but pays only for many columns.
  p.pack_a = collides || (p.ta && p.k >= 64 && p.n >= 128);
  p.chunk_panels = p.pack_a ? kPackAPanels : kChunkPanels;
  p.block_rows = p.pack_a ? kBlockRows : p.m;
  if (p.pack_a) {
    p.least_panels = kPackAPanels;
    depth = collides ? kOneSetDepth : kPackedADepth;
  } else if (p.source == GemmSource::kOwn) {
    depth = kOwnDepth;
  }
  if (p.constant_b && p.row_groups == 1) depth = std::max<std::int64_t>(p.k, 1);  // B is read once
  const std::int64_t chain = ceil_div(p.k, p.chains);
  p.depths = std::max<std::int64_t>(1, ceil_div(chain, depth));
  p.depth = ceil_div(chain, p.depths);
}

// Halves the longer side of the tasks while they stay worth it; columns where each task packs its
// own.
void cut(GemmPlan& p) {
  const double entries = static_cast<double>(p.batch.elements());
  // Turning B over costs about as much as 6 multiply-adds an element.
  const double rows = static_cast<double>(p.m) + (p.tb ? 6 : 0);
  const double chains = static_cast<double>(p.chains);
  // A register of few columns takes as long as a full one.
  const std::int64_t lanes = p.kernels->cols / 2;
  const auto columns = static_cast<double>(ceil_div(p.n, lanes) * lanes);
  const double work = rows * columns * static_cast<double>(p.k) / chains;
  const double together = std::max(1.0, kTask / (2 * std::max(work, 1.0)));
  p.entry_tasks = static_cast<std::int64_t>(std::max(1.0, entries / together));
  if (p.ta && p.chains > 1) return;  // tasks enough, and none packs what another one needs
  for (;;) {
    const std::int64_t tasks = p.row_tasks * p.col_tasks;
    const double pieces = entries * chains * static_cast<double>(tasks);
    if (2 * pieces > kMostTasks ||
        work / static_cast<double>(tasks) < (pieces < 4 ? kSmallTask : kTask))
      return;
    const bool rows_can = p.row_groups >= 2 * p.least_groups * p.row_tasks;
    const bool cols_can = p.panels >= 2 * p.least_panels * p.col_tasks;
    if (!rows_can && !cols_can) return;
    const bool streams = p.source == GemmSource::kShared && p.k * p.n < kBigB &&
                         p.m >= 2 * kStreamRows * p.row_tasks;
    const bool rows_longer =
        streams || (p.source != GemmSource::kOwn && p.m * p.col_tasks > p.n * p.row_tasks);
    if (rows_can && (rows_longer || !cols_can)) {
      p.row_tasks *= 2;
    } else {
      p.col_tasks *= 2;
    }
  }
}

}  // namespace

GemmPlan plan_gemm(const Gemm& gemm, const Kernels& table, bool constant_b) {
  GemmPlan p;
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
  if (p.source == GemmSource::kOwn)
    p.b_floats = std::min(task_panels, p.chunk_panels) * cols * p.depth;
  if (p.swapped) p.column_floats = task_panels * cols;  // a scale or bias for each
  if (p.source == GemmSource::kShared) p.packed_floats = p.panels * cols * p.k;
  if (p.chains > 1) p.chain_floats = p.m * p.n;
  p.one_task = static_cast<double>(p.m * p.n) * static_cast<double>(p.k) < kSmallTask;
  p.past = p.depths == 1 && p.chains == 1 && !finishes_stored(p.epilogue) &&
           past_caches(p.batch.elements() * p.m * p.n, p.n);
  p.pack_tasks = p.tb ? std::min(p.panels, kMostTasks) : ceil_div(p.k, kPackRows);
  return p;
}

}  // namespace deepcore
