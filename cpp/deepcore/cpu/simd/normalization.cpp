// Rows of mean 0 and spread 1, and their gradient: statistics, then the row once more from L1.
// y = (x - mean) / sqrt(mean((x - mean)^2) + epsilon) gamma + beta; x, y: (rows, n)
#include "deepcore/cpu/kernels/normalization.h"

#include "deepcore/cpu/simd/row_sums.h"

namespace deepcore::DEEPCORE_ISA {

struct Spread {
  F32 mean, inverse;
};

DC_INLINE Spread spread_of(const NormRows& in, double share, const float* x) {
  float mean = 0;
  if (in.centred)
    mean = (float)(row_sum(in.n, [&](int64_t i, int m) DC_LAMBDA { return load_n(x + i, m); }) *
                   share);
  const F32 centre = set(mean);
  const double squares = row_sum(in.n, [&](int64_t i, int m) DC_LAMBDA {
    const F32 d = load_n(x + i, m) - centre;
    const F32 kept = m == kLanes ? d : select(first_n(m), d, zero());
    return kept * kept;
  });
  return {centre, set(1.0f / __builtin_sqrtf((float)(squares * share) + in.epsilon))};
}

static void normalize(const NormRows& in, const float* beta, float* y) {
  const float *x = in.x, *gamma = in.gamma;
  const double share = 1 / (double)in.n;
  for (int64_t r = 0; r < in.rows; ++r, x += in.n, y += in.n) {
    const Spread s = spread_of(in, share, x);
    const int64_t ahead = row_ahead(in.rows - 1 - r, in.n);
    for_each_register(in.n, [&](int64_t i, int m) DC_LAMBDA {
      prefetch(x + i + ahead);
      F32 v = (load_n(x + i, m) - s.mean) * s.inverse;
      if (gamma) v = v * load_n(gamma + i, m);
      if (beta) v = v + load_n(beta + i, m);
      store_n(y + i, v, m);
    });
  }
}

// kSums: 1 for those of gamma, 2 for those of beta. Two walks for the statistics, each for two sums
// that do not wait for each other: what a row costs is mostly the wait for its sums.
template <int kSums>
static void normalize_grad_rows(const NormRows& in, const float* gy, float* gx, float* sums) {
  const float *x = in.x, *gamma = in.gamma;
  const double share = 1 / (double)in.n;
  for (int64_t r = 0; r < in.rows; ++r, x += in.n, gy += in.n) {
    const auto grad = [&](int64_t i, int m) DC_LAMBDA {
      const F32 g = load_n(gy + i, m);  // zeros behind the end
      return gamma ? g * load_n(gamma + i, m) : g;
    };
    F32 mean = zero(), mean_grad = zero();
    if (in.centred) {
      double total[2];
      row_sums(in.n, total, [&](int64_t i, int m, F32* v) DC_LAMBDA {
        v[0] = load_n(x + i, m);
        v[1] = grad(i, m);
      });
      mean = set((float)(total[0] * share));
      mean_grad = set((float)(total[1] * share));
    }
    const auto apart = [&](int64_t i, int m) DC_LAMBDA { return load_n(x + i, m) - mean; };
    double total[2];  // of squares, of products with the gradient
    row_sums(in.n, total, [&](int64_t i, int m, F32* v) DC_LAMBDA {
      const F32 d = apart(i, m), kept = m == kLanes ? d : select(first_n(m), d, zero());
      v[0] = kept * kept;
      v[1] = kept * grad(i, m);
    });
    const float spread = 1.0f / __builtin_sqrtf((float)(total[0] * share) + in.epsilon);
    const F32 inverse = set(spread), along = set((float)(total[1] * share) * spread);
    const int64_t ahead = row_ahead(in.rows - 1 - r, in.n);
    for_each_register(in.n, [&](int64_t i, int m) DC_LAMBDA {
      prefetch(x + i + ahead);
      prefetch(gy + i + ahead);
      const F32 v = apart(i, m) * inverse, g = load_n(gy + i, m);
      const F32 of_x = (grad(i, m) - mean_grad - v * along) * inverse;
      if constexpr (kSums & 1) store_n(sums + i, mul_add(g, v, load_n(sums + i, m)), m);
      if constexpr (kSums & 2) store_n(sums + in.n + i, g + load_n(sums + in.n + i, m), m);
      if (gx) store_n(gx + r * in.n + i, of_x, m);
    });
  }
}

static void normalize_grad(const NormRows& in, const float* gy, float* gx, double* ggamma,
                           double* gbeta, float* sums) {
  for (int64_t i = 0; i < 2 * in.n; ++i) sums[i] = 0;
  switch ((ggamma ? 1 : 0) + (gbeta ? 2 : 0)) {
    case 0:
      return normalize_grad_rows<0>(in, gy, gx, sums);
    case 1:
      normalize_grad_rows<1>(in, gy, gx, sums);
      break;
    case 2:
      normalize_grad_rows<2>(in, gy, gx, sums);
      break;
    default:
      normalize_grad_rows<3>(in, gy, gx, sums);
  }
  for (int64_t i = 0; ggamma && i < in.n; ++i) ggamma[i] += (double)sums[i];
  for (int64_t i = 0; gbeta && i < in.n; ++i) gbeta[i] += (double)sums[in.n + i];
}

extern const NormKernels norm_kernels;
const NormKernels norm_kernels = {normalize, normalize_grad};

}  // namespace deepcore::DEEPCORE_ISA
