// The sizes of one convolution and the plain (unvectorised) loop over everything it multiplies.
#pragma once

#include <cstdint>

#include "deepcore/core/shape.h"
#include "deepcore/graph/backend.h"
#include "deepcore/ops/kinds.h"

namespace deepcore {

struct ConvShape {
  std::int64_t n, h, w, c;  // input
  std::int64_t oh, ow, o;   // output
  std::int64_t kh, kw;
  std::int64_t groups, cg, og;  // channels and filters of one group
  Window2D window;

  std::int64_t taps() const { return kh * kw; }
  bool depthwise() const { return groups > 1 && cg == 1 && og == 1; }
  // Is it a product of a matrix of pixels?
  bool pointwise() const {
    return groups == 1 && taps() == 1 && oh == h && ow == w && window.stride[0] == 1 &&
           window.stride[1] == 1 && window.pad_low[0] == 0 && window.pad_low[1] == 0;
  }
  bool empty_sum() const { return n * oh * ow * o == 0 || taps() * cg == 0; }
};

inline ConvShape conv_shape(const Shape& x, const Shape& kernel, const Shape& y,
                            const Window2D& window, int groups) {
  return {.n = x[0],
          .h = x[1],
          .w = x[2],
          .c = x[3],
          .oh = y[1],
          .ow = y[2],
          .o = y[3],
          .kh = kernel[0],
          .kw = kernel[1],
          .groups = groups,
          .cg = kernel[2],
          .og = groups > 0 ? y[3] / groups : 0,
          .window = window};
}

// The kernel among an op's constants.
constexpr Constants kKernelInput = 1u << 1;

// The input row (axis 0) or column (axis 1) that cell k of the kernel at output position i reads.
inline std::int64_t input_position(const Window2D& w, std::size_t axis, std::int64_t i,
                                   std::int64_t k) {
  return i * w.stride[axis] - w.pad_low[axis] + k * w.dilation[axis];
}

// Calls f(x index, kernel index, y index) for every product in the sum, for one sample and all taps
// inside the image. The slow and sure way, for the types that have no fast one.
template <class F>
void for_each_product(const ConvShape& s, std::int64_t sample, F&& f) {
  for (std::int64_t i = 0; i < s.oh; ++i)
    for (std::int64_t j = 0; j < s.ow; ++j)
      for (std::int64_t a = 0; a < s.kh; ++a)
        for (std::int64_t b = 0; b < s.kw; ++b) {
          const std::int64_t h = input_position(s.window, 0, i, a);
          const std::int64_t w = input_position(s.window, 1, j, b);
          if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
          const std::int64_t x0 = ((sample * s.h + h) * s.w + w) * s.c;
          const std::int64_t y0 = ((sample * s.oh + i) * s.ow + j) * s.o;
          for (std::int64_t g = 0; g < s.groups; ++g)
            for (std::int64_t c = 0; c < s.cg; ++c) {
              const std::int64_t k0 = ((a * s.kw + b) * s.cg + c) * s.o + g * s.og;
              for (std::int64_t o = 0; o < s.og; ++o)
                f(x0 + g * s.cg + c, k0 + o, y0 + g * s.og + o);
            }
        }
}

}  // namespace deepcore
