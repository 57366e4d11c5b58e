// y[pixel][c] = finish(sum over taps of x[pixel][tap][c] * w[tap][c]): every channel alone.
// x: lines of pixels of (N, H, W, C); w: (taps, C). Channels fill the registers.
#pragma once

#include "deepcore/cpu/simd/conv_tile.h"

namespace deepcore::DEEPCORE_ISA {

// One register of channels of P neighbouring pixels, n lanes of it. T > 0: that many taps, whose
// weights the caller holds in registers.
template <int P, int T, bool kFull>
DC_INLINE void depthwise_pixels(const DepthwiseLine& line, int64_t i, int64_t c, int n,
                                const F32* weights) {
  const auto get = [&](const float* p)
                       __attribute__((always_inline)) { return kFull ? load(p) : load_n(p, n); };
  F32 acc[P][1] = {};
  const float* x = line.x + i * line.x_step + c;
  const int64_t taps = T > 0 ? T : line.taps;
#pragma GCC unroll 9
  for (int64_t t = 0; t < taps; ++t) {
    const F32 w = T > 0 ? weights[t] : get(line.w + line.w_tap[t] + c);
    const float* from = x + line.x_tap[t];
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) acc[p][0] = mul_add(get(from + p * line.x_step), w, acc[p][0]);
  }
  finish_tile(
      acc, line.finish, line.residual != nullptr,
      [&](const float* values, int) __attribute__((always_inline)) { return get(values + c); },
      [&](int p, int) __attribute__((always_inline)) {
        return get(line.residual + (i + p) * line.y_step + c);
      });
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    float* to = line.y + (i + p) * line.y_step + c;
    if (kFull && line.past)
      stream(to, acc[p][0]);
    else
      store_n(to, acc[p][0], kFull ? kLanes : n);
  }
}

template <int T, bool kFull>
DC_INLINE void depthwise_register(const DepthwiseLine& line, int64_t begin, int64_t end, int64_t c,
                                  int n) {
  F32 weights[T > 0 ? T : 1];
  for (int t = 0; t < T; ++t) weights[t] = load_n(line.w + line.w_tap[t] + c, n);
  int64_t i = begin;
  for (; i + 4 <= end; i += 4) depthwise_pixels<4, T, kFull>(line, i, c, n, weights);
  for (; i < end; ++i) depthwise_pixels<1, T, kFull>(line, i, c, n, weights);
}

static void conv_depthwise(const DepthwiseLine& line) {
  // So many pixels at a time that what the taps of one register read is in L1 for the next.
  const int64_t few = 1024 / line.channels, step = few < 8 ? 8 : few;
  for (int64_t begin = 0; begin < line.pixels; begin += step) {
    const int64_t end = begin + step < line.pixels ? begin + step : line.pixels;
    int64_t c = 0;
    for (; c + kLanes <= line.channels; c += kLanes)
      if (line.taps == 9)
        depthwise_register<9, true>(line, begin, end, c, kLanes);
      else
        depthwise_register<0, true>(line, begin, end, c, kLanes);
    if (c < line.channels)
      depthwise_register<0, false>(line, begin, end, c, (int)(line.channels - c));
  }
  if (line.past) stream_end();
  if (finishes_later(line.finish.activation))
    for (int64_t i = 0; i < line.pixels; ++i)
      finish_stored(line.y + i * line.y_step, line.channels, line.finish.activation);
}

}  // namespace deepcore::DEEPCORE_ISA
