// Rows: softmax, log-softmax, cross-entropy.
// exp(x - max) never overflows; sums as in row_sums.h.
#include "deepcore/cpu/kernels/softmax.h"

#include "deepcore/cpu/simd/math.h"
#include "deepcore/cpu/simd/row_sums.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

// The largest number. NaN may be passed over: it spoils the sum of exponentials later.
DC_INLINE float row_max(const float* x, int64_t n) {
  F32 a = set(MaxOp::kIdentity), b = a;
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    a = fast_max(load(x + i), a);
    b = fast_max(load(x + i + kLanes), b);
  }
  for_each_register(n - i, [&](int64_t j, int m) DC_LAMBDA {
    a = fast_max(select(first_n(m), load_n(x + i + j, m), a), a);
  });
  return fold<FastMaxOp>(fast_max(a, b));
}

// The sum of exp(x - shift), each register given to f(i, lanes, exponentials) too. What lies
// `ahead` is fetched meanwhile.
template <class F>
DC_INLINE double row_exp_sum(const float* x, int64_t n, float shift, int64_t ahead, F f) {
  return row_sum(n, [&](int64_t i, int m) DC_LAMBDA {
    prefetch(x + i + ahead);
    const F32 e = select(first_n(m), exp_negative(load_n(x + i, m) - set(shift)), zero());
    f(i, m, e);
    return e;
  });
}
DC_INLINE double row_exp_sum(const float* x, int64_t n, float shift, int64_t ahead) {
  return row_exp_sum(x, n, shift, ahead, [](int64_t, int, F32) DC_LAMBDA {});
}

DC_INLINE float log_of(double total) { return log(set((float)total))[0]; }

// R rows of V registers, the last one of `last` lanes; the same steps. All are read before any is
// written, as a masked store cannot feed the loads that overlap it, and would hold them up.
template <int R, int V>
DC_INLINE void softmax_short_rows(const float* x, float* y, int64_t n, int last) {
  const Mask mask = first_n(last);
  const auto kept = [&](int v, F32 value, F32 other)
                        DC_LAMBDA { return v + 1 < V ? value : select(mask, value, other); };
  F32 e[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r, x += n)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      e[r][v] = v + 1 < V ? load(x + v * kLanes) : load_masked(x + v * kLanes, mask);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    F32 top = set(MaxOp::kIdentity), sum = zero();
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) top = fast_max(kept(v, e[r][v], top), top);
    const F32 shift = set(fold<FastMaxOp>(top));
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      e[r][v] = kept(v, exp_negative(e[r][v] - shift), zero());
      sum = v == 0 ? e[r][0] : sum + e[r][v];
    }
    const F32 scale = set((float)(1.0 / (double)fold<SumOp>(sum)));
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) e[r][v] = e[r][v] * scale;
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r, y += n)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store_n(y + v * kLanes, e[r][v], v + 1 < V ? kLanes : last);
}
template <int V>
static void softmax_short(const float* x, float* y, int64_t rows, int64_t n) {
  constexpr int kRows = 8 / V;
  const int last = (int)(n - (V - 1) * kLanes);
  for (; rows >= kRows; rows -= kRows, x += kRows * n, y += kRows * n)
    softmax_short_rows<kRows, V>(x, y, n, last);
  for (; rows > 0; --rows, x += n, y += n) softmax_short_rows<1, V>(x, y, n, last);
}

// While a row's exponentials are summed, the row before is scaled and written, and the largest of
// the next is found: nothing waits for the ends of sums but once a row, and y is written once.
constexpr int64_t kKeptRow = 4096;
static void softmax_middle_rows(const float* x, float* y, int64_t rows, int64_t n) {
  constexpr int64_t kAhead = 256;
  alignas(64) float kept[kKeptRow];
  float shift = row_max(x, n);
  F32 scale = zero();
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    const int64_t left = (rows - 1 - r) * n, ahead = left < n + kAhead ? left : n + kAhead;
    const float* next = r + 1 < rows ? x + n : x;
    F32 top = set(MaxOp::kIdentity);
    const double total = row_exp_sum(x, n, shift, ahead, [&](int64_t i, int m, F32 e) DC_LAMBDA {
      if (r > 0) store_n(y - n + i, load_n(kept + i, m) * scale, m);
      store_n(kept + i, e, m);
      top = fast_max(select(first_n(m), load_n(next + i, m), top), top);
    });
    shift = fold<FastMaxOp>(top);
    scale = set((float)(1.0 / total));
  }
  for_each_register(
      n, [&](int64_t i, int m) DC_LAMBDA { store_n(y - n + i, load_n(kept + i, m) * scale, m); });
}

