// The gradient of a depthwise convolution for its kernel: out[t][c] = sum over pixels of
// x[pixel][t][c] gy[pixel][c]. Channels fill the registers; the sum runs over rising pixels.
#pragma once

#include "deepcore/cpu/kernels/conv.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

// Registers of channels at once: neighbours in memory are then read together.
#if defined(__AVX512F__)
constexpr int kDepthwiseFilterRegisters = 2;
#else
constexpr int kDepthwiseFilterRegisters = 1;
#endif

// V registers of channels, n lanes of the last, nine sums at a time: a 3x3 kernel in one pass over
// the pixels.
template <int V, bool kFull>
DC_INLINE void depthwise_filter_registers(const DepthwiseFilter& job, int64_t c, int n) {
  constexpr int kTaps = 9;
  const auto get = [&](const float* p, int v) __attribute__((always_inline)) {
    return kFull || v + 1 < V ? load(p + v * kLanes) : load_n(p + v * kLanes, n);
  };
  for (int64_t first = 0; first < job.taps; first += kTaps) {
    const int64_t taps = job.taps - first < kTaps ? job.taps - first : kTaps;
    F32 acc[kTaps][V] = {};
    const float* tap[kTaps];
    for (int t = 0; t < kTaps; ++t) {  // taps that only fill up repeat the last
      tap[t] = job.x + c + job.x_tap[first + (t < taps ? t : taps - 1)];
      if (t < taps)
        for (int v = 0; v < V; ++v) acc[t][v] = get(job.out + job.w_tap[first + t] + c, v);
    }
    for (int64_t r = 0; r < job.rows; ++r) {
      const float* gy = job.gy + r * job.gy_row + c;
      int64_t at = r * job.x_row;
      for (int64_t p = 0; p < job.pixels; ++p, gy += job.gy_step, at += job.x_step) {
        F32 g[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          prefetch(gy + job.gy_ahead + v * kLanes);
          prefetch(tap[0] + at + job.x_ahead + v * kLanes);
          g[v] = get(gy, v);
        }
#pragma GCC unroll 9
        for (int t = 0; t < kTaps; ++t)
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) acc[t][v] = mul_add(get(tap[t] + at, v), g[v], acc[t][v]);
      }
    }
    for (int64_t t = 0; t < taps; ++t)
      for (int v = 0; v < V; ++v)
        store_n(job.out + job.w_tap[first + t] + c + v * kLanes, acc[t][v],
                kFull || v + 1 < V ? kLanes : n);
  }
}

static void conv_depthwise_filter(const DepthwiseFilter& job) {
  constexpr int kMost = kDepthwiseFilterRegisters;
  int64_t c = 0;
  for (; c + kMost * kLanes <= job.channels; c += kMost * kLanes)
    depthwise_filter_registers<kMost, true>(job, c, kLanes);
  for (; c < job.channels; c += kLanes) {
    const int64_t left = job.channels - c;
    depthwise_filter_registers<1, false>(job, c, left < kLanes ? (int)left : kLanes);
  }
}

}  // namespace deepcore::DEEPCORE_ISA
