// Pooling and its gradients: y[j][c] = max or mean over the cells of window j of x[cell][c].
// x: rows of (W, C); windows side by side along W. Channels fill the registers.
#include "deepcore/cpu/kernels/pool.h"

#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

// The cells of window j that are inside: columns [begin, end) of each row.
struct PoolSpan {
  int64_t begin, end;
};
DC_INLINE PoolSpan pool_span(const PoolRow& row, int64_t j) {
  const int64_t first = j * row.stride - row.pad, last = first + row.size;
  return {first < 0 ? 0 : first, last > row.w ? row.w : last};
}

// Calls f(window's cells, offset of its first cell, offset in y, lanes) for every register of every
// window.
template <class F>
DC_INLINE void pool_each(const PoolRow& row, F&& f) {
  for (int64_t j = 0; j < row.windows; ++j) {
    const PoolSpan span = pool_span(row, j);
    int64_t c = 0;
    for (; c + kLanes <= row.c; c += kLanes)
      f(span.end - span.begin, span.begin * row.c + c, j * row.c + c, kLanes);
    if (c < row.c)
      f(span.end - span.begin, span.begin * row.c + c, j * row.c + c, (int)(row.c - c));
  }
}
// The next windows are fetched meanwhile: a window's cells lie in several places, each read on for
// a few lines only. Behind the last window of a row comes the first of the next rows.
struct PoolAhead {
  int64_t near, far, row_end;
  static PoolAhead of(const PoolRow& row) {
    constexpr int64_t kAhead = 1024;
    const int64_t step = row.stride * row.c, width = row.w * row.c;
    const int64_t near = step < kAhead ? (kAhead + step - 1) / step * step : step;
    return {near, near + (row.rows - 1) * width, width};
  }
  int64_t from(int64_t first) const { return first + near < row_end ? near : far; }
};
// Calls f(offset) for the cells of a window, row after row.
template <class F>
DC_INLINE void pool_cells(const PoolRow& row, int64_t cols, int64_t first, F&& f) {
  if (row.rows == 2 && cols == 2) {
    f(first);
    f(first + row.c);
    f(first + row.w * row.c);
    f(first + row.w * row.c + row.c);
    return;
  }
  for (int64_t h = 0; h < row.rows; ++h)
    for (int64_t w = 0; w < cols; ++w) f(first + (h * row.w + w) * row.c);
}

DC_INLINE F32 pool_largest(const PoolRow& row, const float* x, int64_t cols, int64_t first, int n,
                           const PoolAhead& ahead) {
  const int64_t next = ahead.from(first);
  F32 m = set(-__builtin_inff());
  pool_cells(row, cols, first, [&](int64_t at) __attribute__((always_inline)) {
    prefetch(x + at + next);
    m = max(load_n(x + at, n), m);
  });
  return m;
}

static void pool_max(const PoolRow& row, const float* x, float* y) {
  const PoolAhead ahead = PoolAhead::of(row);
  pool_each(row,
            [&](int64_t cols, int64_t first, int64_t out, int n) __attribute__((always_inline)) {
              store_n(y + out, pool_largest(row, x, cols, first, n, ahead), n);
            });
}

// A cell that is the maximum, or the NaN that made it NaN, while none before it was.
DC_INLINE Mask pool_first(F32 x, F32 largest, Mask& found) {
  const Mask hit = ((x == largest) | (x != x)) & ~found;
  found |= hit;
  return hit;
}

static void pool_max_take(const PoolRow& row, const float* x, const float* v, float* y) {
  const PoolAhead ahead = PoolAhead::of(row);
  pool_each(row,
            [&](int64_t cols, int64_t first, int64_t out, int n) __attribute__((always_inline)) {
              const F32 m = pool_largest(row, x, cols, first, n, ahead);
              Mask found = {};
              F32 taken = zero();
              pool_cells(row, cols, first, [&](int64_t at) __attribute__((always_inline)) {
                const Mask hit = pool_first(load_n(x + at, n), m, found);
                taken = select(hit, load_n(v + at, n), taken);
              });
              store_n(y + out, taken, n);
            });
}

static void pool_max_grad(const PoolRow& row, const float* x, const float* gy, float* gx) {
  const PoolAhead ahead = PoolAhead::of(row);
  pool_each(row,
            [&](int64_t cols, int64_t first, int64_t out, int n) __attribute__((always_inline)) {
              const F32 m = pool_largest(row, x, cols, first, n, ahead), g = load_n(gy + out, n);
              Mask found = {};
              pool_cells(row, cols, first, [&](int64_t at) __attribute__((always_inline)) {
                const Mask hit = pool_first(load_n(x + at, n), m, found);
                store_n(gx + at, load_n(gx + at, n) + select(hit, g, zero()), n);
              });
            });
}

static void pool_average(const PoolRow& row, const float* x, float* y) {
  const PoolAhead ahead = PoolAhead::of(row);
  pool_each(row,
            [&](int64_t cols, int64_t first, int64_t out, int n) __attribute__((always_inline)) {
              const int64_t next = ahead.from(first);
              F32 sum = zero();
              pool_cells(row, cols, first, [&](int64_t at) __attribute__((always_inline)) {
                prefetch(x + at + next);
                sum = sum + load_n(x + at, n);
              });
              const int64_t cells = cols > 0 ? row.rows * cols : 0;
              store_n(y + out, sum / set((float)(cells > 0 ? cells : 1)), n);
            });
}

static void pool_average_grad(const PoolRow& row, const float* gy, float* gx) {
  pool_each(row,
            [&](int64_t cols, int64_t first, int64_t out, int n) __attribute__((always_inline)) {
              const F32 g = load_n(gy + out, n) / set((float)(row.rows * cols));
              pool_cells(row, cols, first, [&](int64_t at) __attribute__((always_inline)) {
                store_n(gx + at, load_n(gx + at, n) + g, n);
              });
            });
}

extern const PoolKernels pool_kernels;
const PoolKernels pool_kernels = {pool_max, pool_max_take, pool_max_grad, pool_average,
                                  pool_average_grad};

}  // namespace deepcore::DEEPCORE_ISA
