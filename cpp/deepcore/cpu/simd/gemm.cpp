// A block of C from tiles: C (M, N) = finish(A (M, K) B (K, N)).
#include "deepcore/cpu/simd/gemm_pack.h"
#include "deepcore/cpu/simd/gemm_tile.h"

namespace deepcore::DEEPCORE_ISA {

// A stretch of columns: how many registers the next tile spans, and the valid lanes of its last.
struct GemmSpan {
  int registers, edge;
};
DC_INLINE GemmSpan gemm_span(int64_t columns, int most) {
  int registers = most;
  while (registers > 1 && (registers - 1) * kLanes >= columns) registers /= 2;
  const int64_t edge = columns - (registers - 1) * kLanes;
  return {registers, edge < kLanes ? (int)edge : kLanes};
}

DC_INLINE GemmResult gemm_at(const GemmResult& to, int64_t row, int64_t col) {
  GemmResult t = to;
  t.c += row * to.c_row + col;
  t.finish = to.finish.from_column(col);
  if (t.residual) t.residual += row * to.c_row + col;
  return t;
}

// Rows [begin, end) of what is needed soon, but for the first area of the first row: that comes
// back, to go with the tile.
static const float* gemm_fetch(const GemmAhead& ahead, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row)
    for (int i = row == begin ? 1 : 0; i < ahead.count; ++i) {
      const GemmAhead::Area& area = ahead.areas[i];
      for (int64_t at = 0; at < area.floats; at += kLineFloats)
        prefetch(area.first + row * area.row + at);
    }
  return begin < end ? ahead.areas[0].first + begin * ahead.areas[0].row : nullptr;
}

static void gemm_block(const GemmBlock& g) {
  // Rows in groups of nearly equal size: 32 rows as 6 6 5 5 5 5, not 6 6 6 6 6 2. A packed panel is
  // fixed.
  const bool packed = g.a_panel != kGemmRows * g.a_row;
  const int64_t groups = (g.m + kGemmRows - 1) / kGemmRows;
  const int most = groups == 1 ? gemm_registers((int)g.m) : 2;
  GemmStrided from = {g.k, g.a, g.a_row, g.a_k, g.b, g.b_k, g.b_panel, kLanes, nullptr, 0};
  const int64_t soon = g.ahead && g.k > 0 ? g.ahead->rows : 0,
                tiles = soon > 0 ? groups * ((g.n + most * kLanes - 1) / (most * kLanes)) : 0;
  if (soon > 0) from.ahead_k = (g.ahead->areas[0].floats + g.k - 1) / g.k;
  int64_t tile = 0;
  for (int64_t j = 0; j < g.n;) {
    const GemmSpan span = gemm_span(g.n - j, most);
    const bool partial = span.edge < kLanes && !g.b_padded;
    from.edge = span.edge;
    from.b = g.b + j / kGemmCols * g.b_panel + j % kGemmCols;
    for (int64_t i = 0; i < groups; ++i) {
      const int64_t row = packed ? i * kGemmRows : g.m * i / groups;
      const int64_t end =
          packed ? (row + kGemmRows < g.m ? row + kGemmRows : g.m) : g.m * (i + 1) / groups;
      from.a = g.a + (packed ? i * g.a_panel : row * g.a_row);
      const GemmResult to = gemm_at(g.to, row, j);
      if (soon > 0) {
        from.ahead = gemm_fetch(*g.ahead, soon * tile / tiles, soon * (tile + 1) / tiles);
        ++tile;
      }
      if (partial) {
        gemm_tile_of<true>((int)(end - row), span.registers, from, to);
      } else {
        gemm_tile_of<false>((int)(end - row), span.registers, from, to);
      }
    }
    j += span.registers * kLanes;
  }
  if (g.to.past) stream_end();
}

extern const GemmKernels gemm_kernels;
const GemmKernels gemm_kernels = {kGemmRows, kGemmCols, gemm_block, gemm_pack_a, gemm_pack_b};

}  // namespace deepcore::DEEPCORE_ISA
