// The transforms of F(4x4, 3x3): y = A' [(G g G') (B' d B)] A over 6 x 6 cells d, 3 x 3 cells g.
// Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, "Fast algorithms for
// convolutional neural networks", 2016. Their points 0, 1, -1, 2, -2 lose 6 bits of 24 at 512
// channels; 0, +-sqrt(1/2), +-sqrt(2) lose 4, and need no more arithmetic.
#pragma once

#include "deepcore/cpu/simd/conv_tile.h"

namespace deepcore::DEEPCORE_ISA {

constexpr float kRoot = 1.41421356237309505f, kHalfRoot = kRoot / 2;

DC_INLINE F32 fma(float a, F32 b, F32 c) { return mul_add(set(a), b, c); }

// Each is one matrix applied to `in` cells `from` apart, giving `out` cells `to` apart.
struct WinogradInput {  // B'
  static constexpr int in = 6, out = 6;
  template <class T>
  static inline __attribute__((always_inline)) void apply(const T& d, F32 (&t)[6]) {
    const F32 even1 = fma(-2.0f, d(2), d(4)), odd1 = fma(-2.0f, d(1), d(3));
    const F32 even2 = fma(-0.5f, d(2), d(4)), odd2 = fma(-0.5f, d(1), d(3));
    t[0] = fma(-2.5f, d(2), d(0) + d(4));
    t[1] = fma(kHalfRoot, odd1, even1);
    t[2] = fma(-kHalfRoot, odd1, even1);
    t[3] = fma(kRoot, odd2, even2);
    t[4] = fma(-kRoot, odd2, even2);
    t[5] = fma(-2.5f, d(3), d(1) + d(5));
  }
};

struct WinogradOutput {  // A'
  static constexpr int in = 6, out = 4;
  template <class T>
  static inline __attribute__((always_inline)) void apply(const T& m, F32 (&y)[4]) {
    const F32 sum1 = m(1) + m(2), odd1 = m(1) - m(2), sum2 = m(3) + m(4), odd2 = m(3) - m(4);
    y[0] = m(0) + (sum1 + sum2);
    y[1] = fma(kHalfRoot, odd1, set(kRoot) * odd2);
    y[2] = fma(0.5f, sum1, sum2 + sum2);
    y[3] = fma(kHalfRoot / 2, odd1, fma(2 * kRoot, odd2, m(5)));
  }
};

struct WinogradGradient {  // A
  static constexpr int in = 4, out = 6;
  template <class T>
  static inline __attribute__((always_inline)) void apply(const T& y, F32 (&m)[6]) {
    const F32 even1 = fma(0.5f, y(2), y(0)), odd1 = fma(0.5f, y(3), y(1));
    const F32 even2 = fma(2.0f, y(2), y(0)), odd2 = fma(2.0f, y(3), y(1));
    m[0] = y(0);
    m[1] = fma(kHalfRoot, odd1, even1);
    m[2] = fma(-kHalfRoot, odd1, even1);
    m[3] = fma(kRoot, odd2, even2);
    m[4] = fma(-kRoot, odd2, even2);
    m[5] = y(3);
  }
};

constexpr float kLow = -2.0f / 3, kHigh = 1.0f / 6;  // 1 / of the products of differences of points

struct WinogradSpread {  // G
  static constexpr int in = 3, out = 6;
  template <class T>
  static inline __attribute__((always_inline)) void apply(const T& g, F32 (&u)[6]) {
    const F32 even1 = set(kLow) * fma(0.5f, g(2), g(0)), odd = g(1);
    const F32 even2 = set(kHigh) * fma(2.0f, g(2), g(0));
    u[0] = g(0);
    u[1] = fma(kLow * kHalfRoot, odd, even1);
    u[2] = fma(-kLow * kHalfRoot, odd, even1);
    u[3] = fma(kHigh * kRoot, odd, even2);
    u[4] = fma(-kHigh * kRoot, odd, even2);
    u[5] = g(2);
  }
};

struct WinogradGather {  // G'
  static constexpr int in = 6, out = 3;
  template <class T>
  static inline __attribute__((always_inline)) void apply(const T& u, F32 (&g)[3]) {
    const F32 sum1 = set(kLow) * (u(1) + u(2)), odd1 = set(kLow) * (u(1) - u(2));
    const F32 sum2 = set(kHigh) * (u(3) + u(4)), odd2 = set(kHigh) * (u(3) - u(4));
    g[0] = u(0) + (sum1 + sum2);
    g[1] = fma(kHalfRoot, odd1, set(kRoot) * odd2);
    g[2] = fma(0.5f, sum1, fma(2.0f, sum2, u(5)));
  }
};

// out = M in M': columns first, then rows. get(i, j) and put(i, j, value).
template <class M, class Get, class Put>
DC_INLINE void winograd_transform(const Get& get, const Put& put) {
  F32 half[M::out][M::in];
#pragma GCC unroll 6
  for (int j = 0; j < M::in; ++j) {
    F32 column[M::out];
    M::apply([&](int i) __attribute__((always_inline)) { return get(i, j); }, column);
#pragma GCC unroll 6
    for (int i = 0; i < M::out; ++i) half[i][j] = column[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < M::out; ++i) {
    F32 row[M::out];
    M::apply([&](int j) __attribute__((always_inline)) { return half[i][j]; }, row);
#pragma GCC unroll 6
    for (int j = 0; j < M::out; ++j) put(i, j, row[j]);
  }
}

// The planes of one tile of an image. Rows of planes are padded to whole registers; cells outside
// the image and channels that don't fill a register come by a copy with zeros.
template <class M>
DC_INLINE void winograd_read(const WinogradTile& tile) {
  const auto transform = [&](int64_t c, const auto& get) __attribute__((always_inline)) {
    winograd_transform<M>(get, [&](int i, int j, F32 v) __attribute__((always_inline)) {
      store(tile.to + (i * M::out + j) * tile.plane + c, v);
    });
  };
  const bool inside =
      tile.top <= 0 && tile.left <= 0 && tile.bottom >= M::in && tile.right >= M::in;
  int64_t c = 0;
  if (inside)
    for (; c + kLanes <= tile.channels; c += kLanes) {
      const float* image = tile.from + c;
      transform(c, [&](int i, int j) __attribute__((always_inline)) {
        return load(image + i * tile.row + j * tile.column);
      });
    }
  for (; c < tile.channels; c += kLanes) {
    const int n = tile.channels - c < kLanes ? (int)(tile.channels - c) : kLanes;
    F32 cell[M::in][M::in] = {};
    for (int i = tile.top > 0 ? tile.top : 0; i < M::in && i < tile.bottom; ++i)
      for (int j = tile.left > 0 ? tile.left : 0; j < M::in && j < tile.right; ++j)
        cell[i][j] = load_n(tile.from + i * tile.row + j * tile.column + c, n);
    transform(c, [&](int i, int j) __attribute__((always_inline)) { return cell[i][j]; });
  }
}

static void winograd_input(const WinogradTile& tile) { winograd_read<WinogradInput>(tile); }
static void winograd_gradient(const WinogradTile& tile) { winograd_read<WinogradGradient>(tile); }

template <bool kFull>
DC_INLINE void winograd_write(const WinogradTile& tile, const Finish& finish, const float* residual,
                              int64_t c, int n) {
  const auto get = [&](const float* p) __attribute__((always_inline)) {
    return kFull ? load(p + c) : load_n(p + c, n);
  };
  const float* planes = tile.from + c;
  winograd_transform<WinogradOutput>(
      [&](int i, int j) __attribute__((always_inline)) {
        return load(planes + (i * kWinogradIn + j) * tile.plane);
      },
      [&](int i, int j, F32 v) __attribute__((always_inline)) {
        if (i >= tile.bottom || j >= tile.right) return;
        const ptrdiff_t at = i * tile.row + j * tile.column;
        F32 cell[1][1] = {{v}};
        finish_tile(
            cell, finish, residual != nullptr,
            [&](const float* p, int) __attribute__((always_inline)) { return get(p); },
            [&](int, int) __attribute__((always_inline)) { return get(residual + at); });
        kFull ? store(tile.to + at + c, cell[0][0]) : store_n(tile.to + at + c, cell[0][0], n);
      });
}

static void winograd_output(const WinogradTile& tile, const Finish& finish, const float* residual) {
  int64_t c = 0;
  for (; c + kLanes <= tile.channels; c += kLanes)
    winograd_write<true>(tile, finish, residual, c, kLanes);
  if (c < tile.channels) winograd_write<false>(tile, finish, residual, c, (int)(tile.channels - c));
  if (!finishes_later(finish.activation)) return;
  for (int i = 0; i < kWinogradOut && i < tile.bottom; ++i)
    for (int j = 0; j < kWinogradOut && j < tile.right; ++j)
      finish_stored(tile.to + i * tile.row + j * tile.column, tile.channels, finish.activation);
}

// Whole registers: packed kernels are padded.
static void winograd_kernel(const WinogradKernel& job) {
  for (int64_t k = 0; k < job.floats; k += kLanes)
    winograd_transform<WinogradSpread>(
        [&](int i, int j) __attribute__((always_inline)) { return load(job.cell[i * 3 + j] + k); },
        [&](int i, int j, F32 v) __attribute__((always_inline)) {
          store(job.planes + (i * kWinogradIn + j) * job.plane + k, v);
        });
}

static void winograd_kernel_sum(const WinogradKernel& job) {
  for (int64_t k = 0; k < job.floats; k += kLanes)
    winograd_transform<WinogradGather>(
        [&](int i, int j) __attribute__((always_inline)) {
          return load(job.planes + (i * kWinogradIn + j) * job.plane + k);
        },
        [&](int i, int j, F32 v)
            __attribute__((always_inline)) { store(job.cell[i * 3 + j] + k, v); });
}

}  // namespace deepcore::DEEPCORE_ISA
