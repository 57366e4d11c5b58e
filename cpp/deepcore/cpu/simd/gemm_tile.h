// The micro-kernels: a tile of R rows by V registers of C stays in registers over the whole of k.
// c(i, j) = finish(sum_k a(i, k) b(k, j)), each element one chain of multiply-adds over
// rising k. Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008); BLIS
// (2015).
#pragma once

#include "deepcore/cpu/kernels/gemm.h"
#include "deepcore/cpu/simd/epilogue.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

// 12 accumulators, 2 registers of B and a broadcast of A: 15 of 16, and 12 chains cover the latency
// of the multiply-add (4) times its throughput (2). A row less or two still do. With 32 registers,
// 24 accumulators halve how often B is read.
#if defined(__AVX512F__)
constexpr int kGemmRows = 12;
#else
constexpr int kGemmRows = 6;
#endif
constexpr int kGemmCols = 2 * kLanes;

// How many registers wide a tile of so few rows must be to keep as many chains.
constexpr int gemm_registers(int rows) { return rows == 1 ? 8 : rows <= 3 ? 4 : 2; }

// What a tile reads. `edge` lanes of its last register are valid, and B may end there.
struct GemmStrided {
  int64_t k;
  const float* a;
  ptrdiff_t a_row, a_k;
  const float* b;
  ptrdiff_t b_k, b_panel;
  int edge;
  const float* ahead;  // memory to be fetched on the way, or null,
  ptrdiff_t ahead_k;   // so many floats with each k
};

template <int R, int V>
struct GemmTile {
  F32 c[R][V];
};

template <int R, int V>
DC_INLINE void gemm_start(GemmTile<R, V>& tile, const GemmResult& to, int edge) {
  const Mask mask = first_n(edge);
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 12
    for (int v = 0; v < V; ++v) {
      const float* c = to.c + r * to.c_row + v * kLanes;
      tile.c[r][v] = !to.accumulate ? zero() : v + 1 < V ? load(c) : load_masked(c, mask);
    }
  }
}

// tile += one k of a b. The loops are turned so that the fewer operands are held: the columns of a
// tall tile, the rows of a wide one; otherwise the compiler spills.
template <int R, int V, class Row, class Col>
DC_INLINE void gemm_step(GemmTile<R, V>& tile, const Row& row, const Col& col) {
  if constexpr (R > V) {
    F32 cols[V];
#pragma GCC unroll 12
    for (int v = 0; v < V; ++v) cols[v] = col(v);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      const F32 x = row(r);
#pragma GCC unroll 12
      for (int v = 0; v < V; ++v) tile.c[r][v] = mul_add(x, cols[v], tile.c[r][v]);
    }
  } else {
    F32 rows[R];
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) rows[r] = row(r);
#pragma GCC unroll 12
    for (int v = 0; v < V; ++v) {
      const F32 x = col(v);
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r) tile.c[r][v] = mul_add(rows[r], x, tile.c[r][v]);
    }
  }
}

template <bool kEdge, bool kAhead, int R, int V>
DC_INLINE void gemm_chain(GemmTile<R, V>& tile, const GemmStrided& from) {
  const Mask mask = first_n(from.edge);
  const ptrdiff_t a_row = from.a_row, a_k = from.a_k, b_k = from.b_k, b_panel = from.b_panel;
  // A pointer for every three rows: each is then one addressing mode away.
  constexpr int kPointers = (R + 2) / 3;
  const float* a[kPointers];
#pragma GCC unroll 4
  for (int p = 0; p < kPointers; ++p) a[p] = from.a + 3 * p * a_row;
  const float *b = from.b, *ahead = from.ahead;
  const auto row = [&](int r)
                       __attribute__((always_inline)) { return set(a[r / 3][r % 3 * a_row]); };
  const auto col = [&](int v) __attribute__((always_inline)) {
    const float* p = b + v / 2 * b_panel + v % 2 * kLanes;
    return kEdge && v + 1 == V ? load_masked(p, mask) : load(p);
  };
  for (int64_t i = 0; i < from.k; ++i, b += b_k) {
    if constexpr (kAhead) {
      prefetch(ahead);
      ahead += from.ahead_k;
    }
    gemm_step(tile, row, col);
#pragma GCC unroll 4
    for (int p = 0; p < kPointers; ++p) a[p] += a_k;
  }
}