static void softmax_long_rows(const float* x, float* y, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    const double total =
        row_exp_sum(x, n, row_max(x, n), row_ahead(rows - 1 - r, n),
                    [&](int64_t i, int m, F32 e) DC_LAMBDA { store_n(y + i, e, m); });
    const F32 scale = set((float)(1.0 / total));
    for_each_register(
        n, [&](int64_t i, int m) DC_LAMBDA { store_n(y + i, load_n(y + i, m) * scale, m); });
  }
}

static void softmax_rows(const float* x, float* y, int64_t rows, int64_t n) {
  if (rows == 0) return;
  if (n <= kLanes) return softmax_short<1>(x, y, rows, n);
  if (n <= 2 * kLanes) return softmax_short<2>(x, y, rows, n);
  if (n <= kKeptRow) return softmax_middle_rows(x, y, rows, n);
  softmax_long_rows(x, y, rows, n);
}

static void log_softmax_rows(const float* x, float* y, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    const float shift = row_max(x, n);
    const F32 log_total = set(log_of(row_exp_sum(x, n, shift, row_ahead(rows - 1 - r, n))));
    for_each_register(n, [&](int64_t i, int m) DC_LAMBDA {
      // In two steps: max + log(total) would lose the digits of a small difference.
      store_n(y + i, load_n(x + i, m) - set(shift) - log_total, m);
    });
  }
}

static void softmax_grad_rows(const float* y, const float* gy, float* gx, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r, y += n, gy += n, gx += n) {
    const F32 dot = set((float)row_sum(
        n, [&](int64_t i, int m) DC_LAMBDA { return load_n(y + i, m) * load_n(gy + i, m); }));
    for_each_register(n, [&](int64_t i, int m) DC_LAMBDA {
      store_n(gx + i, load_n(y + i, m) * (load_n(gy + i, m) - dot), m);
    });
  }
}

DC_INLINE void fill_row(float* y, int64_t n, float value) {
  for (int64_t i = 0; i < n; ++i) y[i] = value;
}

static void cross_entropy_rows(const float* x, const int64_t* label, float* loss, int64_t rows,
                               int64_t n) {
  for (int64_t r = 0; r < rows; ++r, x += n) {
    if (label[r] < 0) {
      loss[r] = label[r] == kIgnoredLabel ? 0.0f : __builtin_nanf("");
      continue;
    }
    const float shift = row_max(x, n);
    const float log_total = log_of(row_exp_sum(x, n, shift, row_ahead(rows - 1 - r, n)));
    loss[r] = log_total - (x[label[r]] - shift);
  }
}

static void cross_entropy_grad_rows(const float* x, const int64_t* label, const float* g, float* gx,
                                    int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r, x += n, gx += n) {
    if (label[r] < 0) {
      fill_row(gx, n, label[r] == kIgnoredLabel ? 0.0f : __builtin_nanf(""));
      continue;
    }
    const double total =
        row_exp_sum(x, n, row_max(x, n), row_ahead(rows - 1 - r, n),
                    [&](int64_t i, int m, F32 e) DC_LAMBDA { store_n(gx + i, e, m); });
    const float scale = (float)(1.0 / total), at_label = gx[label[r]] * scale - 1.0f;
    for_each_register(n, [&](int64_t i, int m) DC_LAMBDA {
      store_n(gx + i, load_n(gx + i, m) * set(scale) * set(g[r]), m);
    });
    gx[label[r]] = at_label * g[r];
  }
}

static void clipped_loss(const float* p, float* y, int64_t n) {
  for_each_register(n, [&](int64_t i, int m) DC_LAMBDA {
    const F32 kept = min(max(load_n(p + i, m), set(1e-7f)), set(1.0f - 1e-7f));
    store_n(y + i, -log(kept), m);
  });
}

extern const SoftmaxKernels softmax_kernels;
const SoftmaxKernels softmax_kernels = {
    softmax_rows,       log_softmax_rows,        softmax_grad_rows,
    cross_entropy_rows, cross_entropy_grad_rows, clipped_loss,
};

}  // namespace deepcore::DEEPCORE_ISA
