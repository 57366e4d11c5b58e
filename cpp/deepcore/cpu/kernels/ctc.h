// One step of connectionist temporal classification for one sequence. S states.
// Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

struct CtcKernels {
  // now[s] = log(exp before[s] + exp before[s-1] + exp(before[s-2] + skip[s])) + emitted[s] - c, c
  // the largest: given back. before[-1] and before[-2] are read.
  float (*step)(const float* before, const float* skip, const float* emitted, float* now,
                int64_t s);
  // What gradient g of `now` means for `before`: added to g_before, from g_before[-2] on.
  void (*step_grad)(const float* before, const float* skip, const float* g, float* g_before,
                    int64_t s);
};

}  // namespace deepcore