template <int R, int V>
DC_INLINE void gemm_finish(GemmTile<R, V>& tile, const GemmResult& to, int edge) {
  const Mask mask = first_n(edge);
  finish_tile(
      tile.c, to.finish, to.residual != nullptr,
      [&](const float* p, int v) __attribute__((always_inline)) {
        return v + 1 < V ? load(p + v * kLanes) : load_masked(p + v * kLanes, mask);
      },
      [&](int r, int v) __attribute__((always_inline)) {
        const float* p = to.residual + r * to.c_row + v * kLanes;
        return v + 1 < V ? load(p) : load_masked(p, mask);
      });
  if (to.past) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 12
      for (int v = 0; v < V; ++v) stream(to.c + r * to.c_row + v * kLanes, tile.c[r][v]);
    return;
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
    float* c = to.c + r * to.c_row;
#pragma GCC unroll 12
    for (int v = 0; v + 1 < V; ++v) store(c + v * kLanes, tile.c[r][v]);
  }
  float* last = to.c + (V - 1) * kLanes;
  if (edge == kLanes) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) store(last + r * to.c_row, tile.c[r][V - 1]);
  } else {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) store_n(last + r * to.c_row, tile.c[r][V - 1], edge);
  }
  if (finishes_later(to.finish.activation))
    for (int r = 0; r < R; ++r)
      finish_stored(to.c + r * to.c_row, (V - 1) * kLanes + edge, to.finish.activation);
}

// On its own: among the loops around it the compiler finds worse registers for the chain.
template <bool kEdge, int R, int V, bool kAhead = false>
static __attribute__((noinline)) void gemm_tile(const GemmStrided& from, const GemmResult& to) {
  GemmTile<R, V> tile;
  gemm_start(tile, to, from.edge);
  gemm_chain<kEdge, kAhead>(tile, from);
  gemm_finish(tile, to, from.edge);
}

// registers: 1, 2, 4 or 8, at most gemm_registers(R).
template <bool kEdge, int R>
DC_INLINE void gemm_tile_of(int registers, const GemmStrided& from, const GemmResult& to) {
  constexpr int kMost = gemm_registers(R);
  if (registers == 1) return gemm_tile<kEdge, R, 1>(from, to);
  if constexpr (!kEdge && kMost == 2)
    if (from.ahead) return gemm_tile<false, R, 2, true>(from, to);
  if (registers == 2) return gemm_tile<kEdge, R, 2>(from, to);
  if constexpr (kMost >= 4)
    if (registers == 4) return gemm_tile<kEdge, R, 4>(from, to);
  if constexpr (kMost >= 8) gemm_tile<kEdge, R, 8>(from, to);
}

template <bool kEdge>
DC_INLINE void gemm_tile_of(int rows, int registers, const GemmStrided& from,
                            const GemmResult& to) {
  switch (rows) {
    case 1:
      return gemm_tile_of<kEdge, 1>(registers, from, to);
    case 2:
      return gemm_tile_of<kEdge, 2>(registers, from, to);
    case 3:
      return gemm_tile_of<kEdge, 3>(registers, from, to);
    case 4:
      return gemm_tile_of<kEdge, 4>(registers, from, to);
    case 5:
      return gemm_tile_of<kEdge, 5>(registers, from, to);
    case 6:
      return gemm_tile_of<kEdge, 6>(registers, from, to);
  }
  if constexpr (kGemmRows == 12) {
    switch (rows) {
      case 7:
        return gemm_tile_of<kEdge, 7>(registers, from, to);
      case 8:
        return gemm_tile_of<kEdge, 8>(registers, from, to);
      case 9:
        return gemm_tile_of<kEdge, 9>(registers, from, to);
      case 10:
        return gemm_tile_of<kEdge, 10>(registers, from, to);
      case 11:
        return gemm_tile_of<kEdge, 11>(registers, from, to);
      default:
        return gemm_tile_of<kEdge, 12>(registers, from, to);
    }
  }
}

}  // namespace deepcore::DEEPCORE_ISA
