// How a matrix product is cut into tasks, and where those find A and B. By shape alone.
#pragma once

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/gemm.h"

namespace deepcore {

// Where the tiles find B: as it is; packed by each task for itself; packed once, by a phase before.
enum class GemmSource { kDirect, kOwn, kShared };

struct GemmPlan : Gemm {
  const GemmKernels* kernels;
  bool constant_b = false;  // B is packed in the setup
  GemmSource source = GemmSource::kDirect;
  bool pack_a = false;
  bool swapped = false;
  std::int64_t row_groups, panels;                  // of tiles
  std::int64_t row_tasks = 1, col_tasks = 1;        // an entry of the batch
  std::int64_t entry_tasks = 1;                     // tasks take whole entries when those are small
  std::int64_t least_groups = 1, least_panels = 1;  // of a task
  std::int64_t chunk_panels = 0, block_rows = 0;    // that a task packs of B and A at a time
  std::int64_t depth, depths;  // a chain goes by this many blocks of this depth
  std::int64_t a_floats = 0, b_floats = 0, column_floats = 0;  // of scratch
  std::int64_t packed_floats = 0, chain_floats = 0;            // of the workspace
  std::int64_t pack_tasks = 1;
  bool one_task = false;  // does all chains and adds them up
  bool past = false;      // C goes past the caches, where it begins a line

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

GemmPlan plan_gemm(const Gemm& gemm, const Kernels& table, bool constant_b);

}  // namespace deepcore
