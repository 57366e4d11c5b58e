// One step of a linear-chain conditional random field for one sequence. K tags.
// Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

struct CrfKernels {
  // message[j] = log sum_i exp(alpha[i] + transitions[i][j])
  void (*message)(const float* alpha, const float* transitions, float* message, int64_t k);
  // alpha[j] = message[j] + scores[j] - c, c the largest: given back.
  float (*shift)(const float* message, const float* scores, float* alpha, int64_t k);
  // log sum_j exp(alpha[j] + last[j]); with g_out, g times the derivatives.
  float (*end)(const float* alpha, const float* last, float g, float* g_out, int64_t k);
  // What gradient g of a message means: p[i][j] = g[j] exp(alpha[i] + transitions[i][j] -
  // message[j]); g_transitions += p, g_before[i] = sum_j p[i][j].
  void (*pairs)(const float* alpha, const float* transitions, const float* message, const float* g,
                float* g_transitions, float* g_before, int64_t k);
  // best_out[j] = max_i (best[i] + transitions[i][j]), from[j] the first such i.
  void (*best)(const float* best, const float* transitions, float* best_out, int32_t* from,
               int64_t k);
};

}  // namespace deepcore
